package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// QueueFilter narrows an administrators' queue. Empty parts do not filter.
type QueueFilter struct {
	PDU      string
	Force    string
	Band     casework.Band
	Kind     casework.Kind
	Priority casework.Priority
	// State is open, unsure, or confirmed for those that wait to be transferred.
	// Empty is open and unsure: what waits for a verdict.
	State casework.MatchState
	// Due is overdue or today.
	Due string
	// Until is the end of today, for Due.
	Until time.Time
}

// Key is where a list goes on: after the row with this time and number.
type Key struct {
	At time.Time
	ID int64
}

// QueueItem is one line of the administrators' queue.
type QueueItem struct {
	Match       casework.MatchID
	Action      casework.ActionID
	State       casework.MatchState
	Band        casework.Band
	Probability float64
	Role        casework.Role
	Priority    casework.Priority
	NextDue     time.Time
	AckedAt     *time.Time
	FoundAt     time.Time
	Force       string
	Reference   string
	Kind        casework.Kind
	Type        string
	ReportedAt  time.Time
	Domestic    bool
	Person      casework.PersonID
	CRN         string
	Surname     string
	Forenames   string
	RoSH        casework.RoSH
	PDU         string
	PDUName     string
}

// queueRows are the first rows of a queue, for its lists and counts alike, so
// that a count can never tell of what a list hides. Each PDU is read on its own
// in the order of the index, and no further than the limit: a queue of many
// thousands costs no more than its first page. Heads see what their PDU's
// administrators see.
const queueRows = `
	select x.*
	  from (select distinct g.scope
	          from account_role g
	         where g.account = @viewer
	           and g.role in ('administrator', 'head')
	           and (@pdu = '' or g.scope = @pdu)) s
	 cross join lateral (
	         select a.id as action, a.match, a.next_due, m.state, m.found_at
	           from action a
	           join match m on m.id = a.match
	           join incident i on i.id = m.incident
	           join revision r on r.incident = m.incident and r.number = m.revision
	          where a.owner_role = 'administrator'
	            and a.owner = s.scope
	            and a.state in ('open', 'acknowledged')
	            and (a.next_due, a.id) > (@at, @id)
	            and a.rule = case when @states = '{confirmed}'::text[] then 'transfer_match' else 'acknowledge_match' end
	            and m.state = any(@states)
	            and (@force = '' or i.force = @force)
	            and (@band = '' or m.band = @band)
	            and (@kind = '' or r.kind = @kind)
	            and (@priority = '' or a.priority = @priority)
	            and (@due = '' or a.next_due < (case @due when 'overdue' then now() else @until end))
	            and not exists (
	                  select 1
	                    from match c
	                   where c.incident = m.incident
	                     and c.involvement = m.involvement
	                     and c.state <> 'superseded'
	                     and c.person in (select hidden_people(@viewer)))
	          order by a.next_due, a.id
	          limit @limit) x
	 order by x.next_due, x.action
	 limit @limit`

func (f QueueFilter) args(viewer casework.AccountID) pgx.NamedArgs {
	states := []string{"open", "unsure"}
	if f.State != "" {
		states = []string{string(f.State)}
	}
	return pgx.NamedArgs{
		"viewer": viewer, "pdu": f.PDU, "force": f.Force, "band": f.Band, "kind": f.Kind,
		"priority": f.Priority, "due": f.Due, "until": f.Until, "states": states,
	}
}

// Queue lists matches that wait for an administrator in the viewer's PDUs, what
// is due first leading.
func (db *DB) Queue(ctx context.Context, viewer casework.AccountID, f QueueFilter, after Key, limit int) ([]QueueItem, error) {
	args := f.args(viewer)
	args["at"], args["id"], args["limit"] = after.At, after.ID, limit
	rows, _ := db.pool.Query(ctx, `
		with page as materialized (`+queueRows+`)
		select m.id, a.id, m.state, m.band, m.probability, m.role, a.priority, a.next_due, a.acked_at, m.found_at,
		       i.force, i.reference, r.kind, r.type, r.reported_at, r.domestic_abuse,
		       p.id, p.crn, p.surname, p.forenames, p.rosh, p.pdu, u.name
		  from page
		  join action a on a.id = page.action
		  join match m on m.id = page.match
		  join incident i on i.id = m.incident
		  join revision r on r.incident = m.incident and r.number = m.revision
		  join person p on p.id = current_person(m.person)
		  join pdu u on u.code = p.pdu
		 order by page.next_due, page.action`, args)
	items, err := pgx.CollectRows(rows, pgx.RowToStructByPos[QueueItem])
	if err != nil {
		return nil, fmt.Errorf("read the queue: %w", problem(err))
	}
	return items, nil
}

// CountedTo is how far a count goes: one more stands for more than that. Nobody
// works differently for knowing whether ten or twenty thousand wait.
const CountedTo = 1000

// QueueCount says how much waits.
type QueueCount struct {
	Waiting int // CountedTo + 1 for more than CountedTo
	Overdue int
	Unsure  int
	Oldest  *time.Time // when the oldest of those counted was found
}

// QueueCount counts what Queue would list.
func (db *DB) QueueCount(ctx context.Context, viewer casework.AccountID, f QueueFilter) (QueueCount, error) {
	args := f.args(viewer)
	args["at"], args["id"], args["limit"] = time.Time{}, 0, CountedTo+1
	rows, _ := db.pool.Query(ctx, `
		select count(*)::int,
		       (count(*) filter (where next_due < now()))::int,
		       (count(*) filter (where state = 'unsure'))::int,
		       min(found_at)
		  from (`+queueRows+`) waiting`, args)
	n, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[QueueCount])
	if err != nil {
		return n, fmt.Errorf("count the queue: %w", problem(err))
	}
	return n, nil
}

// Candidate is one person on probation that somebody in an incident may be.
type Candidate struct {
	Match       casework.MatchID
	Person      casework.PersonID
	CRN         string
	Surname     string
	Forenames   string
	DateOfBirth string
	Band        casework.Band
	Bits        float64
	Probability float64
	State       casework.MatchState
	PDUName     string
}

// Judged is a judgement with who made it.
type Judged struct {
	Verdict casework.Verdict
	By      string // their name
	Subject string
	Reason  string
	At      time.Time
}

// MatchView is everything a match page shows.
type MatchView struct {
	ID            casework.MatchID
	IncidentID    casework.IncidentID
	State         casework.MatchState
	StateReason   string
	Band          casework.Band
	Priority      casework.Priority
	Position      int // of the person in Incident.Persons, from 1
	Involvement   int
	Revision      int
	Head          int // the newest revision of the incident
	FoundAt       time.Time
	UpdatedAt     time.Time
	TransferredAt *time.Time
	Contact       string
	Evidence      casework.Evidence
	Incident      casework.Incident
	ReceivedAt    time.Time
	Erased        bool
	Person        casework.Person
	Places        Places
	Candidates    []Candidate // the others, the most probable first
	Judged        []Judged    // newest first
	// MayJudge and MayRetract are the viewer's grants for this person's PDU or team.
	MayJudge   bool
	MayRetract bool
	// Seen stands for what the page showed; a judgement is made on it.
	Seen string
}

// Places are the names of where a case is held.
type Places struct {
	PDU, Team, Practitioner, Manager string
}

// Match is a match as a viewer may see it: casework.ErrNotFound if they may
// not, or if any candidate for the same person in the incident is hidden from
// them.
func (db *DB) Match(ctx context.Context, viewer casework.AccountID, id casework.MatchID) (MatchView, error) {
	var v MatchView
	err := pgx.BeginTxFunc(ctx, db.pool, pgx.TxOptions{AccessMode: pgx.ReadOnly, IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
		var body, evidence []byte
		var person casework.PersonID
		err := tx.QueryRow(ctx, `
			select m.id, m.incident, m.state, m.state_reason, m.band, m.priority, m.position, m.involvement,
			       m.revision, i.head, m.found_at, m.updated_at, m.transferred_at, coalesce(m.contact, ''),
			       m.evidence, r.body, r.received_at, current_person(m.person),
			       exists (
			         select 1
			           from account_role g
			          where g.account = @viewer
			            and g.role in ('administrator', 'head')
			            and g.scope = p.pdu),
			       exists (
			         select 1
			           from account_role g
			          where g.account = @viewer
			            and (   g.role in ('administrator', 'head') and g.scope = p.pdu
			                 or g.role = 'manager' and g.scope = p.team)),
			       `+seenDigest+`
			  from match m
			  join incident i on i.id = m.incident
			  join revision r on r.incident = m.incident and r.number = m.revision
			  join person p on p.id = current_person(m.person)
			 where m.id = @id
			   and works_on(@viewer, m.person)
			   and match_visible(@viewer, m.id)`,
			pgx.NamedArgs{"viewer": viewer, "id": id}).
			Scan(&v.ID, &v.IncidentID, &v.State, &v.StateReason, &v.Band, &v.Priority, &v.Position, &v.Involvement,
				&v.Revision, &v.Head, &v.FoundAt, &v.UpdatedAt, &v.TransferredAt, &v.Contact,
				&evidence, &body, &v.ReceivedAt, &person, &v.MayJudge, &v.MayRetract, &v.Seen)
		if err != nil {
			return notThere(err)
		}
		if v.Erased = body == nil; !v.Erased {
			if json.Unmarshal(body, &v.Incident) != nil {
				return errors.New("the stored incident cannot be read")
			}
		}
		if json.Unmarshal(evidence, &v.Evidence) != nil {
			return errors.New("the stored evidence cannot be read")
		}
		v.Candidates, err = candidates(ctx, tx, v.ID)
		if err != nil {
			return err
		}
		if v.Judged, err = judgements(ctx, tx, v.ID); err != nil {
			return err
		}
		v.Person.ID = person
		return nil
	})
	if err != nil {
		return v, fmt.Errorf("read match %d: %w", id, problem(err))
	}
	if v.Person, err = db.Person(ctx, v.Person.ID); err != nil {
		return v, fmt.Errorf("read match %d: %w", id, err)
	}
	if v.Places, err = db.places(ctx, v.Person); err != nil {
		return v, fmt.Errorf("read match %d: %w", id, err)
	}
	return v, nil
}

func candidates(ctx context.Context, tx pgx.Tx, of casework.MatchID) ([]Candidate, error) {
	rows, _ := tx.Query(ctx, `
		select c.id, p.id, p.crn, p.surname, p.forenames, p.date_of_birth, c.band, c.bits, c.probability, c.state, u.name
		  from match m
		  join match c on c.incident = m.incident and c.involvement = m.involvement and c.id <> m.id
		  join person p on p.id = current_person(c.person)
		  join pdu u on u.code = p.pdu
		 where m.id = @of
		   and c.state <> 'superseded'
		 order by c.bits desc, c.id
		 limit 10`,
		pgx.NamedArgs{"of": of})
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Candidate])
	if err != nil {
		return nil, fmt.Errorf("read the other candidates: %w", err)
	}
	return all, nil
}

func judgements(ctx context.Context, tx pgx.Tx, of casework.MatchID) ([]Judged, error) {
	rows, _ := tx.Query(ctx, `
		select j.verdict, coalesce(a.name, j.by), j.by, j.reason, j.at
		  from judgement j
		  left join account a on a.subject = j.by
		 where j.match = @of
		 order by j.id desc`,
		pgx.NamedArgs{"of": of})
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Judged])
	if err != nil {
		return nil, fmt.Errorf("read the judgements: %w", err)
	}
	return all, nil
}

func (db *DB) places(ctx context.Context, p casework.Person) (Places, error) {
	rows, _ := db.pool.Query(ctx, `
		select u.name, t.name, coalesce(s.name, ''), coalesce(m.name, '')
		  from pdu u
		  join team t on t.code = @team
		  left join staff s on s.code = @practitioner
		  left join staff m on m.code = t.manager
		 where u.code = @pdu`,
		pgx.NamedArgs{"pdu": p.PDU, "team": p.Team, "practitioner": p.Practitioner})
	names, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Places])
	if err != nil {
		return names, fmt.Errorf("read who has the case: %w", problem(err))
	}
	return names, nil
}

// NextInQueue is the match that a viewer should look at after this one: the
// first that waits, other than it, or zero.
func (db *DB) NextInQueue(ctx context.Context, viewer casework.AccountID, f QueueFilter, after casework.MatchID) (casework.MatchID, error) {
	items, err := db.Queue(ctx, viewer, f, Key{}, 2)
	if err != nil {
		return 0, err
	}
	for _, i := range items {
		if i.Match != after {
			return i.Match, nil
		}
	}
	return 0, nil
}

// PDUNames are the names of the PDUs by code.
func (db *DB) PDUNames(ctx context.Context) (map[string]string, error) {
	names := map[string]string{}
	var code, name string
	rows, _ := db.pool.Query(ctx, `select code, name from pdu`)
	_, err := pgx.ForEachRow(rows, []any{&code, &name}, func() error {
		names[code] = name
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the PDUs: %w", problem(err))
	}
	return names, nil
}
