package conformance

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/devstack/thirdpartytest"

	"github.com/google/uuid"
)

// collection is a folder of third-party messages, read only.
type collection struct{ dir string }

// thirdparty finds the folder or skips the test, and says where it looked.
func thirdparty(t *testing.T) collection {
	t.Helper()
	dir := thirdpartytest.Folder()
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the third-party messages are not there, so nothing was replayed: tried %s; name their folder in %s", dir, thirdpartytest.Variable)
	}
	return collection{dir}
}

// read gives a file's bytes as they are, byte order mark included.
func (c collection) read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, filepath.FromSlash(name)))
	if err != nil {
		t.Fatalf("reading a third-party message: %v", err)
	}
	return text
}

// list gives the names that match the patterns, sorted, with slashes, relative to the folder.
func (c collection) list(t *testing.T, patterns ...string) (names []string) {
	t.Helper()
	for _, p := range patterns {
		found, err := filepath.Glob(filepath.Join(c.dir, filepath.FromSlash(p)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			name, err := filepath.Rel(c.dir, f)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, filepath.ToSlash(name))
		}
	}
	slices.Sort(names)
	return names
}

// parse reads a message for looking into it; a byte order mark is allowed.
func parse(t *testing.T, text []byte) servicetest.Object {
	t.Helper()
	var o servicetest.Object
	if err := json.Unmarshal(bytes.TrimPrefix(text, []byte("\ufeff")), &o); err != nil {
		t.Fatalf("the message is no JSON object: %v", err)
	}
	return o
}

// edited is the message with a change, as JSON.
func edited(t *testing.T, text []byte, change func(servicetest.Object)) []byte {
	t.Helper()
	o := parse(t, text)
	change(o)
	out, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// resources are the resources of a type with their entries, in order.
func resources(message servicetest.Object, kind string) (entries, found []servicetest.Object) {
	all, _ := message["entry"].([]any)
	for _, e := range all {
		entry, _ := e.(servicetest.Object)
		if r, _ := entry["resource"].(servicetest.Object); r["resourceType"] == kind {
			entries, found = append(entries, entry), append(found, r)
		}
	}
	return entries, found
}

// freshen gives every document and submission set of a message identifiers of its own, as each run must (NIST's README). What a
// message lacks stays lacking: its absence may be what it tests.
func freshen(message servicetest.Object) {
	_, refs := resources(message, "DocumentReference")
	for _, r := range refs {
		if id, ok := r["masterIdentifier"].(servicetest.Object); ok {
			id["value"] = "urn:oid:" + freshOID()
		}
	}
	_, lists := resources(message, "List")
	for _, l := range lists {
		ids, _ := l["identifier"].([]any)
		for _, id := range ids {
			if id, ok := id.(servicetest.Object); ok && id["use"] == "usual" {
				id["value"] = "urn:oid:" + freshOID()
			}
		}
	}
}

// freshOID is a UUID as an OID (ITU-T X.667).
func freshOID() string {
	id := uuid.New()
	return "2.25." + new(big.Int).SetBytes(id[:]).String()
}

// addPatient puts a Patient into the bundle at the address its references use: the only way a recipient without a patient register
// can know whom they mean (docs/profiles.md).
func addPatient(message servicetest.Object, fullURL string, patient servicetest.Object) {
	all, _ := message["entry"].([]any)
	message["entry"] = append(all, servicetest.Object{"fullUrl": fullURL, "resource": patient,
		"request": servicetest.Object{"method": "POST", "url": "Patient"}})
}

// bytesOf decodes the document that a DocumentReference's attachment names.
func bytesOf(t *testing.T, message, ref servicetest.Object) (content []byte, binary servicetest.Object) {
	t.Helper()
	url := attachment(ref)["url"]
	entries, found := resources(message, "Binary")
	for i, e := range entries {
		if e["fullUrl"] == url {
			data, err := base64.StdEncoding.DecodeString(found[i]["data"].(string))
			if err != nil {
				t.Fatal(err)
			}
			return data, found[i]
		}
	}
	t.Fatalf("no Binary has the attachment's address %v", url)
	return nil, nil
}

func attachment(ref servicetest.Object) servicetest.Object {
	return ref["content"].([]any)[0].(servicetest.Object)["attachment"].(servicetest.Object)
}

// text reads a string a few keys down; a list on the way means its first.
func text(value any, keys ...string) string {
	for _, k := range keys {
		if all, ok := value.([]any); ok && len(all) > 0 {
			value = all[0]
		}
		o, _ := value.(servicetest.Object)
		value = o[k]
	}
	s, _ := value.(string)
	return s
}

// plain takes the urn: prefix off an identifier.
func plain(id string) string {
	return strings.TrimPrefix(strings.TrimPrefix(id, "urn:uuid:"), "urn:oid:")
}
