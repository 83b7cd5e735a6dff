package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// CompareHeld sets down where what the far end holds as ours and what we sent do
// not agree. Only what was sent before the far end was asked is judged.
func (db *DB) CompareHeld(ctx context.Context, asked time.Time, held []casework.HeldContact) error {
	keys, numbers := make([]string, len(held)), make([]string, len(held))
	crns, digests := make([]string, len(held)), make([]string, len(held))
	for i, h := range held {
		keys[i], numbers[i], crns[i], digests[i] = h.Key, h.Number, h.CRN, h.Digest()
	}
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		args := pgx.NamedArgs{"asked": asked, "keys": keys, "numbers": numbers, "crns": crns, "digests": digests, "held": len(held)}
		for _, statement := range []string{`
			create temp table held on commit drop as
			select *
			  from unnest(@keys::text[], @numbers::text[], @crns::text[], @digests::text[]) as h (key, contact, crn, digest)`, `
			update transfer t
			   set finding = w.finding
			  from (select s.match,
			               case
			                 when s.state <> 'sent' then ''
			                 when h.key is null then 'missing'
			                 when h.contact <> s.contact or not same_case(h.crn, s.crn) or s.digest not in ('', h.digest) then 'different'
			                 else ''
			               end as finding
			          from transfer s
			          left join held h on h.key = s.key
			         where s.state = 'sent' and s.sent_at < @asked
			            or s.finding <> '' and s.state <> 'sent') w
			 where t.match = w.match
			   and t.finding <> w.finding`, `
			delete
			  from transfer_extra e
			 where not exists (select 1 from held h where h.contact = e.contact)`, `
			insert into transfer_extra (contact, key)
			select h.contact, h.key
			  from held h
			  left join transfer t on t.key = h.key
			 where t.match is null
			    or t.state in ('withdrawn', 'by_hand') and t.settled_at < @asked
			    on conflict (contact) do nothing`, `
			delete
			  from transfer_extra e -- it is ours, after all
			 using transfer t
			 where t.key = e.key
			   and t.state not in ('withdrawn', 'by_hand')`, `
			insert into transfer_reconciliation (at, held) values (@asked, @held)`, `
			delete
			  from transfer_reconciliation
			 where at < @asked::timestamptz - interval '30 days'`,
		} {
			if _, err := tx.Exec(ctx, statement, args); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("compare what the case record holds: %w", err)
	}
	return nil
}

// TransferFindings says what the last reconciliation with the far end found.
func (db *DB) TransferFindings(ctx context.Context) (casework.TransferFindings, error) {
	f := casework.TransferFindings{States: map[casework.TransferState]int{}}
	var at *time.Time
	err := db.pool.QueryRow(ctx, `
		select (select max(at) from transfer_reconciliation),
		       coalesce((select held from transfer_reconciliation order by id desc limit 1), 0),
		       (select count(*) from transfer where finding = 'missing'),
		       (select count(*) from transfer where finding = 'different'),
		       (select count(*) from transfer_extra),
		       (select count(*) from transfer where state in ('failed', 'stuck'))`).
		Scan(&at, &f.Held, &f.Missing, &f.Different, &f.Extra, &f.Failed)
	if err != nil {
		return f, fmt.Errorf("read what the case record holds: %w", problem(err))
	}
	f.At = timeOf(at)
	rows, _ := db.pool.Query(ctx, `select state, count(*)::int from transfer group by state`)
	var state casework.TransferState
	var n int
	if _, err := pgx.ForEachRow(rows, []any{&state, &n}, func() error { f.States[state] = n; return nil }); err != nil {
		return f, fmt.Errorf("count the transfers: %w", problem(err))
	}
	return f, nil
}

// TransferItem is one line of the list of transfers that are not well.
type TransferItem struct {
	Match     casework.MatchID
	State     casework.TransferState
	Finding   string
	Problem   string
	Attempts  int
	QueuedAt  time.Time
	Contact   string
	Force     string
	Reference string
	CRN       string
	Surname   string
	Forenames string
	PDUName   string
}

// Transfers are those of a viewer's PDUs that were given up, that are being
// tried again, or that the far end holds otherwise, the oldest first.
func (db *DB) Transfers(ctx context.Context, viewer casework.AccountID, limit int) ([]TransferItem, error) {
	rows, _ := db.pool.Query(ctx, `
		select t.match, t.state, t.finding, t.problem, t.attempts, t.queued_at, t.contact,
		       i.force, i.reference, p.crn, p.surname, p.forenames, u.name
		  from transfer t
		  join match m on m.id = t.match
		  join incident i on i.id = m.incident
		  join person p on p.id = current_person(m.person)
		  join pdu u on u.code = p.pdu
		 where (t.state in ('failed', 'stuck') or t.finding <> '' or t.state in ('queued', 'withdrawing') and t.attempts > 0)
		   and exists (
		         select 1
		           from account_role g
		          where g.account = @viewer
		            and g.role in ('administrator', 'head')
		            and g.scope = p.pdu)
		   and `+actionShown+`
		 order by t.queued_at, t.match
		 limit @limit`,
		pgx.NamedArgs{"viewer": viewer, "limit": limit})
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[TransferItem])
	if err != nil {
		return nil, fmt.Errorf("read the transfers: %w", problem(err))
	}
	return all, nil
}

// RetryTransfer has a transfer tried anew: one that was given up, or that the
// far end has lost or holds otherwise.
func (db *DB) RetryTransfer(ctx context.Context, by casework.Account, match casework.MatchID, correlation string) error {
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		m, err := lockMatch(ctx, tx, by.ID, match)
		if err != nil {
			return err
		}
		if !m.MayJudge {
			return casework.ErrNotFound
		}
		tag, err := tx.Exec(ctx, `
			update transfer
			   set state = case when state in ('stuck', 'withdrawing') then 'withdrawing' else 'queued' end,
			       attempts = 0,
			       problem = '',
			       finding = '',
			       queued_at = now(),
			       settled_at = null
			 where match = @match
			   and (state in ('failed', 'stuck', 'queued', 'withdrawing') or state = 'sent' and finding <> '')`,
			pgx.NamedArgs{"match": match})
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		if err := db.hurry(ctx, tx, match); err != nil {
			return err
		}
		return audit(ctx, tx, Audit{Actor: by.Subject, What: "TRANSFER_RETRIED", Service: "desk",
			SubjectType: "match", SubjectID: fmt.Sprint(match), Correlation: correlation})
	})
	if err != nil {
		return fmt.Errorf("retry the transfer of match %d: %w", match, err)
	}
	return nil
}

// hurry has a job that waits for its next try tried now, and makes one where
// there is none. A process that only serves the desk makes none: the sweep of
// the one that transfers does within a minute.
func (db *DB) hurry(ctx context.Context, tx pgx.Tx, match casework.MatchID) error {
	_, err := tx.Exec(ctx, `
		update river_job
		   set scheduled_at = now(),
		       state = 'available'
		 where kind = 'transferring'
		   and args = jsonb_build_object('match', @match::bigint)
		   and state in ('retryable', 'scheduled')`,
		pgx.NamedArgs{"match": match})
	if err != nil || db.transferring == nil {
		return err
	}
	return db.enqueueTransfers(ctx, tx, []casework.MatchID{match})
}

// TransferState is how far a match's contact came by itself; empty for one that
// nothing transfers.
func (db *DB) TransferState(ctx context.Context, match casework.MatchID) (casework.TransferState, error) {
	var state casework.TransferState
	err := db.pool.QueryRow(ctx, `select coalesce(max(state), '') from transfer where match = @match`, pgx.NamedArgs{"match": match}).Scan(&state)
	if err != nil {
		return "", fmt.Errorf("read the transfer of match %d: %w", match, problem(err))
	}
	return state, nil
}
