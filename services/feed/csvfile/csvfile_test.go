package csvfile_test

import (
	"bytes"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/feed/check"
	"github.com/reportable-incidents/reportable/services/feed/csvfile"
)

// now is a month after the incidents of these tests.
var now = time.Date(2018, 11, 30, 12, 0, 0, 0, time.UTC)

const plain = `
name: plain
delimiter: ";"
times: {layout: dd/MM/yyyy HH:mm, zone: Europe/London, ambiguous: first}
dates: {layout: dd/MM/yyyy}
fields:
  reference: ref
  revision: ver
  status: {value: live}
  type: type
  reportedAt: reported
  occurredFrom: from
  occurredTo: to
  flags: {column: flags, split: "|", codes: {DA: domesticAbuse, CH: childrenPresent, AL: factors/alcohol}}
  summary: notes
  role: {column: role, codes: {S: suspect, V: victim, A: arrested}}
  surname: surname
  forenames: {columns: [first, second]}
  dateOfBirth: born
`

const heading = "ref;ver;type;reported;from;to;flags;notes;role;surname;first;second;born\n"

// mapping loads the plain mapping with some of its text replaced.
func mapping(t *testing.T, oldnew ...string) *csvfile.Mapping {
	t.Helper()
	m, err := csvfile.Load(strings.NewReader(strings.NewReplacer(oldnew...).Replace(plain)))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func read(t *testing.T, m *csvfile.Mapping, body string) ([]casework.Record, *csvfile.Reader) {
	t.Helper()
	r, err := csvfile.NewReader(strings.NewReader(body), m, check.Rules{Force: "62", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	var all []casework.Record
	for {
		rec, err := r.Next()
		if err == io.EOF {
			return all, r
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rec)
	}
}

// line makes a row that is good but for what is given.
func line(ref, ver, role, surname string) string {
	return ref + ";" + ver + ";Burglary;02/10/2018 10:00;02/10/2018 09:00;;AL;note;" + role + ";" + surname + ";Ann;;01/02/1980\n"
}

// outcome writes records shortly: record number, reference, revision, persons
// or the first problem.
func outcome(records []casework.Record) string {
	var b strings.Builder
	for _, r := range records {
		b.WriteString(strconv.Itoa(r.Number) + " " + r.Incident.Reference + "/" + strconv.Itoa(r.Incident.Revision) + " ")
		if len(r.Problems) > 0 {
			p := r.Problems[0]
			b.WriteString(p.Code + "@" + strconv.Itoa(p.Row) + ":" + p.Column)
		} else {
			for _, p := range r.Incident.Persons {
				b.WriteString(p.Surname)
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestRowsOfOneReferenceAndVersionAreOneIncident(t *testing.T) {
	for name, test := range map[string]struct{ rows, want string }{
		"two people":         {line("R1", "1", "S", "A") + line("R1", "1", "V", "B"), "2 R1/1 AB\n"},
		"two versions":       {line("R1", "1", "S", "A") + line("R1", "2", "S", "A"), "2 R1/1 A\n3 R1/2 A\n"},
		"two references":     {line("R1", "1", "S", "A") + line("R2", "1", "S", "A"), "2 R1/1 A\n3 R2/1 A\n"},
		"sent twice":         {line("R1", "1", "S", "A") + line("R1", "1", "V", "B") + line("R1", "1", "S", "A") + line("R1", "1", "V", "B"), "2 R1/1 AB\n4 R1/1 AB\n"},
		"sent three times":   {strings.Repeat(line("R1", "1", "S", "A"), 3), "2 R1/1 A\n3 R1/1 A\n4 R1/1 A\n"},
		"one man, two roles": {line("R1", "1", "A", "A") + line("R1", "1", "V", "A"), "2 R1/1 AA\n"},
		"a spoiled row rejects its incident, at that row": {
			line("R1", "1", "S", "A") + line("R1", "1", "NK", "B") + line("R2", "1", "S", "C"),
			"3 R1/1 unknown_code@3:role\n4 R2/1 C\n"},
		"a row without a reference is rejected alone": {
			line("R1", "1", "S", "A") + line("", "1", "V", "B") + line("R1", "1", "V", "C"),
			"3 /0 no_reference@3:ref\n2 R1/1 AC\n"},
		"a copy that lost a row to it is the same incident": {
			line("", "1", "S", "A") + line("R1", "1", "V", "B") + line("R1", "1", "S", "A") + line("R1", "1", "V", "B"),
			"2 /0 no_reference@2:ref\n3 R1/1 BA\n"},
		"a spoiled copy leaves the good one": {
			line("R1", "1", "S", "A") + line("R1", "1", "V", "B") + line("R1", "1", "S", "A") + line("R1", "1", "NK", "B"),
			"2 R1/1 AB\n5 R1/1 unknown_code@5:role\n"},
		"a version that cannot be read rejects the block it leads": {
			line("R1", "one", "S", "A") + line("R1", "1", "V", "B") + line("R1", "2", "S", "A") + line("R1", "2", "V", "B"),
			"2 R1/0 bad_version@2:ver\n4 R1/2 AB\n"},
		"a version that cannot be read between two blocks rejects both": {
			line("R1", "1", "S", "A") + line("R1", "", "V", "B") + line("R1", "2", "V", "C"),
			"3 R1/1 bad_version@3:ver\n"},
		"a row too short rejects its incident": {
			line("R1", "1", "S", "A") + "R1;1;Burglary\n" + line("R2", "1", "S", "A"),
			"3 R1/1 wrong_columns@3:\n4 R2/1 A\n"},
		"a quotation mark that is not closed costs its incident": {
			line("R1", "1", "S", "A") + line("R1", "1", "V", "\"B") + line("R2", "1", "S", "A"),
			"3 R1/1 broken_quotes@3:\n4 R2/1 A\n"},
		"a quoted line break": {
			strings.Replace(line("R1", "1", "S", "A"), "note", "\"a; \"\"b\"\"\nc\"", 1) + line("R2", "1", "S", "B"),
			"2 R1/1 A\n4 R2/1 B\n"},
		"blank rows": {"\n;;;;;;;;;;;;\n" + line("R1", "1", "S", "A") + "\r\n", "4 R1/1 A\n"},
		"rows that contradict one another": {
			line("R1", "1", "S", "A") + strings.Replace(line("R1", "1", "V", "B"), "02/10/2018 09:00", "02/10/2018 09:30", 1),
			"3 R1/1 rows_disagree@3:from\n"},
	} {
		records, _ := read(t, mapping(t), heading+test.rows)
		if got := outcome(records); got != test.want {
			t.Errorf("%s: got\n%swant\n%s", name, got, test.want)
		}
	}
}

func TestACellIsReadByItsMapping(t *testing.T) {
	row := "R1;2;Burglary;02/10/2018 10:00;02/07/2018 09:00;02/10/2018 09:30;DA|AL;\"x; y\";A;Jones;Ann;Beth;29/02/1980\n"
	records, _ := read(t, mapping(t), heading+row)
	i := records[0].Incident
	if len(records[0].Problems) > 0 {
		t.Fatalf("got problems %v, want none", records[0].Problems)
	}
	got := []string{i.Force, string(i.Status), string(i.Kind), i.OccurredFrom.Format(time.RFC3339), i.Persons[0].Forenames,
		i.Persons[0].DateOfBirth.String(), strings.Join(i.Factors, "+"), strconv.FormatBool(i.DomesticAbuse), i.Summary, string(i.Persons[0].Role)}
	want := []string{"62", "live", "arrest", "2018-07-02T08:00:00Z", "Ann Beth", "1980-02-29", "alcohol", "true", "x; y", "arrested"}
	for n := range want {
		if got[n] != want[n] {
			t.Errorf("got %q, want %q", got[n], want[n])
		}
	}
}

func TestLocalTimesOfTheTwoNightsWhenClocksChange(t *testing.T) {
	first := mapping(t)
	second := mapping(t, "ambiguous: first", "ambiguous: second")
	reject := mapping(t, ", ambiguous: first", "")
	forward := mapping(t, "ambiguous: first", "nonexistent: forward")
	for name, test := range map[string]struct {
		m        *csvfile.Mapping
		from, to string
		want     string // from and to in UTC, or a code
	}{
		"before the clocks go back":    {first, "28/10/2018 00:59", "28/10/2018 02:00", "27T23:59 28T02:00"},
		"the hour that happens twice":  {first, "28/10/2018 01:30", "28/10/2018 01:40", "28T00:30 28T00:40"},
		"the second of the two":        {second, "28/10/2018 01:30", "28/10/2018 01:40", "28T01:30 28T01:40"},
		"neither, if the mapping says": {reject, "28/10/2018 01:30", "", "ambiguous_local_time"},
		"an end before its start":      {first, "28/10/2018 01:50", "28/10/2018 01:10", "28T00:50 28T01:10"},
		"the hour that is skipped":     {first, "25/03/2018 01:30", "", "no_such_local_time"},
		"the hour skipped, forgiven":   {forward, "25/03/2018 01:30", "25/03/2018 02:30", "25T01:30 25T01:30"},
		"the end of the skipped hour":  {first, "25/03/2018 00:59", "25/03/2018 02:00", "25T00:59 25T01:00"},
	} {
		row := "R1;1;Burglary;02/11/2018 10:00;" + test.from + ";" + test.to + ";;;S;A;;;\n"
		records, _ := read(t, test.m, heading+row)
		got := ""
		if p := records[0].Problems; len(p) > 0 {
			got = p[0].Code
		} else {
			i := records[0].Incident
			got = i.OccurredFrom.Format("02T15:04") + " " + i.OccurredTo.Format("02T15:04")
		}
		if got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
}

func TestAnEncodingIsTheMappingsAndLossIsNoticed(t *testing.T) {
	latin := mapping(t, "delimiter", "encoding: windows-1252\ndelimiter")
	records, _ := read(t, latin, heading+line("R1", "1", "S", "Si\xf4n")+line("R2", "1", "S", "Si\x81n"))
	if got := records[0].Incident.Persons[0].Surname; got != "Siôn" {
		t.Errorf("Windows-1252: got a surname of %d bytes, want the five of the right one", len(got))
	}
	if p := records[1].Problems; len(p) != 1 || p[0].Code != "bad_encoding" || p[0].Column != "surname" {
		t.Errorf("a byte that Windows-1252 does not have: got %v", p)
	}
	records, _ = read(t, mapping(t), heading+line("R1", "1", "S", "Si\xf4n"))
	if p := records[0].Problems; len(p) != 1 || p[0].Code != "bad_encoding" {
		t.Errorf("Latin-1 in a UTF-8 file: got %v", p)
	}
	_, r := read(t, latin, "\ufeff"+heading+line("R1", "1", "S", "A"))
	if r.Ended() == nil || r.Ended().Code != "bad_encoding" {
		t.Errorf("a UTF-8 mark under a Windows-1252 mapping: got %v", r.Ended())
	}
	records, _ = read(t, mapping(t), "\ufeff"+heading+line("R1", "1", "S", "A"))
	if len(records) != 1 || len(records[0].Problems) != 0 {
		t.Errorf("a UTF-8 mark: got %d records", len(records))
	}
}

func TestAFileThatTheMappingDoesNotFitIsRefusedWhole(t *testing.T) {
	records, r := read(t, mapping(t), strings.Replace(heading, "ref;", "Reference;", 1)+line("R1", "1", "S", "A"))
	if len(records) != 0 || r.Ended() == nil || !strings.Contains(r.Ended().Message, `"ref"`) {
		t.Errorf("got %d records and %v, want none and the missing column named", len(records), r.Ended())
	}
	records, r = read(t, mapping(t), strings.Replace(heading, "\n", ";Weather\n", 1)+strings.Replace(line("R1", "1", "S", "A"), "\n", ";wet\n", 1))
	if len(records) != 1 || r.Ended() != nil || r.Dropped()["Weather"] != 1 {
		t.Errorf("an unknown column: got %d records, dropped %v", len(records), r.Dropped())
	}
}

func TestAMappingSaysWhatIsWrongWithIt(t *testing.T) {
	for old, test := range map[string][2]string{
		"revision: ver":        {"", "revision is required"},
		"zone: Europe/London":  {"zone: Europe/Cardiff", "no time zone"},
		`delimiter: ";"`:       {`delimiter: ";;"`, "one plain character"},
		"surname: surname":     {"surnames: surname", `no field "surnames"`},
		"AL: factors/alcohol":  {"AL: alcohol", "factors/<code>"},
		"layout: dd/MM/yyyy H": {"layout: yyyy H", "lacks one of"},
		"name: plain":          {"name: plain\ncolour: red", "colour"},
	} {
		_, err := csvfile.Load(strings.NewReader(strings.Replace(plain, old, test[0], 1)))
		if err == nil || !strings.Contains(err.Error(), test[1]) {
			t.Errorf("%s: got %v, want it to say %q", old, err, test[1])
		}
	}
	for _, force := range []string{"61", "62"} {
		if m, err := csvfile.Shipped("", force); err != nil || m.Force != force {
			t.Errorf("the mapping shipped for force %s: %v", force, err)
		}
	}
}

func TestThePilotsSpoiledRowsAreThoseRejected(t *testing.T) {
	codes := map[string]string{
		"bad date": "bad_time", "bad version": "bad_version", "time in the future": "in_the_future", "no reference": "no_reference",
		"unknown involvement": "unknown_code", "unknown role": "unknown_code", "ends before it starts": "ends_before_start",
	}
	for force, file := range map[string]string{"61": "incidents-61-gwent.csv", "62": "incidents-62-south-wales.csv"} {
		body, err := os.ReadFile("../../../../shared/data/pilot/" + file)
		if err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip("the pilot's data are not beside the repository: ", err)
		}
		list, err := os.ReadFile("../../../../shared/data/pilot/rejects.csv")
		if err != nil {
			t.Fatal(err)
		}
		want := make(map[int]string)
		for _, l := range strings.Split(strings.TrimSpace(string(list)), "\n")[1:] {
			if f := strings.Split(strings.TrimSpace(l), ","); f[0] == force {
				n, _ := strconv.Atoi(f[1])
				want[n] = f[3]
			}
		}
		m, err := csvfile.Shipped("", force)
		if err != nil {
			t.Fatal(err)
		}
		r, err := csvfile.NewReader(bytes.NewReader(body), m, check.Rules{Force: force, Now: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		for {
			rec, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(rec.Problems) == 0 {
				continue
			}
			p := rec.Problems[0]
			why, ok := want[rec.Number]
			if !ok || codes[why] != p.Code || p.Row != rec.Number || p.Column == "" {
				t.Errorf("force %s row %d: rejected for %s in %q, want %q", force, rec.Number, p.Code, p.Column, why)
			}
			delete(want, rec.Number)
		}
		if r.Ended() != nil || len(want) > 0 {
			t.Errorf("force %s: ended %v, accepted rows that are spoiled: %v", force, r.Ended(), want)
		}
	}
}
