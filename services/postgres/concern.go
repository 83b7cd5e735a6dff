package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// concernKey is one incident and one person on probation: the work is settled
// for both together.
type concernKey struct {
	Incident casework.IncidentID
	Person   casework.PersonID
}

// concerns reads everything about the incidents and people of the matches,
// under the incidents' lock, in the order of incident and person.
func concerns(ctx context.Context, tx pgx.Tx, matches []casework.MatchID, now time.Time) ([]*casework.Concern, error) {
	ids := plain(matches)
	// Sorted, so that two notifiers wait for each other in one order. Not "for
	// update": rows that only refer to the incident need not wait.
	_, err := tx.Exec(ctx, `
		select
		  from incident
		 where id in (select incident from match where id = any(@ids))
		 order by id
		   for no key update`,
		pgx.NamedArgs{"ids": ids})
	if err != nil {
		return nil, fmt.Errorf("lock the incidents of %d matches: %w", len(ids), err)
	}
	all, err := unlocked(ctx, tx, ids, now)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	if err := adopt(ctx, tx, all); err != nil {
		return nil, err
	}
	if err := enquiriesOf(ctx, tx, all); err != nil {
		return nil, err
	}
	return all, actionsOf(ctx, tx, all)
}

// unlocked are the concerns without their actions.
func unlocked(ctx context.Context, tx pgx.Tx, ids []int64, now time.Time) ([]*casework.Concern, error) {
	all, err := findings(ctx, tx, ids)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	if err := reports(ctx, tx, all); err != nil {
		return nil, err
	}
	if err := subjects(ctx, tx, all, now); err != nil {
		return nil, err
	}
	return all, earlier(ctx, tx, all)
}

// ReplayConcerns gives each concern of the matches found since a time to look,
// as it stands now and without its actions, and locks nothing. It returns how
// many there were.
func (db *DB) ReplayConcerns(ctx context.Context, since time.Time, look func(*casework.Concern)) (int, error) {
	rows, _ := db.pool.Query(ctx, `
		select min(id)
		  from match
		 where found_at >= @since
		 group by incident, person
		 order by 1`,
		pgx.NamedArgs{"since": since})
	matches, err := pgx.CollectRows(rows, pgx.RowTo[casework.MatchID])
	if err != nil {
		return 0, fmt.Errorf("read the matches since %s: %w", since.Format(time.DateOnly), problem(err))
	}
	for some := range slices.Chunk(matches, 500) {
		err := pgx.BeginTxFunc(ctx, db.pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
			all, err := unlocked(ctx, tx, plain(some), time.Now())
			for _, c := range all {
				look(c)
			}
			return err
		})
		if err != nil {
			return 0, fmt.Errorf("read the concerns since %s: %w", since.Format(time.DateOnly), problem(err))
		}
	}
	return len(matches), nil
}

// findings begins the concerns with all matches of the same people in the same
// incidents, whatever has become of them.
func findings(ctx context.Context, tx pgx.Tx, ids []int64) ([]*casework.Concern, error) {
	rows, _ := tx.Query(ctx, `
		select m.incident, m.person, m.revision,
		       m.id, m.involvement, m.role, m.state, m.band, m.probability, m.priority, m.found_at,
		       m.judged_at, coalesce(j.by, ''), m.transferred_at, coalesce(m.contact, '')
		  from match m
		  join (select distinct incident, person
		          from match
		         where id = any(@ids)) g on g.incident = m.incident and g.person = m.person
		  left join lateral (
		       select by
		         from judgement
		        where match = m.id
		        order by id desc
		        limit 1) j on m.judged_at is not null
		 order by m.incident, m.person, m.id`,
		pgx.NamedArgs{"ids": ids})
	var all []*casework.Concern
	var key concernKey
	var revision int
	var f casework.MatchStanding
	var judged, transferred *time.Time
	_, err := pgx.ForEachRow(rows, []any{&key.Incident, &key.Person, &revision,
		&f.ID, &f.Involvement, &f.Role, &f.State, &f.Band, &f.Probability, &f.Priority, &f.FoundAt,
		&judged, &f.JudgedBy, &transferred, &f.Contact}, func() error {
		f.JudgedAt, f.TransferredAt = timeOf(judged), timeOf(transferred)
		if n := len(all); n == 0 || all[n-1].Incident != key.Incident || all[n-1].Person != key.Person {
			all = append(all, &casework.Concern{Incident: key.Incident, Person: key.Person})
		}
		c := all[len(all)-1]
		c.Matches = append(c.Matches, f)
		c.Revision = max(c.Revision, revision)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %d matches: %w", len(ids), err)
	}
	return all, nil
}

// reports adds what police say.
func reports(ctx context.Context, tx pgx.Tx, all []*casework.Concern) error {
	incidents, numbers := make([]int64, len(all)), make([]int32, len(all))
	for i, c := range all {
		incidents[i], numbers[i] = int64(c.Incident), int32(c.Revision)
	}
	rows, _ := tx.Query(ctx, `
		select w.n,
		       i.force, i.reference, r.number, r.status, r.kind, r.type, r.reported_at, r.occurred_from,
		       r.domestic_abuse, r.children_present, r.dash, r.redacted, r.involvements, r.body
		  from unnest(@incidents::bigint[], @numbers::integer[]) with ordinality as w (incident, number, n)
		  join incident i on i.id = w.incident
		  join revision r on r.incident = w.incident and r.number = w.number`,
		pgx.NamedArgs{"incidents": incidents, "numbers": numbers})
	var n int
	var r casework.Incident
	var involvements []int
	var body []byte
	_, err := pgx.ForEachRow(rows, []any{&n,
		&r.Force, &r.Reference, &r.Revision, &r.Status, &r.Kind, &r.Type, &r.ReportedAt, &r.OccurredFrom,
		&r.DomesticAbuse, &r.ChildrenPresent, &r.DASH, &r.Redacted, &involvements, &body}, func() error {
		c := all[n-1]
		c.Report, c.Erased = r, body == nil
		c.Involvements = append([]int(nil), involvements...)
		if c.Erased {
			return nil
		}
		var whole casework.Incident
		if json.Unmarshal(body, &whole) != nil { // its own text would quote the body
			return fmt.Errorf("incident %d: revision %d cannot be read", c.Incident, c.Revision)
		}
		c.Report = whole
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the reports of %d concerns: %w", len(all), err)
	}
	return nil
}

// subjects adds the people on probation of today, without their names: nothing
// that is settled here depends on one.
func subjects(ctx context.Context, tx pgx.Tx, all []*casework.Concern, now time.Time) error {
	people := make([]int64, len(all))
	for i, c := range all {
		people[i] = int64(c.Person)
	}
	rows, _ := tx.Query(ctx, `
		select w.n,
		       p.id, p.crn, p.order_type, p.rosh, p.mappa_category, p.mappa_level, p.registers, p.restricted,
		       p.victim_contact, p.circumstances, p.pdu, p.team,
		       `+heldFrom(`p.practitioner`)+`, `+heldFrom(`t.manager`)+`, p.supervised,
		       s.gone_at is not null,
		       b.gone_at is not null,
		       u.region,
		       exists (
		         select 1
		           from rota d
		          where d.region = u.region
		            and d.starts <= @now
		            and d.ends > @now)
		  from unnest(@people::bigint[]) with ordinality as w (person, n)
		  join person q on q.id = w.person
		  join person p on p.id = case when q.merged_into is null then q.id else current_person(q.id) end
		  join team t on t.code = p.team
		  join pdu u on u.code = p.pdu
		  left join staff s on s.code = p.practitioner
		  left join staff b on b.code = t.manager`,
		pgx.NamedArgs{"people": people, "now": now})
	var n int
	var p casework.Person
	var circumstances []byte
	var practitionerGone, managerGone, rota bool
	var region string
	_, err := pgx.ForEachRow(rows, []any{&n,
		&p.ID, &p.CRN, &p.OrderType, &p.RoSH, &p.MAPPA.Category, &p.MAPPA.Level, &p.Registers, &p.Restricted,
		&p.VictimContact, &circumstances, &p.PDU, &p.Team, &p.Practitioner, &p.Manager, &p.Supervised,
		&practitionerGone, &managerGone, &region, &rota}, func() error {
		c := all[n-1]
		c.Subject = p
		c.Subject.Registers = append([]string(nil), p.Registers...)
		c.PractitionerGone, c.ManagerGone, c.Region, c.Rota = practitionerGone, managerGone, region, rota
		c.Subject.Circumstances = casework.Circumstances{}
		if json.Unmarshal(circumstances, &c.Subject.Circumstances) != nil {
			return fmt.Errorf("person %d: the circumstances cannot be read", p.ID)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the people of %d concerns: %w", len(all), err)
	}
	return nil
}

// earlier adds when the other incidents of the year before were that are not
// known to be somebody else's.
func earlier(ctx context.Context, tx pgx.Tx, all []*casework.Concern) error {
	incidents, people := make([]int64, len(all)), make([]int64, len(all))
	occurred := make([]time.Time, len(all))
	for i, c := range all {
		incidents[i], people[i], occurred[i] = int64(c.Incident), int64(c.Person), c.Report.OccurredFrom
	}
	rows, _ := tx.Query(ctx, `
		select w.n,
		       r.occurred_from
		  from unnest(@incidents::bigint[], @people::bigint[], @occurred::timestamptz[]) with ordinality as w (incident, person, occurred, n)
		  join match m on m.person = w.person
		  join revision r on r.incident = m.incident and r.number = m.revision
		 where m.incident <> w.incident
		   and m.state in ('open', 'unsure', 'confirmed')
		   and (m.state = 'confirmed' or m.band <> 'possible')
		   and r.occurred_from <= w.occurred
		   and r.occurred_from > w.occurred - interval '366 days'
		 group by w.n, m.incident, r.occurred_from -- two matches in one incident are one incident
		 order by w.n, r.occurred_from`,
		pgx.NamedArgs{"incidents": incidents, "people": people, "occurred": occurred})
	var n int
	var at time.Time
	_, err := pgx.ForEachRow(rows, []any{&n, &at}, func() error {
		all[n-1].Earlier = append(all[n-1].Earlier, at)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the earlier incidents of %d concerns: %w", len(all), err)
	}
	return nil
}

// actionsOf adds the actions there are, under their lock, with what was decided
// and who was told.
func actionsOf(ctx context.Context, tx pgx.Tx, all []*casework.Concern) error {
	incidents, people := make([]int64, len(all)), make([]int64, len(all))
	byKey := make(map[concernKey]*casework.Concern, len(all))
	for i, c := range all {
		incidents[i], people[i] = int64(c.Incident), int64(c.Person)
		byKey[concernKey{c.Incident, c.Person}] = c
	}
	rows, _ := tx.Query(ctx, `
		select `+wholeAction+`
		  from action a
		 where (a.incident, a.person) in (
		       select *
		         from unnest(@incidents::bigint[], @people::bigint[]))
		 order by a.id
		   for update`,
		pgx.NamedArgs{"incidents": incidents, "people": people})
	found, err := pgx.CollectRows(rows, scanAction)
	if err != nil {
		return fmt.Errorf("read the actions of %d concerns: %w", len(all), err)
	}
	if len(found) == 0 {
		return nil
	}
	byAction := make(map[casework.ActionID]*casework.Concern, len(found))
	for _, a := range found {
		c := byKey[concernKey{a.Incident, a.Person}]
		c.Actions = append(c.Actions, a)
		c.Decided, c.Told = map[casework.ActionID]casework.Decision{}, map[casework.ActionID][]casework.Owner{}
		byAction[a.ID] = c
	}
	ids := make([]int64, len(found))
	for i, a := range found {
		ids[i] = int64(a.ID)
	}
	rows, _ = tx.Query(ctx, `
		select distinct on (action)
		       action, outcome, risk_changed, manager_consulted, consulted_at, by, at, countersign_needed,
		       coalesce(countersigned_by, ''), countersigned_at
		  from decision
		 where action = any(@ids)
		 order by action, id desc`,
		pgx.NamedArgs{"ids": ids})
	var d casework.Decision
	var consulted, countersigned *time.Time
	_, err = pgx.ForEachRow(rows, []any{&d.Action, &d.Outcome, &d.RiskChanged, &d.ManagerConsulted, &consulted, &d.By, &d.At,
		&d.CountersignNeeded, &d.CountersignedBy, &countersigned}, func() error {
		d.ConsultedAt, d.CountersignedAt = timeOf(consulted), timeOf(countersigned)
		byAction[d.Action].Decided[d.Action] = d
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the decisions on %d actions: %w", len(ids), err)
	}
	rows, _ = tx.Query(ctx, `
		select action, rule, answer
		  from checklist
		 where action = any(@ids)
		 order by action, raised_at, rule`,
		pgx.NamedArgs{"ids": ids})
	items := map[casework.ActionID][]casework.Item{}
	var of casework.ActionID
	var item casework.Item
	_, err = pgx.ForEachRow(rows, []any{&of, &item.Rule, &item.Answer}, func() error {
		items[of] = append(items[of], item)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the checklists of %d actions: %w", len(ids), err)
	}
	for _, c := range all {
		for i := range c.Actions {
			c.Actions[i].Items = items[c.Actions[i].ID]
		}
	}
	rows, _ = tx.Query(ctx, `
		select distinct action, owner_role, owner
		  from notice
		 where action = any(@ids)
		 order by action, owner_role, owner`,
		pgx.NamedArgs{"ids": ids})
	var told casework.ActionID
	var o casework.Owner
	_, err = pgx.ForEachRow(rows, []any{&told, &o.Role, &o.Code}, func() error {
		c := byAction[told]
		c.Told[told] = append(c.Told[told], o)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read who was told of %d actions: %w", len(ids), err)
	}
	return nil
}

const wholeAction = `a.id, a.incident, a.person, a.match, a.rule, a.why, a.owner_role, a.owner, a.pdu, a.team,
		       a.practitioner, a.facts, a.priority, a.state, a.unverified, a.raised_at, a.ack_due, a.due,
		       a.acked_at, coalesce(a.acked_by, ''), a.done_at, coalesce(a.done_by, ''), a.level, a.closed_reason,
		       a.owner_role in ('practitioner', 'manager')
		       and exists (select 1 from staff g where g.code = a.owner and g.gone_at is not null),
		       ` + givenAction

// givenAction says that the owner of a has it by the word of somebody.
const givenAction = `exists (
		         select 1
		           from action_history g
		          where g.action = a.id
		            and g.what = 'reassigned'
		            and g.by <> ''
		            and g.note ->> 'to' = a.owner)`

func scanAction(row pgx.CollectableRow) (casework.Action, error) {
	var a casework.Action
	var why, facts []byte
	var acked, done *time.Time
	err := row.Scan(&a.ID, &a.Incident, &a.Person, &a.Match, &a.Rule, &why, &a.Owner.Role, &a.Owner.Code, &a.Owner.PDU, &a.Owner.Team,
		&a.Practitioner, &facts, &a.Priority, &a.State, &a.Unverified, &a.RaisedAt, &a.AckDue, &a.Due,
		&acked, &a.AckedBy, &done, &a.DoneBy, &a.Level, &a.ClosedReason,
		&a.OwnerGone, &a.Given)
	if err != nil {
		return a, err
	}
	a.AckedAt, a.DoneAt = timeOf(acked), timeOf(done)
	if err := json.Unmarshal(why, &a.Why); err != nil {
		return a, fmt.Errorf("action %d: its reasons cannot be read", a.ID)
	}
	if err := json.Unmarshal(facts, &a.Facts); err != nil {
		return a, fmt.Errorf("action %d: its facts cannot be read", a.ID)
	}
	return a, nil
}

func timeOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func plain[N ~int64](ids []N) []int64 {
	all := make([]int64, len(ids))
	for i, id := range ids {
		all[i] = int64(id)
	}
	return all
}
