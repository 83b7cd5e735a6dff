package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// ActionItem is one line of a list of actions.
type ActionItem struct {
	ID         casework.ActionID
	Match      casework.MatchID
	Rule       string
	OwnerRole  casework.OwnerRole
	OwnerName  string
	Priority   casework.Priority
	State      casework.ActionState
	NextDue    time.Time
	AckedAt    *time.Time
	DoneAt     *time.Time
	RaisedAt   time.Time
	Level      int
	Band       casework.Band
	MatchState casework.MatchState
	Role       casework.Role
	Force      string
	Reference  string
	Kind       casework.Kind
	Type       string
	ReportedAt time.Time
	Person     casework.PersonID
	CRN        string
	Surname    string
	Forenames  string
	RoSH       casework.RoSH
	PDUName    string
}

// Unverified reports whether nobody has confirmed the match.
func (i ActionItem) Unverified() bool { return i.MatchState != casework.MatchConfirmed }

// actionColumns are those of an action in a list. How dangerous somebody is belongs
// to the case: whoever has an action as victim staff or duty officer, and does not
// work on the case, is not told.
const actionColumns = `
	       a.id, a.match, a.rule, a.owner_role, coalesce(s.name, ou.name, a.owner), a.priority, a.state, a.next_due, a.acked_at, a.done_at, a.raised_at, a.level,
	       m.band, m.state, m.role, i.force, i.reference, r.kind, r.type, r.reported_at,
	       p.id, p.crn, p.surname, p.forenames,
	       case when a.owner_role not in ('victim_staff', 'duty_officer') or works_on_case(@viewer, a.person) then p.rosh else '' end, u.name`

const actionJoins = `
	  join match m on m.id = a.match
	  join incident i on i.id = m.incident
	  join revision r on r.incident = m.incident and r.number = m.revision
	  join person q on q.id = a.person
	  join person p on p.id = case when q.merged_into is null then q.id else current_person(q.id) end
	  join pdu u on u.code = p.pdu
	  left join staff s on s.code = a.owner and a.owner_role in ('practitioner', 'manager')
	  left join pdu ou on ou.code = a.owner`

// actionShown hides actions about anybody hidden, in lists and counts alike.
// It asks for the other candidates only where there have ever been any.
const actionShown = `
	   m.person not in (select hidden_people(@viewer))
	   and not (m.contested and exists (
	         select 1
	           from match c
	          where c.incident = m.incident
	            and c.involvement = m.involvement
	            and (c.state <> 'superseded' or c.id = m.id)
	            and c.person in (select hidden_people(@viewer))))`

// mine are the owners whose actions a viewer has: each grant, and for a manager
// their own staff code and that of the manager of each team they manage.
const mine = `
	(select g.role, g.scope as owner
	   from account_role g
	  where g.account = @viewer
	    and g.role <> 'manager'
	 union
	 select 'manager', c.staff
	   from account c
	  where c.id = @viewer
	    and c.staff <> ''
	    and exists (select 1 from account_role g where g.account = c.id and g.role = 'manager')
	 union
	 select 'manager', t.manager
	   from account_role g
	   join team t on t.code = g.scope
	  where g.account = @viewer
	    and g.role = 'manager'
	    and t.manager <> '') mine`

// elsewhere are the actions that have a page of their own: verdicts and
// transfers in the queue, countersignatures with the decision they are about.
const elsewhere = `('acknowledge_match', 'transfer_match', 'countersign_decision')`

// mineRows are the first of a viewer's open actions, read in the order of the
// index and no further than the limit, as queueRows are.
const mineRows = `
	select x.*
	  from ` + mine + `
	 cross join lateral (
	         select a.id as action, a.next_due, a.acked_at
	           from action a
	           join match m on m.id = a.match
	          where a.owner_role = mine.role
	            and a.owner = mine.owner
	            and a.state in ('open', 'acknowledged')
	            and a.rule not in ` + elsewhere + `
	            and (a.next_due, a.id) > (@at, @id)
	            and ` + actionShown + `
	          order by a.next_due, a.id
	          limit @limit) x
	 order by x.next_due, x.action
	 limit @limit`

// Actions are those that a viewer owns and that are still open, what is due
// first leading.
func (db *DB) Actions(ctx context.Context, viewer casework.AccountID, after Key, limit int) ([]ActionItem, error) {
	rows, _ := db.pool.Query(ctx, `
		with page as materialized (`+mineRows+`)
		select `+actionColumns+`
		  from page
		  join action a on a.id = page.action`+actionJoins+`
		 order by page.next_due, page.action`,
		pgx.NamedArgs{"viewer": viewer, "at": after.At, "id": after.ID, "limit": limit})
	return collectActions(rows, "the actions")
}

// Decided are actions that a viewer owned and that are done, the newest first.
func (db *DB) Decided(ctx context.Context, viewer casework.AccountID, limit int) ([]ActionItem, error) {
	rows, _ := db.pool.Query(ctx, `
		with page as materialized (
		  select x.*
		    from `+mine+`
		   cross join lateral (
		           select a.id as action, a.done_at
		             from action a
		             join match m on m.id = a.match
		            where a.owner_role = mine.role
		              and a.owner = mine.owner
		              and a.state = 'done'
		              and a.rule not in `+elsewhere+`
		              and a.done_at > now() - interval '90 days'
		              and `+actionShown+`
		            order by a.done_at desc, a.id desc
		            limit @limit) x
		   order by x.done_at desc, x.action desc
		   limit @limit
		)
		select `+actionColumns+`
		  from page
		  join action a on a.id = page.action`+actionJoins+`
		 order by page.done_at desc, page.action desc`,
		pgx.NamedArgs{"viewer": viewer, "limit": limit})
	return collectActions(rows, "what was decided")
}

// ActionCount says how many actions wait for a viewer.
type ActionCount struct {
	Open           int
	Unacknowledged int
	Overdue        int
}

// ActionCount counts what Actions would list.
func (db *DB) ActionCount(ctx context.Context, viewer casework.AccountID) (ActionCount, error) {
	rows, _ := db.pool.Query(ctx, `
		select count(*)::int,
		       (count(*) filter (where acked_at is null))::int,
		       (count(*) filter (where next_due < now()))::int
		  from (`+mineRows+`) waiting`,
		pgx.NamedArgs{"viewer": viewer, "at": time.Time{}, "id": 0, "limit": CountedTo + 1})
	n, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[ActionCount])
	if err != nil {
		return n, fmt.Errorf("count the actions: %w", problem(err))
	}
	return n, nil
}

// Escalated are open actions that were left alone and came up to the viewer as
// manager or head, the most escalated first.
func (db *DB) Escalated(ctx context.Context, viewer casework.AccountID, limit int) ([]ActionItem, error) {
	rows, _ := db.pool.Query(ctx, `
		with`+managedOrHeaded+`,
		page as materialized (
		  select x.*
		    from unnest(`+overseenPDUs+`) s (pdu)
		   cross join lateral (
		           select a.id as action, a.level, a.next_due
		             from action a
		             join match m on m.id = a.match
		            where a.pdu = s.pdu
		              and a.state in ('open', 'acknowledged')
		              and a.level > 0
		              and `+overseenOne+`
		              and `+shownBesides+`
		            order by a.level desc, a.next_due, a.id
		            limit @limit) x
		   order by x.level desc, x.next_due, x.action
		   limit @limit
		)
		select `+actionColumns+`
		  from page
		  join action a on a.id = page.action`+actionJoins+`
		 order by page.level desc, page.next_due, page.action`,
		pgx.NamedArgs{"viewer": viewer, "limit": limit})
	return collectActions(rows, "what was escalated")
}

// overseenPDUs narrows the search to where the viewer's teams are, by an index.
const overseenPDUs = `array(
	         select distinct coalesce(t.pdu, g.scope)
	           from account_role g
	           left join team t on t.code = g.scope and g.role = 'manager'
	          where g.account = @viewer
	            and g.role in ('manager', 'head'))`

func collectActions(rows pgx.Rows, what string) ([]ActionItem, error) {
	items, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ActionItem])
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, problem(err))
	}
	return items, nil
}

// ActionView is everything an action page shows.
type ActionView struct {
	ActionItem
	Incident  casework.IncidentID
	Why       map[string]any
	AckDue    time.Time
	Due       time.Time
	AckedBy   string
	DoneBy    string
	ClosedWhy string
	Owns      bool
	Oversees  bool
	Case      bool // the viewer works on the case, and not on the incident alone
	History   []HistoryLine
	Decisions []DecisionView // newest first
	MatchView MatchView
	Managers  []Colleague // who may have been consulted, their own manager first
}

// HistoryLine is one thing that happened to an action.
type HistoryLine struct {
	At   time.Time
	What string
	By   string // a name; empty for the system
	// To is who took it, and Spoke when, of what was told by telephone.
	To    string
	Spoke *time.Time
	N     int
	// Told is who was told of it, and how far that came.
	Told []Notified `db:"-"`
}

// DecisionView is a decision as a page shows it.
type DecisionView struct {
	ID                int64
	Action            casework.ActionID
	Outcome           casework.Outcome
	Rationale         string
	RiskChanged       bool
	RiskReason        string
	ManagerConsulted  string // their name
	ConsultedAt       *time.Time
	Referrals         []string // codes of who was asked to help
	CountersignNeeded bool
	BySubject         string
	By                string
	At                time.Time
	CountersignedBy   string
	CountersignedAt   *time.Time
	CountersignNote   string
	FlaggedAt         *time.Time
	FlaggedWhy        string
}

// Colleague is a member of staff.
type Colleague struct{ Code, Name string }

// actionOpens are the actions, a, that a viewer may open: all of a case that
// they work on, and of any other their own alone, with the incident and without
// the case.
const actionOpens = `works_on(@viewer, a.person)
		   and (works_on_case(@viewer, a.person) or owns(@viewer, a.owner_role, a.owner, a.team))`

// Action is an action as a viewer may see it, with its match.
func (db *DB) Action(ctx context.Context, viewer casework.AccountID, id casework.ActionID) (ActionView, error) {
	var v ActionView
	args := pgx.NamedArgs{"viewer": viewer, "id": id}
	rows, _ := db.pool.Query(ctx, `
		select `+actionColumns+`
		  from action a`+actionJoins+`
		 where a.id = @id
		   and `+actionOpens+`
		   and match_visible(@viewer, a.match)`, args)
	item, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[ActionItem])
	if err != nil {
		return v, fmt.Errorf("read action %d: %w", id, notThere(err))
	}
	v.ActionItem = item
	err = db.pool.QueryRow(ctx, `
		select a.incident, a.why, a.ack_due, a.due,
		       coalesce(k.name, a.acked_by, ''), coalesce(d.name, a.done_by, ''), a.closed_reason,
		       owns(@viewer, a.owner_role, a.owner, a.team),
		       oversees(@viewer, a.person),
		       works_on_case(@viewer, a.person)
		  from action a
		  left join account k on k.subject = a.acked_by
		  left join account d on d.subject = a.done_by
		 where a.id = @id`, args).
		Scan(&v.Incident, &v.Why, &v.AckDue, &v.Due, &v.AckedBy, &v.DoneBy, &v.ClosedWhy, &v.Owns, &v.Oversees, &v.Case)
	if err != nil {
		return v, fmt.Errorf("read action %d: %w", id, problem(err))
	}
	if !v.Case {
		v.RoSH = "" // nor whoever no longer works on it
	}
	rows, _ = db.pool.Query(ctx, `
		select h.at, h.what, coalesce(c.name, h.by),
		       case when h.what = 'telephoned' then coalesce(s.name, h.note ->> 'to') else '' end,
		       (h.note ->> 'spoke')::timestamptz,
		       h.n
		  from action_history h
		  left join account c on c.subject = h.by
		  left join staff s on s.code = h.note ->> 'to' and h.what = 'telephoned'
		 where h.action = @id
		 order by h.n`, args)
	if v.History, err = pgx.CollectRows(rows, pgx.RowToStructByPos[HistoryLine]); err != nil {
		return v, fmt.Errorf("read the history of action %d: %w", id, problem(err))
	}
	if err := db.told(ctx, id, v.History); err != nil {
		return v, err
	}
	if v.Decisions, err = db.decisions(ctx, `d.action = @id`, args); err != nil {
		return v, fmt.Errorf("read the decisions on action %d: %w", id, err)
	}
	rows, _ = db.pool.Query(ctx, `
		select s.code, s.name
		  from staff s
		  join person p on p.id = (select current_person(a.person) from action a where a.id = @id)
		  join team t on t.code = p.team
		 where s.role in ('manager', 'head')
		   and s.pdu = p.pdu
		   and s.gone_at is null
		 order by s.code <> t.manager, s.name`, args)
	if v.Managers, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Colleague]); err != nil {
		return v, fmt.Errorf("read the managers for action %d: %w", id, problem(err))
	}
	if v.MatchView, err = db.match(ctx, viewer, v.Match, `works_on(@viewer, m.person)`); err != nil {
		return v, fmt.Errorf("read action %d: %w", id, err)
	}
	return v, nil
}

func (db *DB) decisions(ctx context.Context, which string, args pgx.NamedArgs) ([]DecisionView, error) {
	rows, _ := db.pool.Query(ctx, `
		select d.id, d.action, d.outcome, d.rationale, d.risk_changed, d.risk_reason,
		       coalesce(c.name, d.manager_consulted), d.consulted_at, d.referrals, d.countersign_needed,
		       d.by, coalesce(b.name, d.by), d.at,
		       coalesce(k.name, d.countersigned_by, ''), d.countersigned_at, d.countersign_note,
		       d.flagged_at, d.flagged_why
		  from decision d
		  left join staff c on c.code = d.manager_consulted
		  left join account b on b.subject = d.by
		  left join account k on k.subject = d.countersigned_by
		 where `+which+`
		 order by d.id desc`, args)
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[DecisionView])
	return all, problem(err)
}

// ToCountersign is a decision that waits for a manager.
type ToCountersign struct {
	Decision  int64
	Action    casework.ActionID
	Outcome   casework.Outcome
	By        string
	At        time.Time
	Own       bool // the viewer's own: shown, but for somebody else to sign
	Priority  casework.Priority
	Person    casework.PersonID
	CRN       string
	Surname   string
	Forenames string
	RoSH      casework.RoSH
	Force     string
	Reference string
}

// Countersignatures are the decisions that wait for the viewer's
// countersignature as manager or head, the oldest first, and those of their own
// that wait for somebody else's.
func (db *DB) Countersignatures(ctx context.Context, viewer casework.AccountID, after Key, limit int) ([]ToCountersign, error) {
	which := `
		         a.state = 'done'
		     and d.countersigned_at is null
		     and d.flagged_at is null
		     and not exists (select 1 from decision n where n.action = d.action and n.id > d.id)
		     and (d.at, d.id) > (@at, @id)
		     and ` + overseenOne + `
		     and ` + shownBesides + `
		   order by d.at, d.id
		   limit @limit`
	rows, _ := db.pool.Query(ctx, `
		with`+managedOrHeaded+`,
		needed as materialized (
		  select d.id
		    from decision d
		    join action a on a.id = d.action
		    join match m on m.id = a.match
		   where d.countersign_needed
		     and `+which+`
		),
		asked as materialized ( -- the policy asks for it, for some as a sample
		  select d.id
		    from action c
		    join action a on a.incident = c.incident and a.person = c.person and a.id <> c.id
		    join match m on m.id = a.match
		    join decision d on d.action = a.id
		   where c.pdu = any(`+overseenPDUs+`)
		     and c.rule = 'countersign_decision'
		     and c.state in ('open', 'acknowledged')
		     and `+which+`
		)
		select d.id, a.id, d.outcome, coalesce(b.name, d.by), d.at, d.by = v.subject, a.priority,
		       p.id, p.crn, p.surname, p.forenames, p.rosh, i.force, i.reference
		  from (select id from needed union select id from asked) w
		  join decision d on d.id = w.id
		  join account v on v.id = @viewer
		  join action a on a.id = d.action
		  join incident i on i.id = a.incident
		  join person p on p.id = current_person(a.person)
		  left join account b on b.subject = d.by
		 order by d.at, d.id
		 limit @limit`,
		pgx.NamedArgs{"viewer": viewer, "at": after.At, "id": after.ID, "limit": limit})
	items, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ToCountersign])
	if err != nil {
		return nil, fmt.Errorf("read what is to be countersigned: %w", problem(err))
	}
	return items, nil
}

// DecisionAction is the action that a decision was made on, if the viewer
// oversees it.
func (db *DB) DecisionAction(ctx context.Context, viewer casework.AccountID, decision int64) (casework.ActionID, error) {
	var id casework.ActionID
	err := db.pool.QueryRow(ctx, `
		select a.id
		  from decision d
		  join action a on a.id = d.action
		 where d.id = @id
		   and oversees(@viewer, a.person)
		   and match_visible(@viewer, a.match)`,
		pgx.NamedArgs{"id": decision, "viewer": viewer}).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("read decision %d: %w", decision, notThere(err))
	}
	return id, nil
}
