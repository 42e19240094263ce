package fault_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/fault"

	"github.com/google/go-cmp/cmp"
)

// constants are the Code constants of codes.go, read from its source: a constant that is not in the table answers "internal".
func constants(t *testing.T) map[string]fault.Code {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]fault.Code{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); !ok || name.Name != "Code" {
			return true
		}
		for i, name := range spec.Names {
			text, err := strconv.Unquote(spec.Values[i].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			found[name.Name] = fault.Code(text)
		}
		return true
	})
	return found
}

// TestEveryCodeIsInTheTable: each constant once in the table, and nothing in the table that is no constant.
func TestEveryCodeIsInTheTable(t *testing.T) {
	t.Parallel()
	codes, table := constants(t), fault.Codes()
	if len(codes) < 40 {
		t.Fatalf("found only %d constants in codes.go", len(codes))
	}
	named := map[fault.Code]string{}
	for name, code := range codes {
		if other, twice := named[code]; twice {
			t.Errorf("%s and %s are both %q", name, other, code)
		}
		named[code] = name
		if _, ok := table[code]; !ok {
			t.Errorf("%s (%s) is not in the table", name, code)
		}
	}
	for code := range table {
		if named[code] == "" {
			t.Errorf("%s is in the table and no constant", code)
		}
	}
}

// issueTypes are those of FHIR's value set issue-type (R4) that the doors may use.
var issueTypes = strings.Fields("structure required value invalid security login forbidden not-found deleted too-long code-invalid " +
	"too-costly business-rule conflict duplicate not-supported throttled transient lock-error incomplete exception informational")

// TestTable: every row can be sent, and its status belongs to its kind.
func TestTable(t *testing.T) {
	t.Parallel()
	statuses := map[fault.Kind][]int{
		fault.Invalid:         {http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusMethodNotAllowed, http.StatusRequestedRangeNotSatisfiable},
		fault.NotFound:        {http.StatusNotFound},
		fault.Gone:            {http.StatusGone},
		fault.Conflict:        {http.StatusConflict},
		fault.Unsupported:     {http.StatusUnsupportedMediaType, http.StatusNotAcceptable},
		fault.TooLarge:        {http.StatusRequestEntityTooLarge},
		fault.Infected:        {http.StatusUnprocessableEntity},
		fault.Denied:          {http.StatusForbidden},
		fault.Unauthenticated: {http.StatusUnauthorized},
		fault.Busy:            {http.StatusTooManyRequests},
		fault.Unavailable:     {http.StatusServiceUnavailable},
		fault.Internal:        {http.StatusInternalServerError},
	}
	for code, info := range fault.Codes() {
		if !contains(statuses[info.Kind], info.Status) {
			t.Errorf("%s: status %d does not belong to its kind %d", code, info.Status, info.Kind)
		}
		if !contains(issueTypes, info.Issue) {
			t.Errorf("%s: %q is no issue type of FHIR", code, info.Issue)
		}
		if info.XDS == "" || !strings.HasSuffix(info.Meaning, ".") {
			t.Errorf("%s needs an XDS code and a sentence for its meaning", code)
		}
		// Ours begin with DL so that nobody takes them for IHE's; IHE's stand for themselves.
		if ours := strings.HasPrefix(string(code), "DL"); ours == (info.XDS == string(code)) {
			t.Errorf("%s: its XDS code is %s", code, info.XDS)
		}
	}
}

func contains[T comparable](all []T, one T) bool {
	for _, v := range all {
		if v == one {
			return true
		}
	}
	return false
}

func TestUnknownCodeIsInternal(t *testing.T) {
	t.Parallel()
	if got := fault.Code("DLNoSuchThing").Info(); got != fault.InternalError.Info() {
		t.Errorf("got %+v", got)
	}
}

// TestKindOrder pins the order that Leading goes by; a new kind has to find its place in it.
func TestKindOrder(t *testing.T) {
	t.Parallel()
	order := []fault.Code{
		fault.MetadataError, fault.UnknownDocument, fault.ResourceGone, fault.NonIdenticalHash, fault.WrongMediaType, fault.DocumentTooLarge,
		fault.VirusFound, fault.AccessDenied, fault.TokenRefused, fault.TooBusy, fault.PartUnavailable, fault.InternalError,
	}
	for i := 1; i < len(order); i++ {
		low, high := fault.New(order[i-1], "low"), fault.New(order[i], "high")
		if low.Kind() >= high.Kind() {
			t.Errorf("%s is not below %s", order[i-1], order[i])
		}
		for _, ps := range []fault.Problems{{low, high}, {high, low}} {
			if got := ps.Leading(); got != high {
				t.Errorf("of %s and %s, %s leads", order[i-1], order[i], got.Code)
			}
		}
	}
}

func TestLeading(t *testing.T) {
	t.Parallel()
	first, second := fault.New(fault.MetadataError, "first"), fault.New(fault.UnknownCode, "second")
	warning := fault.New(fault.PartUnavailable, "high, but a warning").AsWarning()
	for name, c := range map[string]struct {
		ps   fault.Problems
		want *fault.Problem
	}{
		"none":                        {nil, nil},
		"warnings do not lead":        {fault.Problems{warning}, nil},
		"the first of the same kind":  {fault.Problems{first, second}, first},
		"an error before any warning": {fault.Problems{warning, second}, second},
	} {
		if got := c.ps.Leading(); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	warning, information := fault.New(fault.UnknownCodeSystem, "w").AsWarning(), fault.New(fault.UnknownCodeSystem, "i")
	information.Severity = fault.Information
	refusal := fault.New(fault.MetadataError, "e")
	for name, c := range map[string]struct {
		ps   fault.Problems
		want bool
	}{
		"none": {nil, false}, "a warning": {fault.Problems{warning}, false}, "information": {fault.Problems{information}, false},
		"an error": {fault.Problems{refusal}, true}, "an error among warnings": {fault.Problems{warning, refusal, information}, true},
	} {
		if got := c.ps.Refuses(); got != c.want {
			t.Errorf("%s: refuses %t", name, got)
		}
		if err := c.ps.Err(); (err != nil) != c.want {
			t.Errorf("%s: error %v", name, err)
		}
	}
	// The warnings of a refusal are told too (W6).
	if all := fault.Of(fault.Problems{warning, refusal}.Err()); len(all) != 2 {
		t.Errorf("%d problems of 2", len(all))
	}
}

func TestOf(t *testing.T) {
	t.Parallel()
	cause := errors.New("dial tcp 10.0.0.1:5432")
	one := fault.New(fault.MetadataError, "x").Because(cause)
	many := fault.Problems{one, fault.New(fault.UnknownCode, "y")}
	if got := fault.Of(nil); got != nil {
		t.Errorf("of nil: %v", got)
	}
	if got := fault.Of(fmt.Errorf("outer: %w", one)); len(got) != 1 || got[0] != one {
		t.Errorf("of a wrapped problem: %v", got)
	}
	if got := fault.Of(fmt.Errorf("outer: %w", many)); len(got) != 2 {
		t.Errorf("of wrapped problems: %v", got)
	}
	got := fault.Of(cause)
	if len(got) != 1 || got[0].Code != fault.InternalError || !errors.Is(got, cause) {
		t.Errorf("of an error that is no fault: %v", got)
	}
	if strings.Contains(got[0].Safe, cause.Error()) {
		t.Error("the cause is in the text for callers")
	}
	if fault.KindOf(nil) != 0 || fault.KindOf(cause) != fault.Internal || fault.KindOf(one) != fault.Invalid {
		t.Error("KindOf does not follow Of")
	}
}

// TestProblem: what chaining sets, and what the log and errors.Is see of it.
func TestProblem(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	p := fault.New(fault.NotScanned, "%d left", 3).At("documents[0].document").By("F3").Because(cause).RetryIn(time.Minute)
	want := fault.Problem{Code: fault.NotScanned, Safe: "3 left", Location: "documents[0].document", Rule: "F3", Err: cause, RetryAfter: time.Minute}
	if diff := cmp.Diff(want.Error(), p.Error()); diff != "" || *p != want {
		t.Errorf("got %+v, want %+v", *p, want)
	}
	if text := "DLNotScanned at documents[0].document: 3 left (cause)"; p.Error() != text {
		t.Errorf("the log has %q, want %q", p.Error(), text)
	}
	ps := fault.Problems{fault.New(fault.MetadataError, "a"), p}
	if !errors.Is(ps, cause) || ps.Error() != "XDSRegistryMetadataError: a; "+p.Error() {
		t.Errorf("the problems' text is %q", ps.Error())
	}
	ps.Add(nil, p, nil)
	if len(ps) != 3 {
		t.Errorf("%d problems after adding one and two nils to two", len(ps))
	}
}
