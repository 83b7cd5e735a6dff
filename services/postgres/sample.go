package postgres

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// hands are the matches, z.match, on whose work somebody has a hand: they decided,
// were consulted or countersigned, judged or transferred the match, asked police,
// answered the checklist, or acknowledged or closed any action of it. Giving the
// work to somebody is no hand in it: else no manager could look at their own
// team's.
var hands = []string{
	`select z.match from action z where z.acked_by = @subject`,
	`select z.match from action z where z.done_by = @subject`,
	`select z.match from action_history h join action z on z.id = h.action where h.by = @subject and h.by <> '' and h.what <> 'reassigned'`,
	`select z.match from decision d join action z on z.id = d.action where d.by = @subject`,
	`select z.match from decision d join action z on z.id = d.action where d.countersigned_by = @subject`,
	`select z.match from decision d join action z on z.id = d.action where d.manager_consulted = @staff and d.manager_consulted <> ''`,
	`select z.match from checklist c join action z on z.id = c.action where c.answered_by = @subject`,
	`select z.match from judgement z where z.by = @subject`,
	`select z.match from enquiry q join action z on z.incident = q.incident and z.person = q.person where q.asked_by = @subject`,
}

// handIn says of an action that the viewer has a hand in the work on its match.
func handIn(action string) string {
	who := strings.NewReplacer(
		"@subject", `(select subject from account where id = @viewer)`,
		"@staff", `(select staff from account where id = @viewer)`)
	return `exists (
	         select 1
	           from action w
	          cross join lateral (` + who.Replace(strings.Join(hands, " and z.match = w.match union all ")) + ` and z.match = w.match) h
	          where w.id = ` + action + `)`
}

// drawable are the people of whose work a viewer may draw: whose manager or head
// they are, and whom they may see; and the matches of which they may not: on
// which they have a hand, or of which another candidate is hidden from them.
// What one person has a hand in is read once.
var drawable = `
	with` + overseenPeople + `,
	hidden as materialized (
	  select hidden_people(@viewer) as id
	)
	select array(select id from overseen where id not in (select id from hidden)),
	       array(
	         ` + strings.Join(hands, " union all ") + `
	          union all
	         select m.id
	           from hidden h
	           join match c on c.person = h.id and c.contested and c.state <> 'superseded'
	           join match m on m.incident = c.incident and m.involvement = c.involvement)`

// drawnFrom are the reviews of drawable work that were closed in a period. It is
// asked as it is: what is not narrowed down costs nothing.
const drawnFrom = `
	select coalesce(array_agg(r.action), '{}')
	  from reviewed r
	  left join account b on b.subject = r.decided_by
	 where r.pdu = @pdu
	   and r.done_at >= @from
	   and r.done_at < @to
	   and r.person in (select unnest(@people::bigint[]))
	   and r.match not in (select unnest(@hands::bigint[]))
	   and (@kind = '' or r.kind = @kind)
	   and (@practitioner = '' or @practitioner = coalesce(nullif(b.staff, ''), r.owner))`

// atOnce is how many days' work a draw looks through with one query.
const atOnce = 30

// population is all that a sample may be drawn from for somebody.
func population(ctx context.Context, tx pgx.Tx, s casework.Sample, by casework.Account) (all []int64, err error) {
	var people, hands []int64
	err = tx.QueryRow(ctx, drawable, pgx.NamedArgs{"viewer": by.ID, "subject": by.Subject, "staff": by.Staff}).Scan(&people, &hands)
	if err != nil {
		return nil, err
	}
	for from := s.From; from.Before(s.To); from = from.AddDate(0, 0, atOnce) {
		to := from.AddDate(0, 0, atOnce)
		if to.After(s.To) {
			to = s.To
		}
		var some []int64
		err := tx.QueryRow(ctx, drawnFrom, asAsked, pgx.NamedArgs{"pdu": s.PDU, "from": from, "to": to, "people": people, "hands": hands,
			"kind": s.Kind, "practitioner": s.Practitioner}).Scan(&some)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// lots are the first of a population in an order that a seed gives and nobody
// chose: by the MD5 of "seed:number". So anybody can draw the same again.
func lots(population []int64, seed int64, size int) []int64 {
	type lot struct {
		sum    [md5.Size]byte
		action int64
	}
	var first []lot
	text := append(strconv.AppendInt(nil, seed, 10), ':')
	for _, action := range population {
		l := lot{md5.Sum(strconv.AppendInt(text, action, 10)), action}
		at, _ := slices.BinarySearchFunc(first, l, func(a, b lot) int {
			return cmp.Or(bytes.Compare(a.sum[:], b.sum[:]), cmp.Compare(a.action, b.action))
		})
		if at < size {
			first = slices.Insert(first, at, l)
			first = first[:min(size, len(first))]
		}
	}
	var drawn []int64
	for _, l := range first {
		drawn = append(drawn, l.action)
	}
	return drawn
}

// DrawSample draws closed work for somebody to look at again, and keeps the
// draw: of reviews that were decided and closed in the period, on cases that
// they manage or head and may see; never of what they have a hand in, nor of
// what is erased. It is casework.ErrNotFound if there is nothing to draw from.
func (db *DB) DrawSample(ctx context.Context, s casework.Sample, by casework.Account, correlation string) (casework.Sample, error) {
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		// One record for all that is read of it.
		if _, err := tx.Exec(ctx, "set transaction isolation level repeatable read"); err != nil {
			return err
		}
		all, err := population(ctx, tx, s, by)
		if err != nil {
			return err
		}
		if len(all) == 0 {
			return casework.ErrNotFound
		}
		s.Population = len(all)
		actions := lots(all, s.Seed, s.Size)
		args := pgx.NamedArgs{"subject": by.Subject, "seed": s.Seed, "size": s.Size, "population": s.Population, "pdu": s.PDU,
			"practitioner": s.Practitioner, "kind": s.Kind, "from": s.From, "to": s.To, "actions": actions}
		err = tx.QueryRow(ctx, `
			insert into sample (drawn_by, seed, size, population, pdu, practitioner, kind, closed_from, closed_to)
			values (@subject, @seed, @size, @population, @pdu, @practitioner, @kind, @from, @to)
			returning id, drawn_at, drawn_by`, args).Scan(&s.ID, &s.DrawnAt, &s.DrawnBy)
		if err != nil {
			return err
		}
		args["sample"] = s.ID
		_, err = tx.Exec(ctx, `
			insert into sample_item (sample, n, action, decision, practitioner)
			select @sample, t.n, a.id, d.id, coalesce(nullif(b.staff, ''), a.owner)
			  from unnest(@actions::bigint[]) with ordinality as t (action, n)
			  join action a on a.id = t.action
			 cross join lateral (
			         select id, by
			           from decision
			          where action = a.id
			          order by id desc
			          limit 1) d
			  left join account b on b.subject = d.by`, args)
		if err != nil {
			return err
		}
		return audit(ctx, tx, Audit{Actor: by.Subject, What: "SAMPLE_DRAWN", Service: "desk", SubjectType: "sample", SubjectID: fmt.Sprint(s.ID),
			Correlation: correlation, Details: map[string]any{"seed": s.Seed, "size": s.Size, "population": s.Population, "pdu": s.PDU,
				"practitioner": s.Practitioner, "kind": s.Kind, "from": s.From.UTC(), "to": s.To.UTC(), "actions": actions}})
	})
	if err != nil {
		return s, fmt.Errorf("draw a sample: %w", err)
	}
	return s, nil
}

// drewHere: the viewer drew a sample, s, and oversees work where it was drawn.
const drewHere = `(s.drawn_by = (select subject from account where id = @viewer) and s.pdu = any(` + overseenPDUs + `))`

// sampleSeen are the samples, s, that a viewer may know of: their own, those of
// a PDU that they head, and those that have work of a practitioner whom they manage.
const sampleSeen = `
	(   ` + drewHere + `
	 or exists (select 1 from account_role g where g.account = @viewer and g.role = 'head' and g.scope = s.pdu)
	 or exists (select 1 from sample_item o where o.sample = s.id and ` + managesPractitioner + `))`

// managesPractitioner: the viewer is the manager of who decided an item, o.
const managesPractitioner = `
	exists (
	  select 1
	    from staff w
	    join account_role g on g.role = 'manager' and g.scope = w.team
	   where w.code = o.practitioner
	     and g.account = @viewer)`

// itemSeen are the items, o, of a sample, s, that count for a viewer: to who
// drew them and to the head all, to a manager those of their practitioners;
// nothing about anybody who is hidden from them.
const itemSeen = `
	(   ` + drewHere + `
	 or exists (select 1 from account_role g where g.account = @viewer and g.role = 'head' and g.scope = s.pdu)
	 or ` + managesPractitioner + `)
	and exists (select 1 from action a join match m on m.id = a.match where a.id = o.action and ` + actionShown + `)`

// SampleLine is a sample with how far it has come.
type SampleLine struct {
	casework.Sample
	DrawnName, PDUName, PractitionerName string
	Mine                                 bool
	Items, Judged, Pass, Partial, Fail   int
}

const sampleColumns = `
	       s.id, s.drawn_at, s.drawn_by, s.seed, s.size, s.population, s.pdu, s.practitioner, s.kind, s.closed_from, s.closed_to,
	       coalesce(b.name, s.drawn_by), coalesce(u.name, s.pdu), coalesce(w.name, s.practitioner), coalesce(` + drewHere + `, false),
	       c.items, c.judged, c.pass, c.part, c.fail
	  from sample s
	  left join account b on b.subject = s.drawn_by
	  left join pdu u on u.code = s.pdu
	  left join staff w on w.code = s.practitioner
	 cross join lateral (
	         select count(*)::int as items,
	                count(o.judged_at)::int as judged,
	                (count(*) filter (where o.judged_at is not null and o.verdict = 'pass'))::int as pass,
	                (count(*) filter (where o.judged_at is not null and o.verdict = 'partial'))::int as part,
	                (count(*) filter (where o.judged_at is not null and o.verdict = 'fail'))::int as fail
	           from sample_item o
	          where o.sample = s.id
	            and ` + itemSeen + `) c
	 where c.items > 0
	   and ` + sampleSeen

func scanSample(row pgx.CollectableRow) (SampleLine, error) {
	var l SampleLine
	err := row.Scan(&l.ID, &l.DrawnAt, &l.DrawnBy, &l.Seed, &l.Size, &l.Population, &l.PDU, &l.Practitioner, &l.Kind, &l.From, &l.To,
		&l.DrawnName, &l.PDUName, &l.PractitionerName, &l.Mine, &l.Items, &l.Judged, &l.Pass, &l.Partial, &l.Fail)
	return l, err
}

// Samples are those that a viewer may know of, the newest first.
func (db *DB) Samples(ctx context.Context, viewer casework.AccountID, limit int) ([]SampleLine, error) {
	rows, _ := db.pool.Query(ctx, `select `+sampleColumns+` order by s.id desc limit @limit`, pgx.NamedArgs{"viewer": viewer, "limit": limit})
	all, err := pgx.CollectRows(rows, scanSample)
	if err != nil {
		return nil, fmt.Errorf("read the samples: %w", problem(err))
	}
	return all, nil
}

// SampleItem is one piece of work in a sample, without whom it is about.
type SampleItem struct {
	ID           int64
	Sample       int64
	N            int
	Action       casework.ActionID
	Decision     int64
	Practitioner string // staff code
	Name         string // of the practitioner
	Manages      bool   // the viewer is that practitioner's manager
	Mine         bool   // the viewer drew it, and may judge it
	Reference    string
	Force        string
	Kind         casework.Kind
	DoneAt       time.Time
	Answers      map[string]string
	Verdict      string
	Notes        string
	SavedAt      *time.Time
	JudgedAt     *time.Time
	Erased       bool
	Own          bool // the viewer has a hand in it, so somebody else judges it
}

var itemColumns = `
	       o.id, o.sample, o.n, o.action, o.decision, o.practitioner, coalesce(w.name, o.practitioner), ` + managesPractitioner + `,
	       ` + drewHere + `, i.reference, i.force, r.kind, coalesce(x.done_at, x.raised_at), o.answers, o.verdict, o.notes, o.saved_at, o.judged_at,
	       y.erased_at is not null, ` + handIn("o.action") + `
	  from sample_item o
	  join sample s on s.id = o.sample
		  join action x on x.id = o.action
	  join match y on y.id = x.match
	  join incident i on i.id = x.incident
	  join revision r on r.incident = y.incident and r.number = y.revision
	  left join staff w on w.code = o.practitioner`

// Sample is one with its items, as a viewer may know them: who drew it opens
// all, a manager what their practitioners decided, a head none but counts.
func (db *DB) Sample(ctx context.Context, viewer casework.AccountID, id int64) (SampleLine, []SampleItem, error) {
	args := pgx.NamedArgs{"viewer": viewer, "id": id}
	rows, _ := db.pool.Query(ctx, `select `+sampleColumns+` and s.id = @id`, args)
	line, err := pgx.CollectExactlyOneRow(rows, scanSample)
	if err != nil {
		return line, nil, fmt.Errorf("read sample %d: %w", id, notThere(err))
	}
	rows, _ = db.pool.Query(ctx, `select `+itemColumns+` where s.id = @id and `+itemSeen+` order by o.n`, args)
	items, err := pgx.CollectRows(rows, pgx.RowToStructByPos[SampleItem])
	if err != nil {
		return line, nil, fmt.Errorf("read the items of sample %d: %w", id, problem(err))
	}
	return line, items, nil
}

// Sampled is one item, for who drew it and for the manager of who decided.
func (db *DB) Sampled(ctx context.Context, viewer casework.AccountID, id int64) (SampleItem, error) {
	rows, _ := db.pool.Query(ctx, `select `+itemColumns+`
		 where o.id = @id
		   and (`+drewHere+` or `+managesPractitioner+`)
		   and `+itemSeen,
		pgx.NamedArgs{"viewer": viewer, "id": id})
	item, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[SampleItem])
	if err != nil {
		return item, fmt.Errorf("read sampled work %d: %w", id, notThere(err))
	}
	return item, nil
}

// Finding is what somebody found of sampled work. Without Done it is kept to go
// on with later.
type Finding struct {
	Item        int64
	Answers     map[string]string
	Verdict     string
	Notes       string
	Done        bool
	By          casework.Account
	Correlation string
}

// Find records what somebody found of work that they drew. It is
// casework.ErrOwnDecision if they have a hand in it by now, and
// casework.ErrChanged if the work is erased, for notes on it would stay. It
// gives the PDU if this judged it for the first time.
func (db *DB) Find(ctx context.Context, f Finding) (first string, err error) {
	err = db.inTx(ctx, func(tx pgx.Tx) error {
		first = ""
		args := pgx.NamedArgs{"id": f.Item, "viewer": f.By.ID, "subject": f.By.Subject, "answers": f.Answers, "verdict": f.Verdict,
			"notes": f.Notes, "done": f.Done}
		// The match is locked before the item, as erasing does.
		_, err := tx.Exec(ctx, `
			select 1
			  from match m
			  join action a on a.match = m.id
			  join sample_item o on o.action = a.id
			 where o.id = @id
			   for share of m`, args)
		if err != nil {
			return err
		}
		var own, judged, erased bool
		var pdu string
		err = tx.QueryRow(ctx, `
			select `+handIn("o.action")+`,
			       o.judged_at is not null,
			       y.erased_at is not null,
			       s.pdu
			  from sample_item o
			  join sample s on s.id = o.sample
			  join action x on x.id = o.action
			  join match y on y.id = x.match
			 where o.id = @id
			   and `+drewHere+`
			   and `+itemSeen+`
			   for update of o`, args).Scan(&own, &judged, &erased, &pdu)
		switch {
		case err != nil:
			return notThere(err)
		case own:
			return casework.ErrOwnDecision
		case erased:
			return casework.ErrChanged // notes would outlive what they are about
		case judged && !f.Done:
			return casework.ErrChanged // what is judged is not half-judged again
		}
		_, err = tx.Exec(ctx, `
			update sample_item
			   set answers = @answers,
			       verdict = @verdict,
			       notes = @notes,
			       saved_at = now(),
			       judged_at = case when @done then now() end,
			       judged_by = case when @done then @subject end
			 where id = @id`, args)
		if err != nil || !f.Done {
			return err
		}
		if !judged {
			first = pdu
		}
		return audit(ctx, tx, Audit{Actor: f.By.Subject, What: "SAMPLE_JUDGED", Service: "desk", SubjectType: "sampled", SubjectID: fmt.Sprint(f.Item),
			Correlation: f.Correlation, Details: map[string]any{"verdict": f.Verdict, "answers": f.Answers}})
	})
	if err != nil {
		return "", fmt.Errorf("judge sampled work %d: %w", f.Item, err)
	}
	return first, nil
}
