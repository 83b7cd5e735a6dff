package simulator

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"

	"github.com/reportable-incidents/reportable/services/casework"
)

// layout is how a force exports its incidents.
type layout interface {
	// write adds incidents to what begin began.
	begin(to io.Writer) error
	write(incidents ...casework.Incident) error
	end() error
}

// ExportName is what a force calls its export.
func ExportName(force string) string {
	switch force {
	case "60":
		return "incidents-60-north-wales.ndjson"
	case "61":
		return "incidents-61-gwent.csv"
	case "62":
		return "incidents-62-south-wales.csv"
	}
	return "incidents-63-dyfed-powys.json"
}

func layoutOf(force string) layout {
	switch force {
	case "60":
		return &ndjson{}
	case "61":
		return &rows{comma: ';', encode: charmap.Windows1252.NewEncoder(), heading: gwentHeading, record: gwentRecord}
	case "62":
		return &rows{comma: ',', mark: "\ufeff", heading: southWalesHeading, record: southWalesRecord}
	}
	return &array{}
}

// Export writes incidents in the layout of a force.
func Export(to io.Writer, force string, incidents ...casework.Incident) error {
	l := layoutOf(force)
	if err := l.begin(to); err != nil {
		return err
	}
	if err := l.write(incidents...); err != nil {
		return err
	}
	return l.end()
}

// ndjson is canonical JSON, one object a line.
type ndjson struct{ to io.Writer }

func (l *ndjson) begin(to io.Writer) error { l.to = to; return nil }
func (l *ndjson) end() error               { return nil }

func (l *ndjson) write(incidents ...casework.Incident) error {
	for _, i := range incidents {
		b, err := json.Marshal(i)
		if err != nil {
			return err
		}
		if _, err := l.to.Write(append(b, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// array is canonical JSON, one array.
type array struct {
	to      io.Writer
	started bool
}

func (l *array) begin(to io.Writer) error {
	l.to = to
	_, err := io.WriteString(to, "[")
	return err
}

func (l *array) end() error {
	_, err := io.WriteString(l.to, "\n]\n")
	return err
}

func (l *array) write(incidents ...casework.Incident) error {
	for _, i := range incidents {
		b, err := json.Marshal(i)
		if err != nil {
			return err
		}
		between := ",\n"
		if !l.started {
			between, l.started = "\n", true
		}
		if _, err := l.to.Write(append([]byte(between), b...)); err != nil {
			return err
		}
	}
	return nil
}

// rows is a CSV with a row for each person.
type rows struct {
	comma   rune
	mark    string
	encode  *encoding.Encoder
	heading []string
	record  func(i *casework.Incident, v *casework.Involvement) []string
	to      io.Writer
}

func (l *rows) begin(to io.Writer) error {
	l.to = to
	if _, err := io.WriteString(to, l.mark); err != nil {
		return err
	}
	return l.put([][]string{l.heading})
}

func (l *rows) end() error { return nil }

func (l *rows) write(incidents ...casework.Incident) error {
	var records [][]string
	for n := range incidents {
		for p := range incidents[n].Persons {
			records = append(records, l.record(&incidents[n], &incidents[n].Persons[p]))
		}
	}
	return l.put(records)
}

func (l *rows) put(records [][]string) error {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Comma = l.comma
	if err := w.WriteAll(records); err != nil {
		return err
	}
	text := b.Bytes()
	if l.encode != nil {
		var err error
		if text, err = l.encode.Bytes([]byte(withoutRest(b.String()))); err != nil {
			return fmt.Errorf("write in the force's encoding: %w", err)
		}
	}
	_, err := l.to.Write(text)
	return err
}

// withoutRest gives up the diacritics that Windows-1252 has no place for.
func withoutRest(s string) string {
	return strings.Map(func(c rune) rune {
		if _, ok := charmap.Windows1252.EncodeRune(c); ok {
			return c
		}
		for _, p := range plain(string(c)) {
			return p
		}
		return '?'
	}, s)
}

var gwentHeading = words(`crime_ref rev state category reported_utc from_utc to_utc flags dash place pc lsoa action notes
person_role surname given_names aka birth_date gender pnc cro home home_pc arrest_utc asn charge custody_outcome`)

func gwentRecord(i *casework.Incident, v *casework.Involvement) []string {
	const stamp = "20060102150405"
	when := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(stamp)
	}
	var flags []string
	if i.DomesticAbuse {
		flags = append(flags, "DA")
	}
	if i.ChildrenPresent {
		flags = append(flags, "CH")
	}
	codes := map[string]string{"alcohol": "AL", "drugs": "DR", "mental-health": "MH", "weapon": "WP"}
	for _, f := range i.Factors {
		flags = append(flags, codes[f])
	}
	role := string(v.Role)
	if v.Role == casework.RoleArrested {
		role = "arrestee"
	}
	sex := map[casework.Sex]string{casework.Male: "male", casework.Female: "female", casework.Unspecified: "unknown"}[v.Sex]
	a := arrestOf(v)
	return []string{
		i.Reference, fmt.Sprint(i.Revision), string(i.Status), i.Type, when(i.ReportedAt), when(i.OccurredFrom), when(i.OccurredTo),
		strings.Join(flags, "|"), string(i.DASH[:min(len(i.DASH), 1)]), i.Location.Text, i.Location.Postcode, i.Location.LSOA,
		strings.Join(i.ActionsTaken, ", "), i.Summary,
		role, v.Surname, v.Forenames, strings.Join(v.AlsoKnownAs, "|"), strings.ReplaceAll(v.DateOfBirth.String(), "-", ""), sex, v.PNC, v.CRO,
		v.Address, v.Postcode, when(a.ArrestedAt), a.ASN, a.Offence, a.Disposal,
	}
}

var southWalesHeading = strings.Split(`Occurrence No,Version,Status,Occurrence Type,Reported Date/Time,Committed From,Committed To,DA Flag,DASH Risk,Children Present,Factors,Location,Postcode,LSOA,Action Taken,Summary,Involvement,Surname,Forename 1,Forename 2,Alias,DOB,Sex,PNC ID,CRO No,Nominal Address,Nominal Postcode,Arrest Date/Time,ASN,Arrest Offence,Disposal`, ",")

// london is where South Wales's local times are.
var london = func() *time.Location {
	l, err := time.LoadLocation("Europe/London")
	if err != nil {
		return time.UTC // no zones on this machine, and none embedded
	}
	return l
}()

func southWalesRecord(i *casework.Incident, v *casework.Involvement) []string {
	when := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.In(london).Format("02/01/2006 15:04")
	}
	yes := func(b bool) string {
		if b {
			return "Y"
		}
		return "N"
	}
	var factors []string
	codes := map[string]string{"alcohol": "A", "drugs": "D", "mental-health": "MH", "weapon": "W"}
	for _, f := range i.Factors {
		factors = append(factors, codes[f])
	}
	roles := map[casework.Role]string{casework.RoleArrested: "DEF", casework.RoleSuspect: "SUSP", casework.RoleVictim: "VIC",
		casework.RoleWitness: "WIT", casework.RoleChild: "CHILD", casework.RoleOther: "OTH"}
	first, rest, _ := strings.Cut(v.Forenames, " ")
	born := ""
	if v.DateOfBirth.Known() {
		born = v.DateOfBirth.Time().Format("02/01/2006")
	}
	a := arrestOf(v)
	return []string{
		i.Reference, fmt.Sprint(i.Revision), strings.ToUpper(string(i.Status)), i.Type, when(i.ReportedAt), when(i.OccurredFrom), when(i.OccurredTo),
		yes(i.DomesticAbuse), strings.ToUpper(string(i.DASH)), yes(i.ChildrenPresent), strings.Join(factors, ";"),
		i.Location.Text, i.Location.Postcode, i.Location.LSOA, strings.Join(i.ActionsTaken, ", "), i.Summary,
		roles[v.Role], v.Surname, first, rest, strings.Join(v.AlsoKnownAs, "|"), born, string(v.Sex), v.PNC, v.CRO,
		v.Address, v.Postcode, when(a.ArrestedAt), a.ASN, a.Offence, a.Disposal,
	}
}

func arrestOf(v *casework.Involvement) casework.Arrest {
	if v.Arrest == nil {
		return casework.Arrest{}
	}
	return *v.Arrest
}
