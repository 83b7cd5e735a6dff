package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Symptoms are what doctor looks at, beside the reconciliation. The ages are
// zero where nothing waits.
type Symptoms struct {
	Database string // version
	// Durable says that a commit which was answered survives a power cut.
	Durable bool
	// Clock is how far the server's clock is ahead of ours.
	Clock      time.Duration
	Register   int64
	Supervised int
	// Imported is when the last extract came; zero before the first.
	Imported time.Time
	// Unpublished events wait for the relay.
	Unpublished    int
	UnpublishedFor time.Duration
	// Behind are revisions scored with an older register.
	Behind int
	// Disagreeing are matches whose actions have not followed them.
	Disagreeing    int
	DisagreeingFor time.Duration
	// Unfired are steps of escalation that are overdue.
	Unfired    int
	UnfiredFor time.Duration
	// Unseen are open actions that nobody who owns them may see.
	Unseen int
	// Unsealed lines of the trail wait for the sealer.
	Unsealed    int
	UnsealedFor time.Duration
	// Uncounted changes are not in the sums that reports are made of yet.
	Uncounted    int
	UncountedFor time.Duration
	// Quarantined things wait for a hand, the oldest for so long.
	Quarantined    int
	QuarantinedFor time.Duration
	// Terms are those by which all matchers settle; Apart counts the matchers
	// of the last minutes that were started with others.
	Terms string
	Apart int
	// OldestSnapshot is how long the longest transaction has run: it slows every queue.
	OldestSnapshot time.Duration
}

// Examine looks at everything that may wait in the database.
func (db *DB) Examine(ctx context.Context) (Symptoms, error) {
	var s Symptoms
	var imported *time.Time
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	asked := time.Now()
	err := pgx.BeginTxFunc(ctx, db.pool, snapshot, func(tx pgx.Tx) error {
		var theirs time.Time
		err := tx.QueryRow(ctx, `
			select clock_timestamp(),
			       current_setting('fsync')::boolean
			         and current_setting('full_page_writes')::boolean
			         and current_setting('synchronous_commit') <> 'off',
			       current_setting('server_version'),
			       r.version,
			       r.imported_at,
			       (select count(*) from person where supervised),
			       (select count(*)
			          from revision
			         where disposition in ('matched', 'unmatched')
			           and erased_at is null
			           and register_version < r.version),
			       (select coalesce(extract(epoch from max(now() - xact_start)), 0)::float8
			          from pg_stat_activity
			         where datname = current_database()
			           and pid <> pg_backend_pid())
			  from register r`).Scan(&theirs, &s.Durable, &s.Database, &s.Register, &imported, &s.Supervised, &s.Behind, seconds{&s.OldestSnapshot})
		if err != nil {
			return err
		}
		// Its clock was read some time between our asking and its answer.
		s.Clock = theirs.Sub(asked.Add(time.Since(asked) / 2))
		for _, waiting := range []struct {
			rows  string
			count *int
			age   *time.Duration
		}{
			{`select created_at from event where published_at is null`, &s.Unpublished, &s.UnpublishedFor},
			{`select updated_at from match where agreed_at is null`, &s.Disagreeing, &s.DisagreeingFor},
			{`select due_at from step where fired_at is null and cancelled_at is null and due_at < now()`, &s.Unfired, &s.UnfiredFor},
			{`select at from audit where id > coalesce((select audit from audit_seal order by seq desc limit 1), 0)`, &s.Unsealed, &s.UnsealedFor},
			{`select at from uncounted`, &s.Uncounted, &s.UncountedFor},
			{`select at from quarantine where resolved_at is null`, &s.Quarantined, &s.QuarantinedFor},
		} {
			err := tx.QueryRow(ctx, `
				with waiting (since) as (`+waiting.rows+`)
				select count(*),
				       coalesce(greatest(extract(epoch from now() - min(since)), 0), 0)::float8
				  from waiting`).Scan(waiting.count, seconds{waiting.age})
			if err != nil {
				return err
			}
		}
		terms, err := inForce(ctx, tx)
		if err != nil {
			return err
		}
		if terms != (casework.Terms{}) {
			s.Terms = terms.String()
		}
		err = tx.QueryRow(ctx, `
			select count(*)
			  from matcher
			 where own <> @terms
			   and seen_at > now() - interval '3 minutes'`, pgx.NamedArgs{"terms": s.Terms}).Scan(&s.Apart)
		if err != nil {
			return err
		}
		return tx.QueryRow(ctx, unseenActions).Scan(&s.Unseen)
	})
	if err != nil {
		return s, fmt.Errorf("examine the database: %w", problem(err))
	}
	if imported != nil {
		s.Imported = *imported
	}
	return s, nil
}

// seconds scans a number of them into a duration.
type seconds struct{ to *time.Duration }

// ScanFloat64 is called by pgx.
func (s seconds) ScanFloat64(v pgtype.Float8) error {
	*s.to = time.Duration(v.Float64 * float64(time.Second))
	return nil
}
