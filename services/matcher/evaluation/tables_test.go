package evaluation

import (
	"strings"
	"testing"

	"github.com/reportable-incidents/reportable/services/matcher/linkage"
)

func TestWhatIsWrongWithATableIsSaidByRowAndColumn(t *testing.T) {
	m := Mapping{ID: "id", Surname: Columns{"name"}, DateOfBirth: DateColumns{Column: "born", Layout: "DD/MM/YYYY"}}
	for text, want := range map[string]string{
		"":                                   "no rows",
		"id,name,born\n":                     "no rows",
		"id,name\n1,Puw\n":                   `column "born", which the file does not have; it has id, name`,
		"id,name,born\n1,Puw,\n,Rees,\n":     `row 3 has nothing in column "id"`,
		"id,name,born\n1,Puw, Ann,\"\",x\n":  "row 2 has 2 columns more than the header",
		"id,name,born\n1,Puw,1980-02-09\n2,": `row 2, column "born"`,
		"id,name,born\n1,,\n2, NA,\n":        "every column that people would be compared by is empty in all 2 rows",
	} {
		_, _, err := ReadTable(write(t, "r.csv", text), m, "")
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "r.csv") {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
	for _, text := range []string{
		"\ufeffid;name;born\r\n1;\"Pu;w\";09/02/1980\r\n", "id|name|born\n1|Pu;w|09/02/1980\n2||31.2\n", "id\tname\tborn\n1\tPu;w\t09/02/1980\n",
	} {
		rows, _, err := ReadTable(write(t, "r.csv", text), m, "")
		if err != nil || rows[0].Subject.Surname != "Pu;w" || rows[0].Subject.DateOfBirth.Day != 9 {
			t.Errorf("%q: got %v, want it read", text, err)
		}
	}
	rows, _, err := ReadTable(write(t, "r.csv", "id,name,born\n1,M\xfcller,\n"), m, "")
	if err != nil || rows[0].Subject.Surname != "Müller" {
		t.Errorf("got %v, want Windows-1252 read", err)
	}
	// Records of no cluster are of nobody else.
	res, err := Dedupe([]Record{{ID: "1"}, {ID: "2"}, {ID: "3", Cluster: "a"}, {ID: "4", Cluster: "a"}}, Options{Model: linkage.Default()})
	if err != nil || res.Positives != 1 {
		t.Errorf("got %d true pairs, %v, want 1", res.Positives, err)
	}
}

func TestATableThatMeasuresNothingSaysSo(t *testing.T) {
	m := Mapping{Surname: Columns{"name"}, Postcode: Columns{"pc"}}
	for text, want := range map[string]string{
		"name,pc,who\nPuw,CF10 3AT,a\nPuw,CF10 3AT,a\n": "",
		"name,pc,who\nPuw,,a\nPuw,,a\n":                 `column "pc" is empty in all 2 rows`,
		"name,pc,who\nPuw,CF10 3AT,a\nRees,,b\n":        `no two rows have the same value in column "who"`,
		"name,pc,who\nPuw,CF10 3AT,\nRees,,\n":          `no two rows have the same value in column "who"`,
	} {
		records, doubts, err := ReadTable(write(t, "d.csv", text), m, "who")
		if got := strings.Join(doubts, "; "); err != nil || !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("%q: got %q, %v, want %q", text, got, err, want)
		}
		// And it is measured all the same, and learnt from.
		for _, train := range []bool{false, true} {
			if res, err := Dedupe(records, Options{Model: linkage.Default(), Train: train}); err != nil || !(res.BestF1 >= 0 && res.BestF1 <= 1) {
				t.Errorf("%q, trained %v: got %v", text, train, err)
			}
		}
	}
}

func TestWhatIsWrongWithATruthIsSaidByRowAndColumn(t *testing.T) {
	tables := []Record{{ID: "a"}, {ID: "b"}, {ID: "c"}}
	twice := append([]Record{{ID: "a"}}, tables...)
	for name, c := range map[string]struct {
		register, queries []Record
		text              string
		answers           int
		doubt, fails      string
	}{
		"all known":           {tables, tables, "q,r\na,b\nb,\n", 2, "", ""},
		"said twice":          {tables, tables, "q,r\na,b\na,b\n", 1, "", ""},
		"semicolons":          {tables, tables, "q;r\na;b\n", 1, "", ""},
		"one not asked":       {tables, tables, "q,r\na,b\nz,\n", 2, "1 of 2 lines name a query", ""},
		"one not there":       {tables, tables, "q,r\na,b\nb,z\n", 2, "1 of 2 persons named", ""},
		"no header":           {tables, tables, "a,b\nb,\nc,c\n", 3, "row 1 is no header", ""},
		"nobody to find":      {tables, tables, "q,r\na,\nb,\n", 2, "column 2 is empty in every row", ""},
		"queries of one id":   {tables, twice, "q,r\na,b\n", 1, "1 of 4 queries have the id of another", ""},
		"no query known":      {tables, tables, "q,r\ny,a\nz,b\n", 0, "", "names none of the queries"},
		"no person known":     {tables, tables, "q,r\na,y\nb,z\n", 0, "", "names nobody on the register"},
		"two answers":         {tables, tables, "q,r\na,b\nb,c\na,c\n", 0, "", "row 4, column 1, names the query of row 2 again"},
		"one column":          {tables, tables, "q\na\nb\n", 0, "", "has one column and needs two"},
		"nothing":             {tables, tables, "", 0, "", "has one column and needs two"},
		"people of one id":    {twice, tables, "q,r\na,b\n", 0, "", "the register's row 3 has the id of a row before it"},
		"a header and no row": {tables, tables, "q,r\n", 0, "", "names none of the queries"},
	} {
		truth, doubts, err := ReadTruth(write(t, "t.csv", c.text), c.register, c.queries)
		got := strings.Join(doubts, "; ")
		if c.fails != "" {
			if err == nil || !strings.Contains(err.Error(), c.fails) || !strings.Contains(err.Error(), "t.csv") {
				t.Errorf("%s: got %v, want %q", name, err, c.fails)
			}
			continue
		}
		if err != nil || len(truth) != c.answers || !strings.Contains(got, c.doubt) || (c.doubt == "") != (got == "") {
			t.Errorf("%s: got %d answers, %q, %v, want %d and %q", name, len(truth), got, err, c.answers, c.doubt)
		}
	}
}
