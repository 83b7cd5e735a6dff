package postgres

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/reportable-incidents/reportable/schemas/events"
	"github.com/reportable-incidents/reportable/services/casework"
)

// TransferOutside makes every confirmed match from now on a job too: to put its
// contact on the case record. It is called before the store is used.
func (db *DB) TransferOutside() error {
	jobs, err := db.jobs(&river.Config{})
	db.transferring = jobs
	return err
}

// revisedSince: the case record has the contact, t, of a confirmed match, m, as
// an earlier revision has it.
const revisedSince = `m.state = 'confirmed'
		     and m.erased_at is null
		     and t.state = 'sent'
		     and t.revision < m.revision`

// queueTransfers asks for the contacts of matches to agree with the matches:
// one that was confirmed is to be put on the case record, one that ended to be
// taken off it. A contact that somebody put there by hand is theirs to withdraw.
func (db *DB) queueTransfers(ctx context.Context, tx pgx.Tx, matches []int64) error {
	if db.transferring == nil || len(matches) == 0 {
		return nil
	}
	rows, _ := tx.Query(ctx, `
		with put as (
		  insert into transfer (match, key)
		  select m.id, @prefix || '-' || m.id
		    from match m
		   where m.id = any(@matches)
		     and m.state = 'confirmed'
		     and m.transferred_at is null
		     and m.erased_at is null
		      on conflict (match) do update
		     set state = 'queued', key = excluded.key, contact = '', crn = '', digest = '', revision = 0, attempts = 0, problem = '',
		         queued_at = now(), sent_at = null, settled_at = null, finding = ''
		   where transfer.state = 'withdrawn' -- confirmed again
		  returning match
		), taken as (
		  update transfer t
		     set state = 'withdrawing',
		         attempts = 0,
		         problem = '',
		         queued_at = now(),
		         settled_at = null
		    from match m
		   where m.id = any(@matches)
		     and t.match = m.id
		     and m.state in ('retracted', 'dismissed') -- what the force withdraws was reported, and stays on the record
		     and t.state in ('queued', 'sent', 'failed')
		  returning t.match
		), revised as (
		  update transfer t
		     set state = 'queued', -- under its key and number: the far end changes what it holds
		         attempts = 0,
		         problem = '',
		         queued_at = now(),
		         settled_at = null
		    from match m
		   where m.id = any(@matches)
		     and t.match = m.id
		     and `+revisedSince+`
		  returning t.match
		)
		select match from put
		union
		select match from taken
		union
		select match from revised
		order by 1`,
		pgx.NamedArgs{"matches": matches, "prefix": strings.ToLower(rand.Text())})
	found, err := pgx.CollectRows(rows, pgx.RowTo[casework.MatchID])
	if err != nil {
		return fmt.Errorf("ask for %d matches to be transferred: %w", len(matches), err)
	}
	return db.enqueueTransfers(ctx, tx, found)
}

func (db *DB) enqueueTransfers(ctx context.Context, tx pgx.Tx, matches []casework.MatchID) error {
	if len(matches) == 0 {
		return nil
	}
	jobs := make([]river.InsertManyParams, len(matches))
	for i, m := range matches {
		jobs[i] = river.InsertManyParams{Args: casework.Transferring{Match: m}, InsertOpts: &river.InsertOpts{
			Queue: casework.TransferQueue, MaxAttempts: 20,
			UniqueOpts: river.UniqueOpts{ByArgs: true, ByQueue: true, ByState: unfinished},
		}}
	}
	if _, err := db.transferring.InsertManyTx(ctx, tx, jobs); err != nil {
		return fmt.Errorf("ask for %d matches to be transferred: %w", len(matches), err)
	}
	return nil
}

// SweepTransfers finds what no job does: matches confirmed while nothing was
// transferred, and jobs that ended between a change and their own last look. It
// returns how many there were.
func (db *DB) SweepTransfers(ctx context.Context, before time.Time) (int, error) {
	if db.transferring == nil {
		return 0, nil
	}
	n := 0
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			(select m.id
			   from action a
			   join match m on m.incident = a.incident and m.person = a.person
			   left join transfer t on t.match = m.id
			  where a.rule = 'transfer_match'
			    and a.state in ('open', 'acknowledged')
			    and a.raised_at < @before
			    and m.state = 'confirmed'
			    and m.transferred_at is null
			    and (t.match is null or t.state = 'withdrawn')
			  limit 200)
			union
			(select t.match
			   from transfer t
			   join match m on m.id = t.match
			  where t.state in ('queued', 'sent', 'failed')
			    and m.state in ('retracted', 'dismissed')
			  limit 200)
			union
			(select t.match
			   from transfer t
			   join match m on m.id = t.match
			  where `+revisedSince+`
			  limit 200)
			order by 1`,
			pgx.NamedArgs{"before": before})
		found, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return err
		}
		if err := db.queueTransfers(ctx, tx, found); err != nil {
			return err
		}
		rows, _ = tx.Query(ctx, `
			select match
			  from transfer
			 where state in ('queued', 'withdrawing')
			   and queued_at < @before
			 order by match
			 limit 200`,
			pgx.NamedArgs{"before": before})
		waiting, err := pgx.CollectRows(rows, pgx.RowTo[casework.MatchID])
		if err != nil {
			return err
		}
		n = len(found) + len(waiting)
		return db.enqueueTransfers(ctx, tx, waiting) // unique: one whose job waits gets no second
	})
	if err != nil {
		return 0, fmt.Errorf("look for transfers that nobody makes: %w", err)
	}
	return n, nil
}

// Transferring is a match's transfer with what is to be sent.
func (db *DB) Transferring(ctx context.Context, match casework.MatchID) (casework.Transfer, error) {
	t := casework.Transfer{Match: match}
	var body []byte
	var position int
	var priority casework.Priority
	var person casework.PersonID
	err := db.pool.QueryRow(ctx, `
		select t.state, t.key, t.contact, r.number, r.body, m.position, m.priority, current_person(m.person)
		  from transfer t
		  join match m on m.id = t.match
		  join revision r on r.incident = m.incident and r.number = m.revision
		 where t.match = @match`,
		pgx.NamedArgs{"match": match}).Scan(&t.State, &t.Key, &t.Number, &t.Revision, &body, &position, &priority, &person)
	if err != nil {
		return t, fmt.Errorf("read the transfer of match %d: %w", match, notThere(err))
	}
	if t.Erased = body == nil; t.Erased {
		return t, nil
	}
	var i casework.Incident
	if json.Unmarshal(body, &i) != nil {
		return t, fmt.Errorf("read the transfer of match %d: the stored incident cannot be read", match)
	}
	p, err := db.Person(ctx, person)
	if err != nil {
		return t, fmt.Errorf("read the transfer of match %d: %w", match, err)
	}
	t.Contact = casework.NewContact(i, position, p, priority)
	t.Contact.Key = t.Key
	return t, nil
}

// TransferTried notes a try that failed, before there is another.
func (db *DB) TransferTried(ctx context.Context, t casework.Transfer, problemText string) error {
	_, err := db.pool.Exec(ctx, `
		update transfer
		   set attempts = attempts + 1,
		       problem = @problem
		 where match = @match
		   and key = @key`,
		pgx.NamedArgs{"match": t.Match, "key": t.Key, "problem": problemText})
	if err != nil {
		return fmt.Errorf("note a try to transfer match %d: %w", t.Match, problem(err))
	}
	return nil
}

// TransferGivenUp leaves a transfer, or a withdrawal, to the administrators:
// their action stays open, its history says so, and they are told.
func (db *DB) TransferGivenUp(ctx context.Context, t casework.Transfer, problemText string) error {
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		var rule string
		err := tx.QueryRow(ctx, `
			update transfer
			   set state = case state when 'queued' then 'failed' else 'stuck' end,
			       attempts = attempts + 1,
			       problem = @problem,
			       settled_at = now()
			 where match = @match
			   and key = @key
			   and state in ('queued', 'withdrawing')
			returning case state when 'failed' then 'transfer_match' else 'withdraw_contact' end`,
			pgx.NamedArgs{"match": t.Match, "key": t.Key, "problem": problemText}).Scan(&rule)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // somebody did it by hand meanwhile
		}
		if err != nil {
			return err
		}
		actions, err := openActions(ctx, tx, t.Match, rule)
		if err != nil {
			return err
		}
		told := map[casework.Telling]bool{}
		var who []casework.Telling
		for _, a := range actions {
			if err := a.history(ctx, tx, "transfer failed", "", map[string]any{"match": t.Match}); err != nil {
				return err
			}
			var to casework.Telling
			err := tx.QueryRow(ctx, `
				insert into notice (action, owner_role, owner, n, kind, level)
				select id, owner_role, owner, (select max(n) from action_history where action = id), 'transfer_failed', level
				  from action
				 where id = @action
				returning owner_role, owner`,
				pgx.NamedArgs{"action": a.ID}).Scan(&to.Role, &to.Code)
			if err != nil {
				return err
			}
			if _, there := told[to]; !there {
				told[to], who = false, append(who, to)
			}
		}
		if db.telling != nil {
			if err := db.telling.insert(ctx, tx, who, told); err != nil {
				return err
			}
		}
		return audit(ctx, tx, Audit{Actor: "transfer", What: "TRANSFER_FAILED", Service: "notifier",
			SubjectType: "match", SubjectID: fmt.Sprint(t.Match)})
	})
	if err != nil {
		return fmt.Errorf("give up the transfer of match %d: %w", t.Match, err)
	}
	return nil
}

// Transferred records that the far end has a contact, by its number. Where the
// match has ended meanwhile the contact is to be withdrawn, and the answer says so.
func (db *DB) Transferred(ctx context.Context, t casework.Transfer) ([]casework.Milestone, error) {
	var reached []casework.Milestone
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		reached = nil
		// The incident's lock first, as everybody takes it.
		if _, err := tx.Exec(ctx, `select 1 from incident where id = (select incident from match where id = $1) for update`, t.Match); err != nil {
			return err
		}
		var state casework.TransferState
		err := tx.QueryRow(ctx, `
			update transfer
			   set contact = @number,
			       crn = @crn,
			       digest = @digest,
			       revision = @revision,
			       sent_at = now(),
			       problem = '',
			       finding = '',
			       settled_at = case when state = 'queued' then now() end,
			       state = case
			         when state = 'queued' then 'sent'
			         when state = 'by_hand' then 'withdrawing' -- there must not be two
			         else state
			       end,
			       attempts = attempts + 1
			 where match = @match
			   and key = @key
			returning state`,
			pgx.NamedArgs{"match": t.Match, "key": t.Key, "number": t.Number, "crn": t.Contact.CRN, "digest": t.Contact.Digest(), "revision": t.Revision}).Scan(&state)
		if err != nil || state != casework.TransferSent {
			return notThere(err)
		}
		var first bool
		if reached, first, err = db.markTransferred(ctx, tx, t.Match, t.Number, ""); err != nil {
			return err
		}
		return audit(ctx, tx, Audit{Actor: "transfer", What: map[bool]string{true: "MATCH_TRANSFERRED", false: "CONTACT_UPDATED"}[first],
			Service: "notifier", SubjectType: "match", SubjectID: fmt.Sprint(t.Match), Details: map[string]any{"revision": t.Revision}})
	})
	if err != nil {
		return nil, fmt.Errorf("record the transfer of match %d: %w", t.Match, err)
	}
	return reached, nil
}

// markTransferred closes the actions that asked for a transfer. It does nothing
// if the match was transferred before: sent twice, or by somebody else, and
// either is enough.
func (db *DB) markTransferred(ctx context.Context, tx pgx.Tx, match casework.MatchID, contact, by string) (reached []casework.Milestone, first bool, err error) {
	tag, err := tx.Exec(ctx, `
		update match
		   set transferred_at = now(),
		       contact = @contact,
		       updated_at = now()
		 where id = @match
		   and transferred_at is null`,
		pgx.NamedArgs{"match": match, "contact": contact})
	if err != nil || tag.RowsAffected() == 0 {
		return nil, false, err
	}
	if err := finish(ctx, tx, match, "transfer_match", "transferred", by); err != nil {
		return nil, false, err
	}
	if err := matchUpdated(ctx, tx, match); err != nil {
		return nil, false, err
	}
	reached, err = db.recordMilestones(ctx, tx, casework.Reached{Match: match, Stage: casework.StageTransfer})
	return reached, true, err
}

// ContactWithdrawn records that the far end holds a contact no more.
func (db *DB) ContactWithdrawn(ctx context.Context, t casework.Transfer) error {
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select 1 from incident where id = (select incident from match where id = $1) for update`, t.Match); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `
			update transfer
			   set state = case
			         when exists (select 1 from match where id = @match and state = 'confirmed') then 'by_hand' -- that of ours was one too many
			         else 'withdrawn'
			       end,
			       problem = '',
			       finding = '',
			       settled_at = now()
			 where match = @match
			   and key = @key
			   and state in ('withdrawing', 'stuck')`,
			pgx.NamedArgs{"match": t.Match, "key": t.Key})
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		// Confirmed anew, it has to be transferred anew.
		_, err = tx.Exec(ctx, `
			update match
			   set transferred_at = null,
			       contact = null
			 where id = @match
			   and state <> 'confirmed'`,
			pgx.NamedArgs{"match": t.Match})
		if err != nil {
			return err
		}
		if err := finish(ctx, tx, t.Match, "withdraw_contact", "contact withdrawn", ""); err != nil {
			return err
		}
		if err := matchUpdated(ctx, tx, t.Match); err != nil {
			return err
		}
		return audit(ctx, tx, Audit{Actor: "transfer", What: "CONTACT_WITHDRAWN", Service: "notifier",
			SubjectType: "match", SubjectID: fmt.Sprint(t.Match)})
	})
	if err != nil {
		return fmt.Errorf("record the withdrawal of match %d: %w", t.Match, err)
	}
	return nil
}

// finish closes the open actions of a rule that are about a match.
func finish(ctx context.Context, tx pgx.Tx, match casework.MatchID, rule, what, by string) error {
	actions, err := openActions(ctx, tx, match, rule)
	if err != nil {
		return err
	}
	for _, a := range actions {
		_, err := tx.Exec(ctx, `
			update action
			   set state = 'done',
			       acked_at = coalesce(acked_at, now()),
			       acked_by = coalesce(acked_by, @by),
			       done_at = now(),
			       done_by = @by
			 where id = @action`,
			pgx.NamedArgs{"action": a.ID, "by": by})
		if err != nil {
			return err
		}
		if err := a.closeSteps(ctx, tx, what, by, nil); err != nil {
			return err
		}
		if err := addEvents(ctx, tx, events.New(time.Now(), events.ActionClosed(a.event()))); err != nil {
			return err
		}
	}
	return nil
}

func openActions(ctx context.Context, tx pgx.Tx, match casework.MatchID, rule string) ([]actionNamed, error) {
	rows, _ := tx.Query(ctx, `
		select id, match, incident, person, pdu, priority
		  from action
		 where match = @match
		   and rule = @rule
		   and state in ('open', 'acknowledged')
		 order by id
		   for update`,
		pgx.NamedArgs{"match": match, "rule": rule})
	return pgx.CollectRows(rows, pgx.RowToStructByPos[actionNamed])
}
