package conformance

import (
	"encoding/json"
	"testing"

	"dokumentlager/api"
	"dokumentlager/internal/devstack/servicetest"

	"go.yaml.in/yaml/v3"
)

// described are the FHIR examples of the API description: what we show as ours must be valid too.
func described(t *testing.T) {
	t.Helper()
	var document any
	if err := yaml.Unmarshal(api.Document(), &document); err != nil {
		t.Fatal(err)
	}
	count := 0
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case servicetest.Object:
			if kind, isResource := v["resourceType"].(string); isResource {
				if kind == "DocumentReference" && v["status"] == nil {
					return // the national PATCH sends what changes, and no more
				}
				count++
				heard.add(example(t, v))
				return
			}
			for _, e := range v {
				walk(e)
			}
		}
	}
	walk(document)
	if count < 3 {
		t.Errorf("only %d examples of FHIR in the API description: the test looks at the wrong place", count)
	}
}

func example(t *testing.T, resource servicetest.Object) answer {
	t.Helper()
	body, err := json.Marshal(resource)
	if err != nil {
		t.Fatal(err)
	}
	profile := map[string]string{"transaction": profileProvide, "transaction-response": profileProvided, "searchset": profileFound}[text(resource, "type")]
	return answer{Name: "examples of the API description", Profile: profile, Body: body}
}
