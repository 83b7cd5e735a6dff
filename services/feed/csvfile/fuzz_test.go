package csvfile_test

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/feed/canonical"
	"github.com/reportable-incidents/reportable/services/feed/check"
	"github.com/reportable-incidents/reportable/services/feed/csvfile"
)

// FuzzReader: any bytes under any encoding give records and an end, and a good
// record is one that canonical JSON could have brought as well.
func FuzzReader(f *testing.F) {
	row := line("R1", "1", "S", "A")
	for _, seed := range []string{
		heading + row, heading + row + row, heading + line("", "1", "S", "A") + row, heading + line("R1", "one", "S", "A") + row,
		heading + strings.Replace(row, "note", "\"a;b\"\"c\nd\"", 1), heading + strings.Replace(row, "note", "\"", 1) + row,
		heading + strings.Replace(row, "A;", "\x81;", 1), "\ufeff" + heading + row, "\xff\xfer\x00e\x00f\x00", heading, "", "\n\n", ";;;\n",
		heading + strings.Replace(row, "02/10/2018 09:00", "28/10/2018 01:30", 1), heading + strings.Repeat(row, 5) + row[:9],
	} {
		for encoding := range byte(5) {
			f.Add([]byte(seed), encoding)
		}
	}
	names := []string{"utf-8", "utf-16", "windows-1252", "iso-8859-1", "iso-8859-15"}
	all := make([]*csvfile.Mapping, len(names))
	for n, name := range names {
		m, err := csvfile.Load(strings.NewReader(plain + "encoding: " + name + "\n"))
		if err != nil {
			f.Fatal(err)
		}
		all[n] = m
	}
	rules := check.Rules{Force: "62", Now: now}
	f.Fuzz(func(t *testing.T, body []byte, encoding byte) {
		r, err := csvfile.NewReader(bytes.NewReader(body), all[int(encoding)%len(all)], rules)
		if err != nil {
			t.Fatalf("a reader of bytes in memory failed: %T", err)
		}
		for n := 0; ; n++ {
			rec, err := r.Next()
			if err == io.EOF {
				return
			}
			if err != nil || n > len(body) {
				t.Fatalf("record %d of %d bytes: %T", n, len(body), err)
			}
			for _, p := range rec.Problems {
				if p.Code == "" || p.Message == "" || p.Action == "" || p.Row < 1 {
					t.Errorf("a problem without code, words or row: %q", p.Code)
				}
			}
			if len(rec.Problems) > 0 {
				if rec.Number != rec.Problems[0].Row {
					t.Errorf("rejected at %d for a problem in row %d", rec.Number, rec.Problems[0].Row)
				}
				continue
			}
			written, err := json.Marshal(rec.Incident)
			if err != nil {
				t.Fatal("a good record cannot be written")
			}
			again, err := canonical.NewReader(bytes.NewReader(written), canonical.Value, rules).Next()
			if err != nil || len(again.Problems) > 0 {
				t.Fatalf("a good record is not good as canonical JSON: %v", again.Problems)
			}
		}
	})
}

// FuzzMapping: a mapping is understood or refused with a reason, and one that
// is understood can be used and explained.
func FuzzMapping(f *testing.F) {
	f.Add([]byte(plain))
	f.Add([]byte("name: x\nfields: {reference: {columns: [a, b]}}"))
	f.Add([]byte("delimiter: tab\ntimes: {layout: \"yyyy-MM-dd HH:mm:ssXXX\"}"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := csvfile.Load(bytes.NewReader(text))
		if err != nil {
			if err.Error() == "" {
				t.Error("refused without a reason")
			}
			return
		}
		if len(m.Explain()) == 0 {
			t.Error("a mapping that cannot be explained")
		}
		r, err := csvfile.NewReader(strings.NewReader(heading+line("R1", "1", "S", "A")), m, check.Rules{Force: "62", Now: now})
		for err == nil {
			_, err = r.Next()
		}
		if err != io.EOF {
			t.Errorf("a reader of bytes in memory failed: %T", err)
		}
	})
}

// FuzzLocalTime: a local time is rejected, or it is an instant at which the
// clocks of the zone showed it.
func FuzzLocalTime(f *testing.F) {
	for _, seed := range []string{"28/10/2018 01:30", "25/03/2018 01:30", "01/01/2018 00:00", "31/12/9999 23:59", "00/00/0000 00:00", "x"} {
		f.Add(seed, "Europe/London", true)
		f.Add(seed, "Australia/Lord_Howe", false)
	}
	f.Fuzz(func(t *testing.T, cell, zone string, first bool) {
		ambiguous := "first"
		if !first {
			ambiguous = "second"
		}
		where, err := time.LoadLocation(zone)
		if err != nil || zone == "" || zone == "Local" || strings.ContainsAny(zone, "\"\n\\") {
			return
		}
		m, err := csvfile.Load(strings.NewReader(strings.NewReplacer("Europe/London", "\""+zone+"\"", "ambiguous: first", "ambiguous: "+ambiguous).Replace(plain)))
		if err != nil || strings.ContainsAny(cell, ";\"\n\r") {
			return
		}
		r, err := csvfile.NewReader(strings.NewReader(heading+"R1;1;Burglary;"+cell+";"+cell+";;;;S;A;;;\n"), m, check.Rules{Force: "62", Now: now.AddDate(20000, 0, 0)})
		if err != nil {
			t.Fatal(err)
		}
		rec, err := r.Next()
		if err != nil || len(rec.Problems) > 0 {
			return
		}
		got := rec.Incident.OccurredFrom.In(where).Format("02/01/2006 15:04")
		if trimmed := strings.TrimSpace(cell); got != trimmed && !strings.HasPrefix(trimmed, got[:11]) {
			t.Errorf("got another time than was given")
		}
	})
}
