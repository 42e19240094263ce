package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// printer writes things either as one JSON object per line or as a table.
type printer[T any] struct {
	out    io.Writer
	asJSON bool
	head   []string
	row    func(T) []string
}

func (p printer[T]) print(things []T) error {
	if p.asJSON {
		encoder := json.NewEncoder(p.out)
		encoder.SetEscapeHTML(false)
		for _, thing := range things {
			if err := encoder.Encode(thing); err != nil {
				return err
			}
		}
		return nil
	}
	table := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, strings.Join(p.head, "\t"))
	for _, thing := range things {
		cells := p.row(thing)
		for i, cell := range cells {
			cells[i] = oneLine(cell)
		}
		fmt.Fprintln(table, strings.Join(cells, "\t"))
	}
	return table.Flush()
}

// oneLine keeps a caller's text from writing to the reader's terminal or breaking the table.
func oneLine(s string) string {
	if s == "" {
		return "-"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}
