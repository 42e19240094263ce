package mhd_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/blob"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/tenant"
)

// outcome reads an OperationOutcome and fails when the body is anything else.
func outcome(t *testing.T, a servicetest.Answer) *fhir.OperationOutcome {
	t.Helper()
	r, err := fhir.ParseResource(strings.NewReader(string(a.Body)), 1<<20)
	if err != nil {
		t.Fatalf("status %d: no FHIR: %v\n%s", a.Status, err, a.Body)
	}
	o, ok := fhir.As[fhir.OperationOutcome](r)
	if !ok || len(o.Issue) == 0 {
		t.Fatalf("status %d: no OperationOutcome with issues: %s", a.Status, a.Body)
	}
	return o
}

// told reports whether an issue has the code, and the location when one is wanted.
func told(o *fhir.OperationOutcome, code, location string) bool {
	for _, i := range o.Issue {
		if i.Details == nil {
			continue
		}
		for _, c := range i.Details.Coding {
			if c.Code == code && (location == "" || strings.Join(i.Expression, " ") == location) {
				return true
			}
		}
	}
	return false
}

func bundle(t *testing.T, a servicetest.Answer) *fhir.Bundle {
	t.Helper()
	r, err := fhir.ParseResource(strings.NewReader(string(a.Body)), 16<<20)
	if err != nil {
		t.Fatalf("status %d: no FHIR: %v\n%s", a.Status, err, a.Body)
	}
	b, ok := fhir.As[fhir.Bundle](r)
	if !ok {
		t.Fatalf("status %d: no Bundle: %s", a.Status, a.Body)
	}
	return b
}

// references are the DocumentReferences of a search's answer, in order.
func references(t *testing.T, a servicetest.Answer) []*fhir.DocumentReference {
	t.Helper()
	return listed[fhir.DocumentReference](t, a)
}

// listed are the resources of one type in a search's answer, in order.
func listed[T any](t *testing.T, a servicetest.Answer) (found []*T) {
	t.Helper()
	if a.Status != 200 {
		t.Fatalf("search: %d %s", a.Status, a.Body)
	}
	for _, e := range bundle(t, a).Entry {
		if r, ok := fhir.As[T](e.Resource); ok {
			found = append(found, r)
		}
	}
	return found
}

func ids(refs []*fhir.DocumentReference) (out []string) {
	for _, r := range refs {
		out = append(out, r.ID)
	}
	return out
}

// current is the search for a patient's current documents, with more parameters in pairs.
func current(patient string, more ...string) url.Values {
	form := url.Values{"patient.identifier": {servicetest.PatientSystem + "|" + patient}, "status": {"current"}}
	for i := 0; i+1 < len(more); i += 2 {
		form.Add(more[i], more[i+1])
	}
	return form
}

// upload stores documents and fails the test when they are refused.
func upload(t *testing.T, w *servicetest.Caller, b servicetest.Bundle) *fhir.Bundle {
	t.Helper()
	a := w.Upload(t, b.JSON(t))
	if a.Status != 200 {
		t.Fatalf("upload: %d %s", a.Status, a.Body)
	}
	return bundle(t, a)
}

// objects counts the objects in the store under one of the tenant's prefixes: "d" documents, "q" quarantine.
func objects(t *testing.T, s *servicetest.Service, of tenant.Tenant, area string) int {
	t.Helper()
	return len(keys(t, storeOf(t, s), area+"/"+of.SchemaName+"/"))
}

func storeOf(t *testing.T, s *servicetest.Service) *blob.S3 {
	t.Helper()
	store, err := blob.NewS3(blob.Config{Endpoint: s.Parts.S3.Endpoint, Region: s.Parts.S3.Region, Bucket: s.Parts.S3.Bucket,
		AccessKey: s.Parts.S3.AccessKey, SecretKey: s.Parts.S3.SecretKey, PathStyle: true})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func keys(t *testing.T, store *blob.S3, prefix string) (found []string) {
	t.Helper()
	err := store.List(context.Background(), prefix, func(i blob.Info) error { found = append(found, i.Key); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// overwrite changes an object behind the service's back.
func overwrite(t *testing.T, store *blob.S3, key string, content []byte) {
	t.Helper()
	sum := sha256.Sum256(content)
	if err := store.Put(t.Context(), key, bytes.NewReader(content), int64(len(content)), sum[:]); err != nil {
		t.Fatal(err)
	}
}

// events is all that the operation left in the tenant's log and, by its organisation, in the control log.
func events(t *testing.T, s *servicetest.Service, of tenant.Tenant) []audit.Line {
	t.Helper()
	return append(s.Events(t, of), s.ControlEvents(t, of.Organisations[0])...)
}

func compact(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}
