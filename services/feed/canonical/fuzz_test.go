package canonical_test

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/feed/canonical"
	"github.com/reportable-incidents/reportable/services/feed/check"
)

// FuzzReader: whatever is sent, there is an end to it; a record is either good
// or says what is wrong; and a good one, written in canonical form and read
// again, is the same.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{
		good, "[" + good + "," + good + "]", good + "\n" + good + "\n", "[" + good, "[{},7,\"x\",null]", "\ufeff" + good, "\xff\xfe{",
		spoil(`"Canary"`, `"\ud83d\ude00 \ud83d \u0000"`), spoil(`"Canary"`, "\"\xe9\""), spoil(`"revision":1`, `"revision":1e3`),
		spoil(`"2018-10-28T18:50:00Z"`, `"0001-01-01T00:00:00Z"`), spoil(`"persons"`, `"relationships":[{"from":1,"to":9,"kind":"x"}],"nsir":{},"persons"`),
		`{"persons":[[[[[[]]]]]]}`, `[`, `]`, `{"a":"`, "{\"force\":\"60\n\"}",
	} {
		for form := range byte(4) {
			f.Add([]byte(seed), form)
		}
	}
	rules := check.Rules{Force: "60", Now: now}
	f.Fuzz(func(t *testing.T, body []byte, form byte) {
		type outcome struct {
			records []casework.Record
			dropped map[string]int
			ended   *casework.Problem
		}
		read := func(in io.Reader) (o outcome) {
			r := canonical.NewReader(in, canonical.Form(form%4), rules)
			for {
				rec, err := r.Next()
				if err == io.EOF {
					o.dropped, o.ended = r.Dropped(), r.Ended()
					return o
				}
				if err != nil {
					t.Fatalf("a reader of bytes in memory failed: %T", err)
				}
				o.records = append(o.records, rec)
				if len(o.records) > len(body)+1 {
					t.Fatal("more records than bytes")
				}
			}
		}
		whole := read(bytes.NewReader(body))
		if bits := read(iotest.OneByteReader(bytes.NewReader(body))); form%4 != 0 && !reflect.DeepEqual(whole, bits) {
			t.Error("it matters in how many parts the body comes")
		}
		for n, rec := range whole.records {
			if rec.Number != n+1 {
				t.Errorf("record %d calls itself %d", n+1, rec.Number)
			}
			for _, p := range rec.Problems {
				if p.Code == "" || p.Message == "" || p.Action == "" || !utf8.ValidString(p.Pointer) {
					t.Errorf("a problem without code, words or a good place: %q", p.Code)
				}
			}
			if len(rec.Problems) > 0 {
				continue
			}
			if len(rec.Incident.Persons) == 0 || !check.GoodReference(rec.Incident.Reference) || rec.Incident.Force != "60" {
				t.Error("an incident without persons, reference or force was taken")
			}
			first, err := json.Marshal(rec.Incident)
			if err != nil {
				t.Fatal("a good record cannot be written")
			}
			again, err := canonical.NewReader(bytes.NewReader(first), canonical.Value, rules).Next()
			if err != nil || len(again.Problems) > 0 {
				t.Fatalf("a good record is not good when read again: %v", again.Problems)
			}
			if second, err := json.Marshal(again.Incident); err != nil || !bytes.Equal(first, second) {
				t.Error("a good record is another when read again")
			}
		}
	})
}
