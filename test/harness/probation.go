package harness

import (
	"bytes"
	"context"
	"encoding/csv"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/caseload/extract"
	"github.com/reportable-incidents/reportable/services/casework"
)

// caseRecord is the case record as the story has told it so far.
type caseRecord struct {
	people []Person
}

// Probation is the side of the case record.
type Probation struct{ *World }

// Probation gives the side of the case record.
func (w *World) Probation() Probation { return Probation{w} }

// Supervises adds people to the case record, or changes them, and sends the
// day's extract.
func (p Probation) Supervises(people ...Person) {
	p.Helper()
	e := &p.caseRecord
	for _, who := range people {
		i := slices.IndexFunc(e.people, func(o Person) bool { return o.CRN == who.CRN })
		if i < 0 {
			e.people = append(e.people, who)
		} else {
			e.people[i] = who
		}
	}
	p.Extracts()
}

// Ends ends somebody's supervision: the next extract is without them.
func (p Probation) Ends(who Person) {
	p.Helper()
	p.caseRecord.people = slices.DeleteFunc(p.caseRecord.people, func(o Person) bool { return o.CRN == who.CRN })
	p.Extracts()
}

// Merges says that a case is really another's.
func (p Probation) Merges(from, into Person) {
	p.Helper()
	if _, err := p.DB.MergeCases(context.Background(), from.CRN, into.CRN); err != nil {
		p.Fatal(err)
	}
}

// Unmerges takes that back.
func (p Probation) Unmerges(who Person) {
	p.Helper()
	if _, err := p.DB.UnmergeCase(context.Background(), who.CRN); err != nil {
		p.Fatal(err)
	}
}

// columns of the extracts that stories write.
var columns = []string{"crn", "pnc", "cro", "surname", "forenames", "aliases", "date_of_birth", "sex", "address", "postcode",
	"pdu_code", "pdu", "team_code", "team", "practitioner_code", "practitioner", "manager_code", "manager", "rosh", "restricted"}

// Extracts sends a full extract of the case record as it is.
func (p Probation) Extracts() {
	p.Helper()
	p.imports(bytes.NewReader(ExtractCSV(p.caseRecord.people)), casework.EnglandAndWales().Day(p.Now()))
}

// ExtractCSV writes people as an extract of the case record.
func ExtractCSV(people []Person) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write(columns)
	for _, who := range people {
		who = who.withDefaults()
		restricted := "N"
		if who.Restricted {
			restricted = "Y"
		}
		w.Write([]string{who.CRN, strings.Join(who.PNCs, "|"), strings.Join(who.CROs, "|"), who.Surname, who.Forenames,
			strings.Join(who.Aliases, "|"), who.DateOfBirth.String(), string(who.Sex), who.Address, who.Postcode,
			who.PDU, "PDU " + who.PDU, who.Team, "Team " + who.Team, who.Practitioner, "Practitioner " + who.Practitioner,
			who.Manager, "Manager " + who.Manager, who.RoSH, restricted})
	}
	w.Flush()
	return b.Bytes()
}

// ImportsFile takes an extract from a file.
func (p Probation) ImportsFile(path string, day casework.Date) extract.Report {
	p.Helper()
	f, err := os.Open(path)
	if err != nil {
		p.Fatal(err)
	}
	defer f.Close()
	return p.imports(f, day)
}

func (p Probation) imports(from io.Reader, day casework.Date) extract.Report {
	p.Helper()
	importer := extract.Importer{Store: p.DB}
	report, err := importer.Import(context.Background(),
		casework.Extract{Kind: casework.FullExtract, Date: day, AllowEnded: true}, extract.Format{}, from)
	if err != nil {
		p.Fatal(err)
	}
	if report.Rejected > 0 {
		p.Errorf("%d rows of the extract were rejected: %s", report.Rejected, report.Problems[0])
	}
	if _, err := access.SeedPersonas(context.Background(), p.DB); err != nil {
		p.Fatal(err)
	}
	return report
}
