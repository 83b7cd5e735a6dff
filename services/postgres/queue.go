package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
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
	// Whose is mine for what is assigned to the viewer, nobody for what is
	// assigned to no one.
	Whose string
	// Order is what leads; empty is ByDue.
	Order Order
}

// Order is by which column a queue is sorted; with a minus in front, backwards.
type Order string

// Orders of the queue. Each has an index of its own.
const (
	ByDue       Order = "due"
	ByFound     Order = "found"
	ByCertainty Order = "certainty"
	ByPriority  Order = "priority"
)

// columns that an order sorts by, the number last so that no two rows are equal.
func (o Order) columns() []string {
	switch Order(strings.TrimPrefix(string(o), "-")) {
	case ByFound:
		return []string{"raised_at", "action"}
	case ByCertainty:
		return []string{"probability", "action"}
	case ByPriority:
		return []string{"rank", "next_due", "action"}
	}
	return []string{"next_due", "action"}
}

func (o Order) back() bool { return strings.HasPrefix(string(o), "-") }

// by is an order by clause over an alias.
func (o Order) by(alias string) string {
	var all []string
	for _, c := range o.columns() {
		if c = alias + "." + c; o.back() {
			c += " desc"
		}
		all = append(all, c)
	}
	return strings.Join(all, ", ")
}

// after is the condition of rows that come after a key.
func (o Order) after(alias string) string {
	var row, key []string
	for _, c := range o.columns() {
		row = append(row, alias+"."+c)
		key = append(key, map[string]string{"action": "@id", "probability": "@number", "rank": "@rank", "next_due": "@at", "raised_at": "@at"}[c])
	}
	return fmt.Sprintf("(%s) %s (%s)", strings.Join(row, ", "), map[bool]string{true: "<", false: ">"}[o.back()], strings.Join(key, ", "))
}

// Key is where a list goes on: after the row with this time and number.
type Key struct {
	At     time.Time
	Number float64 // of an order that sorts by one: a probability, a rank
	ID     int64
}

// KeyOf is where a queue in an order goes on after a row.
func (o Order) KeyOf(i QueueItem) Key {
	k := Key{At: i.NextDue, ID: int64(i.Action)}
	switch o.columns()[0] {
	case "raised_at":
		k.At = i.RaisedAt
	case "probability":
		k.Number = i.Probability
	case "rank":
		k.Number = float64(i.Rank)
	}
	return k
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
	Rank        int
	NextDue     time.Time
	RaisedAt    time.Time
	AckedAt     *time.Time
	Assignee    string // their name; empty while it is anybody's
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
// in the order of an index that holds what the filter asks for, and no further
// than the limit: a queue of many thousands costs no more than its first page.
// Heads see what their PDU's administrators see.
func queueRows(f QueueFilter, after Key) string {
	var which []string
	for condition, asked := range map[string]bool{
		`w.force = @force`:          f.Force != "",
		`w.band = @band`:            f.Band != "",
		`w.kind = @kind`:            f.Kind != "",
		`w.priority = @priority`:    f.Priority != "",
		`w.next_due < now()`:        f.Due == "overdue",
		`w.next_due < @until`:       f.Due == "today",
		`w.assignee = @viewer`:      f.Whose == "mine",
		`w.assignee is null`:        f.Whose == "nobody",
		f.Order.after("w"):          after != Key{},
		`w.rule = 'transfer_match'`: f.State == casework.MatchConfirmed,
		// what waits for a verdict
		`w.rule = 'acknowledge_match'`: f.State != casework.MatchConfirmed,
	} {
		if asked {
			which = append(which, condition)
		}
	}
	slices.Sort(which) // one text for one question, so that its plan is kept
	return `
	select x.*
	  from (select distinct g.scope
	          from account_role g
	         where g.account = @viewer
	           and g.role in ('administrator', 'head')
	           and (@pdu = '' or g.scope = @pdu)) s
	 cross join lateral (
	         select w.action, w.match, w.next_due, w.raised_at, w.probability, w.rank, w.state
	           from waiting w
	          where w.owner = s.scope
	            and w.state = any(@states)
	            and ` + strings.Join(which, "\n	            and ") + `
	            and w.person not in (select hidden_people(@viewer))
	            and not (w.contested and exists (
	                  select 1
	                    from match m
	                    join match c on c.incident = m.incident and c.involvement = m.involvement
	                   where m.id = w.match
	                     and c.state <> 'superseded'
	                     and c.person in (select hidden_people(@viewer))))
	          order by ` + f.Order.by("w") + `
	          limit @limit) x
	 order by ` + f.Order.by("x") + `
	 limit @limit`
}

func (f QueueFilter) args(viewer casework.AccountID, after Key, limit int) pgx.NamedArgs {
	states := []string{"open", "unsure"}
	if f.State != "" {
		states = []string{string(f.State)}
	}
	return pgx.NamedArgs{
		"viewer": viewer, "pdu": f.PDU, "force": f.Force, "band": f.Band, "kind": f.Kind,
		"priority": f.Priority, "until": f.Until, "states": states,
		"at": after.At, "number": after.Number, "rank": int(after.Number), "id": after.ID, "limit": limit,
	}
}

// Queue lists matches that wait for an administrator in the viewer's PDUs, in
// the filter's order.
func (db *DB) Queue(ctx context.Context, viewer casework.AccountID, f QueueFilter, after Key, limit int) ([]QueueItem, error) {
	rows, _ := db.pool.Query(ctx, `
		with page as materialized (`+queueRows(f, after)+`)
		select m.id, a.id, m.state, m.band, m.probability, m.role, a.priority, page.rank, a.next_due, a.raised_at, a.acked_at,
		       coalesce(k.name, ''), m.found_at,
		       i.force, i.reference, r.kind, r.type, r.reported_at, r.domestic_abuse,
		       p.id, p.crn, p.surname, p.forenames, p.rosh, p.pdu, u.name
		  from page
		  join action a on a.id = page.action
		  join waiting w on w.action = page.action
		  join match m on m.id = page.match
		  join incident i on i.id = m.incident
		  join revision r on r.incident = m.incident and r.number = m.revision
		  join person q on q.id = m.person
		  join person p on p.id = case when q.merged_into is null then q.id else current_person(q.id) end
		  join pdu u on u.code = p.pdu
		  left join account k on k.id = w.assignee
		 order by `+f.Order.by("page"), f.args(viewer, after, limit))
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
	Oldest  *time.Time // when the oldest of those counted was raised
}

// QueueCount counts what Queue would list.
func (db *DB) QueueCount(ctx context.Context, viewer casework.AccountID, f QueueFilter) (QueueCount, error) {
	rows, _ := db.pool.Query(ctx, `
		select count(*)::int,
		       (count(*) filter (where next_due < now()))::int,
		       (count(*) filter (where state = 'unsure'))::int,
		       min(raised_at)
		  from (`+queueRows(f, Key{})+`) waiting`, f.args(viewer, Key{}, CountedTo+1))
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
	SecondLook    bool // one person dismissed it, and a second has not looked
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
	return db.match(ctx, viewer, id, `works_on_case(@viewer, m.person)`)
}

// match is Match for a viewer of whom a condition on m asks what they work on.
func (db *DB) match(ctx context.Context, viewer casework.AccountID, id casework.MatchID, worksOn string) (MatchView, error) {
	var v MatchView
	err := pgx.BeginTxFunc(ctx, db.pool, pgx.TxOptions{AccessMode: pgx.ReadOnly, IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
		var body, evidence []byte
		var person casework.PersonID
		err := tx.QueryRow(ctx, `
			select m.id, m.incident, m.state, m.state_reason, m.second_look and m.state = 'dismissed', m.band, m.priority, m.position, m.involvement,
			       m.revision, i.head, m.found_at, m.updated_at, m.transferred_at, coalesce(m.contact, ''),
			       m.evidence, r.body, r.received_at, current_person(m.person),
			       `+mayJudge+`, `+mayRetract+`,
			       `+seenDigest+`
			  from match m
			  join incident i on i.id = m.incident
			  join revision r on r.incident = m.incident and r.number = m.revision
			  join person p on p.id = current_person(m.person)
			 where m.id = @id
			   and `+worksOn+`
			   and match_visible(@viewer, m.id)`,
			pgx.NamedArgs{"viewer": viewer, "id": id}).
			Scan(&v.ID, &v.IncidentID, &v.State, &v.StateReason, &v.SecondLook, &v.Band, &v.Priority, &v.Position, &v.Involvement,
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
