package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Told is what police told about a person on probation besides incidents, as
// those who work on the case may see it.
type Told struct {
	ID         casework.ReplyID
	Kind       casework.Kind
	Force      string
	Reference  string
	Revision   int
	Status     casework.Status
	Newest     bool
	Final      bool
	Enquiry    casework.EnquiryID // 0 where none was asked
	Purpose    casework.Purpose   // of the enquiry
	Match      casework.MatchID   // 0 until there is one
	Person     casework.PersonID
	ReceivedAt time.Time
	ReadAt     *time.Time
	ReadBy     string // a name
	Erased     bool
	Reply      casework.Reply // empty once erased
}

// Protected reports whether it may say what became of a disclosure, in
// whatever form: it is masked until somebody says why they need to see it.
func (t Told) Protected() bool {
	return t.Kind == casework.KindDisclosureOutcome || t.Purpose == casework.PurposeDisclosure
}

// wholeReply reads a reply r for a viewer, as wholeEnquiry does. One that is
// nobody's work yet is seen by whoever works on the case.
const wholeReply = `
	select r.id, r.kind, r.force, r.reference, r.revision, r.status, r.newest, r.final, coalesce(r.enquiry, 0) as enquiry, coalesce(e.purpose, '') as purpose, coalesce(r.match, 0) as match,
	       current_person(r.person), r.received_at, r.read_at, coalesce(a.name, ''), r.erased_at is not null, r.body
	  from reply r
	  left join enquiry e on e.id = r.enquiry
	  left join account a on a.subject = r.read_by
	 where works_on_case(@viewer, r.person)
	   and visible(@viewer, r.person)
	   and (r.match is null or match_visible(@viewer, r.match))`

func scanTold(row pgx.CollectableRow) (Told, error) {
	var t Told
	var body []byte
	err := row.Scan(&t.ID, &t.Kind, &t.Force, &t.Reference, &t.Revision, &t.Status, &t.Newest, &t.Final, &t.Enquiry, &t.Purpose, &t.Match,
		&t.Person, &t.ReceivedAt, &t.ReadAt, &t.ReadBy, &t.Erased, &body)
	if err == nil && body != nil && json.Unmarshal(body, &t.Reply) != nil {
		err = fmt.Errorf("reply %d cannot be read", t.ID) // the cause would quote it
	}
	return t, err
}

// Told is one of them, or casework.ErrNotFound.
func (db *DB) Told(ctx context.Context, viewer casework.AccountID, id casework.ReplyID) (Told, error) {
	rows, _ := db.pool.Query(ctx, wholeReply+` and r.id = @id`, pgx.NamedArgs{"viewer": viewer, "id": id})
	t, err := pgx.CollectExactlyOneRow(rows, scanTold)
	if err != nil {
		return t, fmt.Errorf("read reply %d: %w", id, notThere(err))
	}
	return t, nil
}

// ToldOf are the newest of each reference about a person, under any number that
// they had, the newest first.
func (db *DB) ToldOf(ctx context.Context, viewer casework.AccountID, person casework.PersonID, limit int) ([]Told, error) {
	rows, _ := db.pool.Query(ctx, wholeReply+`
	   and r.newest
	   and r.person in (`+recordsOf+`)
	 order by r.received_at desc, r.id desc
	 limit @limit`, pgx.NamedArgs{"viewer": viewer, "person": person, "limit": limit})
	all, err := pgx.CollectRows(rows, scanTold)
	if err != nil {
		return nil, fmt.Errorf("read what police told of person %d: %w", person, problem(err))
	}
	return all, nil
}

// ReadReply records that somebody who works on the case has read what police
// told. Repeated, it does nothing more.
func (db *DB) ReadReply(ctx context.Context, by casework.Account, id casework.ReplyID, correlation string) error {
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		args := pgx.NamedArgs{"id": id, "viewer": by.ID, "by": by.Subject}
		// The incident's lock comes first, as everywhere.
		_, err := tx.Exec(ctx, `
			select 1
			  from incident
			 where id = (select incident from reply where id = @id)
			   for update`, args)
		if err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, `select id from (`+wholeReply+`) w where id = @id`, args)
		if _, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[casework.ReplyID]); err != nil {
			return notThere(err)
		}
		var match int64
		err = tx.QueryRow(ctx, `
			update reply
			   set read_at = now(),
			       read_by = @by
			 where id = @id
			   and read_at is null
			returning coalesce(match, 0)`, args).Scan(&match)
		if err != nil {
			if isNotThere(notThere(err)) {
				return nil // somebody has
			}
			return err
		}
		if match != 0 {
			if err := disagree(ctx, tx, []int64{match}); err != nil {
				return err
			}
			if err := matchUpdated(ctx, tx, casework.MatchID(match)); err != nil {
				return err
			}
		}
		return audit(ctx, tx, Audit{Actor: by.Subject, What: "REPLY_READ", Service: "desk", SubjectType: "reply", SubjectID: fmt.Sprint(id),
			Correlation: correlation, Details: map[string]any{"match": match}})
	})
	if err != nil {
		return fmt.Errorf("note that reply %d is read: %w", id, err)
	}
	return nil
}

// adopt makes what police told of somebody who was in no incident a part of the
// first concern that they are in, and ends enquiries of concerns that are none
// any more. The incidents are locked.
func adopt(ctx context.Context, tx pgx.Tx, all []*casework.Concern) error {
	incidents, people := make([]int64, len(all)), make([]int64, len(all))
	for i, c := range all {
		incidents[i], people[i] = int64(c.Incident), int64(c.Person)
	}
	args := pgx.NamedArgs{"incidents": incidents, "people": people}
	_, err := tx.Exec(ctx, `
		update reply r
		   set incident = m.incident,
		       match = m.id
		  from unnest(@incidents::bigint[], @people::bigint[]) as w (incident, person)
		  join match m on m.incident = w.incident and m.person = w.person and m.state in ('open', 'unsure', 'confirmed')
		 where r.incident is null
		   and r.erased_at is null
		   and current_person(r.person) = current_person(w.person)`, args)
	if err != nil {
		return fmt.Errorf("route what police told before: %w", err)
	}
	_, err = tx.Exec(ctx, `
		update enquiry e
		   set ended_at = now()
		  from unnest(@incidents::bigint[], @people::bigint[]) as w (incident, person)
		 where e.incident = w.incident
		   and e.person = w.person
		   and e.answered_at is null
		   and e.ended_at is null
		   and not exists (
		         select 1
		           from match m
		          where m.incident = w.incident
		            and m.person = w.person
		            and m.state in ('open', 'unsure', 'confirmed'))`, args)
	if err != nil {
		return fmt.Errorf("end enquiries: %w", err)
	}
	return nil
}

// enquiriesOf adds what was asked of police, and what they told.
func enquiriesOf(ctx context.Context, tx pgx.Tx, all []*casework.Concern) error {
	incidents, people := make([]int64, len(all)), make([]int64, len(all))
	for i, c := range all {
		incidents[i], people[i] = int64(c.Incident), int64(c.Person)
	}
	args := pgx.NamedArgs{"incidents": incidents, "people": people}
	const concerned = `unnest(@incidents::bigint[], @people::bigint[]) with ordinality as w (incident, person, n)`
	rows, _ := tx.Query(ctx, `
		select w.n, e.id, e.asked_by, e.asked_role, e.asked_at, e.answered_at, e.ended_at
		  from `+concerned+`
		  join enquiry e on e.incident = w.incident and e.person = w.person
		 order by w.n, e.id`, args)
	var n int
	var e casework.EnquiryStanding
	var answered, ended, read *time.Time
	_, err := pgx.ForEachRow(rows, []any{&n, &e.ID, &e.AskedBy, &e.AskedRole, &e.AskedAt, &answered, &ended}, func() error {
		e.AnsweredAt, e.EndedAt = timeOf(answered), timeOf(ended)
		all[n-1].Enquiries = append(all[n-1].Enquiries, e)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the enquiries of %d concerns: %w", len(all), err)
	}
	rows, _ = tx.Query(ctx, `
		select w.n, r.id, r.kind, r.final, r.read_at, coalesce(r.read_by, ''), coalesce(e.asked_role, '')
		  from `+concerned+`
		  join match m on m.incident = w.incident and m.person = w.person
		  join reply r on r.match = m.id
		  left join enquiry e on e.id = r.enquiry
		 where r.newest
		   and r.status = 'live'
		 order by w.n, r.id`, args)
	var r casework.ReplyStanding
	_, err = pgx.ForEachRow(rows, []any{&n, &r.ID, &r.Kind, &r.Final, &read, &r.ReadBy, &r.AskedRole}, func() error {
		r.ReadAt = timeOf(read)
		all[n-1].Replies = append(all[n-1].Replies, r)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the replies of %d concerns: %w", len(all), err)
	}
	return nil
}
