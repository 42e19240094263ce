package xds_test

import (
	"testing"

	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/xds"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// world is what is registered before a message comes.
type world struct {
	*source
	// first, in folder; old, which new replaced; of otto, another patient; demand, On-Demand; set, a submission set.
	first, folder, old, other, demand, set string
	unique, setUnique, folderUnique        string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{source: newSource(t)}
	m := newMessage("a", "b")
	f := m.folder("f")
	ids := w.sent(t, m.put("f", "a"))
	w.first, w.old, w.folder, w.set, w.unique, w.setUnique, w.folderUnique = ids["a"], ids["b"], ids["f"], ids["set"], m.Entries[0].UniqueID, m.Sets[0].UniqueID, f.UniqueID
	next := newMessage("c")
	next.link("c", document.Replace, w.old)
	w.sent(t, next)
	others := newMessage("o")
	others.Sets[0].Patient, others.entry("o").Patient = patientOf(otto), patientOf(otto)
	w.other = w.sent(t, others)["o"]
	w.demand = w.sent(t, newMessage("d").onDemand("d"))["d"]
	return w
}

// TestRefusals: of each rule, the message that breaks it: the code, the place, and that nothing of it stays but its event (W6, A1).
func TestRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	original := func(m *message, n int) *ebxml.Association { return &m.Associations[n] }
	for name, c := range map[string]struct {
		change   func(m *message)
		code, at string
	}{
		"no set":                       {func(m *message) { m.Sets = nil }, "XDSRegistryMetadataError", "set"},
		"two sets":                     {func(m *message) { s := m.Sets[0]; s.Ref = "second"; m.Sets = append(m.Sets, s) }, "XDSRegistryMetadataError", "set"},
		"nothing in it":                {func(m *message) { m.Entries, m.Associations = nil, nil }, "XDSRegistryMetadataError", "set"},
		"no member":                    {func(m *message) { m.Associations = nil }, "XDSRegistryMetadataError", "documents[0]"},
		"reference to a new document":  {func(m *message) { original(m, 0).Membership = document.Reference }, "XDSRegistryMetadataError", "associations[0]"},
		"original of a registered one": {func(m *message) { m.link("set", document.HasMember, w.first).Membership = document.Original }, "XDSRegistryMetadataError", "associations[1]"},
		"set in a set":                 {func(m *message) { m.link("set", document.HasMember, w.set) }, "XDSRegistryMetadataError", "associations[1]"},
		"member of another set":        {func(m *message) { m.link(w.set, document.HasMember, "x") }, "XDSRegistryMetadataError", "associations[1]"},
		"member of a document":         {func(m *message) { m.link("x", document.HasMember, w.first) }, "XDSRegistryMetadataError", "associations[1]"},
		"folder in a folder":           {func(m *message) { m.folder("f"); m.put("f", w.folder) }, "XDSRegistryMetadataError", "associations[2]"},
		"in the folder already":        {func(m *message) { m.put(w.folder, w.first) }, "XDSRegistryMetadataError", "associations[1]"},
		"twice in the folder":          {func(m *message) { m.put(w.folder, "x"); m.put(w.folder, "x") }, "XDSRegistryMetadataError", "associations[3]"},
		"unknown id":                   {func(m *message) { m.link("x", document.Append, uuid.NewString()) }, "UnresolvedReferenceException", "associations[1]"},
		"unknown begin":                {func(m *message) { m.link(uuid.NewString(), document.HasMember, "x") }, "UnresolvedReferenceException", "associations[1]"},
		"unknown symbol":               {func(m *message) { m.link("x", document.Append, "y") }, "UnresolvedReferenceException", "associations[1].target"},
		"relation from registered":     {func(m *message) { m.link(w.first, document.Append, "x") }, "XDSRegistryMetadataError", "associations[1]"},
		"relation to a folder":         {func(m *message) { m.link("x", document.Signs, w.folder) }, "XDSRegistryMetadataError", "associations[1]"},
		"replaces its neighbour":       {func(m *message) { newNeighbour(m); m.link("x", document.Replace, "y") }, "UnresolvedReferenceException", "associations[2]"},
		"replaces a replaced one":      {func(m *message) { m.link("x", document.Replace, w.old) }, "XDSRegistryDeprecatedDocumentError", "associations[1]"},
		"transforms a replaced one":    {func(m *message) { m.link("x", document.TransformReplace, w.old) }, "XDSRegistryDeprecatedDocumentError", "associations[1]"},
		"appends to a replaced one":    {func(m *message) { m.link("x", document.Append, w.old) }, "XDSRegistryDeprecatedDocumentError", "associations[1]"},
		"two replace one": {func(m *message) {
			newNeighbour(m)
			m.link("x", document.Replace, w.first)
			m.link("y", document.Replace, w.first)
		}, "XDSRegistryDeprecatedDocumentError", "associations[3]"},
		"snapshot of a stable one": {func(m *message) { m.link("x", document.SnapshotOf, w.first) }, "XDSRegistryMetadataError", "associations[1]"},
		"another's document":       {func(m *message) { m.entry("x").Patient = patientOf(otto) }, "XDSPatientIdDoesNotMatch", "documents[0].patient"},
		"another's folder":         {func(m *message) { m.folder("f").Patient = patientOf(otto) }, "XDSPatientIdDoesNotMatch", "folders[0].patient"},
		"relation across patients": {func(m *message) { m.link("x", document.Replace, w.other) }, "XDSPatientIdDoesNotMatch", "associations[1]"},
		"folder across patients":   {func(m *message) { m.put(w.folder, w.other) }, "XDSPatientIdDoesNotMatch", "associations[1]"},
		"another's association": {func(m *message) {
			m.Sets[0].Patient, m.entry("x").Patient = patientOf(otto), patientOf(otto)
			m.link("set", document.HasMember, w.sealOf(t))
		}, "XDSPatientIdDoesNotMatch", "associations[1]"},
		"nobody's number": {func(m *message) {
			m.Sets[0].Patient, m.entry("x").Patient = patientOf("13116900217"), patientOf("13116900217")
		}, "XDSUnknownPatientId", "set.patient"},
		"set uniqueId again":       {func(m *message) { m.Sets[0].UniqueID = w.setUnique }, "XDSDuplicateUniqueIdInRegistry", "set.uniqueId"},
		"folder uniqueId again":    {func(m *message) { m.folder("f").UniqueID = w.folderUnique }, "XDSDuplicateUniqueIdInRegistry", "folders[0].uniqueId"},
		"set id again":             {func(m *message) { rename(m, "set", w.set) }, "XDSDuplicateUniqueIdInRegistry", "set.entryUUID"},
		"entry id again":           {func(m *message) { rename(m, "x", w.first) }, "XDSDuplicateUniqueIdInRegistry", "documents[0].entryUUID"},
		"entry id is a folder's":   {func(m *message) { rename(m, "x", w.folder) }, "XDSDuplicateUniqueIdInRegistry", "documents[0].entryUUID"},
		"association id again":     {func(m *message) { original(m, 0).ID = parsed(w.sealOf(t)) }, "XDSDuplicateUniqueIdInRegistry", "associations[0].entryUUID"},
		"uniqueId twice":           {func(m *message) { newNeighbour(m); m.entry("y").UniqueID = m.entry("x").UniqueID }, "XDSRegistryDuplicateUniqueIdInMessage", "documents[1].uniqueId"},
		"long uniqueId":            {func(m *message) { m.entry("x").UniqueID = long(257) }, "XDSRegistryMetadataError", "documents[0].uniqueId"},
		"long uniqueId of the set": {func(m *message) { m.Sets[0].UniqueID = long(3000) }, "XDSRegistryMetadataError", "set.uniqueId"},
		"uniqueId of the set":      {func(m *message) { m.entry("x").UniqueID = m.Sets[0].UniqueID }, "XDSRegistryDuplicateUniqueIdInMessage", "set.uniqueId"},
		"other bytes":              {func(m *message) { m.entry("x").UniqueID = w.unique }, "XDSNonIdenticalHash", "documents[0].uniqueId"},
		"other size":               {func(m *message) { m.entry("x").UniqueID, m.entry("x").Size = w.unique, 1 }, "XDSNonIdenticalSize", "documents[0].uniqueId"},
		"no hash":                  {func(m *message) { m.entry("x").SHA1 = nil }, "XDSRegistryMetadataError", "documents[0].hash"},
		"no size":                  {func(m *message) { m.entry("x").SHA1, m.entry("x").SizeStated = nil, false }, "XDSRegistryMetadataError", "documents[0].size"},
		"no repository":            {func(m *message) { m.entry("x").Repository = "" }, "XDSRegistryMetadataError", "documents[0].repositoryUniqueId"},
		"our repository":           {func(m *message) { m.entry("x").Repository = w.of.Repository }, "XDSRegistryMetadataError", "documents[0].repositoryUniqueId"},
		"no language":              {func(m *message) { m.entry("x").Language = "" }, "XDSRegistryMetadataError", "documents[0].languageCode"},
		"no source patient":        {func(m *message) { m.entry("x").SourcePatient = document.SourcePatient{} }, "XDSRegistryMetadataError", "documents[0].sourcePatient"},
		"no creation time":         {func(m *message) { m.entry("x").Creation = document.Time{} }, "XDSRegistryMetadataError", "documents[0].creationTime"},
		"no confidentiality":       {func(m *message) { m.entry("x").Confidentiality = nil }, "XDSRegistryMetadataError", "documents[0].confidentialityCode"},
		"unknown code":             {func(m *message) { m.entry("x").Class.Value = "Q99" }, "XDSRegistryMetadataError", "documents[0].classCode"},
		"folder without title":     {func(m *message) { m.folder("f").Title = "" }, "XDSRegistryMetadataError", "folders[0].title"},
		"stops before it starts":   {func(m *message) { e := m.entry("x"); e.ServiceStart = m.Sets[0].Time; e.ServiceStop = e.Creation }, "XDSRegistryMetadataError", "documents[0].servicePeriod"},
		"another's lid":            {func(m *message) { m.entry("x").LogicalRef, m.entry("x").LogicalID = w.first, parsed(w.first) }, "XDSRegistryMetadataError", "documents[0].logicalId"},
		"an update":                {func(m *message) { original(m, 0).Previous = "1" }, "XDSRegistryMetadataError", "associations[0]"},
		"a change of status": {func(m *message) {
			a := m.link("set", document.UpdateStatus, w.first)
			a.From, a.To = document.Approved, document.Deprecated
		}, "XDSRegistryMetadataError", "associations[1]"},
		"an association submitted": {func(m *message) { m.link("set", document.SubmitAssociation, w.sealOf(t)) }, "XDSRegistryMetadataError", "associations[1]"},
		"a long documentation": {func(m *message) {
			m.link("x", document.Transform, w.first).Documentation = document.Code{Value: long(250), System: "1.2"}
		}, "XDSRegistryMetadataError", "associations[1].documentation"},
		"another community":   {func(m *message) { m.Sets[0].Home = "2.16.578.1.12.4.5.999.0" }, "XDSRegistryMetadataError", "set.homeCommunityId"},
		"two communities":     {func(m *message) { m.Sets[0].Home, m.entry("x").Home = w.of.HomeCommunity, "1.2.3" }, "XDSRegistryMetadataError", "set.homeCommunityId"},
		"on demand by ITI-42": {func(m *message) { m.onDemand("x") }, "XDSRegistryMetadataError", "documents[0].objectType"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMessage("x")
			c.change(m)
			before, events := w.sizes(t), w.Rows(t, w.of, "audit_event where operation = 'provide'")
			a := w.sendAs(t, m, xds.Registry, registerAction)
			wantRefused(t, a, c.code, c.at)
			if diff := cmp.Diff(before, w.sizes(t)); diff != "" {
				t.Error("something of it stays:", diff)
			}
			if n := w.Rows(t, w.of, "audit_event where operation = 'provide'") - events; n != 1 {
				t.Errorf("%d events", n)
			}
		})
	}
}

// TestOnDemandRefusals: what only ITI-61 says.
func TestOnDemandRefusals(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	for at, change := range map[string]func(e *ebxml.Entry){
		"documents[0].repositoryUniqueId": func(e *ebxml.Entry) { e.Repository = "" },
		"documents[0].objectType":         func(e *ebxml.Entry) { e.OnDemand = false },
	} {
		m := newMessage("d").onDemand("d")
		change(m.entry("d"))
		wantRefused(t, s.sendAs(t, m, xds.Registry, onDemandAction), "XDSRegistryMetadataError", at)
	}
	for name, slot := range map[string]string{"creationTime": "20261031101530", "size": "5", "hash": "da39a3ee5e6b4b0d3255bfef95601890afd80709"} {
		m := newMessage("d").onDemand("d")
		payload, _ := m.payload()
		with := replaceOnce(t, string(payload), `<Slot name="languageCode">`, `<Slot name="`+name+`"><ValueList><Value>`+slot+`</Value></ValueList></Slot><Slot name="languageCode">`)
		a := answered(t, s.Post(t, xds.Registry, onDemandAction, []byte(with), s.RecordSystem(t, s.of.Organisations[0], line)))
		wantRefused(t, a, "XDSRegistryMetadataError", "documents[0]")
	}
}

func wantRefused(t *testing.T, a *ebxml.Answer, code, at string) {
	t.Helper()
	if a.Status != ebxml.Failure {
		t.Fatalf("%s: %v", a.Status, a.Errors)
	}
	for _, e := range a.Errors {
		if e.Code == code && e.Location == at && !e.Warning {
			return
		}
	}
	t.Errorf("want %s at %s, got %+v", code, at, a.Errors)
}
