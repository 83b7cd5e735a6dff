package canonical_test

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/feed/canonical"
	"github.com/reportable-incidents/reportable/services/feed/check"
)

// now is a month after the incidents of these tests.
var now = time.Date(2018, 11, 30, 12, 0, 0, 0, time.UTC)

const good = `{"force":"60","reference":"B1","revision":1,"status":"live","kind":"incident","type":"Burglary",` +
	`"reportedAt":"2018-10-28T18:50:00Z","occurredFrom":"2018-10-28T17:19:00Z","persons":[{"role":"suspect","surname":"Canary"}]}`

// read gives every record of a submission by force 60.
func read(t *testing.T, body string, form canonical.Form) ([]casework.Record, *canonical.Reader) {
	t.Helper()
	r := canonical.NewReader(strings.NewReader(body), form, check.Rules{Force: "60", Now: now})
	var all []casework.Record
	for {
		rec, err := r.Next()
		if err == io.EOF {
			return all, r
		}
		if err != nil {
			t.Fatalf("read record %d: %v", len(all)+1, err)
		}
		all = append(all, rec)
	}
}

// spoil puts one thing in the place of another in a good record.
func spoil(old, new string) string {
	if !strings.Contains(good, old) {
		panic("not in the good record: " + old)
	}
	return strings.Replace(good, old, new, 1)
}

func TestAGoodRecordIsReadInEachForm(t *testing.T) {
	pretty := strings.NewReplacer(",", ",\n  ", "{", "{\n  ").Replace(good)
	for name, test := range map[string]struct {
		body string
		form canonical.Form
		want int
	}{
		"an object":                 {good, canonical.Auto, 1},
		"an object over many lines": {pretty, canonical.Auto, 1},
		"an array":                  {"[" + good + ",\n" + pretty + "]", canonical.Auto, 2},
		"an empty array":            {" [ ] ", canonical.Auto, 0},
		"lines":                     {good + "\n\r\n" + good + "\r\n", canonical.Auto, 2},
		"lines, said so":            {good + "\n" + good, canonical.Lines, 2},
		"objects in a row":          {pretty + pretty, canonical.Auto, 2},
		"with a byte order mark":    {"\ufeff" + good, canonical.Auto, 1},
		"nothing":                   {"", canonical.Auto, 0},
	} {
		records, r := read(t, test.body, test.form)
		if len(records) != test.want {
			t.Errorf("%s: got %d records, want %d", name, len(records), test.want)
		}
		for _, rec := range records {
			if len(rec.Problems) > 0 || rec.Incident.Reference != "B1" || len(rec.Incident.Persons) != 1 {
				t.Errorf("%s: record %d: got problems %v", name, rec.Number, rec.Problems)
			}
		}
		if r.Ended() != nil {
			t.Errorf("%s: ended early: %s", name, r.Ended().Message)
		}
	}
}

func TestWhatIsWrongIsNamedWithItsPlaceAndWithoutItsValue(t *testing.T) {
	for name, test := range map[string]struct{ body, pointer, code string }{
		"no reference":         {spoil(`"reference":"B1",`, ``), "/reference", "no_reference"},
		"null reference":       {spoil(`"B1"`, `null`), "/reference", "no_reference"},
		"name for a reference": {spoil(`"B1"`, `"Canary, Zoë"`), "/reference", "bad_reference"},
		"revision in quotes":   {spoil(`"revision":1`, `"revision":"1"`), "/revision", "wrong_type"},
		"revision with point":  {spoil(`"revision":1`, `"revision":1.5`), "/revision", "wrong_type"},
		"revision nought":      {spoil(`"revision":1`, `"revision":0`), "/revision", "out_of_range"},
		"revision beyond":      {spoil(`"revision":1`, `"revision":99999999`), "/revision", "out_of_range"},
		"no revision":          {spoil(`"revision":1,`, ``), "/revision", "missing"},
		"unknown status":       {spoil(`"live"`, `"Canary"`), "/status", "unknown_code"},
		"unknown kind":         {spoil(`"kind":"incident"`, `"kind":"Canary"`), "/kind", "unknown_code"},
		"unknown role":         {spoil(`"suspect"`, `"nominal"`), "/persons/0/role", "unknown_code"},
		"no role":              {spoil(`"role":"suspect",`, ``), "/persons/0/role", "missing"},
		"another force":        {spoil(`"force":"60"`, `"force":"99"`), "/force", "another_force"},
		"no offset":            {spoil(`"2018-10-28T18:50:00Z"`, `"2018-10-28T18:50"`), "/reportedAt", "no_offset"},
		"not a time":           {spoil(`"2018-10-28T18:50:00Z"`, `"Canary"`), "/reportedAt", "bad_time"},
		"time as number":       {spoil(`"2018-10-28T18:50:00Z"`, `1540752600`), "/reportedAt", "wrong_type"},
		"31 February":          {spoil(`"2018-10-28T18:50:00Z"`, `"2018-02-31T18:50:00Z"`), "/reportedAt", "bad_time"},
		"in the future":        {spoil(`"2018-10-28T18:50:00Z"`, `"2018-11-30T12:03:00Z"`), "/reportedAt", "in_the_future"},
		"ends before start":    {spoil(`"persons"`, `"occurredTo":"2018-10-28T17:18:59Z","persons"`), "/occurredTo", "ends_before_start"},
		"no persons":           {spoil(`[{"role":"suspect","surname":"Canary"}]`, `[]`), "/persons", "no_persons"},
		"persons missing":      {spoil(`,"persons":[{"role":"suspect","surname":"Canary"}]`, ``), "/persons", "no_persons"},
		"a person is a text":   {spoil(`{"role":"suspect","surname":"Canary"}`, `"Canary"`), "/persons/0", "wrong_type"},
		"a null person":        {spoil(`{"role":"suspect","surname":"Canary"}`, `null`), "/persons/0", "wrong_type"},
		"persons an object":    {spoil(`[{"role":"suspect","surname":"Canary"}]`, `{"Canary":1}`), "/persons", "wrong_type"},
		"surname a number":     {spoil(`"Canary"`, `7`), "/persons/0/surname", "wrong_type"},
		"over-long surname":    {spoil(`"Canary"`, `"`+strings.Repeat("Canary", 50)+`"`), "/persons/0/surname", "too_long"},
		"half a character":     {spoil(`"Canary"`, `"Canary\ud83d"`), "/persons/0/surname", "bad_encoding"},
		"bytes of Latin-1":     {spoil(`"Canary"`, "\"Canary\xe9\""), "/persons/0/surname", "bad_encoding"},
		"a nought byte":        {spoil(`"Canary"`, `"Canary\u0000"`), "/persons/0/surname", "control_character"},
		"bad date of birth":    {spoil(`"Canary"`, `"Canary","dateOfBirth":"31/02/1980"`), "/persons/0/dateOfBirth", "bad_date"},
		"born tomorrow week":   {spoil(`"Canary"`, `"Canary","dateOfBirth":"2018-12-07"`), "/persons/0/dateOfBirth", "in_the_future"},
		"flag in quotes":       {spoil(`"persons"`, `"domesticAbuse":"true","persons"`), "/domesticAbuse", "wrong_type"},
		"unknown risk grade":   {spoil(`"persons"`, `"dash":"severe","persons"`), "/dash", "unknown_code"},
		"latitude of 91":       {spoil(`"persons"`, `"location":{"latitude":91},"persons"`), "/location/latitude", "out_of_range"},
		"relation to nobody":   {spoil(`"persons"`, `"relationships":[{"from":1,"to":2,"kind":"partner"}],"persons"`), "/relationships/0/to", "out_of_range"},
		"field given twice":    {spoil(`"persons"`, `"status":"live","persons"`), "/status", "repeated_field"},
		"not an object":        {`"Canary"`, "", "wrong_type"},
		"cut off":              {good[:len(good)-5], "", "ends_early"},
		"a word that is none":  {spoil(`"Canary"`, `Canary`), "", "malformed"},
		"nested without end":   {spoil(`"Canary"`, strings.Repeat("[", 100)+strings.Repeat("]", 100)), "", "malformed"},
	} {
		records, _ := read(t, "["+good+",\n"+test.body+"]", canonical.Array)
		if test.code == "ends_early" {
			records, _ = read(t, "["+good+","+test.body, canonical.Array)
		}
		if len(records) != 2 {
			t.Errorf("%s: got %d records, want 2", name, len(records))
			continue
		}
		rec := records[1]
		if len(rec.Problems) != 1 {
			t.Errorf("%s: got %d problems, want 1: %v", name, len(rec.Problems), rec.Problems)
			continue
		}
		p := rec.Problems[0]
		if p.Pointer != test.pointer || p.Code != test.code || rec.Number != 2 {
			t.Errorf("%s: got record %d, %s at %q, want record 2, %s at %q", name, rec.Number, p.Code, p.Pointer, test.code, test.pointer)
		}
		if p.Message == "" || p.Action == "" || strings.Contains(p.Message+p.Action, "%") {
			t.Errorf("%s: a problem without words: %+v", name, p)
		}
		if strings.Contains(p.Message+p.Action, "Canary") {
			t.Errorf("%s: the answer repeats a value", name)
		}
	}
}

func TestABrokenRecordSpoilsItselfAlone(t *testing.T) {
	broken := map[string]string{
		"a missing quotation mark": "{\"force\":\"60,\n\"reference\":\"B1\"}",
		"a missing value":          `{"force":}`,
		"another type":             `17`,
		"too large a one":          `{"summary":"` + strings.Repeat("x", canonical.MaxRecord) + `"}`,
	}
	for name, bad := range broken {
		records, r := read(t, "[\n"+good+",\n"+bad+",\n"+good+"\n]", canonical.Auto)
		if len(records) != 3 || len(records[0].Problems) != 0 || len(records[1].Problems) == 0 || len(records[2].Problems) != 0 || r.Ended() != nil {
			t.Errorf("%s, in an array: got %d records", name, len(records))
		}
		line := strings.ReplaceAll(bad, "\n", "")
		records, r = read(t, good+"\n"+line+"\n"+good+"\n", canonical.Lines)
		if len(records) != 3 || len(records[0].Problems) != 0 || len(records[1].Problems) == 0 || len(records[2].Problems) != 0 || r.Ended() != nil {
			t.Errorf("%s, as a line: got %d records", name, len(records))
		}
	}
}

func TestAnArrayThatIsNotClosedEndsEarlyAndKeepsWhatCameBefore(t *testing.T) {
	for _, body := range []string{"[" + good + "," + good, "[" + good + " " + good + "]", "[" + good + "] x", "[" + good + ",]"} {
		records, r := read(t, body, canonical.Auto)
		if len(records) == 0 || len(records[0].Problems) != 0 {
			t.Errorf("%.3q…: got %d records, want the first one good", body, len(records))
		}
		if r.Ended() == nil {
			t.Errorf("%q: want a reason for the early end", body[len(body)-3:])
		}
	}
}

func TestUnknownFieldsAreDroppedAndCountedWithoutTheirValues(t *testing.T) {
	body := spoil(`"surname"`, `"nickname":"Canary","surname"`)
	body = strings.Replace(body, `"persons"`, `"weather":{"Canary":[1,2]},"Canary Jones":1,"persons"`, 1)
	records, r := read(t, body+"\n"+body, canonical.Lines)
	if len(records) != 2 || len(records[0].Problems) != 0 {
		t.Fatalf("got %d records with problems %v, want 2 with none", len(records), records[0].Problems)
	}
	want := map[string]int{"/persons/*/nickname": 2, "/weather": 2, "/(not a name)": 2}
	for field, n := range want {
		if r.Dropped()[field] != n {
			t.Errorf("dropped %s: got %d, want %d", field, r.Dropped()[field], n)
		}
	}
	if len(r.Dropped()) != len(want) {
		t.Errorf("dropped: got %d fields, want %d", len(r.Dropped()), len(want))
	}
}

func TestAnIncidentWithoutNamesIsTakenAndMarked(t *testing.T) {
	records, _ := read(t, spoil(`,"surname":"Canary"`, ``), canonical.Auto)
	if len(records[0].Problems) != 0 || !records[0].Incident.Redacted {
		t.Errorf("got problems %v, redacted %v; want none, true", records[0].Problems, records[0].Incident.Redacted)
	}
}

func TestThePilotsSpoiledRecordsAreThoseRejected(t *testing.T) {
	for _, pilot := range []struct{ force, file string }{
		{"60", "incidents-60-north-wales.ndjson"},
		{"63", "incidents-63-dyfed-powys.json"},
	} {
		f, err := os.Open("../../../../shared/data/pilot/" + pilot.file)
		if err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip("the pilot's data are not beside the repository: ", err)
		}
		defer f.Close()
		want := spoiled(t, pilot.force)
		r := canonical.NewReader(f, canonical.Auto, check.Rules{Force: pilot.force, Now: time.Now()})
		for {
			rec, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			why, bad := want[rec.Number]
			switch {
			case bad && len(rec.Problems) == 0:
				t.Errorf("force %s record %d: accepted, want it rejected: %s", pilot.force, rec.Number, why)
			case !bad && len(rec.Problems) > 0:
				t.Errorf("force %s record %d: rejected for %s at %s, want it accepted", pilot.force, rec.Number, rec.Problems[0].Code, rec.Problems[0].Pointer)
			case bad && rec.Problems[0].Code != codes[why].code || bad && rec.Problems[0].Pointer != codes[why].pointer:
				t.Errorf("force %s record %d: got %s at %s for %q", pilot.force, rec.Number, rec.Problems[0].Code, rec.Problems[0].Pointer, why)
			}
			delete(want, rec.Number)
		}
		if len(want) > 0 {
			t.Errorf("force %s: never came to records %v", pilot.force, want)
		}
	}
}

// codes are ours for the pilot's words.
var codes = map[string]struct{ pointer, code string }{
	"unknown role":  {"/persons/0/role", "unknown_code"},
	"no offset":     {"/reportedAt", "no_offset"},
	"no persons":    {"/persons", "no_persons"},
	"another force": {"/force", "another_force"},
	"no reference":  {"/reference", "no_reference"},
}

// spoiled gives the records of a force that the pilot says are spoiled, and how.
func spoiled(t *testing.T, force string) map[int]string {
	t.Helper()
	b, err := os.ReadFile("../../../../shared/data/pilot/rejects.csv")
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[int]string)
	for _, line := range strings.Split(strings.TrimSpace(string(b)), "\n")[1:] {
		f := strings.Split(strings.TrimSpace(line), ",")
		if f[0] != force {
			continue
		}
		n := 0
		for _, c := range f[1] {
			n = n*10 + int(c-'0')
		}
		all[n] = f[3]
	}
	return all
}
