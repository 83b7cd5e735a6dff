package csvfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/feed/mappings"
)

// Mapping describes a force's CSV: a row for each person in an incident, with
// the incident's own columns repeated.
type Mapping struct {
	// Name is what --format and the API call it.
	Name string `yaml:"name"`
	// Force is whose export it is. Empty fits any.
	Force string `yaml:"force"`
	// Encoding is utf-8 (with or without a mark), windows-1252, iso-8859-1,
	// iso-8859-15 or utf-16. Default utf-8.
	Encoding string `yaml:"encoding"`
	// Delimiter is one character, or "tab". Default a comma.
	Delimiter string `yaml:"delimiter"`
	Times     Times  `yaml:"times"`
	Dates     Dates  `yaml:"dates"`
	// Fields says which column each field of the incident comes from.
	Fields map[string]Source `yaml:"fields"`

	comma rune
}

// Times says how times are written.
type Times struct {
	// Layout in letters: yyyy MM dd HH mm ss, and XXX for an offset.
	Layout string `yaml:"layout"`
	// Zone is whose clock the times without offset are of, such as Europe/London or UTC.
	Zone string `yaml:"zone"`
	// Ambiguous says which is meant of an hour that happens twice: first,
	// second or reject. Default reject.
	Ambiguous string `yaml:"ambiguous"`
	// Nonexistent says what to do about an hour that the clocks skipped: reject,
	// or forward to take it as the sender's clock not having been changed. Default reject.
	Nonexistent string `yaml:"nonexistent"`

	layout string
	zone   *time.Location
}

// Dates says how dates of birth are written.
type Dates struct {
	Layout string `yaml:"layout"`
	layout string
}

// Source is where one field comes from. A bare text is a column.
type Source struct {
	Column string `yaml:"column"`
	// Columns are joined with a space: forenames in several columns.
	Columns []string `yaml:"columns"`
	// Value is the same for every row, where the export has no column.
	Value string `yaml:"value"`
	// Split parts a list within one cell.
	Split string `yaml:"split"`
	// Codes turn the force's codes into ours. A value that is not among them is
	// rejected. For flags the right side is a field (domesticAbuse) or
	// factors/<code>.
	Codes map[string]string `yaml:"codes"`
	// Optional says that a file without the column is all right.
	Optional bool `yaml:"optional"`

	at []int // columns of the file at hand, -1 where absent
}

// UnmarshalYAML reads "Surname" as {column: Surname}.
func (s *Source) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		s.Column = node.Value
		return nil
	}
	type plain Source // without this method
	return node.Decode((*plain)(s))
}

// columns are the headings that the source reads.
func (s Source) columns() []string {
	if s.Column != "" {
		return append([]string{s.Column}, s.Columns...)
	}
	return s.Columns
}

// place is the heading that a finding names.
func (s Source) place() string {
	if c := s.columns(); len(c) > 0 {
		return c[0]
	}
	return ""
}

// The fields that a mapping may name. Those of the incident are repeated in
// each of its rows; those of the person are the row's own.
var (
	incidentFields = []string{
		"force", "reference", "revision", "status", "kind", "type", "reportedAt", "occurredFrom", "occurredTo",
		"domesticAbuse", "childrenPresent", "dash", "factors", "flags", "location.text", "location.postcode",
		"location.lsoa", "location.latitude", "location.longitude", "actionsTaken", "summary", "reportedBy",
		"nsir.opening", "nsir.closing", "classification", "officer",
	}
	personFields = []string{
		"role", "surname", "forenames", "alsoKnownAs", "dateOfBirth", "sex", "pnc", "cro", "address", "postcode",
		"arrest.arrestedAt", "arrest.asn", "arrest.offence", "arrest.disposal",
	}
	neededFields = []string{"reference", "revision", "status", "type", "reportedAt", "occurredFrom", "role"}
)

// Shipped gives the mapping of that name which ships with the product, or,
// where name is empty, the one of the force.
func Shipped(name, force string) (*Mapping, error) {
	entries, err := fs.ReadDir(mappings.Shipped, ".")
	if err != nil {
		return nil, fmt.Errorf("list the mappings: %w", err)
	}
	var names []string
	for _, e := range entries {
		own := strings.TrimSuffix(e.Name(), ".yaml")
		names = append(names, own)
		if own != name && (name != "" || !strings.HasPrefix(own, force+"-")) {
			continue
		}
		f, err := mappings.Shipped.Open(e.Name())
		if err != nil {
			return nil, fmt.Errorf("open the mapping %s: %w", own, err)
		}
		defer f.Close()
		return Load(f)
	}
	if name == "" {
		return nil, fmt.Errorf("no mapping ships for force %s; give one with --format FILE.yaml", force)
	}
	return nil, fmt.Errorf("no mapping of that name; there are %s, or give a FILE.yaml", strings.Join(names, ", "))
}

// Load reads a mapping and checks it as far as that is possible without a file.
func Load(in io.Reader) (*Mapping, error) {
	var m Mapping
	d := yaml.NewDecoder(in)
	d.KnownFields(true)
	if err := d.Decode(&m); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("read the mapping: it is empty")
		}
		return nil, fmt.Errorf("read the mapping: %w", err)
	}
	if err := m.prepare(); err != nil {
		return nil, fmt.Errorf("mapping %s: %w", m.Name, err)
	}
	return &m, nil
}

func (m *Mapping) prepare() error {
	var wrong []error
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	if m.Name == "" {
		complain("name: give it one")
	}
	if m.Force != "" {
		if _, ok := casework.ForceName(m.Force); !ok {
			complain("force: there is no force %q", m.Force)
		}
	}
	if m.Encoding == "" {
		m.Encoding = "utf-8"
	}
	if _, ok := encodings[m.Encoding]; !ok {
		complain("encoding: %q is not one of utf-8, utf-16, windows-1252, iso-8859-1, iso-8859-15", m.Encoding)
	}
	switch runes := []rune(m.Delimiter); {
	case m.Delimiter == "":
		m.comma = ','
	case m.Delimiter == "tab":
		m.comma = '\t'
	case len(runes) == 1 && runes[0] != '"' && runes[0] != '\n' && runes[0] != '\r' && runes[0] < 0x80:
		m.comma = runes[0]
	default:
		complain("delimiter: one plain character, or tab")
	}
	wrong = append(wrong, m.Times.prepare()...)
	if m.Dates.Layout == "" {
		m.Dates.Layout = "yyyy-MM-dd"
	}
	m.Dates.layout = goLayout(m.Dates.Layout)
	if strings.Contains(m.Dates.layout, "15") || !strings.Contains(m.Dates.layout, "06") {
		complain("dates.layout: %q is not a date in yyyy, MM and dd", m.Dates.Layout)
	}
	for _, name := range neededFields {
		if _, ok := m.Fields[name]; !ok {
			complain("fields: %s is required; where the export has no such column give {value: …}", name)
		}
	}
	for _, name := range sorted(m.Fields) {
		s := m.Fields[name]
		if !slices.Contains(incidentFields, name) && !slices.Contains(personFields, name) {
			complain("fields: there is no field %q", name)
			continue
		}
		if len(s.columns()) == 0 && s.Value == "" {
			complain("fields.%s: give a column, columns or a value", name)
		}
		for from, to := range s.Codes {
			if name == "flags" && to != "domesticAbuse" && to != "childrenPresent" && !strings.HasPrefix(to, "factors/") {
				complain("fields.flags.codes.%s: %q is not domesticAbuse, childrenPresent or factors/<code>", from, to)
			}
			if (name == "domesticAbuse" || name == "childrenPresent") && to != "true" && to != "false" {
				complain("fields.%s.codes.%s: %q is not \"true\" or \"false\" (in quotation marks)", name, from, to)
			}
		}
		if name == "flags" && len(s.Codes) == 0 {
			complain("fields.flags: give codes")
		}
	}
	return errors.Join(wrong...)
}

func (t *Times) prepare() (wrong []error) {
	if t.Layout == "" {
		t.Layout = "yyyy-MM-dd'T'HH:mm:ssXXX"
	}
	t.layout = goLayout(t.Layout)
	for _, part := range []string{"06", "01", "02", "15", "04"} {
		if !strings.Contains(t.layout, part) {
			return []error{fmt.Errorf("times.layout: %q lacks one of yyyy, MM, dd, HH and mm", t.Layout)}
		}
	}
	if t.Zone == "" {
		if !strings.Contains(t.layout, "Z07:00") {
			wrong = append(wrong, errors.New("times.zone: say whose clock the times are of, such as Europe/London or UTC"))
		}
		t.Zone = "UTC"
	}
	zone, err := time.LoadLocation(t.Zone)
	if err != nil || t.Zone == "Local" {
		wrong = append(wrong, fmt.Errorf("times.zone: there is no time zone %q", t.Zone))
	}
	t.zone = zone
	if t.Ambiguous == "" {
		t.Ambiguous = "reject"
	}
	if !slices.Contains([]string{"first", "second", "reject"}, t.Ambiguous) {
		wrong = append(wrong, fmt.Errorf("times.ambiguous: %q is not first, second or reject", t.Ambiguous))
	}
	if t.Nonexistent == "" {
		t.Nonexistent = "reject"
	}
	if !slices.Contains([]string{"forward", "reject"}, t.Nonexistent) {
		wrong = append(wrong, fmt.Errorf("times.nonexistent: %q is not forward or reject", t.Nonexistent))
	}
	return wrong
}

// goLayout turns letters into Go's reference time.
func goLayout(letters string) string {
	return strings.NewReplacer(
		"yyyy", "2006", "yy", "06", "MM", "01", "dd", "02", "HH", "15", "mm", "04", "ss", "05",
		"XXX", "Z07:00", "'T'", "T", "M", "1", "d", "2",
	).Replace(letters)
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Explain says in words how each field is read.
func (m *Mapping) Explain() []string {
	force := "any force"
	if m.Force != "" {
		force = "force " + m.Force
	}
	lines := []string{
		fmt.Sprintf("%s, for %s: %s, parted by %q.", m.Name, force, m.Encoding, string(m.comma)),
		fmt.Sprintf("Times are %s in %s. Of an hour that happens twice: %s. An hour that the clocks skip: %s.", m.Times.Layout, m.Times.Zone, m.Times.Ambiguous, m.Times.Nonexistent),
		fmt.Sprintf("Dates of birth are %s.", m.Dates.Layout),
	}
	for _, name := range append(slices.Clone(incidentFields), personFields...) {
		s, ok := m.Fields[name]
		if !ok {
			if name == "kind" {
				lines = append(lines, fmt.Sprintf("  %-20s worked out: arrest where anyone was arrested, else incident", name))
			}
			continue
		}
		how := "always " + strconv.Quote(s.Value)
		if columns := s.columns(); len(columns) > 0 {
			how = "from " + strings.Join(columns, " + ")
			if s.Value != "" {
				how += ", or " + strconv.Quote(s.Value)
			}
		}
		if s.Split != "" {
			how += fmt.Sprintf(", parted by %q", s.Split)
		}
		if len(s.Codes) > 0 {
			var codes []string
			for _, from := range sorted(s.Codes) {
				codes = append(codes, from+" = "+s.Codes[from])
			}
			how += ", where " + strings.Join(codes, ", ")
		}
		if s.Optional {
			how += ", if the file has it"
		}
		lines = append(lines, fmt.Sprintf("  %-20s %s", name, how))
	}
	return lines
}
