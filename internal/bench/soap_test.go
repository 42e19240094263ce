//go:build bench

package bench

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"
	"time"

	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/saml"
	"dokumentlager/internal/soap"
	"dokumentlager/internal/tenant"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/uuid"
)

// The addresses and actions of the SOAP doors, as their clients know them.
const (
	gateway        = "/XCA/services/RespondingGatewayService"
	repositoryAt   = "/Repository/services/RepositoryService"
	crossQuery     = "urn:ihe:iti:2007:CrossGatewayQuery"
	crossRetrieve  = "urn:ihe:iti:2007:CrossGatewayRetrieve"
	provideAction  = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"
	queryEntries   = 500
	queryRounds    = 100
	retrieved      = 5
	retrieveRounds = 7
)

// message is a request that is ready to go; each has an assertion and a MessageID of its own.
func (r *rig) message(t *testing.T, path, action string, payload []byte, assertion string, documents ...servicetest.Part) *http.Request {
	t.Helper()
	contentType, body := soap.ContentType(action), servicetest.Envelope(path, action, payload, assertion)
	if documents != nil {
		contentType, body = servicetest.Package(t, body, documents)
	}
	return r.service.Request(t, http.MethodPost, path, bytes.NewReader(body), "Content-Type", contentType)
}

// crossQuery compares ITI-38 of 500 entries, whole, with the statement that finds them.
func (r *rig) crossQuery(t *testing.T) {
	c := r.copier(t)
	tenants, patient := c.tenants(1), syntheticPatients(1)
	c.fill(tenants, func(int) []document.PatientID { return patient }, queryEntries)
	l := r.lister(t, patient[0], tenants, queryEntries, queryEntries)
	payload := ebxml.AppendQuery(nil, ebxml.FindDocuments, false, tenants[0].HomeCommunity, []ebxml.Slot{
		{Name: "$XDSDocumentEntryPatientId", Values: []string{ebxml.Text(patient[0].CX())}},
		{Name: "$XDSDocumentEntryStatus", Values: []string{ebxml.List("urn:oasis:names:tc:ebxml-regrep:StatusType:Approved")}},
	})
	assertion := r.service.Personnel(t, servicetest.Organisation(), patient[0].Value)
	ours := func() time.Duration {
		var body bytes.Buffer
		took := r.timed(t, r.message(t, gateway, crossQuery, payload, assertion), &body)
		if n := bytes.Count(body.Bytes(), []byte("<ExtrinsicObject ")); n != queryEntries {
			t.Fatalf("%d entries, want %d: %.2000s", n, queryEntries, body.Bytes())
		}
		return took
	}
	taken := alternate(queryRounds, 10, ours, l.statement, l.event)
	name := fmt.Sprintf("ITI-38 of %d entries", queryEntries)
	r.milliseconds(name+", against the bare SQL", taken[0].median(), taken[1].median())
	r.milliseconds(name+", same, p99", taken[0].p99(), taken[1].p99())
	r.milliseconds(name+", against the bare SQL and the audit commit", taken[0].median(), taken[1].plus(taken[2]).median())
}

// crossRetrieve compares ITI-39 of five documents of 60 MiB with a get of each from the store, one after the other.
func (r *rig) crossRetrieve(t *testing.T) {
	of := r.service.Tenant(t)
	writer := r.service.Writer(t, of.Organisations[0])
	var wanted []ebxml.DocumentRequest
	for range retrieved {
		b := servicetest.BundleFor(of)
		if a := writer.Upload(t, r.press.bundle(t, b, plainText, r.press.text(large))); a.Status != http.StatusOK {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		wanted = append(wanted, ebxml.DocumentRequest{Home: document.URN(of.HomeCommunity), Repository: of.Repository, Document: b.Docs[0].BinaryID})
	}
	keys := r.floor.all(t, of.SchemaName)
	payload := ebxml.AppendDocumentRequests(nil, ebxml.RetrieveRequest, wanted)
	assertion := r.service.Personnel(t, servicetest.Organisation(), servicetest.Patient)
	ours := func() time.Duration {
		var n counter
		took := r.timed(t, r.message(t, gateway, crossRetrieve, payload, assertion, []servicetest.Part{}...), &n)
		if n < retrieved*large {
			t.Fatalf("%d bytes for %d documents", n, retrieved)
		}
		return took
	}
	direct := func() (took time.Duration) {
		for _, key := range keys {
			var n counter
			if took += r.floor.get(t, key, &n); n != large {
				t.Fatalf("%d bytes", n)
			}
		}
		return took
	}
	taken := alternate(retrieveRounds, 2, ours, direct)
	r.milliseconds("ITI-39 of 5 × 60 MiB, against five direct S3 gets", taken[0].median(), taken[1].median())
}

// all are the keys of a tenant's documents.
func (f *floor) all(t *testing.T, schema string) (keys []string) {
	t.Helper()
	prefix := "d/" + schema + "/"
	page, err := f.store.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &f.bucket, Prefix: &prefix})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range page.Contents {
		keys = append(keys, *o.Key)
	}
	return keys
}

// provideSOAP compares ITI-41 of 60 MiB with the floors of ITI-65.
func (r *rig) provideSOAP(t *testing.T) {
	of := r.service.Tenant(t)
	assertion := r.service.RecordSystem(t, of.Organisations[0], servicetest.Patient)
	for _, k := range []kind{pdfOfImages, plainText} {
		taken := alternate(uploadRounds, 1,
			func() time.Duration {
				objects, id := submitted(of, k.media)
				payload := ebxml.AppendProvide(nil, &objects, []ebxml.Document{{Ref: id, Href: soap.Href("1@bench")}})
				part := servicetest.Part{ContentID: "1@bench", MediaType: k.media, Bytes: k.make(r.press, large)}
				var body bytes.Buffer
				took := r.timed(t, r.message(t, repositoryAt, provideAction, payload, assertion, part), &body)
				if !bytes.Contains(body.Bytes(), []byte(ebxml.Success)) {
					t.Fatalf("%.2000s", body.Bytes())
				}
				return took
			},
			func() time.Duration { return r.floor.scan(t, k.make(r.press, large)) },
			func() time.Duration { return r.floor.put(t, r.press.page) },
		)
		ours, scan, put := taken[0], taken[1], taken[2]
		name := "ITI-41 of 60 MiB, " + k.name
		r.milliseconds(name+", against clamd scan then S3 put", ours.median(), scan.plus(put).median())
		r.milliseconds(name+", against the slower of clamd scan and S3 put alone", ours.median(), max(scan.median(), put.median()))
	}
}

// submitted is a set with one document.
func submitted(of tenant.Tenant, media string) (o ebxml.Objects, entry string) {
	patient := document.PatientID{Value: servicetest.Patient, Authority: document.AuthorityFNR}
	now := document.Time{At: time.Now().UTC().Truncate(time.Second), Precision: document.Second}
	code := func(value, system string) document.Code {
		return document.Code{Value: value, System: system, Display: value}
	}
	e := ebxml.Entry{Ref: "Document01", Home: of.HomeCommunity}
	e.UniqueID, e.Patient, e.SourcePatient.ID, e.MimeType, e.Language, e.Creation = document.OIDOf(uuid.New()), patient, patient, media, "nb-NO", now
	e.Title = "Epikrise"
	e.Class, e.Type = code("A00-1", "2.16.578.1.12.4.1.1.9602"), code("A01-2", "2.16.578.1.12.4.1.1.9602")
	e.Format = code("urn:ihe:iti:xds:2017:mimeTypeSufficient", "1.3.6.1.4.1.19376.1.2.3")
	e.Facility, e.Practice = code("86.909", "2.16.578.1.12.4.1.1.1303"), code("6", "2.16.578.1.12.4.1.1.8653")
	e.Confidentiality = []document.Code{code("N", "2.16.840.1.113883.5.25")}
	s := ebxml.Set{Ref: "SubmissionSet01"}
	s.UniqueID, s.Patient, s.SourceID, s.Time = document.OIDOf(uuid.New()), patient, "2.16.578.1.12.4.5.998", now
	s.ContentType, s.Title = code("A01-2", "2.16.578.1.12.4.1.1.9602"), "Bench"
	a := ebxml.Association{Ref: "Association01", SourceRef: s.Ref, TargetRef: e.Ref}
	a.Type, a.Membership = document.HasMember, document.Original
	return ebxml.Objects{Entries: []ebxml.Entry{e}, Sets: []ebxml.Set{s}, Associations: []ebxml.Association{a}}, e.Ref
}

// assertions counts how many SAML assertions one goroutine verifies in a second, against a hundred.
func (r *rig) assertions(t *testing.T) {
	cfg := saml.Defaults()
	for _, i := range r.service.STS.SAMLIssuers() {
		cfg.Issuers = append(cfg.Issuers, saml.HelseID(i.Certificate))
		break
	}
	v, err := saml.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	header := servicetest.SecurityHeader(r.service.Personnel(t, servicetest.Organisation(), servicetest.Patient))
	header = bytes.Replace(header, []byte("<o:Security "), []byte(`<o:Security xmlns:s="`+soap.Namespace+`" `), 1)
	const checks = 2000
	began := time.Now()
	for range checks {
		if _, err := v.Verify(header); err != nil {
			t.Fatal(err)
		}
	}
	r.add("SAML assertions verified by one goroutine, against a hundred", checks/time.Since(began).Seconds(), 100, "1/s")
}
