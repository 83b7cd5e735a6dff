package evaluation

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAMappingSaysWhichColumnIsWhat(t *testing.T) {
	m, err := ReadMapping(write(t, "m.yaml", `
id: nr
fullName: [name, other name]
aliases: aka
dateOfBirth: {column: born, layout: 02/01/2006}
sex: gender
address: [house, street]
postcode: pc
pnc: pnc
identifiers: [mail]
place: town
occupation: job
`))
	if err != nil {
		t.Fatal(err)
	}
	records, _, err := ReadTable(write(t, "r.csv", "nr,name,other name,aka,born,gender,house,street,pc,pnc,mail,town,job\n"+
		"7,Ann Mair Puw,Ann Rees,Nan|Nannie,31/12/1980,female,4,Heol Fawr,CF10 3AT,02/73319Z|81/34U,a@b.example,Bala,baker\n"), m, "")
	if err != nil {
		t.Fatal(err)
	}
	s := records[0].Subject
	if records[0].ID != "7" || s.Forenames != "Ann Mair" || s.Surname != "Puw" || strings.Join(s.Aliases, ",") != "Ann Rees,Nan,Nannie" ||
		s.DateOfBirth != (casework.Date{Year: 1980, Month: 12, Day: 31}) || s.Sex != casework.Female || s.Address != "4, Heol Fawr" ||
		s.Postcode != "CF10 3AT" || len(s.PNCs) != 2 || s.Others[0] != "a@b.example" || s.Town != "Bala" || s.Occupation != "baker" {
		t.Errorf("the row was read otherwise than mapped")
	}
	if _, _, err := ReadTable(write(t, "r.csv", "nr\n1\n"), m, ""); err == nil || !strings.Contains(err.Error(), "does not have") {
		t.Errorf("got %v, want the column that the file lacks", err)
	}
	if _, err := ReadMapping(write(t, "m.yaml", "surnam: x\n")); err == nil {
		t.Error("a mapping with a misspelt key is taken")
	}
}

func TestDatesAreReadInTheUsualLayouts(t *testing.T) {
	want := casework.Date{Year: 1980, Month: 2, Day: 9}
	for in, layout := range map[string]string{"1980-02-09": "", "19800209": "", "09/02/1980": "", "02.09.1980": "MM.DD.YYYY", "1980/02/09": "2006/01/02"} {
		m := Mapping{DateOfBirth: DateColumns{Column: "d", Layout: layout}}
		if got := m.date(func(string) string { return in }); got != want {
			t.Errorf("%s by layout %q: got %v", in, layout, got)
		}
	}
	m := Mapping{DateOfBirth: DateColumns{Column: "d", Layout: "20060102"}}
	if got := m.date(func(string) string { return "19800231" }); got != (casework.Date{Year: 1980, Month: 2, Day: 31}) {
		t.Errorf("a day that no calendar has is lost: got %v", got)
	}
}

var village = func() (register, queries string, truth string) {
	forenames := strings.Fields("Ann Bryn Carys Dewi Elin Ffion Gwen Huw Ifor Jac Kim Lowri Mair Nia Owain Pedr Rhun Sara Tomos Una")
	surnames := strings.Fields("Jones Davies Puw Bebb Rees Vaughan Prosser Kemp Arundel Maddox")
	register, queries, truth = "id,first,last,dob,pc\n", "id,first,last,dob,pc\n", "query,person\n"
	for i := range 200 {
		dob := strconv.Itoa(1950+i%50) + "-0" + strconv.Itoa(1+i%9) + "-1" + strconv.Itoa(i%10)
		row := forenames[i%20] + "," + surnames[i/20] + "," + dob + ",CF" + strconv.Itoa(1+i%30) + " " + strconv.Itoa(i%10) + "AB\n"
		register += "p" + strconv.Itoa(i) + "," + row
		if i%2 == 0 {
			queries += "q" + strconv.Itoa(i) + "," + row
			truth += "q" + strconv.Itoa(i) + ",p" + strconv.Itoa(i) + "\n"
		} else {
			queries += "q" + strconv.Itoa(i) + ",Zz" + row[1:3] + ",Stranger,19" + strconv.Itoa(10+i%80) + "-11-29,ZZ1 1ZZ\n"
			truth += "q" + strconv.Itoa(i) + ",\n"
		}
	}
	return register, queries, truth
}

// readVillage is the village as it is read from tables.
func readVillage(t *testing.T) (register, queries []Record, truth map[string]string) {
	t.Helper()
	reg, qs, tr := village()
	m := Mapping{ID: "id", Forenames: Columns{"first"}, Surname: Columns{"last"}, DateOfBirth: DateColumns{Column: "dob"}, Postcode: Columns{"pc"}}
	register, _, err := ReadTable(write(t, "r.csv", reg), m, "")
	if err != nil {
		t.Fatal(err)
	}
	queries, _, err = ReadTable(write(t, "q.csv", qs), m, "")
	if err != nil {
		t.Fatal(err)
	}
	truth, _, err = ReadTruth(write(t, "t.csv", tr), register, queries)
	if err != nil {
		t.Fatal(err)
	}
	return register, queries, truth
}

func TestLinkingMeasuresWhatWasFound(t *testing.T) {
	register, queries, truth := readVillage(t)
	for _, train := range []bool{false, true} {
		res, err := Link(register, queries, truth, Options{Model: linkage.Default(), Train: train})
		if err != nil {
			t.Fatal(err)
		}
		if res.Positives != 100 || res.BestF1 < .99 || res.Top1 < .99 || res.People != 200 || len(res.Curve) == 0 || res.QueryP50 <= 0 {
			t.Errorf("trained %v: got %d positives, F1 %v, top-1 %v", train, res.Positives, res.BestF1, res.Top1)
		}
		files, err := res.Plot(t.TempDir())
		if err != nil || len(files) != 3 {
			t.Errorf("got %d plots, %v", len(files), err)
		}
	}
	trained, err := Train(register, queries, truth, linkage.Default(), linkage.Training{})
	if err != nil || trained.Labelled != 200 || trained.Matches < 99 {
		t.Errorf("got %+v, %v", trained, err)
	}
	again, err := Train(register, queries, truth, linkage.Default(), linkage.Training{})
	if err != nil || again.Model.Hash() != trained.Model.Hash() {
		t.Error("the same examples taught another model")
	}
}

// linkageFolder finds the public labelled sets beside the repository.
func linkageFolder(t *testing.T) string {
	dir := filepath.Join("..", "..", "..", "..", "shared", "data", "linkage")
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("the labelled sets must stand beside the repository in CI")
		}
		t.Skip("the labelled sets are not beside the repository")
	}
	return dir
}

func TestDuplicatesOfThePublicSetsAreFound(t *testing.T) {
	dir := linkageFolder(t)
	fake, _, err := ReadTable(filepath.Join(dir, "splink_fake_1000.csv"), Mapping{ID: "unique_id", Forenames: Columns{"first_name"}, Surname: Columns{"surname"},
		DateOfBirth: DateColumns{Column: "dob"}, Place: Columns{"city"}, Identifiers: Columns{"email"}}, "cluster")
	if err != nil {
		t.Fatal(err)
	}
	febrl, _, err := ReadTable(filepath.Join(dir, "febrl1.csv"), Mapping{ID: "rec_id", Forenames: Columns{"given_name"}, Surname: Columns{"surname"},
		DateOfBirth: DateColumns{Column: "date_of_birth", Layout: "20060102"}, Address: Columns{"street_number", "address_1", "address_2"},
		Postcode: Columns{"postcode"}, Place: Columns{"suburb"}, Identifiers: Columns{"soc_sec_id"}}, "")
	if err != nil {
		t.Fatal(err)
	}
	for i := range febrl {
		febrl[i].Cluster = strings.Split(febrl[i].ID, "-")[1]
	}
	for _, c := range []struct {
		name    string
		records []Record
		least   float64
	}{{"fake_1000", fake, .92}, {"febrl1", febrl, .995}} {
		res, err := Dedupe(c.records, Options{Model: linkage.Default(), Train: true})
		if err != nil {
			t.Fatal(err)
		}
		if res.BestF1 < c.least {
			t.Errorf("%s: got F1 %.4f, want at least %v", c.name, res.BestF1, c.least)
		}
	}
}
