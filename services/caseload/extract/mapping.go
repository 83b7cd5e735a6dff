package extract

import (
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Mapping says what another case record's extract calls our columns.
//
//	delimiter: ";"
//	listSeparator: ","
//	dateLayout: 02/01/2006
//	columns:
//	  Case Reference: crn
//	  Family Name: surname
//	codes:
//	  sex: {1: M, 2: F}
type Mapping struct {
	// Delimiter parts the columns of a CSV; default a comma.
	Delimiter string `yaml:"delimiter"`
	// ListSeparator parts the values of a list; default |.
	ListSeparator string `yaml:"listSeparator"`
	// DateLayout is how a date is written, as Go writes it; default 2006-01-02.
	DateLayout string `yaml:"dateLayout"`
	// Columns give our name for the extract's.
	Columns map[string]string `yaml:"columns"`
	// Codes give our code for the extract's, by our column.
	Codes map[string]map[string]string `yaml:"codes"`
}

// ReadMapping reads a mapping file and says what in it cannot be meant.
func ReadMapping(from io.Reader) (*Mapping, error) {
	decoder := yaml.NewDecoder(from)
	decoder.KnownFields(true)
	var m Mapping
	if err := decoder.Decode(&m); err != nil {
		return nil, fmt.Errorf("read the mapping: %w", err)
	}
	if len(m.Delimiter) > 1 {
		return nil, fmt.Errorf("read the mapping: the delimiter must be one character")
	}
	taken := map[string]string{}
	for theirs, ours := range m.Columns {
		if !columnNames[ours] {
			return nil, fmt.Errorf("read the mapping: there is no column %q of ours", ours)
		}
		if other, ok := taken[ours]; ok {
			return nil, fmt.Errorf("read the mapping: both %q and %q are given as our column %s", other, theirs, ours)
		}
		taken[ours] = theirs
	}
	for column := range m.Codes {
		if !columnNames[column] {
			return nil, fmt.Errorf("read the mapping: codes are given for %q, which is no column of ours", column)
		}
	}
	return &m, nil
}

// column is our name for a column of the extract's.
func (m *Mapping) column(theirs string) (string, bool) {
	if m != nil {
		if ours, ok := m.Columns[theirs]; ok {
			return ours, true
		}
	}
	name := strings.ToLower(strings.TrimSpace(theirs))
	if alias, ok := columnAliases[name]; ok {
		name = alias
	}
	return name, columnNames[name]
}

// code is our code for one of the extract's.
func (m *Mapping) code(column, value string) string {
	if m != nil {
		if ours, ok := m.Codes[column][value]; ok {
			return ours
		}
	}
	return value
}

func (m *Mapping) listSeparator() string {
	if m != nil && m.ListSeparator != "" {
		return m.ListSeparator
	}
	return "|"
}

func (m *Mapping) dateLayout() string {
	if m != nil {
		return m.DateLayout
	}
	return ""
}

// columnNames are all that we understand.
var columnNames = func() map[string]bool {
	names := map[string]bool{}
	for _, name := range strings.Fields(`
		crn noms pnc cro surname forenames aliases date_of_birth sex address postcode previous_postcodes
		pdu_code pdu region_code team_code team practitioner_code practitioner practitioner_grade
		manager_code manager manager_grade head_code head
		practitioner_email manager_email head_email staff_email_domain
		order_type sentence_date supervision_start supervision_end rosh mappa registers restricted victim_contact
		custody recalled unlawfully_at_large warrant scheme licence_conditions exclusion_zones civil_orders bail
		victims children excluded_users restricted_to merged_into merged_from ended`) {
		names[name] = true
	}
	return names
}()

// columnAliases are other names under which columns have been seen.
var columnAliases = map[string]string{
	"dob":                   "date_of_birth",
	"pncs":                  "pnc",
	"cros":                  "cro",
	"source_crn":            "merged_from",
	"source crn":            "merged_from",
	"target_crn":            "merged_into",
	"lao":                   "restricted",
	"grade":                 "practitioner_grade",
	"exclusions":            "excluded_users",
	"restrictions":          "restricted_to",
	"licence":               "licence_conditions",
	"known_victims":         "victims",
	"ual":                   "unlawfully_at_large",
	"supervision_has_ended": "ended",
}
