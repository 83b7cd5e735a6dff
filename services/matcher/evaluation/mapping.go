// Package evaluation measures the matcher on labelled data and reads what it
// learns from: CSV files, each with a mapping that says which column is what.
// It is behind `reportable match evaluate` and `match train`.
package evaluation

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
)

// Columns names one or several columns.
type Columns []string

// UnmarshalYAML reads a name or a list of names.
func (c *Columns) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		if n.Value != "" && n.Tag != "!!null" {
			*c = Columns{n.Value}
		}
		return nil
	}
	var list []string
	if err := n.Decode(&list); err != nil {
		return err
	}
	*c = list
	return nil
}

// DateColumns says where a date is and how it is written.
type DateColumns struct {
	// Column holds a whole date.
	Column string
	// Layout is Go's, such as 02/01/2006, or in letters: DD/MM/YYYY. When empty, the usual ones are tried.
	Layout string
	// Year, Month and Day are columns, where a date is given in parts.
	Year, Month, Day string
}

// UnmarshalYAML reads a column's name, or column and layout, or year, month and day.
func (d *DateColumns) UnmarshalYAML(n *yaml.Node) error {
	switch n.Kind {
	case yaml.ScalarNode:
		d.Column = n.Value
		return nil
	case yaml.SequenceNode:
		parts := []*string{&d.Year, &d.Month, &d.Day}
		if len(n.Content) == 1 {
			d.Column = n.Content[0].Value
			return nil
		}
		if len(n.Content) != 3 {
			return errors.New("dateOfBirth: want one column, or three for year, month and day")
		}
		for i, c := range n.Content {
			*parts[i] = c.Value
		}
		return nil
	}
	// By hand, for a layout of 2006-01-02 would be read as a timestamp.
	for i := 0; i+1 < len(n.Content); i += 2 {
		v := n.Content[i+1].Value
		switch n.Content[i].Value {
		case "column", "columns", "field", "name":
			d.Column = v
		case "layout", "format":
			d.Layout = v
		case "year":
			d.Year = v
		case "month":
			d.Month = v
		case "day":
			d.Day = v
		default:
			return fmt.Errorf("dateOfBirth: unknown key %q", n.Content[i].Value)
		}
	}
	return nil
}

// Mapping says which column of a table is what.
type Mapping struct {
	ID          string      `yaml:"id"`
	Forenames   Columns     `yaml:"forenames"`
	Surname     Columns     `yaml:"surname"`
	FullName    Columns     `yaml:"fullName"`
	Aliases     Columns     `yaml:"aliases"`
	DateOfBirth DateColumns `yaml:"dateOfBirth"`
	Layout      string      `yaml:"layout"`
	Sex         string      `yaml:"sex"`
	Address     Columns     `yaml:"address"`
	Postcode    Columns     `yaml:"postcode"`
	PNC         Columns     `yaml:"pnc"`
	CRO         Columns     `yaml:"cro"`
	Identifiers Columns     `yaml:"identifiers"`
	Place       Columns     `yaml:"place"`
	Occupation  Columns     `yaml:"occupation"`
	// Previous holds earlier postcodes.
	Previous Columns `yaml:"previousPostcodes"`
	// Separator parts the values within a field. Default |.
	Separator string `yaml:"separator"`
	// Register and Queries replace the whole mapping for one of the two files.
	Register *Mapping `yaml:"register"`
	Queries  *Mapping `yaml:"queries"`
}

// ReadMapping reads a mapping file.
func ReadMapping(path string) (Mapping, error) {
	f, err := os.Open(path)
	if err != nil {
		return Mapping{}, fmt.Errorf("read mapping: %w", err)
	}
	defer f.Close()
	var m Mapping
	d := yaml.NewDecoder(f)
	d.KnownFields(true)
	if err := d.Decode(&m); err != nil && !errors.Is(err, io.EOF) {
		if wrong := unknownKey.FindStringSubmatch(err.Error()); wrong != nil {
			return Mapping{}, fmt.Errorf("read mapping %s: line %s: there is no key %q; the keys are %s", path, wrong[1], wrong[2], mappingKeys)
		}
		return Mapping{}, fmt.Errorf("read mapping %s: %w", path, err)
	}
	for _, one := range []Mapping{m.For(true), m.For(false)} {
		if len(one.columns()) == 0 {
			return Mapping{}, fmt.Errorf("read mapping %s: it names no column to compare people by; the keys are %s", path, mappingKeys)
		}
	}
	return m, nil
}

var unknownKey = regexp.MustCompile(`line (\d+): field (\S+) not found`)

const mappingKeys = "id, forenames, surname, fullName, aliases, dateOfBirth, layout, sex, address, postcode, previousPostcodes, pnc, cro, identifiers, place, occupation, separator, register, queries"

// For gives the mapping of the register's file or the queries'.
func (m Mapping) For(register bool) Mapping {
	switch {
	case register && m.Register != nil:
		return *m.Register
	case !register && m.Queries != nil:
		return *m.Queries
	}
	return m
}

// clean drops what stands for nothing.
func clean(s string) string {
	s = strings.TrimSpace(s)
	switch s { // Nan is a forename and Null a surname
	case "NA", "nan", "NaN", "null", "NULL", "None", "n/a", "N/A", "<NA>", `\N`:
		return ""
	}
	return s
}

// all are the columns that a file must have.
func (m Mapping) all(cluster string) []string {
	var out []string
	for _, c := range []string{m.ID, cluster} {
		if c != "" {
			out = append(out, c)
		}
	}
	return append(out, m.columns()...)
}

// columns are those that people are compared by.
func (m Mapping) columns() []string {
	var out []string
	for _, c := range []string{m.DateOfBirth.Column, m.DateOfBirth.Year, m.DateOfBirth.Month, m.DateOfBirth.Day, m.Sex} {
		if c != "" {
			out = append(out, c)
		}
	}
	for _, c := range []Columns{m.Forenames, m.Surname, m.FullName, m.Aliases, m.Address, m.Postcode, m.PNC, m.CRO, m.Identifiers, m.Place, m.Occupation, m.Previous} {
		out = append(out, c...)
	}
	return out
}

func (m Mapping) subject(get func(string) string) linkage.Subject {
	sep := m.Separator
	if sep == "" {
		sep = "|"
	}
	join := func(cs Columns, with string) string {
		var parts []string
		for _, c := range cs {
			if v := get(c); v != "" {
				parts = append(parts, v)
			}
		}
		return strings.Join(parts, with)
	}
	several := func(cs Columns) []string {
		var out []string
		for _, c := range cs {
			for _, v := range strings.Split(get(c), sep) {
				if v = clean(v); v != "" {
					out = append(out, v)
				}
			}
		}
		return out
	}
	var s linkage.Subject
	s.Forenames, s.Surname = untitled(join(m.Forenames, " ")), untitled(join(m.Surname, " "))
	for i, c := range m.FullName {
		full := untitled(get(c))
		switch {
		case full == "":
		case i == 0 && s.Forenames == "" && s.Surname == "":
			s.Forenames, s.Surname = splitName(full)
		case full != strings.TrimSpace(s.Forenames+" "+s.Surname):
			s.Aliases = append(s.Aliases, full)
		}
	}
	s.Aliases = append(s.Aliases, several(m.Aliases)...)
	s.DateOfBirth = m.date(get)
	s.Sex = sexOf(get(m.Sex))
	s.Address = join(m.Address, ", ")
	if len(m.Postcode) > 0 {
		s.Postcode = get(m.Postcode[0])
		for _, c := range m.Postcode[1:] {
			if v := get(c); v != "" {
				s.Previous = append(s.Previous, casework.Place{Postcode: v})
			}
		}
	}
	for _, v := range several(m.Previous) {
		s.Previous = append(s.Previous, casework.Place{Postcode: v})
	}
	s.PNCs, s.CROs, s.Others = several(m.PNC), several(m.CRO), several(m.Identifiers)
	s.Town, s.Occupation = join(m.Place, " "), join(m.Occupation, " ")
	return s
}

// titles stand before a name, and what comes behind one tells no names either.
var (
	titles = setOf("mr mrs miss ms mx master mister sir dame lady lord dr doctor prof professor rev reverend revd capt captain sgt herr frau fraulein fräulein mme mlle monsieur madame señor señora sr sra signor signora dhr mevr dipl")
	behind = setOf("jr jnr junior snr senior esq esquire phd md mbe obe cbe ii iii iv bart baronet bt")
)

func setOf(words string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}

// untitled takes off the titles before a name and what stands behind it, as
// long as a name is left.
func untitled(name string) string {
	bare := func(s string) string { return strings.ToLower(strings.Trim(s, ".,()")) }
	last, first, comma := strings.Cut(name, ",")
	if comma {
		// "Surname, Title Forenames", or "Forenames Surname, Jr".
		if rest := strings.Fields(first); len(rest) > 0 {
			if len(rest) == 1 && behind[bare(rest[0])] {
				return untitled(last)
			}
			return untitled(last) + ", " + untitled(first)
		}
		return untitled(last)
	}
	parts := strings.Fields(name)
	for len(parts) > 1 && titles[bare(parts[0])] {
		parts = parts[1:]
	}
	for len(parts) > 1 && behind[bare(parts[len(parts)-1])] {
		parts = parts[:len(parts)-1]
	}
	return strings.Join(parts, " ")
}

// splitName parts a whole name: "Surname, Forenames" or "Forenames Surname".
func splitName(full string) (forenames, surname string) {
	if last, first, ok := strings.Cut(full, ","); ok {
		return strings.TrimSpace(first), strings.TrimSpace(last)
	}
	parts := strings.Fields(full)
	if len(parts) < 2 {
		return "", full
	}
	return strings.Join(parts[:len(parts)-1], " "), parts[len(parts)-1]
}

func sexOf(s string) casework.Sex {
	switch strings.ToLower(s) {
	case "m", "male", "man", "1":
		return casework.Male
	case "f", "female", "woman", "2":
		return casework.Female
	case "":
		return ""
	}
	return casework.Unspecified
}

var usualLayouts = []string{"2006-01-02", "20060102", "02/01/2006", "2006/01/02", "02-01-2006", "02.01.2006", "2006-01-02 15:04:05", time.RFC3339, "2 Jan 2006", "2006-01", "2006"}

var spelled = strings.NewReplacer("YYYY", "2006", "yyyy", "2006", "MM", "01", "DD", "02", "dd", "02", "%Y", "2006", "%m", "01", "%d", "02")

func (m Mapping) date(get func(string) string) casework.Date {
	c := m.DateOfBirth
	if c.Year != "" {
		number := func(col string, most int) int {
			n, err := strconv.Atoi(strings.TrimSuffix(get(col), ".0"))
			if err != nil || n < 0 || n > most {
				return 0
			}
			return n
		}
		return casework.Date{Year: number(c.Year, 9999), Month: time.Month(number(c.Month, 12)), Day: number(c.Day, 31)}
	}
	s := get(c.Column)
	if s == "" {
		return casework.Date{}
	}
	layouts := usualLayouts
	if layout := c.Layout + m.Layout; layout != "" {
		layouts = []string{spelled.Replace(layout)}
	}
	for _, l := range layouts {
		if t, err := time.Parse(l, s); err == nil {
			d := casework.DateOf(t)
			if !strings.Contains(l, "02") && !strings.Contains(l, "2 ") {
				d.Day = 0
			}
			if !strings.Contains(l, "01") && !strings.Contains(l, "Jan") {
				d.Month = 0
			}
			return d
		}
	}
	return looseDate(s, layouts[0])
}

// looseDate reads a date that no calendar has, such as 31 February, part by
// part: mistyped dates are what is to be compared.
func looseDate(s, layout string) casework.Date {
	if len(s) != len(layout) {
		return casework.Date{}
	}
	part := func(mark string) int {
		i := strings.Index(layout, mark)
		if i < 0 {
			return 0
		}
		n, err := strconv.Atoi(s[i : i+len(mark)])
		if err != nil {
			return 0
		}
		return n
	}
	d := casework.Date{Year: part("2006"), Month: time.Month(part("01")), Day: part("02")}
	if d.Year == 0 || d.Month > 15 || d.Day > 31 {
		return casework.Date{Year: d.Year}
	}
	return d
}
