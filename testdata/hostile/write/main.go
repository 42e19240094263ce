// Command write puts the hostile corpus into a folder, one file each, with index.tsv saying how each is declared and what the rules decide:
// go run ./testdata/hostile/write DIR. It promises to write nothing outside DIR.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"dokumentlager/testdata/hostile"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: write DIR")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var index strings.Builder
	for i, c := range hostile.Cases() {
		name := fmt.Sprintf("%03d-%s", i, c.Group)
		if err := os.WriteFile(filepath.Join(dir, name), c.Bytes(), 0o644); err != nil {
			return err
		}
		decision := string(c.Want)
		if c.Want == hostile.Accept {
			decision = "accept"
		}
		fmt.Fprintf(&index, "%s\t%s\t%q\t%.60q\t%s\t%s\t%s\n", name, c.Name, c.Declared, c.Title, decision, c.Rule, c.Why)
	}
	return os.WriteFile(filepath.Join(dir, "index.tsv"), []byte(index.String()), 0o644)
}
