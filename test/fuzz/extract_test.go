// Package fuzz tries readers of what comes from outside whose own packages'
// tests need a database. Every package of a fuzz target is built anew for it,
// and here those are few.
package fuzz

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/reportable-incidents/reportable/services/caseload"
	"github.com/reportable-incidents/reportable/services/casework"
)

const extract = "crn,surname,forenames,date_of_birth,pnc,postcode,pdu_code,team_code,practitioner_code,practitioner,manager_code,manager" + `
X000001,Person1,Test,1980-02-03,,CF10 3AT,N03SW1,N03ST01,N03S0101,A Practitioner,N03S01S,A Manager
X000002,Person2,Test,1980-02-03,,CF10 3AT,N03SW1,N03ST01,N03S0101,A Practitioner,N03S01S,A Manager
`

// gathered takes rows for a store.
type gathered struct{ rows []casework.CaseRow }

func (g *gathered) ApplyExtract(_ context.Context, _ casework.Extract, next func() (casework.CaseRow, error)) (casework.ExtractApplied, error) {
	for {
		row, err := next()
		if errors.Is(err, io.EOF) {
			return casework.ExtractApplied{Rows: len(g.rows)}, nil
		}
		if err != nil {
			return casework.ExtractApplied{}, err
		}
		g.rows = append(g.rows, row)
	}
}

func read(format caseload.Format, text string) ([]casework.CaseRow, caseload.Report, error) {
	var g gathered
	im := caseload.Importer{Store: &g}
	report, err := im.Import(context.Background(), casework.Extract{}, format, strings.NewReader(text))
	return g.rows, report, err
}

func FuzzAnExtractNeverPanicsAndNeverQuotesAValue(f *testing.F) {
	f.Add([]byte(extract), false)
	f.Add([]byte("crn,surname,forenames,date_of_birth,pdu_code,team_code\n\"X000001\",\"a\"\"b\",,1980-02-30,\"\n\n"), false)
	f.Add([]byte(`{"crn":"X000001","surname":["a"],"date_of_birth":5}`+"\n{]\n"), true)
	f.Fuzz(func(t *testing.T, text []byte, ndjson bool) {
		format := caseload.Format{Name: "csv"}
		if ndjson {
			format.Name = "ndjson"
		}
		rows, report, err := read(format, string(text))
		if lines := bytes.Count(text, []byte("\n")) + 1; len(rows) > lines {
			t.Errorf("got %d rows of %d lines", len(rows), lines)
		}
		if err != nil && !errors.Is(err, caseload.ErrNotAnExtract) {
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
		m, err := caseload.ReadMapping(strings.NewReader(text))
		if err != nil {
			return
		}
		read(caseload.Format{Mapping: m}, extract)
	})
}
