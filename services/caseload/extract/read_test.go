package extract_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/reportable-incidents/reportable/services/caseload/extract"
	"github.com/reportable-incidents/reportable/services/casework"
)

const heading = "crn,surname,forenames,date_of_birth,pdu_code,team_code"

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

func read(t testing.TB, format extract.Format, text string) ([]casework.CaseRow, extract.Report, error) {
	t.Helper()
	var g gathered
	im := extract.Importer{Store: &g}
	report, err := im.Import(context.Background(), casework.Extract{}, format, strings.NewReader(text))
	return g.rows, report, err
}

func TestEveryColumnIsReadInBothFormats(t *testing.T) {
	csv := `crn,surname,forenames,date_of_birth,pdu_code,team_code,aliases,pnc,mappa,registers,restricted,custody,scheme,victims,excluded_users,address
x100001,Prawf,Un,1980-01,N03SW1,N03ST01,Un Arall|Trydydd,2002/73319Z|81/34U,2/1,ADVP|RVRH,Y,Y,reset,Somebody Else,amy|bob@2030-01-31,"12 The ""Hut""
Back Lane"
`
	ndjson := `{"crn":"x100001","surname":"Prawf","forenames":"Un","date_of_birth":"1980-01","pdu_code":"N03SW1","team_code":"N03ST01","aliases":["Un Arall","Trydydd"],"pnc":["2002/73319Z","81/34U"],"mappa":"2/1","registers":["ADVP","RVRH"],"restricted":true,"custody":"Y","scheme":"reset","victims":["Somebody Else"],"excluded_users":["amy","bob@2030-01-31"],"address":"12 The \"Hut\"\nBack Lane","rainfall":3}
`
	var digests []string
	for name, text := range map[string]string{"csv": csv, "ndjson": ndjson} {
		rows, report, err := read(t, extract.Format{Name: name}, text)
		if err != nil || len(rows) != 1 || report.Rejected != 0 || len(report.Problems) > 0 {
			t.Fatalf("%s: got %d rows, %d problems and %v", name, len(rows), len(report.Problems), err)
		}
		p := rows[0]
		digests = append(digests, p.Identity.Digest())
		if p.CRN != "X100001" || len(p.Aliases) != 2 || len(p.PNCs) != 2 || p.DateOfBirth.Day != 0 || p.DateOfBirth.Month != 1 ||
			p.MAPPA != (casework.MAPPA{Category: 2, Level: 1}) || !p.HasRegister("RVHR") || !p.Restricted || !p.Circumstances.Custody ||
			p.Circumstances.Scheme != "reset" || len(p.Circumstances.Victims) != 1 || p.Address != `12 The "Hut" Back Lane` {
			t.Errorf("%s: a column was not read as it should be", name)
		}
		if u := p.ExcludedUsers; len(u) != 2 || u[0].Subject != "amy" || !u[0].Until.IsZero() || u[1].Subject != "bob" || u[1].Until.Format("2006-01-02") != "2030-02-01" {
			t.Errorf("%s: the users who are excluded were not read as they should be", name)
		}
	}
	if digests[0] != digests[1] {
		t.Error("the two formats give two identities")
	}
}

func TestARowWhoseQuoteIsLeftOpenSwallowsNobodyElse(t *testing.T) {
	open := heading
	for i := range 30 {
		surname, forename := fmt.Sprintf("Person%d", i), "Test"
		switch i {
		case 3:
			surname = `"Left open`
		case 6:
			forename = `"quoted, rightly"`
		}
		open += fmt.Sprintf("\nX%06d,%s,%s,1980-02-03,N03SW1,N03ST01", i, surname, forename)
	}
	rows, report, err := read(t, extract.Format{}, open)
	if err != nil || len(rows) != 30 || len(report.Problems) != 1 || report.Problems[0].Row != 5 {
		t.Errorf("got %d rows, %d problems and %v; want 30 and the one at line 5", len(rows), len(report.Problems), err)
	}
	if rows[3].CRN != "X000003" || !rows[3].Rejected {
		t.Error("the broken row does not say whom it is about")
	}
}

func TestAColumnOfWhichNothingIsKnownIsToldAndIgnored(t *testing.T) {
	_, report, err := read(t, extract.Format{}, heading+",rainfall,Person Name 07700 900123\nX000001,Person1,Test,1980-02-03,N03SW1,N03ST01,,")
	if err != nil || len(report.Ignored) != 2 || report.Ignored[1] != "rainfall" || strings.Contains(strings.Join(report.Ignored, ""), "07700") {
		t.Errorf("got %d columns ignored and %v; want rainfall, and one that is not repeated", len(report.Ignored), err)
	}
}
