package matcher_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/schemas/events"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

// world is a ledger and one matcher on it, with a register that finds people
// by surname and date of birth: scoring has tests of its own.
type world struct {
	*testing.T
	db *postgres.DB
	*matcher.Matcher
	register *plainRegister
	now      time.Time
	receipt  string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, db: pgtest.New(t), now: time.Now(), receipt: "6f1c1c1e-0000-4000-8000-000000000001"}
	w.exec(`insert into receipt (id, force, channel) values ($1, '62', 'http')`, w.receipt)
	w.exec(`insert into pdu (code, name, region) values ('N03SW1', 'Cardiff and Vale', 'Wales')`)
	w.exec(`insert into team (code, name, pdu) values ('T1', 'Team 1', 'N03SW1')`)
	w.Matcher, w.register = w.another()
	return w
}

// another is a second matcher on the same ledger, with a register of its own.
func (w *world) another() (*matcher.Matcher, *plainRegister) {
	r := &plainRegister{people: map[casework.PersonID]casework.Identity{}}
	return matcher.New(matcher.Config{Ledger: w.db, Register: r, Now: func() time.Time { return w.now }}), r
}

func (w *world) exec(sql string, args ...any) {
	w.Helper()
	if _, err := w.db.Pool().Exec(context.Background(), sql, args...); err != nil {
		w.Fatal(err)
	}
}

func (w *world) one(to any, sql string, args ...any) {
	w.Helper()
	if err := w.db.Pool().QueryRow(context.Background(), sql, args...).Scan(to); err != nil {
		w.Fatal(err)
	}
}

// supervise puts somebody on the register under a CRN, or changes them.
func (w *world) supervise(crn, surname, born string) casework.PersonID {
	w.Helper()
	version := w.nextVersion()
	var id casework.PersonID
	w.one(&id, `
		with c as (select person from crn where crn = $1),
		     u as (update person set surname = $2, date_of_birth = $3, supervised = true, ended_at = null, changed_version = $4
		            where id = (select person from c) returning id),
		     i as (insert into person (crn, surname, date_of_birth, identity_digest, pdu, team, changed_version)
		           select $1, $2, $3, '', 'N03SW1', 'T1', $4 where not exists (select 1 from c) returning id),
		     n as (insert into crn select $1, id from i)
		select id from u union all select id from i`, crn, surname, born, version)
	return id
}

// end ends somebody's supervision.
func (w *world) end(id casework.PersonID, at time.Time) {
	w.exec(`update person set supervised = false, ended_at = $2, changed_version = $3 where id = $1`, id, at, w.nextVersion())
	w.exec(`update register set extract_date = $1`, at)
}

// merge merges one person into another; 0 unmerges.
func (w *world) merge(id, into casework.PersonID) {
	w.exec(`update person set merged_into = nullif($2::bigint, 0), changed_version = $3 where id = $1`, id, into, w.nextVersion())
}

func (w *world) nextVersion() (version int64) {
	w.one(&version, `update register set version = version + 1 returning version`)
	return version
}

// person is somebody in an incident.
func person(role casework.Role, surname, born string) casework.Involvement {
	d, err := casework.ParseDate(born)
	if err != nil {
		panic(err)
	}
	return casework.Involvement{Role: role, Surname: surname, DateOfBirth: d}
}

// receive puts a revision into the ledger and gives the nudge that follows.
func (w *world) receive(reference string, revision int, status casework.Status, persons ...casework.Involvement) events.Event {
	w.Helper()
	in := casework.Incident{Force: "62", Reference: reference, Revision: revision, Status: status,
		Kind: casework.KindIncident, ReportedAt: w.now, OccurredFrom: w.now.Add(-time.Hour), Persons: persons}
	body, err := json.Marshal(in)
	if err != nil {
		w.Fatal(err)
	}
	return w.receiveBody(in, body)
}

func (w *world) receiveBody(in casework.Incident, body []byte) events.Event {
	w.Helper()
	var id int64
	w.one(&id, `
		insert into incident (force, reference, head) values ($1, $2, $3)
		    on conflict (force, reference) do update set head = greatest(incident.head, excluded.head)
		returning id`, in.Force, in.Reference, in.Revision)
	w.exec(`
		insert into revision (incident, number, status, kind, reported_at, occurred_from, body, digest, receipt, received_at)
		values ($1, $2, $3, $4, $5, $6, $7, 'digest', $8, $9)`,
		id, in.Revision, in.Status, in.Kind, in.ReportedAt, in.OccurredFrom, body, w.receipt, w.now)
	w.exec(`
		insert into receipt_line (receipt, line, record, reference, revision, status, incident)
		select $1, count(*) + 1, 1, $2, $3, 'accepted', $4 from receipt_line`, w.receipt, in.Reference, in.Revision, id)
	is := events.Incident{IncidentID: id, Force: in.Force, Revision: in.Revision}
	if in.Status == casework.Withdrawn {
		return events.New(w.now, events.IncidentWithdrawn(is))
	}
	return events.New(w.now, events.IncidentReceived(is))
}

// receiveConflict keeps another body of the same revision aside.
func (w *world) receiveConflict(reference string, revision int, surname string) {
	w.Helper()
	w.exec(`insert into conflict (incident, number, digest, body, receipt)
		select id, $2, 'other', convert_to($3, 'UTF8'), $4 from incident where reference = $1`, reference, revision, surname, w.receipt)
}

func (w *world) handle(m *matcher.Matcher, all ...events.Event) {
	w.Helper()
	if err := m.Handle(context.Background(), all); err != nil {
		w.Fatal(err)
	}
}

// caseloadChanged handles the nudge that follows a change of the register.
func (w *world) caseloadChanged(m *matcher.Matcher) {
	w.Helper()
	version, err := w.db.RegisterVersion(context.Background())
	if err != nil {
		w.Fatal(err)
	}
	w.handle(m, events.New(w.now, events.CaseloadChanged{RegisterVersion: version}))
}

// matches lists those of an incident as involvement@position→person state reason.
func (w *world) matches(reference string) (all []string) {
	w.Helper()
	rows, err := w.db.Pool().Query(context.Background(), `
		select m.involvement || '@' || m.position || ' rev ' || m.revision || ' ' || m.crn || ' ' || m.state
		       || case when m.state_reason = '' then '' else ': ' || m.state_reason end
		  from match m join incident i on i.id = m.incident where i.reference = $1 order by m.involvement, m.crn`, reference)
	if err != nil {
		w.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			w.Fatal(err)
		}
		all = append(all, s)
	}
	if rows.Err() != nil {
		w.Fatal(rows.Err())
	}
	return all
}

func (w *world) wantMatches(reference string, want ...string) {
	w.Helper()
	if got := w.matches(reference); fmt.Sprint(got) != fmt.Sprint(want) {
		w.Errorf("matches of %s:\ngot  %q\nwant %q", reference, got, want)
	}
}

func (w *world) wantDisposition(reference string, revision int, want casework.Disposition) {
	w.Helper()
	var got casework.Disposition
	w.one(&got, `select disposition from revision r join incident i on i.id = r.incident
		where i.reference = $1 and r.number = $2`, reference, revision)
	if got != want {
		w.Errorf("disposition of %s revision %d: got %s, want %s", reference, revision, got, want)
	}
}

// judge records what an administrator says of the one match on a person.
func (w *world) judge(crn string, verdict casework.Verdict, state casework.MatchState) {
	w.exec(`insert into judgement (match, verdict, identity_digest, by, reason)
		select id, $2, identity_digest, 'somebody', 'because' from match where crn = $1`, crn, verdict)
	w.exec(`update match set state = $2, state_reason = 'because', judged_at = now() where crn = $1`, crn, state)
}

// told counts the events of a subject.
func (w *world) told(subject string) (n int) {
	w.one(&n, `select count(*) from event where subject = $1`, subject)
	return n
}

// plainRegister finds who has the same surname and date of birth for certain,
// and who has the same surname alone for possible.
type plainRegister struct {
	mu      sync.Mutex
	people  map[casework.PersonID]casework.Identity
	version int64
	during  func() // runs once, in the middle of the next search
}

func (r *plainRegister) Put(id casework.PersonID, i casework.Identity) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.people[id] = i
}

func (r *plainRegister) PutAll(all iter.Seq2[casework.PersonID, casework.Identity]) {
	for id, i := range all {
		r.Put(id, i)
	}
}

func (r *plainRegister) Remove(id casework.PersonID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.people, id)
}

func (r *plainRegister) SetVersion(v int64) { r.version = v }

func (r *plainRegister) SetModel(*linkage.Model) {}

func (r *plainRegister) Find(q casework.Identity, _ float64) (found []linkage.Candidate) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if during := r.during; during != nil {
		r.during = nil
		during()
	}
	if q.Surname == "Panic" {
		panic("a name that must not be logged: " + q.Surname)
	}
	for id, p := range r.people {
		if p.Surname != q.Surname {
			continue
		}
		e := casework.Evidence{Model: "plain", RegisterVersion: r.version, Bits: 1, Probability: 2.0 / 3, Band: casework.Possible}
		if p.DateOfBirth == q.DateOfBirth {
			e.Bits, e.Probability, e.Band = 10, .999, casework.Certain
		}
		found = append(found, linkage.Candidate{Person: id, Evidence: e})
	}
	return found
}
