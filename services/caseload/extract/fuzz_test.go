package extract_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/reportable-incidents/reportable/services/caseload/extract"
)

const people = heading + `
X000001,Person1,Test,1980-02-03,N03SW1,N03ST01
X000002,Person2,Test,1980-02-03,N03SW1,N03ST01
`

func FuzzAnExtractNeverPanicsAndNeverQuotesAValue(f *testing.F) {
	f.Add([]byte(people), false)
	f.Add([]byte("crn,surname,forenames,date_of_birth,pdu_code,team_code\n\"X000001\",\"a\"\"b\",,1980-02-30,\"\n\n"), false)
	f.Add([]byte(`{"crn":"X000001","surname":["a"],"date_of_birth":5}`+"\n{]\n"), true)
	f.Fuzz(func(t *testing.T, text []byte, ndjson bool) {
		format := extract.Format{Name: "csv"}
		if ndjson {
			format.Name = "ndjson"
		}
		rows, report, err := read(t, format, string(text))
		if lines := bytes.Count(text, []byte("\n")) + 1; len(rows) > lines {
			t.Errorf("got %d rows of %d lines", len(rows), lines)
		}
		if err != nil && !errors.Is(err, extract.ErrNotAnExtract) {
			t.Errorf("got an error that is not a refusal")
		}
		for _, p := range report.Problems {
			if p.Message == "" || p.Action == "" || p.Code == "" {
				t.Errorf("a problem without message, action or code")
			}
		}
	})
}

func FuzzAMappingIsRefusedOrUsable(f *testing.F) {
	f.Add("delimiter: \";\"\ncolumns:\n  Case: crn\n")
	f.Add("columns: {a: crn, b: crn}")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := extract.ReadMapping(strings.NewReader(text))
		if err != nil {
			return
		}
		read(t, extract.Format{Mapping: m}, people)
	})
}
