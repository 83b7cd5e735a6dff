package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/schemas/events"
	"github.com/reportable-incidents/reportable/services/casework"
)

// Enquiry is what somebody asked a force about a person on probation, as those
// who work on the case may see it.
type Enquiry struct {
	ID            casework.EnquiryID
	Number        string // by which the force knows it
	Force         string
	Match         casework.MatchID
	Person        casework.PersonID
	Reference     string // of the incident that prompted it
	Purpose       casework.Purpose
	From, To      time.Time // days
	Question      string
	Justification string
	OnFile        int
	AskedBy       string // a name
	AskedAt       time.Time
	GivenAt       *time.Time
	TakenAt       *time.Time
	AnsweredAt    *time.Time
	EndedAt       *time.Time
	Due           *time.Time // by the policy's clock; nil until the notifier has set it going
}

// State is where it stands.
func (e Enquiry) State() casework.EnquiryState {
	switch {
	case e.AnsweredAt != nil:
		return casework.EnquiryAnswered
	case e.EndedAt != nil:
		return casework.EnquiryEnded
	case e.TakenAt != nil:
		return casework.EnquiryTaken
	}
	return casework.EnquiryAsked
}

// wholeEnquiry reads an enquiry e for a viewer: whoever may not see the match
// may not see it either.
const wholeEnquiry = `
	select e.id, e.number::text, e.force, e.match, current_person(e.person), i.reference, e.purpose, e.period_from::timestamptz, e.period_to::timestamptz,
	       e.question, e.justification, e.on_file, coalesce(a.name, ''), e.asked_at, e.given_at, e.taken_at, e.answered_at, e.ended_at,
	       (select c.due
	          from action c
	         where c.incident = e.incident
	           and c.person = e.person
	           and c.rule = 'chase_enquiry'
	           and c.state in ('open', 'acknowledged'))
	  from enquiry e
	  join incident i on i.id = e.incident
	  left join account a on a.subject = e.asked_by
	 where works_on_case(@viewer, e.person)
	   and visible(@viewer, e.person)
	   and match_visible(@viewer, e.match)`

// Enquiry is one of them, or casework.ErrNotFound.
func (db *DB) Enquiry(ctx context.Context, viewer casework.AccountID, id casework.EnquiryID) (Enquiry, error) {
	rows, _ := db.pool.Query(ctx, wholeEnquiry+` and e.id = @id`, pgx.NamedArgs{"viewer": viewer, "id": id})
	e, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Enquiry])
	if err != nil {
		return e, fmt.Errorf("read enquiry %d: %w", id, notThere(err))
	}
	return e, nil
}

// Enquiries are all about a person, under any number that they had, the newest first.
func (db *DB) Enquiries(ctx context.Context, viewer casework.AccountID, person casework.PersonID, limit int) ([]Enquiry, error) {
	return db.enquiries(ctx, ``, pgx.NamedArgs{"viewer": viewer, "person": person, "limit": limit})
}

// enquiries are those about a person that a condition on e selects.
func (db *DB) enquiries(ctx context.Context, which string, args pgx.NamedArgs) ([]Enquiry, error) {
	rows, _ := db.pool.Query(ctx, wholeEnquiry+`
	   and e.person in (`+recordsOf+`)`+which+`
	 order by e.asked_at desc, e.id desc
	 limit @limit`, args)
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Enquiry])
	if err != nil {
		return nil, fmt.Errorf("read the enquiries about person %d: %w", args["person"], problem(err))
	}
	return all, nil
}

// recordsOf are all numbers that a person has had.
const recordsOf = `
	with recursive records(id) as (
	  select current_person(@person)
	  union
	  select p.id
	    from records
	    join person p on p.merged_into = records.id
	)
	select id
	  from records`

// OnFile is what is there already about what is about to be asked.
type OnFile struct {
	Enquiries []Enquiry
	Incidents []TimelineEntry
}

// Count is how much that is.
func (f OnFile) Count() int { return len(f.Enquiries) + len(f.Incidents) }

// OnFile finds what a force was asked about a person, and what it reported,
// that overlaps with a period of days.
func (db *DB) OnFile(ctx context.Context, viewer casework.AccountID, person casework.PersonID, force string, from, to casework.Date) (OnFile, error) {
	var found OnFile
	var err error
	found.Enquiries, err = db.enquiries(ctx, `
	   and e.force = @force
	   and e.ended_at is null
	   and e.period_from <= @to::date
	   and e.period_to >= @from::date`,
		pgx.NamedArgs{"viewer": viewer, "person": person, "force": force, "from": from.String(), "to": to.String(), "limit": 50})
	if err != nil {
		return found, err
	}
	entries, err := db.Timeline(ctx, viewer, person, 500)
	if err != nil {
		return found, err
	}
	for _, e := range entries {
		if day := casework.DateOf(e.OccurredAt.In(casework.EnglandAndWales().Zone())); e.Force == force && !day.Before(from) && !to.Before(day) {
			found.Incidents = append(found.Incidents, e)
		}
	}
	return found, nil
}

// ForcesToAsk are those with which it is agreed what they may know of somebody:
// no other is told anything.
func (db *DB) ForcesToAsk(ctx context.Context) ([]string, error) {
	rows, _ := db.pool.Query(ctx, `
		select force
		  from watch_list
		 where fields <> '{}'
		 order by force`)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list the forces that may be asked: %w", problem(err))
	}
	return all, nil
}

// NewEnquiry is what somebody asks.
type NewEnquiry struct {
	Match         casework.MatchID
	Force         string
	Purpose       casework.Purpose
	From, To      casework.Date
	Question      string
	OnFile        int // how much was shown to be there already
	Justification string
	By            casework.Account
	Correlation   string
}

// ErrAskedAlready says that the same was asked, and waits for its answer.
var ErrAskedAlready = errors.New("the same enquiry waits for its answer")

// Ask puts an enquiry to a force, about the person of a match that somebody
// works on. The same is not asked twice while the first waits: ErrAskedAlready.
func (db *DB) Ask(ctx context.Context, n NewEnquiry) (casework.EnquiryID, error) {
	var id casework.EnquiryID
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		args := pgx.NamedArgs{"match": n.Match, "viewer": n.By.ID, "force": n.Force, "purpose": n.Purpose, "from": n.From.String(),
			"to": n.To.String(), "question": n.Question, "on_file": n.OnFile, "why": n.Justification, "by": n.By.Subject}
		// The incident's lock comes first, as everywhere.
		_, err := tx.Exec(ctx, `
			select 1
			  from incident
			 where id = (select incident from match where id = @match)
			   for update`, args)
		if err != nil {
			return err
		}
		var e subject
		var live bool
		err = tx.QueryRow(ctx, `
			select m.person, m.incident, m.id, m.state in ('open', 'unsure', 'confirmed')
			  from match m
			 where m.id = @match
			   and works_on_case(@viewer, m.person)
			   and match_visible(@viewer, m.id)
			   and exists (select 1 from watch_list w where w.force = @force and w.fields <> '{}')`, args).
			Scan(&e.Person, &e.Incident, &e.Match, &live)
		switch {
		case err != nil:
			return notThere(err)
		case !live:
			return casework.ErrChanged
		}
		args["person"], args["incident"] = e.Person, e.Incident
		// Whoever plays several parts asks in that which is nearest to the case.
		err = tx.QueryRow(ctx, `
			insert into enquiry (force, incident, match, person, purpose, period_from, period_to, question, on_file, justification, asked_by, asked_role)
			select @force, @incident, @match, @person, @purpose, @from, @to, @question, @on_file, @why, @by,
			       coalesce((select g.role
			                   from account_role g
			                   join person p on p.id = current_person(@person)
			                  where g.account = @viewer
			                    and (   g.role = 'practitioner' and g.scope = p.practitioner
			                         or g.role = 'manager' and g.scope = p.team
			                         or g.role in ('administrator', 'head') and g.scope = p.pdu)
			                  order by array_position(array['practitioner', 'manager', 'administrator', 'head'], g.role)
			                  limit 1), 'practitioner') -- by cover, or by reassignment
			 where not exists (
			         select 1
			           from enquiry o
			          where o.force = @force
			            and o.person in (`+recordsOf+`)
			            and o.purpose = @purpose
			            and o.period_from = @from::date
			            and o.period_to = @to::date
			            and o.answered_at is null
			            and o.ended_at is null)
			    on conflict do nothing
			returning id`, args).Scan(&e.Enquiry)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrAskedAlready
		}
		if err != nil {
			return err
		}
		id = casework.EnquiryID(e.Enquiry)
		if err := disagree(ctx, tx, []int64{e.Match}); err != nil {
			return err
		}
		err = addEvents(ctx, tx, events.New(time.Now(), events.EnquiryAsked{EnquiryID: e.Enquiry, Force: n.Force,
			MatchID: e.Match, IncidentID: e.Incident, PersonID: e.Person}))
		if err != nil {
			return err
		}
		return audit(ctx, tx, Audit{Actor: n.By.Subject, What: "ENQUIRY_ASKED", Service: "desk", SubjectType: "enquiry", SubjectID: fmt.Sprint(id),
			Correlation: n.Correlation, Details: map[string]any{"force": n.Force, "purpose": n.Purpose, "match": n.Match, "person": e.Person,
				"from": n.From.String(), "to": n.To.String(), "onFile": n.OnFile, "justified": n.Justification != ""}})
	})
	if err != nil {
		return 0, fmt.Errorf("ask force %s about match %d: %w", n.Force, n.Match, err)
	}
	return id, nil
}

// EnquiriesFor are what a force is asked and has not said that it has; with
// taken also what it has and has not answered. The oldest come first. What it is
// given of people is on the trail before it goes out.
func (db *DB) EnquiriesFor(ctx context.Context, force string, taken bool, limit int, correlation string) ([]casework.EnquiryOut, error) {
	var all []casework.EnquiryOut
	err := db.inTx(ctx, func(tx pgx.Tx) (err error) {
		if all, err = enquiriesOut(ctx, tx, force, taken, limit); err != nil || len(all) == 0 {
			return err
		}
		numbers := make([]string, len(all))
		for i, e := range all {
			numbers[i] = e.ID
		}
		return enquiriesGiven(ctx, tx, force, numbers, casework.ChannelHTTP, correlation)
	})
	if err != nil {
		return nil, fmt.Errorf("give force %s its enquiries: %w", force, err)
	}
	return all, nil
}

// EnquiriesWaiting are what EnquiriesFor would give, for whoever compares them
// with what was given before. What of it goes out is told to [DB.EnquiriesGiven].
func (db *DB) EnquiriesWaiting(ctx context.Context, force string, limit int) ([]casework.EnquiryOut, error) {
	all, err := enquiriesOut(ctx, db.pool, force, false, limit)
	if err != nil {
		return nil, fmt.Errorf("read the enquiries to force %s: %w", force, problem(err))
	}
	return all, nil
}

// EnquiriesGiven puts on the trail that a force is about to be given enquiries
// as files.
func (db *DB) EnquiriesGiven(ctx context.Context, force string, numbers []string) error {
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		return enquiriesGiven(ctx, tx, force, numbers, casework.ChannelFile, "")
	})
	if err != nil {
		return fmt.Errorf("give force %s its enquiries: %w", force, err)
	}
	return nil
}

// enquiriesOut reads what a force is asked, with what policy lets it know.
func enquiriesOut(ctx context.Context, from querier, force string, taken bool, limit int) ([]casework.EnquiryOut, error) {
	rows, _ := from.Query(ctx, `
		select e.number::text, e.purpose, e.period_from::timestamptz, e.period_to::timestamptz, e.question, e.asked_at, e.taken_at,
		       (select c.due
		          from action c
		         where c.incident = e.incident
		           and c.person = e.person
		           and c.rule = 'chase_enquiry'
		           and c.state in ('open', 'acknowledged')),
		       case when i.force = e.force then i.reference else '' end,
		       `+watchContent+`
		  from enquiry e
		  join incident i on i.id = e.incident
		  join person p on p.id = current_person(e.person)
		  join watch_list w on w.force = e.force
		 where e.force = @force
		   and e.answered_at is null
		   and e.ended_at is null
		   and (@taken or e.taken_at is null)
		 order by e.id
		 limit @limit`,
		pgx.NamedArgs{"force": force, "taken": taken, "limit": limit})
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (casework.EnquiryOut, error) {
		var e casework.EnquiryOut
		var first, last time.Time
		err := row.Scan(&e.ID, &e.Purpose, &first, &last, &e.Question, &e.AskedAt, &e.TakenAt, &e.AnswerBy, &e.Incident, &e.Person)
		e.From, e.To, e.Basis = casework.DateOf(first), casework.DateOf(last), e.Purpose.Basis()
		return e, err
	})
}

// enquiriesGiven notes that a force is given enquiries, and by what way.
func enquiriesGiven(ctx context.Context, tx pgx.Tx, force string, numbers []string, channel casework.Channel, correlation string) error {
	var ids []int64
	err := tx.QueryRow(ctx, `
		with given as (
		  update enquiry
		     set given_at = coalesce(given_at, now())
		   where force = @force
		     and number = any(@numbers::uuid[])
		  returning id
		)
		select coalesce(array_agg(id order by id), '{}')
		  from given`, pgx.NamedArgs{"force": force, "numbers": numbers}).Scan(&ids)
	if err != nil {
		return err
	}
	return audit(ctx, tx, Audit{Actor: "force:" + force, What: "ENQUIRIES_GIVEN", Service: "feed", SubjectType: "enquiry",
		Correlation: correlation, Details: map[string]any{"enquiries": ids, "channel": channel}})
}

// EnquiriesWait reports whether a force has been asked anything that it has not
// said it has.
func (db *DB) EnquiriesWait(ctx context.Context, force string) (bool, error) {
	var wait bool
	err := db.pool.QueryRow(ctx, `
		select exists (
		         select 1
		           from enquiry
		          where force = @force
		            and taken_at is null
		            and answered_at is null
		            and ended_at is null)`, pgx.NamedArgs{"force": force}).Scan(&wait)
	if err != nil {
		return false, fmt.Errorf("ask whether force %s is asked anything: %w", force, problem(err))
	}
	return wait, nil
}

// TakeEnquiry notes that a force has an enquiry. Repeated, it does nothing more.
func (db *DB) TakeEnquiry(ctx context.Context, force, number, correlation string) error {
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		var id casework.EnquiryID
		var first bool
		err := tx.QueryRow(ctx, `
			update enquiry e
			   set taken_at = coalesce(e.taken_at, now())
			  from (select id, taken_at from enquiry where number = @number and force = @force for update) b
			 where e.id = b.id
			returning e.id, b.taken_at is null`, pgx.NamedArgs{"force": force, "number": number}).Scan(&id, &first)
		if err != nil || !first {
			return notThere(err)
		}
		return audit(ctx, tx, Audit{Actor: "force:" + force, What: "ENQUIRY_TAKEN", Service: "feed", SubjectType: "enquiry", SubjectID: fmt.Sprint(id),
			Correlation: correlation})
	})
	if err != nil {
		return fmt.Errorf("note that force %s has an enquiry: %w", force, err)
	}
	return nil
}

// CountEnquiries counts what each force is asked and has not answered, and what
// it told that nobody has read.
func (db *DB) CountEnquiries(ctx context.Context, now time.Time) ([]casework.EnquiryCount, error) {
	rows, _ := db.pool.Query(ctx, `
		select force,
		       sum(open)::integer,
		       sum(overdue)::integer,
		       sum(unrouted)::integer,
		       sum(unread)::integer
		  from (select e.force,
		               1 as open,
		               coalesce((c.due < @now)::integer, 0) as overdue,
		               0 as unrouted,
		               0 as unread
		          from enquiry e
		          left join action c on c.incident = e.incident and c.person = e.person and c.rule = 'chase_enquiry'
		         where e.answered_at is null
		           and e.ended_at is null
		         union all
		        select r.force, 0, 0, (r.incident is null)::integer, 1
		          from reply r
		         where r.newest
		           and r.status = 'live'
		           and r.read_at is null
		           and r.erased_at is null
		         union all
		        select force, 0, 0, 0, 0
		          from watch_list) x
		 group by force
		 order by force`, pgx.NamedArgs{"now": now})
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[casework.EnquiryCount])
	if err != nil {
		return nil, fmt.Errorf("count enquiries: %w", problem(err))
	}
	return all, nil
}
