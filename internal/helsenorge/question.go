package helsenorge

import (
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/innsyn"
	"dokumentlager/internal/rest"

	"github.com/go-json-experiment/json"
)

// The fields of a question, in JSON and as a form, and of a pull's address.
const (
	fieldPatient = "patient"
	fieldLimit   = "limit"
	fieldCursor  = "cursor"
	fieldAfter   = "after"
)

// The bounds of a question: bytes of its body, and how much it may ask for.
const (
	maxBody      = 8 << 10
	pageDefault  = 50
	pageMost     = 200
	pullDefault  = 500
	pullMost     = 1000
	mediaJSON    = "application/json"
	mediaForm    = "application/x-www-form-urlencoded"
	longPatient  = 300 // of an identifier, in bytes
	elevenDigits = 11
)

// question asks for one page of a patient's lookups.
type question struct {
	patient document.PatientID
	limit   int
	cursor  string
}

// readQuestion takes a body in JSON or as a form. The address has no parameters: it ends up in logs.
func readQuestion(w http.ResponseWriter, r *http.Request) (q question, err error) {
	if r.URL.RawQuery != "" {
		return q, fault.New(fault.BadRequest, "Everything stands in the body: an address ends up in logs, and patient identifiers must not.").At("http.query").By("A2")
	}
	if err := rest.WantMedia(r, mediaJSON, mediaForm); err != nil {
		return q, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return q, malformed(err)
	}
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return parseQuestion(body, media == mediaForm)
}

func malformed(cause error) error {
	return fault.New(fault.MalformedBody, "The body cannot be read: it is an object, or a form, of %s, %s and %s, each once and as text but %s, and has 8 KiB at most.",
		fieldPatient, fieldLimit, fieldCursor, fieldLimit).Because(withoutText(cause))
}

// withoutText keeps what kind of error it was: texts of parsers repeat what they read, and the body has a patient.
func withoutText(cause error) error {
	if cause == nil {
		return nil
	}
	return &unreadable{}
}

type unreadable struct{}

func (*unreadable) Error() string { return "the body is not what it should be" }

// asked is a body's fields.
type asked struct {
	Patient string `json:"patient"`
	Limit   *int   `json:"limit"`
	Cursor  string `json:"cursor"`
}

func parseQuestion(body []byte, form bool) (question, error) {
	var a asked
	var err error
	if form {
		a, err = fromForm(string(body))
	} else {
		err = json.Unmarshal(body, &a, json.RejectUnknownMembers(true))
	}
	if err != nil {
		return question{}, malformed(err)
	}
	q := question{limit: pageDefault, cursor: a.Cursor}
	var problems fault.Problems
	q.patient, problems = patientOf(a.Patient)
	if a.Limit != nil {
		q.limit = *a.Limit
	}
	problems.Add(checkLimit(q.limit, pageMost))
	return q, problems.Err()
}

func fromForm(body string) (a asked, err error) {
	form, err := url.ParseQuery(body)
	if err != nil {
		return a, err
	}
	for name, values := range form {
		switch {
		case len(values) != 1:
			return a, &unreadable{}
		case name == fieldPatient:
			a.Patient = values[0]
		case name == fieldCursor:
			a.Cursor = values[0]
		case name == fieldLimit:
			n, err := strconv.Atoi(values[0])
			if err != nil {
				return a, err
			}
			a.Limit = &n
		default:
			return a, &unreadable{}
		}
	}
	return a, nil
}

// patientOf reads system|value; eleven digits alone are a D-nummer when the first is above 3, a fødselsnummer otherwise.
func patientOf(text string) (p document.PatientID, problems fault.Problems) {
	if text == "" {
		problems.Add(fault.New(fault.MissingQueryParam, "The %s is required.", fieldPatient).At(fieldPatient).By("A2"))
		return p, problems
	}
	system, number, found := strings.Cut(text, "|")
	switch {
	case found:
		p = document.PatientID{Value: number, Authority: document.StripURN(system)}
	case len(text) == elevenDigits && text[0] > '3':
		p = document.PatientID{Value: text, Authority: document.AuthorityDNR}
	default:
		p = document.PatientID{Value: text, Authority: document.AuthorityFNR}
	}
	national := p.Authority == document.AuthorityFNR || p.Authority == document.AuthorityDNR
	if len(text) > longPatient || p.Check() != nil || national && (len(p.Value) != elevenDigits || strings.Trim(p.Value, "0123456789") != "") {
		problems.Add(fault.New(fault.BadQueryParam, "Write system|value, such as urn:oid:%s|<11 digits>; the system may be left out for a national identity number.",
			document.AuthorityFNR).At(fieldPatient).By("A2"))
	}
	return p, problems
}

func checkLimit(n, most int) *fault.Problem {
	if n >= 1 && n <= most {
		return nil
	}
	return fault.New(fault.BadQueryParam, "The limit is a number from 1 to %d.", most).At(fieldLimit).By("A2")
}

// readPull reads a pull's address, which knows no patient. One that cannot be read must not be taken for one without a cursor.
func readPull(address string) (from innsyn.Cursor, limit int, err error) {
	var problems fault.Problems
	limit = pullDefault
	query, err := url.ParseQuery(address)
	if err != nil {
		problems.Add(fault.New(fault.BadQueryParam, "The address's parameters cannot be read.").At("http.query").By("A2"))
	}
	for name, values := range query {
		switch {
		case name != fieldAfter && name != fieldLimit || len(values) != 1:
			problems.Add(fault.New(fault.BadQueryParam, "The address takes %s and %s, each once, and nothing else.", fieldAfter, fieldLimit).At("http.query").By("A2"))
		case name == fieldLimit:
			if limit, err = strconv.Atoi(values[0]); err != nil {
				limit = 0
			}
		default:
			from, err = readCursor(values[0])
			problems.Add(fault.Of(err)...)
		}
	}
	problems.Add(checkLimit(limit, pullMost))
	return from, limit, problems.Err()
}
