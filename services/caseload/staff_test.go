package caseload_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/caseload/extract"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

func codes(problems []extract.Problem) string {
	var all []string
	for _, p := range problems {
		all = append(all, p.Column+" "+p.Code)
	}
	return strings.Join(all, ", ")
}

func TestStaffGradesAddressesAndTheRotaComeWithTheExtract(t *testing.T) {
	db := pgtest.New(t)
	ctx := t.Context()
	withColumns := small(1, func(_ int, row []string) []string {
		copy(row[len(row)-7:], []string{"N03", "PO", "officer@probation.example", "SPO", "manager@probation.example", "N03H01", "head@probation.example"})
		return row
	}, "region_code", "practitioner_grade", "practitioner_email", "manager_grade", "manager_email", "head_code", "head_email")
	mustImport(t, db, 1, withColumns)
	staff := func() []string {
		return pgtest.All[string](t, db, `
			select code || ' ' || role || ' ' || grade || ' ' || email || case when gone_at is null then '' else ' gone' end
			  from staff
			 order by code`)
	}
	want := []string{"N03H01 head  head@probation.example", "N03S0101 practitioner PO officer@probation.example", "N03S01S manager SPO manager@probation.example"}
	if got := staff(); !slices.Equal(got, want) {
		t.Errorf("from the extract: got %q, want %q", got, want)
	}

	report, err := extract.ImportStaff(ctx, db, strings.NewReader(`role,staff_code,name,grade,pdu_code,region_code,email
head,N03H02,A Head,,N03SW1,,other.head@probation.example
practitioner,N03S0199,Somebody New,PSO,N03SW1,,new@probation.example
administrator,,,,N03SW1,,cardiff@probation.example
victim_staff,,,,N03SW1,,victims@probation.example
duty_officer,,,,,N03,duty@probation.example
duty_officer,N03D01,,,,,on.duty@probation.example
administrator,,,,N03SW1,,twice@probation.example
administrator,,,,NOWHERE,,x@probation.example
meeting,,,,N03SW1,,not an address
manager,,,,N03SW1,,x@probation.example
`), "a test")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := codes(report.Problems), "role twice, pdu_code unknown, email email, role role"; got != want {
		t.Errorf("the staff list's problems: got %s, want %s", got, want)
	}
	if got, want := *report.Staff, (casework.StaffTaken{Staff: 2, Changed: 2, Mailboxes: 4}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}

	// The extract of the next day, which guesses addresses and names no head.
	if r := mustImport(t, db, 2, small(1, func(_ int, row []string) []string {
		row[8], row[len(row)-1] = "N03S0199", "guess.example"
		return row
	}, "staff_email_domain")); r.StaffGone != 2 {
		t.Errorf("got %d staff gone, want the former practitioner and the former head", r.StaffGone)
	}
	want = []string{"N03H01 head  head@probation.example gone", "N03H02 head  other.head@probation.example",
		"N03S0101 practitioner PO officer@probation.example gone", "N03S0199 practitioner PSO new@probation.example", "N03S01S manager SPO n03s01s@guess.example"}
	if got := staff(); !slices.Equal(got, want) {
		t.Errorf("after the next extract: got %q, want %q", got, want)
	}

	// Whoever the next list does not have is gone, unless a case names them.
	report, err = extract.ImportStaff(ctx, db, strings.NewReader("role,pdu_code,email\nvictim_staff,N03SW1,\n"), "a test")
	if err != nil || *report.Staff != (casework.StaffTaken{Mailboxes: 1, Gone: 1}) {
		t.Errorf("got %+v and %v", report.Staff, err)
	}
	gone := pgtest.All[string](t, db, `select code from staff where gone_at is not null order by 1`)
	if !slices.Equal(gone, []string{"N03H01", "N03H02", "N03S0101"}) {
		t.Errorf("gone are %q", gone)
	}
	if left := pgtest.One[int](t, db, `select count(*) from mailbox`); left != 3 {
		t.Errorf("got %d mailboxes, want 3: the victim staff's was taken away", left)
	}
	if n := pgtest.One[int](t, db, `select count(*) from audit where what like 'MAILBOX%' and details::text || subject_id like '%@%'`); n != 0 {
		t.Error("an address is in the trail")
	}

	next := time.Now().AddDate(0, 0, 7).Format("2006-01-02")
	rota := func(rows string) string {
		t.Helper()
		report, err := extract.ImportRota(ctx, db, strings.NewReader("region_code,staff_code,from,until\n"+rows), "a test")
		if err != nil {
			t.Fatal(err)
		}
		if report.Rota.Shifts != 2 {
			t.Errorf("got %d shifts, want 2", report.Rota.Shifts)
		}
		return strings.Join(pgtest.All[string](t, db, `select staff || to_char(starts at time zone 'Europe/London', ' HH24:MI') from rota order by starts, staff`), ", ")
	}
	if err := db.AddShift(ctx, casework.Shift{Region: "N03", Staff: "BYHAND", Starts: time.Now().Add(7 * 24 * time.Hour), Ends: time.Now().Add(8 * 24 * time.Hour)}, "a test"); err != nil {
		t.Fatal(err)
	}
	first := "N03,N03D01," + next + "T00:01," + next + "T09:00\n"
	rota(first + "N03,N03D02," + next + "T17:00," + next + "T23:59\nN03,N03D02," + next + "T25:00,x\nXX,N03D02," + next + "T17:00," + next + "T16:00\n")
	if got := rota(first + "N03,N03D03," + next + "T18:00," + next + "T23:59\n"); !strings.Contains(got, "N03D01 00:01") || !strings.Contains(got, "N03D03 18:00") ||
		strings.Contains(got, "N03D02") || !strings.Contains(got, "BYHAND") || strings.Count(got, ",") != 2 {
		t.Errorf("the rota is %s", got)
	}
}
