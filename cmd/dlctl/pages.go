package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"dokumentlager/internal/fhir"
)

// maxPages ends a search whose pages never end.
const maxPages = 10000

// pages sends a search by POST, for patient identifiers stand in bodies and never in addresses (R1), and follows its next links as long as each
// wants more.
func (x *exchange) pages(ctx context.Context, path string, form url.Values, each func(*fhir.Bundle, *http.Response) (more bool, err error)) error {
	body := form.Encode()
	resource, res, err := x.resource(ctx, "POST", path, strings.NewReader(body), int64(len(body)), "Content-Type", "application/x-www-form-urlencoded")
	for range maxPages {
		if err != nil {
			return err
		}
		page, ok := fhir.As[fhir.Bundle](resource)
		if !ok {
			return fmt.Errorf("the answer is a %s and no Bundle", oneLine(resource.Type))
		}
		more, refused := each(page, res)
		next := linkTo(page, "next")
		if refused != nil || !more || next == "" {
			return refused
		}
		resource, res, err = x.resource(ctx, "GET", next, nil, 0)
	}
	return errors.New("the search has no last page")
}

func linkTo(page *fhir.Bundle, relation string) string {
	for _, link := range page.Link {
		if link.Relation == relation {
			return link.URL
		}
	}
	return ""
}

// printRaw prints a page as it came.
func printRaw(out io.Writer, page *fhir.Bundle) error {
	raw, err := fhir.Marshal(page)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", raw)
	return err
}
