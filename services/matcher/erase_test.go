package matcher_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher"
)

// extract is a complete extract of a day: the register moves on, and what is
// held is asked about again.
func (w *world) extract(day casework.Date) {
	w.exec(`update register set version = version + 1, extract_date = $1`, day.Time())
}

func (w *world) erase() casework.Erased {
	w.Helper()
	done, err := matcher.NewEraser(w.db, casework.Retention{}, func() time.Time { return w.now }, nil, nil).Erase(context.Background())
	if err != nil {
		w.Fatal(err)
	}
	return done
}

func (w *world) wantErased(want casework.Erased) {
	w.Helper()
	if got := w.erase(); got != want {
		w.Errorf("erased %+v, want %+v", got, want)
	}
}

// workingDays moves the clock to noon of the n-th working day from its day.
func (w *world) workingDays(n int) casework.Date {
	c := casework.EnglandAndWales()
	day := c.WorkingDays(c.Day(w.now), n)
	w.now = day.Time().Add(12 * time.Hour)
	return day
}

// finds says in which tables a text stands, as text or in bytes.
func (w *world) finds(canary string) (in []string) {
	w.Helper()
	ctx := context.Background()
	rows, err := w.db.Pool().Query(ctx, `select table_name::text from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE' order by 1`)
	if err != nil {
		w.Fatal(err)
	}
	var tables []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			w.Fatal(err)
		}
		tables = append(tables, name)
	}
	if len(tables) < 20 {
		w.Fatalf("looked into %d tables only", len(tables))
	}
	for _, table := range tables {
		var n int
		w.one(&n, fmt.Sprintf(`select count(*) from %q t where t::text ilike '%%' || $1 || '%%' or t::text like '%%' || $2 || '%%'`, table),
			canary, hex.EncodeToString([]byte(canary)))
		if n > 0 {
			in = append(in, table)
		}
	}
	return in
}

func TestWhatConcernsNobodyIsErasedAfterAnExtractOfThreeWorkingDaysLater(t *testing.T) {
	w := newWorld(t)
	w.supervise("X000001", "Pugh", "1980-02-01")
	w.handle(w.Matcher, w.receive("A1", 1, live, person("suspect", "Canarius", "1980-02-01")))
	w.handle(w.Matcher, w.receive("A1", 2, live, person("suspect", "Canarius", "1980-02-03")))
	w.handle(w.Matcher, w.receive("A2", 1, live, person("suspect", "Pugh", "1980-02-01")))
	w.receiveConflict("A1", 2, "Canarius")
	received := w.now
	if got := w.finds("Canarius"); fmt.Sprint(got) != "[conflict revision]" {
		t.Fatalf("the canary is in %v before, want it in conflict and revision: else the search proves nothing", got)
	}

	w.wantErased(casework.Erased{})
	w.extract(w.workingDays(2))
	w.caseloadChanged(w.Matcher)
	w.wantErased(casework.Erased{}) // too early an extract
	w.now = received
	w.extract(w.workingDays(3))
	w.wantErased(casework.Erased{}) // the matcher has not been asked since
	w.caseloadChanged(w.Matcher)
	w.wantErased(casework.Erased{Unmatched: 1})
	w.wantErased(casework.Erased{})

	if got := w.finds("Canarius"); got != nil {
		t.Errorf("the canary is still in %v", got)
	}
	w.wantDisposition("A1", 2, casework.Unmatched)
	w.wantDisposition("A2", 1, casework.Matched)
	counts, err := w.db.Reconcile(context.Background(), received)
	if err != nil || counts.Erased != 2 || counts.Unaccounted != 0 {
		t.Errorf("got %+v and %v, want two revisions erased and none unaccounted for", counts, err)
	}
	// What is erased is not matched again, and a later revision starts anew.
	w.supervise("X000002", "Canarius", "1980-02-03")
	w.caseloadChanged(w.Matcher)
	w.wantMatches("A1")
	w.handle(w.Matcher, w.receive("A1", 3, live, person("suspect", "Canarius", "1980-02-03")))
	w.wantMatches("A1", "2@1 rev 3 X000002 open")
}

func TestWhatComesAfterTheErasureIsErasedToo(t *testing.T) {
	w := newWorld(t)
	w.handle(w.Matcher, w.receive("A1", 2, live, person("suspect", "Nobody", "1980-02-01")))
	w.extract(w.workingDays(3))
	w.caseloadChanged(w.Matcher)
	w.wantErased(casework.Erased{Unmatched: 1})
	w.receive("A1", 1, live, person("suspect", "Canarius", "1980-02-01"))
	w.exec(`update revision set disposition = 'superseded' where number = 1`) // as the ledger files what is late
	w.receiveConflict("A1", 2, "Canarius")
	if got := w.finds("Canarius"); fmt.Sprint(got) != "[conflict revision]" {
		t.Fatalf("the canary is in %v before, want it in conflict and revision: else the search proves nothing", got)
	}
	w.wantErased(casework.Erased{})
	if got := w.finds("Canarius"); got != nil {
		t.Errorf("the canary is still in %v", got)
	}
}

func TestAnExtractOfADayToComeDoesNotEndTheWait(t *testing.T) {
	w := newWorld(t)
	w.handle(w.Matcher, w.receive("A1", 1, live, person("suspect", "Canarius", "1980-02-01")))
	received := w.now
	mistyped := w.workingDays(300)
	w.now = received
	w.extract(mistyped)
	w.caseloadChanged(w.Matcher)
	w.wantErased(casework.Erased{})
}

func TestWithoutAnExtractItIsHeldForTenWorkingDaysAtMost(t *testing.T) {
	w := newWorld(t)
	w.handle(w.Matcher, w.receive("A1", 1, live, person("suspect", "Canarius", "1980-02-01")))
	w.handle(w.Matcher, w.receive("A2", 1, withdrawn, person("suspect", "Canarius", "1980-02-01")))
	received := w.now
	w.workingDays(9)
	w.wantErased(casework.Erased{})
	w.now = received
	w.workingDays(10)
	w.nextVersion()
	w.wantErased(casework.Erased{Withdrawn: 1}) // the other is behind the register
	w.caseloadChanged(w.Matcher)
	w.wantErased(casework.Erased{Unmatched: 1})
	if got := w.finds("Canarius"); got != nil {
		t.Errorf("the canary is still in %v", got)
	}
}

func TestWhatMatchedIsKeptForItsRetentionAndNotWhileThereIsWorkToDo(t *testing.T) {
	w := newWorld(t)
	w.supervise("X000001", "Pugh", "1980-02-01")
	pugh := person("suspect", "Pugh", "1980-02-01")
	w.handle(w.Matcher, w.receive("OPEN", 1, live, pugh), w.receive("DONE", 1, live, pugh))
	w.handle(w.Matcher, w.receive("NOT", 1, live, person("suspect", "Pugh", "1981-01-01")))
	w.exec(`insert into judgement (match, verdict, identity_digest, by, reason)
		select m.id, 'dismiss', m.identity_digest, 'somebody', 'another man' from match m join incident i on i.id = m.incident where reference = 'NOT'`)
	w.exec(`update match set state = 'dismissed', judged_at = $1 where incident = (select id from incident where reference = 'NOT')`, w.now)
	w.exec(`insert into action (incident, person, match, rule, owner_role, owner, pdu, priority, ack_due, due)
		select incident, person, id, 'acknowledge', 'administrator', 'N03SW1', 'N03SW1', 'standard', now(), now()
		  from match where incident = (select id from incident where reference = 'OPEN')`)
	w.now = w.now.Add(364 * 24 * time.Hour)
	w.wantErased(casework.Erased{})
	w.now = w.now.Add(2 * 24 * time.Hour)
	w.wantErased(casework.Erased{Retained: 1})
	w.now = w.now.Add(5 * 365 * 24 * time.Hour)
	w.wantErased(casework.Erased{Retained: 1})
	var held string
	w.one(&held, `select string_agg(distinct reference, ' ') from revision r join incident i on i.id = r.incident where body is not null`)
	if held != "OPEN" {
		t.Errorf("still held are %s, want OPEN alone", held)
	}
}
