package rest

import (
	"errors"
	"math"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"dokumentlager/internal/fault"
	"dokumentlager/internal/fhir"
)

// Form is how a FHIR answer is written (hl7.org/fhir/R4/http.html#mime-type). The zero value is what a caller gets who does not say.
type Form uint8

// The forms.
const (
	InJSON Form = iota
	InXML
	forms // how many there are
)

// Marshal writes a resource in this form.
func (f Form) Marshal(resource any) ([]byte, error) {
	if f == InXML {
		return fhir.MarshalXML(resource)
	}
	return fhir.Marshal(resource)
}

func (f Form) contentType() string {
	if f == InXML {
		return fhir.MediaTypeXML + "; charset=utf-8"
	}
	return fhir.MediaType + "; charset=utf-8"
}

// Name is FHIR's short word for it.
func (f Form) Name() string {
	if f == InXML {
		return "xml"
	}
	return "json"
}

// formNamed knows FHIR's names of the forms; whoever asks for application/xml gets application/fhir+xml, as FHIR wants.
func formNamed(media string) (f Form, known bool) {
	switch media {
	case "json", "application/json", "text/json", fhir.MediaType:
		return InJSON, true
	case "xml", "application/xml", "text/xml", fhir.MediaTypeXML:
		return InXML, true
	}
	return InJSON, false
}

// The parameters that are for the answer, not the search.
const (
	ParamFormat = "_format"
	ParamCursor = "_cursor"
)

// FormOf is the form that a request wants its answer in: what _format says, in the address or in a form that has been read; else
// Accept (RFC 9110 §12.5.1); else JSON. The error is the refusal of a caller that takes none of ours.
func FormOf(r *http.Request) (Form, error) {
	if wanted := formats(r); len(wanted) > 0 {
		return formOfFormat(wanted)
	}
	return formOfAccept(strings.Join(r.Header.Values("Accept"), ","))
}

// formats are the values of _format that say something.
func formats(r *http.Request) (wanted []string) {
	for _, values := range []url.Values{r.URL.Query(), r.PostForm} {
		for _, v := range values[ParamFormat] {
			if v = strings.TrimSpace(v); v != "" {
				wanted = append(wanted, v)
			}
		}
	}
	return wanted
}

// formOfFormat takes values that all name the same form. An unescaped + has become a space in an address.
func formOfFormat(wanted []string) (Form, error) {
	var found Form
	for i, value := range wanted {
		media, params, err := mime.ParseMediaType(strings.Replace(value, "fhir ", "fhir+", 1))
		f, known := formNamed(media)
		if err != nil || !known || !ofR4(params) || i > 0 && f != found {
			return InJSON, notAcceptable(ParamFormat)
		}
		found = f
	}
	return found, nil
}

// ofR4 is for the fhirVersion of a media type: there is one version here.
func ofR4(params map[string]string) bool {
	version, told := params["fhirversion"]
	return !told || version == "4.0"
}

func notAcceptable(location string) error {
	return fault.New(fault.NotAcceptable, "Answers are %s or %s, of FHIR version 4.0. Ask for one of them with Accept, or with _format=json or _format=xml.",
		fhir.MediaType, fhir.MediaTypeXML).At(location)
}

// wish is what an Accept says of one form: how much it is wanted, by how exact a name, and how early it stands.
type wish struct {
	weight float64
	exact  int
	place  int
}

// Names, from the vaguest to the exact one.
const (
	anything = iota + 1
	anyApplication
	byName
)

// formOfAccept takes the form with the greatest weight; of equal ones that which is named, and of two named the first.
func formOfAccept(accept string) (Form, error) {
	if strings.TrimSpace(accept) == "" {
		return InJSON, nil
	}
	var wishes [forms]wish
	for place, element := range elements(accept) {
		media, weight := mediaRange(element)
		f, named := formNamed(media)
		switch {
		case named:
			wishes[f].hear(wish{weight, byName, place})
		case media == "application/*":
			wishes[InJSON].hear(wish{weight, anyApplication, place})
			wishes[InXML].hear(wish{weight, anyApplication, place})
		case media == "*/*", media == "*": // the latter is Java's
			wishes[InJSON].hear(wish{weight, anything, place})
			wishes[InXML].hear(wish{weight, anything, place})
		}
	}
	best := InJSON
	if wishes[InXML].stronger(wishes[InJSON]) {
		best = InXML
	}
	if wishes[best].weight == 0 {
		return InJSON, notAcceptable("http.Accept")
	}
	return best, nil
}

// hear keeps the more exact of two wishes, and of equally exact ones (a form has several names) the greater.
func (w *wish) hear(other wish) {
	if other.exact > w.exact || other.exact == w.exact && other.weight > w.weight {
		*w = other
	}
}

func (w wish) stronger(than wish) bool {
	switch {
	case w.weight != than.weight:
		return w.weight > than.weight
	case w.exact != than.exact:
		return w.exact > than.exact
	}
	return w.place < than.place
}

// mediaRange reads one element of Accept; what cannot be read, or is of another FHIR version, is a range without a name.
func mediaRange(element string) (media string, weight float64) {
	media, params, err := mime.ParseMediaType(element)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) || !ofR4(params) {
		return "", 0
	}
	q, told := params["q"]
	if !told {
		return media, 1
	}
	weight, err = strconv.ParseFloat(q, 64)
	if err != nil || math.IsNaN(weight) || weight < 0 || weight > 1 {
		return "", 0
	}
	return media, weight
}

// elements splits a header's list at the commas that stand in no quotes.
func elements(list string) (out []string) {
	start, quoted := 0, false
	for i := 0; i < len(list); i++ {
		switch {
		case list[i] == '\\' && quoted:
			i++
		case list[i] == '"':
			quoted = !quoted
		case list[i] == ',' && !quoted:
			out, start = append(out, list[start:i]), i+1
		}
	}
	return append(out, list[start:])
}
