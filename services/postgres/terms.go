package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/schemas/events"
	"github.com/reportable-incidents/reportable/services/casework"
)

// Terms are those that matchers settle by, zero before the first was started.
func (db *DB) Terms(ctx context.Context) (casework.Terms, error) {
	t, err := inForce(ctx, db.pool)
	if err != nil {
		return t, fmt.Errorf("read the terms that hold: %w", problem(err))
	}
	return t, nil
}

func inForce(ctx context.Context, from querier) (casework.Terms, error) {
	rows, _ := from.Query(ctx, `
		select model, after_supervision, threshold
		  from terms
		 order by id desc
		 limit 1`)
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[casework.Terms])
	if err != nil || len(all) == 0 {
		return casework.Terms{}, err
	}
	return all[0], nil
}

// StartWith makes the terms of a matcher that starts hold, unless they do. If
// something was settled by others, the register gets its next version, so that
// what is held is settled again, and nothing is erased before that.
func (db *DB) StartWith(ctx context.Context, own casework.Terms, model casework.Model, at time.Time) error {
	if hold, err := db.Terms(ctx); err != nil || hold == own {
		return err // as nearly always, without waiting for an import
	}
	return db.inTx(ctx, func(tx pgx.Tx) error {
		// As imports do, so that each version of the register is one change.
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock($1)`, int64(importing)); err != nil {
			return err
		}
		hold, err := inForce(ctx, tx)
		if err != nil || hold == own {
			return err
		}
		if _, err := keepModel(ctx, tx, model); err != nil {
			return err
		}
		var version int64
		var activated, settled bool
		err = tx.QueryRow(ctx, `
			select r.version,
			       exists (select 1 from model_activation),
			       exists (select 1 from revision where register_version is not null and erased_at is null)
			  from register r`).Scan(&version, &activated, &settled)
		if err != nil {
			return err
		}
		// While another model weighs, the one that ships changes nothing.
		without := hold
		if activated {
			without.Model = own.Model
		}
		again := settled && without != own
		if again {
			version++
		}
		_, err = tx.Exec(ctx, `
			insert into terms (model, after_supervision, threshold, register_version)
			values (@model, @after, @threshold, @version)`,
			pgx.NamedArgs{"model": own.Model, "after": own.AfterSupervision, "threshold": own.Threshold, "version": version})
		if err != nil {
			return err
		}
		if hold == (casework.Terms{}) && !again {
			return nil // the first there ever was
		}
		err = audit(ctx, tx, Audit{Actor: "matcher", What: "TERMS_CHANGED", Service: "matcher", SubjectType: "MODEL", SubjectID: own.Model,
			Details: map[string]any{"afterSupervision": own.AfterSupervision, "threshold": own.Threshold, "replaced": hold.Model, "registerVersion": version}})
		if err != nil || !again {
			return err
		}
		if err := addEvents(ctx, tx, events.New(at, events.CaseloadChanged{RegisterVersion: version})); err != nil {
			return err
		}
		// Last, since whoever settles a match holds the row for a moment.
		_, err = tx.Exec(ctx, `
			update register
			   set version = @version`, pgx.NamedArgs{"version": version})
		return err
	})
}

// Present notes that a process matches, and by which terms it would.
func (db *DB) Present(ctx context.Context, process string, own casework.Terms) error {
	_, err := db.pool.Exec(ctx, `
		with gone as (
		  delete from matcher
		   where seen_at < now() - interval '1 day')
		insert into matcher (process, own)
		values (@process, @own)
		    on conflict (process) do update
		   set own = excluded.own,
		       seen_at = now()`, pgx.NamedArgs{"process": process, "own": own.String()})
	if err != nil {
		return fmt.Errorf("note that a matcher runs: %w", problem(err))
	}
	return nil
}
