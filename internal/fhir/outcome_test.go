package fhir

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"dokumentlager/internal/fault"
)

func TestOutcome(t *testing.T) {
	t.Parallel()
	problems := fault.Problems{
		fault.New(fault.DocumentTooLarge, "The document is larger than 60 MiB.").By("F5").At("Bundle.entry[2].resource.data").Because(errors.New("secret path")),
		fault.New(fault.UnknownCodeSystem, "The code system is not known here.").AsWarning().At("DocumentReference.type"),
		fault.New(fault.MetadataError, "The title is missing."),
		{Severity: fault.Information, Code: fault.ExtraMetadata, Safe: "custodian is not kept."},
	}
	written, err := Marshal(Outcome(problems))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(written, []byte("secret")) {
		t.Error("the cause is told")
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, written, "", "  "); err != nil {
		t.Fatal(err)
	}
	golden(t, "outcome.golden", append(pretty.Bytes(), '\n'))
}

// FHIR wants at least one issue in every outcome.
func TestOutcomeOfNothingIsGood(t *testing.T) {
	t.Parallel()
	if o := Outcome(nil); len(o.Issue) != 1 || o.Issue[0].Severity != "information" {
		t.Errorf("%+v", o)
	}
}
