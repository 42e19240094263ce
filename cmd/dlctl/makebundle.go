package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"dokumentlager/internal/document"
	"dokumentlager/internal/format"

	"github.com/google/uuid"
)

// makeBundleCommand makes what a record system would send. It sends nothing and needs no service, if --home is given.
type makeBundleCommand struct {
	where `embed:""`

	Patient string `required:"" help:"The patient: 11 digits, or OID|value for any other identifier." placeholder:"ID"`
	File    string `required:"" help:"The document." type:"existingfile" placeholder:"FILE"`
	Title   string `help:"Title in lists; the file's name without it." placeholder:"TEXT"`
	Output  string `short:"o" default:"-" help:"Where to write the bundle; - is standard output." placeholder:"FILE"`

	Name             string    `help:"The patient's name; the last word is the family name." placeholder:"NAME"`
	Born             string    `help:"The patient's birth date." placeholder:"YYYY-MM-DD"`
	Type             string    `default:"A03-2" help:"Document type, a code of 9602; A03-2 is Epikrise." placeholder:"CODE"`
	Codes            []string  `name:"confidentiality" default:"N" help:"N, R or V, and codes of 9603 with commas between." placeholder:"CODES"`
	Home             string    `help:"homeCommunityId of the instance; in a dev stack that of --organisation." placeholder:"OID"`
	Organisation     string    `help:"Organisation number of the author; in a dev stack the first tenant's." placeholder:"NUMBER"`
	OrganisationName string    `help:"Name of that organisation." placeholder:"NAME"`
	Author           string    `default:"GRØNN VITS" help:"Who wrote the document; the last word is the family name." placeholder:"NAME"`
	Created          time.Time `help:"When it was written (RFC 3339); now without it." placeholder:"TIME"`
	Language         string    `default:"nb-NO" help:"Its language."`
	Mime             string    `help:"Its content type; by the file's extension without it." placeholder:"TYPE"`
	Replaces         string    `help:"Id of the document that this one is a new version of." placeholder:"ID"`
}

// Run writes the bundle.
func (c makeBundleCommand) Run(s *surroundings) error {
	d, err := c.draft(s)
	if err != nil {
		return err
	}
	file, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer file.Close()
	if d.Size, d.SHA1, err = measure(file); err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("%s must be an ordinary file: it is read twice: %w", c.File, err)
	}
	return output(s, c.Output, func(out io.Writer) error { return d.write(out, file) })
}

// draft is the bundle without its document.
func (c makeBundleCommand) draft(s *surroundings) (*draft, error) {
	d := &draft{Title: c.Title, BirthDate: c.Born, Language: c.Language, MimeType: c.Mime, Type: c.Type, Class: classOf(c.Type), Codes: c.Codes,
		HomeCommunity: c.Home, Organisation: c.Organisation, OrganisationName: c.OrganisationName, Created: c.Created, Replaces: documentID(c.Replaces),
		Facility: document.Code{System: "2.16.578.1.12.4.1.1.1303", Value: "86.101"}, Practice: document.Code{System: "2.16.578.1.12.4.1.1.8655", Value: "S01"},
		ListID: uuid.New(), PatientResourceID: uuid.New(), ReferenceID: uuid.New(), BinaryID: uuid.New()}
	var err error
	if d.Patient, err = patientID(c.Patient); err != nil {
		return nil, err
	}
	d.Given, d.Family = splitName(c.Name)
	d.AuthorGiven, d.AuthorFamily = splitName(c.Author)
	if d.Created.IsZero() {
		d.Created = s.now().Truncate(time.Second)
	}
	if d.Title == "" {
		d.Title = filepath.Base(c.File)
	}
	if d.MimeType == "" {
		if d.MimeType, err = mimeOf(c.File); err != nil {
			return nil, err
		}
	}
	return d, c.placeOf(s, d)
}

// placeOf fills in where the document belongs; a dev stack knows what is not told.
func (c makeBundleCommand) placeOf(s *surroundings, d *draft) error {
	if d.HomeCommunity == "" || d.Organisation == "" {
		at, err := c.site(s)
		if err != nil && !errors.Is(err, errNoSite) {
			return err
		}
		if err == nil && d.Organisation == "" && len(at.Tenants) > 0 && len(at.Tenants[0].Organisations) > 0 {
			d.Organisation = at.Tenants[0].Organisations[0]
		}
		if err == nil && d.HomeCommunity == "" {
			d.HomeCommunity = at.home(d.Organisation)
		}
	}
	if d.HomeCommunity == "" || d.Organisation == "" {
		return errors.New("say whose document it is: --home OID and --organisation NUMBER (a dev stack would tell)")
	}
	if d.OrganisationName == "" {
		d.OrganisationName = knownOrganisations[d.Organisation]
	}
	home, err := document.ParseOID(d.HomeCommunity)
	if err != nil {
		return fmt.Errorf("--home: %w", err)
	}
	d.HomeCommunity, d.SourceID = home, home
	return nil
}

// knownOrganisations are the names of the dev stack's organisations (nhn.md (e)).
var knownOrganisations = map[string]string{
	"981275721": "STIFTELSEN BETANIEN HOSPITAL SKIEN", "958935420": "OSLO KOMMUNE", "960510542": "VOSS KOMMUNE", "994598759": "NORSK HELSENETT SF",
}

// classOf is the 9602 class of a type: A03-2 stands under A00-1.
func classOf(typeCode string) string {
	if typeCode == "" {
		return ""
	}
	return typeCode[:1] + "00-1"
}

// patientID reads OID|value, or a national identity number alone: a D-number's first digit is above 3.
func patientID(text string) (document.PatientID, error) {
	system, value, found := strings.Cut(text, "|")
	switch {
	case found:
		return document.PatientID{Value: value, Authority: document.StripURN(system)}, nil
	case len(text) != 11 || strings.Trim(text, "0123456789") != "":
		return document.PatientID{}, errors.New("--patient: write 11 digits, or OID|value")
	case text[0] > '3':
		return document.PatientID{Value: text, Authority: document.AuthorityDNR}, nil
	default:
		return document.PatientID{Value: text, Authority: document.AuthorityFNR}, nil
	}
}

func splitName(name string) (given, family string) {
	words := strings.Fields(name)
	if len(words) == 0 {
		return "", ""
	}
	last := len(words) - 1
	return strings.Join(words[:last], " "), words[last]
}

// mimeOf is the content type that goes with a file's extension (F1, F2).
func mimeOf(name string) (string, error) {
	t, _, known := format.Extension(name)
	if !known {
		return "", fmt.Errorf("no allowed content type goes with the extension %q; the service takes PNG, JPEG, GIF, TIFF, PDF, TXT, RTF, XML and JSON", filepath.Ext(name))
	}
	return string(t), nil
}

// output opens where a command writes; a file that could not be written whole is not left behind.
func output(s *surroundings, path string, write func(io.Writer) error) error {
	if path == "-" {
		return buffered(s.stdout, write)
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".dlctl-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // after the rename it has gone
	err = buffered(file, write)
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

func buffered(out io.Writer, write func(io.Writer) error) error {
	w := bufio.NewWriterSize(out, 64<<10)
	return errors.Join(write(w), w.Flush())
}
