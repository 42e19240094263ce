package xds_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"dokumentlager/internal/administration"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/devstack/thirdpartytest"
	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/tenant"
	"dokumentlager/internal/xds"
)

const (
	crossQuery    = "urn:ihe:iti:2007:CrossGatewayQuery"
	crossRetrieve = "urn:ihe:iti:2007:CrossGatewayRetrieve"
	multiPatient  = "urn:ihe:iti:2009:MultiPatientStoredQuery"
	retrieveSet   = "urn:ihe:iti:2007:RetrieveDocumentSet"
	seldom        = "15076500565" // nobody else's patient in this package
)

// shelf is an instance with three documents of a patient, one barred to health personnel and one to the citizen, and a folder.
func shelf(t *testing.T, patient string, options ...func(*administration.Draft)) (*source, map[string]string, *message) {
	t.Helper()
	s, m := newSource(t, options...), newMessage("open", "nors", "angst")
	for _, d := range []string{"open", "nors", "angst"} {
		m.with(d, "the text of "+d)
		m.entry(d).Title = d
	}
	national := func(code string) document.Code { return document.Code{Value: code, System: "2.16.578.1.12.4.1.1.9603"} }
	m.entry("nors").Confidentiality = append(m.entry("nors").Confidentiality, national("NORS"))
	m.entry("angst").Confidentiality = append(m.entry("angst").Confidentiality, national("NORN_ANG"))
	m.folder("folder")
	m.put("folder", "open")
	for i := range m.Entries {
		m.Entries[i].Patient = patientOf(patient)
	}
	m.Sets[0].Patient, m.Folders[0].Patient = patientOf(patient), patientOf(patient)
	if a := s.sendAs(t, m, xds.Repository, provideAction); a.Status != ebxml.Success {
		t.Fatalf("%+v", a)
	}
	ids := map[string]string{}
	for _, e := range m.Entries {
		ids[e.Ref] = s.registered(t, e.UniqueID).ID.String()
	}
	ids["folder"], ids["set"] = s.list(t, m.Folders[0].UniqueID).ID.String(), s.list(t, m.Sets[0].UniqueID).ID.String()
	return s, ids, m
}

// slots are parameters, name and values in turn; several values of one are separated by a bar.
func slots(pairs ...string) (all []ebxml.Slot) {
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, ebxml.Slot{Name: "$" + pairs[i], Values: []string{ebxml.List(strings.Split(pairs[i+1], "|")...)}})
	}
	return all
}

const approvedURI = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"

func findSlots(patient string) []ebxml.Slot {
	return slots("XDSDocumentEntryPatientId", servicetest.ResourceID(patient), "XDSDocumentEntryStatus", approvedURI)
}

// TestQueries: a stored query at each address, as a health worker and as the patient: what of it is the door's: spelling, homes, masks that validate, and
// which refusal is told how.
func TestQueries(t *testing.T) {
	t.Parallel()
	s, ids, m := shelf(t, seldom)
	home := s.of.HomeCommunity
	doctor, citizen := s.Personnel(t, s.of.Organisations[0], seldom), s.Citizen(t, seldom)
	urn := func(name string) string { return "urn:uuid:" + ids[name] }
	var bodies [][]byte
	for _, c := range []struct {
		name, path, action, who string
		query                   ebxml.StoredQuery
		home                    string
		slots                   []ebxml.Slot
		want                    string // E entries, S sets, F folders, A associations, R references, or the error's code
	}{
		{"gateway", xds.Gateway, crossQuery, doctor, ebxml.FindDocuments, "", findSlots(seldom), "E3"},
		{"gateway, citizen", xds.Gateway, crossQuery, citizen, ebxml.FindDocuments, home, findSlots(seldom), "E3"},
		{"gateway, ids", xds.Gateway, crossQuery, doctor, "ids" + ebxml.FindDocuments, "", findSlots(seldom), "R3"},
		{"registry", xds.Registry, queryAction, doctor, ebxml.FindDocuments, "", findSlots(seldom), "E3"},
		{"registry of an organisation without an instance", xds.Registry, queryAction, citizen, ebxml.FindDocuments, "", findSlots(seldom), "E0"},
		{"everything", xds.Registry, queryAction, doctor, ebxml.GetAll, "", slots("patientId", servicetest.ResourceID(seldom), "XDSDocumentEntryStatus", approvedURI,
			"XDSSubmissionSetStatus", approvedURI, "XDSFolderStatus", approvedURI), "E3 S1 F1 A6"},
		{"by uniqueId", xds.Registry, queryAction, doctor, ebxml.GetDocuments, "", slots("XDSDocumentEntryUniqueId", m.entry("open").UniqueID+"|"+m.entry("nors").UniqueID), "E2"},
		{"by id at the gateway", xds.Gateway, crossQuery, citizen, ebxml.GetFolderAndContents, home, slots("XDSFolderEntryUUID", urn("folder")), "E1 F1 A1"},
		{"set and contents", xds.Gateway, crossQuery, doctor, ebxml.GetSubmissionSetAndContents, home, slots("XDSSubmissionSetEntryUUID", urn("set")), "E3 S1 F1 A6"},
		{"by id at the gateway, no home", xds.Gateway, crossQuery, doctor, ebxml.GetDocuments, "", slots("XDSDocumentEntryEntryUUID", urn("open")), "XDSMissingHomeCommunityId"},
		{"unknown home", xds.Gateway, crossQuery, doctor, ebxml.FindDocuments, "1.2.3", findSlots(seldom), "XDSUnknownCommunity"},
		{"unknown query", xds.Registry, queryAction, doctor, "4b8d3d4f-0000-4000-8000-000000000000", "", findSlots(seldom), "XDSUnknownStoredQuery"},
		{"several patients at the wrong address", xds.Gateway, crossQuery, doctor, ebxml.FindDocumentsForMultiplePatients, "",
			append(findSlots(seldom), slots("XDSDocumentEntryClassCode", "A00-1^^2.16.578.1.12.4.1.1.9602")...), "XDSUnknownStoredQuery"},
		{"one patient at the wrong address", xds.Registry, multiPatient, doctor, ebxml.FindDocuments, "", findSlots(seldom), "XDSUnknownStoredQuery"},
		{"several patients", xds.Registry, multiPatient, doctor, ebxml.FindDocumentsForMultiplePatients, "",
			append(findSlots(seldom), slots("XDSDocumentEntryClassCode", "A00-1^^2.16.578.1.12.4.1.1.9602")...), "E3"},
		{"no status", xds.Registry, queryAction, doctor, ebxml.FindDocuments, "", findSlots(seldom)[:1], "XDSStoredQueryMissingParam"},
		{"another patient than the assertion's", xds.Gateway, crossQuery, doctor, ebxml.FindDocuments, "", findSlots(line), "Fault"},
	} {
		query, references := strings.CutPrefix(string(c.query), "ids")
		got := s.Post(t, c.path, c.action, ebxml.AppendQuery(nil, ebxml.StoredQuery(query), references, c.home, c.slots), c.who)
		if c.want == "Fault" {
			if len(got.Fault) == 0 || strings.Contains(string(got.Body), line) {
				t.Errorf("%s: %d %s", c.name, got.Status, got.Body)
			}
			continue
		}
		a := answered(t, got)
		bodies = append(bodies, got.Message.Body)
		if told := tell(a); told != c.want || got.Status != 200 {
			t.Errorf("%s: %s, want %s (%+v)", c.name, told, c.want, a.Errors)
		}
		if a.Status == ebxml.Failure && c.home != "" && a.Errors[0].Location != "urn:oid:"+c.home {
			t.Errorf("%s: the error is at %q", c.name, a.Errors[0].Location)
		}
		checkObjects(t, c.name, s.of, &a.Objects, c.who == citizen)
	}
	thirdpartytest.Valid(t, bodies...)
}

// tell counts what an answer has, or says its first error.
func tell(a *ebxml.Answer) string {
	if a.Status != ebxml.Success {
		return a.Errors[0].Code
	}
	var told []string
	for _, of := range []struct {
		letter string
		n      int
	}{{"E", len(a.Objects.Entries)}, {"S", len(a.Objects.Sets)}, {"F", len(a.Objects.Folders)}, {"A", len(a.Objects.Associations)}, {"R", len(a.Objects.Refs)}} {
		if of.n > 0 {
			told = append(told, of.letter+strconv.Itoa(of.n))
		}
	}
	if told == nil {
		return "E0"
	}
	return strings.Join(told, " ")
}

// checkObjects: each object says its home, each entry its repository, and the masked one nothing but its organisation.
func checkObjects(t *testing.T, name string, of tenant.Tenant, o *ebxml.Objects, citizen bool) {
	t.Helper()
	homes := []string{}
	for _, e := range o.Entries {
		homes = append(homes, e.Home)
		barred := slices.ContainsFunc(e.Confidentiality, func(c document.Code) bool {
			return c.Value == map[bool]string{true: "NORN_ANG", false: "NORS"}[citizen]
		})
		masked := e.Title == "Sperret" && e.Type.Value == "*****" && e.SHA1 == nil && e.SourcePatient.ID.IsZero() && e.Language == "" && e.MimeType == "application/octet-stream"
		if e.Repository != of.Repository || e.LogicalID != e.ID || e.Version != 1 || e.Status != document.Approved || barred != masked || !barred && e.Size == 0 {
			t.Errorf("%s: %+v", name, e)
		}
	}
	for _, s := range o.Sets {
		homes = append(homes, s.Home)
		if s.Status != document.Approved || s.Title != "Sperret" || s.SourceID != "*****" {
			t.Errorf("%s: %+v", name, s)
		}
	}
	for _, f := range o.Folders {
		homes = append(homes, f.Home)
		if f.LogicalRef != f.ID.String() || f.Version != 1 || f.Title == "Sperret" {
			t.Errorf("%s: %+v", name, f)
		}
	}
	for _, r := range o.Refs {
		homes = append(homes, r.Home)
	}
	for _, a := range o.Associations {
		homes = append(homes, a.Home)
	}
	if slices.ContainsFunc(homes, func(h string) bool { return h != of.HomeCommunity }) {
		t.Errorf("%s: homes %v, want %s alone", name, homes, of.HomeCommunity)
	}
}

// TestRetrieve: documents as parts, in order and whole, and for each that is not to be had an error that says where and not why.
func TestRetrieve(t *testing.T) {
	t.Parallel()
	s, _, m := shelf(t, line)
	home, ours := "urn:oid:"+s.of.HomeCommunity, s.of.Repository
	doctor, citizen := s.Personnel(t, s.of.Organisations[0], line), s.Citizen(t, line)
	of := func(home, repository, name string) ebxml.DocumentRequest {
		d := ebxml.DocumentRequest{Home: home, Repository: repository, Document: "1.2.3." + name}
		if slices.ContainsFunc(m.Entries, func(e ebxml.Entry) bool { return e.Ref == name }) {
			d.Document = m.entry(name).UniqueID
		}
		return d
	}
	for _, c := range []struct {
		name, path, action, who string
		requests                []ebxml.DocumentRequest
		want                    string // the documents, and the errors' codes
		status                  ebxml.Status
	}{
		{"one", xds.Gateway, crossRetrieve, doctor, []ebxml.DocumentRequest{of(home, ours, "open")}, "open", ebxml.Success},
		{"two", xds.Repository, retrieveSet, doctor, []ebxml.DocumentRequest{of("", ours, "angst"), of("", ours, "open")}, "angst open", ebxml.Success},
		{"some", xds.Gateway, crossRetrieve, citizen, []ebxml.DocumentRequest{of(home, ours, "angst"), of(home, ours, "nors"), of(home, ours, "7")},
			"nors XDSDocumentUniqueIdError XDSDocumentUniqueIdError", ebxml.PartialSuccess},
		{"barred", xds.Repository, retrieveSet, doctor, []ebxml.DocumentRequest{of("", ours, "nors")}, "XDSDocumentUniqueIdError", ebxml.Failure},
		{"no home", xds.Gateway, crossRetrieve, doctor, []ebxml.DocumentRequest{of("", ours, "open")}, "XDSMissingHomeCommunityId", ebxml.Failure},
		{"another's repository", xds.Gateway, crossRetrieve, doctor, []ebxml.DocumentRequest{of(home, "1.2.3", "open"), of(home, ours, "open")},
			"open XDSUnknownRepositoryId", ebxml.PartialSuccess},
		{"another home", xds.Gateway, crossRetrieve, doctor, []ebxml.DocumentRequest{of("urn:oid:1.2.3", ours, "open")}, "XDSUnknownCommunity", ebxml.Failure},
	} {
		payload := ebxml.AppendDocumentRequests(nil, ebxml.RetrieveRequest, c.requests)
		got := s.Post(t, c.path, c.action, payload, c.who, []servicetest.Part{}...)
		a := answered(t, got)
		var told []string
		for i, d := range a.Documents {
			n, err := strconv.Atoi(strings.TrimPrefix(strconv.Itoa(i), "+"))
			if err != nil || string(got.Documents[n]) != "the text of "+nameOf(m, d.Document) || d.MimeType != "text/plain" {
				t.Errorf("%s: %+v: %q", c.name, d, got.Documents[n])
			}
			if !slices.ContainsFunc(c.requests, func(r ebxml.DocumentRequest) bool {
				return document.StripURN(r.Home) == d.Home && r.Repository == d.Repository && r.Document == d.Document
			}) {
				t.Errorf("%s: nobody asked for %+v", c.name, d)
			}
			told = append(told, nameOf(m, d.Document))
		}
		texts := map[string]bool{}
		for _, e := range a.Errors {
			told = append(told, e.Code)
			_, text, _ := strings.Cut(e.Context, ": ")
			texts[text] = true
			if c.path == xds.Gateway && c.requests[0].Home != "" && e.Location != c.requests[0].Home {
				t.Errorf("%s: the error is at %q", c.name, e.Location)
			}
		}
		if strings.Join(told, " ") != c.want || a.Status != c.status || len(texts) > 1 {
			t.Errorf("%s: %v %s (%+v), want %s", c.name, told, a.Status, a.Errors, c.want)
		}
		thirdpartytest.Valid(t, got.Message.Body)
	}
}

func nameOf(m *message, uniqueID string) string {
	i := slices.IndexFunc(m.Entries, func(e ebxml.Entry) bool { return e.UniqueID == uniqueID })
	if i < 0 {
		return "nothing"
	}
	return m.Entries[i].Ref
}
