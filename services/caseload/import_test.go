package caseload_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/caseload/extract"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

var october = func(day int) casework.Date { return casework.Date{Year: 2018, Month: 10, Day: day} }

// full imports a complete extract.
func full(t *testing.T, db *postgres.DB, day int, text string) (extract.Report, error) {
	t.Helper()
	im := extract.Importer{Store: db}
	return im.Import(context.Background(), casework.Extract{Kind: casework.FullExtract, Date: october(day)}, extract.Format{}, strings.NewReader(text))
}

func mustImport(t *testing.T, db *postgres.DB, day int, text string) extract.Report {
	t.Helper()
	report, err := full(t, db, day, text)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func allow(t *testing.T, db *postgres.DB, e casework.Extract, text string) extract.Report {
	t.Helper()
	im := extract.Importer{Store: db}
	e.AllowEnded = true
	report, err := im.Import(context.Background(), e, extract.Format{}, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return report
}

const heading = "crn,surname,forenames,date_of_birth,pnc,postcode,pdu_code,team_code,practitioner_code,practitioner,manager_code,manager"

// small makes a small extract: n people in one team, changed by edit.
func small(n int, edit func(i int, row []string) []string, more ...string) string {
	var b strings.Builder
	b.WriteString(strings.Join(append([]string{heading}, more...), ",") + "\n")
	for i := range n {
		row := []string{fmt.Sprintf("X%06d", i), fmt.Sprintf("Person%d", i), "Test", "1980-02-03", "", "CF10 3AT",
			"N03SW1", "N03ST01", "N03S0101", "A Practitioner", "N03S01S", "A Manager"}
		for range more {
			row = append(row, "")
		}
		if edit != nil {
			row = edit(i, row)
		}
		if row != nil {
			b.WriteString(strings.Join(row, ",") + "\n")
		}
	}
	return b.String()
}

func state(t *testing.T, db *postgres.DB, crn string) casework.Person {
	t.Helper()
	p, err := db.PersonByCRN(t.Context(), crn)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func pilot(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "data", "pilot", name)
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("the pilot's data are needed at %s", path)
		}
		t.Skipf("the pilot's data are not at %s", path)
	}
	return path
}

func importFile(t testing.TB, db *postgres.DB, path string, day int) extract.Report {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	im := extract.Importer{Store: db}
	report, err := im.Import(context.Background(), casework.Extract{Kind: casework.FullExtract, Date: october(day)}, extract.Format{}, f)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestThePilotChangesFromOneDayToTheNextAsTheyAreKnownTo(t *testing.T) {
	first, second, known := pilot(t, "caseload-2018-10-01.csv"), pilot(t, "caseload-2018-10-02.csv"), pilot(t, "caseload-changes.csv")
	db := pgtest.New(t)
	report := importFile(t, db, first, 1)
	if report.Rejected != 0 || report.Rows != 16000 || report.Supervised != 16000 || report.Version != 1 {
		t.Fatalf("the first day: got %d rejected, %d rows, %d supervised, version %d", report.Rejected, report.Rows, report.Supervised, report.Version)
	}
	report = importFile(t, db, second, 2)
	if report.Rejected != 0 || report.Supervised != 16005 || report.Version != 2 {
		t.Fatalf("the second day: got %d rejected, %d supervised, version %d", report.Rejected, report.Supervised, report.Version)
	}

	f, err := os.Open(known)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, r := range records[1:] {
		want = append(want, r[0]+" "+r[1])
	}
	var got []string
	err = db.CaseloadChanges(t.Context(), 0, 2, func(crn string, change casework.CaseloadChange) error {
		got = append(got, crn+" "+string(change))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got %d changes, want exactly the %d known", len(got), len(want))
	}

	report = importFile(t, db, second, 2)
	if report.Changed != 0 || report.Version != 2 || len(report.Changes) != 0 {
		t.Errorf("the same file again: got %d changed and version %d, want nothing changed", report.Changed, report.Version)
	}
	if n := pgtest.One[int](t, db, `select count(*) from event where subject = 'caseload.changed'`); n != 2 {
		t.Errorf("got %d events, want 2", n)
	}
	// The extract uses one code for teams of Cardiff and of Swansea.
	n := pgtest.One[int](t, db, `
		select count(*)
		  from person p
		  join team t on t.code = p.team
		  join staff s on s.code = p.practitioner
		 where p.supervised
		   and (t.pdu <> p.pdu or s.pdu <> p.pdu)`)
	if n != 0 {
		t.Errorf("%d people have a team or a practitioner of another PDU", n)
	}
}

func TestAnExtractFromBeforeThePresentIsRefused(t *testing.T) {
	db := pgtest.New(t)
	mustImport(t, db, 5, small(3, nil))
	_, err := full(t, db, 4, small(3, nil))
	var old casework.ExtractTooOld
	if !errors.As(err, &old) || !strings.Contains(err.Error(), "2018-10-05 or later") {
		t.Errorf("got %v, want a refusal that says which extract to import", err)
	}
	im := extract.Importer{Store: db}
	tomorrow := casework.EnglandAndWales().Day(time.Now().AddDate(0, 0, 1))
	for _, kind := range []casework.ExtractKind{casework.FullExtract, casework.DeltaExtract} {
		_, err = im.Import(t.Context(), casework.Extract{Kind: kind, Date: tomorrow}, extract.Format{}, strings.NewReader(small(3, nil)))
		var early casework.ExtractToCome
		if !errors.As(err, &early) {
			t.Errorf("a %s extract of tomorrow: got %v, want a refusal", kind, err)
		}
	}
}

func TestAnExtractThatEndsTooManySupervisionsAsksFirst(t *testing.T) {
	db := pgtest.New(t)
	mustImport(t, db, 1, small(100, nil))
	without := func(n int) string {
		return small(100, func(i int, row []string) []string {
			if i < n {
				return nil
			}
			return row
		})
	}
	_, err := full(t, db, 2, without(6))
	var many casework.TooManyEnded
	if !errors.As(err, &many) || many.Ended != 6 || many.Supervised != 100 {
		t.Fatalf("6 of 100 ended: got %v, want a question", err)
	}
	if v, _ := db.RegisterVersion(t.Context()); v != 1 {
		t.Errorf("got version %d after a refusal, want 1", v)
	}
	if report := mustImport(t, db, 2, without(5)); report.Changes[casework.CaseEnded] != 5 {
		t.Errorf("5 of 100 ended: got %v", report.Changes)
	}
	if report := allow(t, db, casework.Extract{Kind: casework.FullExtract, Date: october(3)}, without(20)); report.Changes[casework.CaseEnded] != 15 {
		t.Errorf("allowed: got %v, want 15 ended", report.Changes)
	}
}

func TestABadRowIsToldAndDoesNotStopTheRest(t *testing.T) {
	db := pgtest.New(t)
	mustImport(t, db, 1, small(40, nil))
	report := mustImport(t, db, 2, small(41, func(i int, row []string) []string {
		switch i {
		case 2:
			row[3] = "1980-02-31"
		case 3:
			row[0] = "12X"
		case 4:
			row[1] = "Open \" quote"
		case 5:
			row = row[:9]
		case 6:
			row[1] = "bad\xff"
		case 7:
			row[0] = "X000008" // as the next
		case 9:
			row[1] = `"Never closed`
		case 10:
			row[1] = "Renamed"
		}
		return row
	}))
	type at struct {
		row          int
		column, code string
	}
	want := []at{{4, "date_of_birth", "date"}, {5, "crn", "crn"}, {6, "", "quotes"}, {7, "", "columns"},
		{8, "surname", "encoding"}, {10, "crn", "duplicate"}, {11, "", "quotes"}}
	var got []at
	for _, p := range report.Problems {
		got = append(got, at{p.Row, p.Column, p.Code})
		if p.Action == "" || p.Message == "" {
			t.Errorf("row %d: no message or no action", p.Row)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	changes := map[casework.CaseloadChange]int{casework.CaseStarted: 1, casework.CaseIdentity: 2, casework.CaseEnded: 1}
	// 10 is renamed; 7's row was taken for 8; 7 itself is absent.
	if !maps.Equal(report.Changes, changes) {
		t.Errorf("got changes %v, want %v", report.Changes, changes)
	}
	if p := state(t, db, "X000003"); !p.Supervised {
		t.Error("somebody whose CRN could not be read was taken for absent")
	}
}

func TestADeltaEndsOnlyWhomItSays(t *testing.T) {
	db := pgtest.New(t)
	mustImport(t, db, 1, small(10, nil))
	report := allow(t, db, casework.Extract{Kind: casework.DeltaExtract, Date: october(2)},
		small(2, func(i int, row []string) []string {
			if i == 0 {
				row[12] = "Y"
			} else {
				row[5] = "CF10 4ZZ"
			}
			return row
		}, "ended"))
	want := map[casework.CaseloadChange]int{casework.CaseEnded: 1, casework.CaseMoved: 1}
	if !maps.Equal(report.Changes, want) || report.Supervised != 9 {
		t.Errorf("got %v and %d supervised, want %v and 9", report.Changes, report.Supervised, want)
	}
}

func TestWhoComesBackStartsAgainUnderTheSameNumber(t *testing.T) {
	db := pgtest.New(t)
	mustImport(t, db, 1, small(40, nil))
	before := state(t, db, "X000000").ID
	mustImport(t, db, 2, small(40, func(i int, row []string) []string {
		if i == 0 {
			return nil
		}
		return row
	}))
	report := mustImport(t, db, 3, small(40, nil))
	if report.Changes[casework.CaseStarted] != 1 {
		t.Errorf("got %v, want one started", report.Changes)
	}
	if after := state(t, db, "X000000"); after.ID != before || !after.Supervised {
		t.Errorf("got person %d, supervised %v; want %d under supervision", after.ID, after.Supervised, before)
	}
}

func TestAMergeIsFollowedByNumberAndCRNAndCanBeUndone(t *testing.T) {
	db := pgtest.New(t)
	// As after a merge, or a look at what waits for its transfer, by the same process.
	pgtest.Exec(t, db, "create temp table other as select 1")
	mustImport(t, db, 1, small(40, nil))
	source, target := state(t, db, "X000001"), state(t, db, "X000002")
	if v, err := db.MergeCases(t.Context(), "X000001", "X000002"); err != nil || v != 2 {
		t.Fatalf("merge: got version %d and %v", v, err)
	}
	if v, err := db.MergeCases(t.Context(), "X000001", "X000002"); err != nil || v != 2 {
		t.Errorf("merged twice: got version %d and %v, want the same version", v, err)
	}
	if _, err := db.MergeCases(t.Context(), "X000002", "X000001"); !errors.Is(err, casework.ErrMergeCircle) {
		t.Errorf("a circle: got %v", err)
	}
	if p := state(t, db, "X000001"); p.ID != target.ID {
		t.Errorf("got person %d for the merged CRN, want %d", p.ID, target.ID)
	}
	// The case record may list the merged case for some days yet.
	if report := mustImport(t, db, 2, small(40, nil)); report.Changed != 0 {
		t.Errorf("the same extract after a merge: got %v, want no changes", report.Changes)
	}
	gone := map[casework.PersonID]bool{}
	if _, err := db.PeopleChangedSince(t.Context(), 1, func(p casework.RegisterPerson) error {
		gone[p.ID] = p.Gone
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := map[casework.PersonID]bool{source.ID: true, target.ID: false}; !maps.Equal(gone, want) {
		t.Errorf("changed since the merge: got %v, want %v", gone, want)
	}
	if _, err := db.UnmergeCase(t.Context(), "X000001"); err != nil {
		t.Fatal(err)
	}
	if p := state(t, db, "X000001"); p.ID != source.ID || !p.Supervised {
		t.Errorf("unmerged: got person %d, supervised %v; want %d under supervision", p.ID, p.Supervised, source.ID)
	}
}

func TestAMergeShowsARestrictedCaseToNobodyMore(t *testing.T) {
	db := pgtest.New(t)
	mustImport(t, db, 1, small(40, nil))
	source, target := state(t, db, "X000001"), state(t, db, "X000002")
	pgtest.Exec(t, db, `update person set restricted = true where id = $1`, source.ID)
	pgtest.Exec(t, db, `insert into exclusion (person, subject) values ($1, 'sister')`, source.ID)
	pgtest.Exec(t, db, `insert into restriction (person, subject) values ($1, 'officer')`, source.ID)
	for _, subject := range []string{"sister", "officer", "anybody"} {
		pgtest.Exec(t, db, `insert into account (subject, name) values ($1, $1)`, subject)
	}
	if _, err := db.MergeCases(t.Context(), "X000001", "X000002"); err != nil {
		t.Fatal(err)
	}
	seen := pgtest.All[string](t, db, `select subject from account a where visible(a.id, $1)`, target.ID)
	if !slices.Equal(seen, []string{"officer"}) {
		t.Errorf("the target is shown to %v, want it shown to whom the source was", seen)
	}
}

func TestAnExtractTellsOfMergesInItsColumns(t *testing.T) {
	db := pgtest.New(t)
	mustImport(t, db, 1, small(40, nil))
	source, target := state(t, db, "X000001"), state(t, db, "X000002")
	merged := func(i int, row []string) []string {
		switch i {
		case 1:
			return nil
		case 2:
			row[12] = "X000001|Z123456"
		}
		return row
	}
	report := mustImport(t, db, 2, small(40, merged, "merged_from"))
	if want := map[casework.CaseloadChange]int{casework.CaseMerged: 1}; !maps.Equal(report.Changes, want) {
		t.Errorf("got %v, want %v", report.Changes, want)
	}
	for _, crn := range []string{"X000001", "Z123456"} {
		if p := state(t, db, crn); p.ID != target.ID {
			t.Errorf("%s: got person %d, want %d", crn, p.ID, target.ID)
		}
	}
	if report := mustImport(t, db, 3, small(40, merged, "merged_from")); report.Changed != 0 {
		t.Errorf("told again: got %v, want no changes", report.Changes)
	}
	report = mustImport(t, db, 4, small(40, nil, "merged_from"))
	if want := map[casework.CaseloadChange]int{casework.CaseUnmerged: 1}; !maps.Equal(report.Changes, want) {
		t.Errorf("got %v, want %v", report.Changes, want)
	}
	if p := state(t, db, "X000001"); p.ID != source.ID {
		t.Errorf("unmerged: got person %d, want %d", p.ID, source.ID)
	}
}

func TestStaffWhoAreNoLongerInTheExtractAreGone(t *testing.T) {
	db := pgtest.New(t)
	with := func(code string) string {
		return small(10, func(_ int, row []string) []string {
			row[8] = code
			return row
		})
	}
	mustImport(t, db, 1, with("N03S0101"))
	if report := mustImport(t, db, 2, with("N03S0102")); report.StaffGone != 1 || report.Changes[casework.CaseReallocated] != 10 {
		t.Errorf("got %d gone and %v, want 1 gone and 10 reallocated", report.StaffGone, report.Changes)
	}
	if report := mustImport(t, db, 3, with("N03S0101")); report.StaffGone != 1 {
		t.Errorf("got %d gone, want 1", report.StaffGone)
	}
	if n := pgtest.One[int](t, db, `select count(*) from staff where gone_at is not null and code = 'N03S0102'`); n != 1 {
		t.Error("who came back is still gone, or who left is not")
	}
}

func TestTheUsersOfALimitedCaseFollowTheExtract(t *testing.T) {
	db := pgtest.New(t)
	users := func(list string) string {
		return small(3, func(i int, row []string) []string {
			if i == 0 {
				row[12] = list
			}
			return row
		}, "restricted_to")
	}
	mustImport(t, db, 1, users("amy|bob@2030-01-01"))
	if report := mustImport(t, db, 2, users("amy")); report.Changes[casework.CaseRestrictions] != 1 {
		t.Errorf("got %v, want one change of restrictions", report.Changes)
	}
	if report := mustImport(t, db, 3, small(3, nil)); report.Changed != 0 {
		t.Errorf("an extract without the column: got %v, want no changes", report.Changes)
	}
	if n := pgtest.One[int](t, db, `select count(*) from restriction where subject = 'amy' and until is null`); n != 1 {
		t.Errorf("got %d restrictions, want 1", n)
	}
}

func TestAFileThatIsNoExtractIsRefusedWhole(t *testing.T) {
	db := pgtest.New(t)
	for name, text := range map[string]string{
		"empty":             "",
		"a missing column":  "crn,surname\nX000001,A\n",
		"a column twice":    heading + ",crn\n",
		"UTF-16":            "\xff\xfec\x00r\x00n\x00",
		"no heading at all": strings.Join(strings.Split(small(1, nil), "\n")[1:], "\n"),
	} {
		_, err := full(t, db, 1, text)
		if !errors.Is(err, extract.ErrNotAnExtract) {
			t.Errorf("%s: got %v, want a refusal", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "Person0") {
			t.Errorf("%s: the refusal names somebody", name)
		}
	}
}

func TestTheRegisterReadsBackTheIdentityThatWasImported(t *testing.T) {
	path := pilot(t, "caseload-2018-10-01.csv")
	db := pgtest.New(t)
	importFile(t, db, path, 1)
	n := 0
	version, err := db.RegisterPeople(t.Context(), func(p casework.RegisterPerson) error {
		n++
		if n%100 == 0 {
			if got := pgtest.One[string](t, db, `select identity_digest from person where id = $1`, p.ID); got != p.Identity.Digest() {
				t.Errorf("person %d: the digest of what was read is another", p.ID)
			}
		}
		return nil
	})
	if err != nil || version != 1 || n != 16000 {
		t.Errorf("got version %d, %d people and %v; want 1, 16000", version, n, err)
	}
}
