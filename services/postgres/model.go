package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/schemas/events"
	"github.com/reportable-incidents/reportable/services/casework"
)

// ActiveModel is the model in use: the one that was activated last, else the
// one that the terms name. Its hash is empty before the first matcher started.
func (db *DB) ActiveModel(ctx context.Context) (casework.Model, error) {
	m, err := activeModel(ctx, db.pool)
	if err != nil {
		return m, fmt.Errorf("read the model in use: %w", problem(err))
	}
	return m, nil
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func activeModel(ctx context.Context, from querier) (casework.Model, error) {
	rows, _ := from.Query(ctx, `
		select m.hash, m.weights, m.origin, m.by, m.figures, m.at
		  from model m
		 where m.hash = coalesce((select model from model_activation order by id desc limit 1),
		                         (select model from terms order by id desc limit 1))`)
	all, err := pgx.CollectRows(rows, scanModel)
	if err != nil || len(all) == 0 {
		return casework.Model{}, err
	}
	return all[0], nil
}

func scanModel(row pgx.CollectableRow) (m casework.Model, err error) {
	var weights string
	err = row.Scan(&m.Hash, &weights, &m.Origin, &m.By, &m.Figures, &m.At)
	m.Weights = []byte(weights)
	return m, err
}

// Model is the model of a hash, or of the beginning of one. The error is
// casework.ErrNotFound when there is none, or more than one.
func (db *DB) Model(ctx context.Context, hash string) (casework.Model, error) {
	rows, _ := db.pool.Query(ctx, `
		select hash, weights, origin, by, figures, at
		  from model
		 where starts_with(hash, @hash)
		 limit 2`, pgx.NamedArgs{"hash": hash})
	all, err := pgx.CollectRows(rows, scanModel)
	if err != nil {
		return casework.Model{}, fmt.Errorf("read model %s: %w", hash, problem(err))
	}
	if len(all) != 1 {
		return casework.Model{}, fmt.Errorf("read model %s: %w", hash, casework.ErrNotFound)
	}
	return all[0], nil
}

// Models are all on the record and every activation, the newest first.
func (db *DB) Models(ctx context.Context) ([]casework.Model, []casework.Activation, error) {
	rows, _ := db.pool.Query(ctx, `
		select hash, weights, origin, by, figures, at
		  from model
		 order by at desc, hash`)
	models, err := pgx.CollectRows(rows, scanModel)
	if err != nil {
		return nil, nil, fmt.Errorf("read the models: %w", problem(err))
	}
	rows, _ = db.pool.Query(ctx, `
		select model, replaced, by, reason, forced, figures, register_version, at
		  from model_activation
		 order by id desc`)
	activations, err := pgx.CollectRows(rows, pgx.RowToStructByPos[casework.Activation])
	if err != nil {
		return nil, nil, fmt.Errorf("read the activations of models: %w", problem(err))
	}
	return models, activations, nil
}

// KeepModel puts a model on the record. Nothing uses it yet.
func (db *DB) KeepModel(ctx context.Context, m casework.Model) error {
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		if added, err := keepModel(ctx, tx, m); err != nil || !added {
			return err
		}
		return audit(ctx, tx, Audit{Actor: m.By, What: "MODEL_LEARNT", Service: "matcher", SubjectType: "MODEL", SubjectID: m.Hash,
			Details: map[string]any{"origin": m.Origin, "figures": figures(m.Figures)}})
	})
	if err != nil {
		return fmt.Errorf("keep model %s: %w", m.Hash, err)
	}
	return nil
}

func keepModel(ctx context.Context, tx pgx.Tx, m casework.Model) (added bool, err error) {
	tag, err := tx.Exec(ctx, `
		insert into model (hash, weights, origin, by, figures)
		values (@hash, @weights, @origin, @by, @figures)
		    on conflict do nothing`,
		pgx.NamedArgs{"hash": m.Hash, "weights": string(m.Weights), "origin": m.Origin, "by": m.By, "figures": figures(m.Figures)})
	return tag.RowsAffected() > 0, err
}

// figures is never null.
func figures(f json.RawMessage) json.RawMessage {
	if len(f) == 0 {
		return json.RawMessage("{}")
	}
	return f
}

// ActivateModel lets a model take the place of the one in use, and gives the
// register its next version: what was settled with an older one is settled
// again, and nothing is erased before that. Both models are put on the record.
// The error is casework.ErrChanged when the one in use is no longer the one
// that is to be replaced.
func (db *DB) ActivateModel(ctx context.Context, now, instead casework.Model, a casework.Activation, at time.Time) (casework.Activation, error) {
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		a.Model, a.Replaced = now.Hash, instead.Hash
		// As imports do, so that each version of the register is one change.
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock($1)`, int64(importing)); err != nil {
			return err
		}
		active, err := activeModel(ctx, tx)
		if err != nil {
			return err
		}
		if active.Hash != "" && active.Hash != instead.Hash {
			return casework.ErrChanged
		}
		for _, m := range []casework.Model{instead, now} {
			if _, err := keepModel(ctx, tx, m); err != nil {
				return err
			}
		}
		if err := tx.QueryRow(ctx, `select version + 1 from register`).Scan(&a.RegisterVersion); err != nil {
			return err
		}
		err = tx.QueryRow(ctx, `
			insert into model_activation (model, replaced, by, reason, forced, figures, register_version)
			values (@model, @replaced, @by, @reason, @forced, @figures, @version)
			returning at`,
			pgx.NamedArgs{"model": a.Model, "replaced": a.Replaced, "by": a.By, "reason": a.Reason, "forced": a.Forced,
				"figures": figures(a.Figures), "version": a.RegisterVersion}).Scan(&a.At)
		if err != nil {
			return err
		}
		err = audit(ctx, tx, Audit{Actor: a.By, What: "MODEL_ACTIVATED", Service: "matcher", SubjectType: "MODEL", SubjectID: a.Model,
			Details: map[string]any{"replaced": a.Replaced, "forced": a.Forced, "registerVersion": a.RegisterVersion, "figures": figures(a.Figures)}})
		if err != nil {
			return err
		}
		if err := addEvents(ctx, tx, events.New(at, events.CaseloadChanged{RegisterVersion: a.RegisterVersion})); err != nil {
			return err
		}
		// Last, since whoever settles a match holds the row for a moment.
		_, err = tx.Exec(ctx, `
			update register
			   set version = @version`, pgx.NamedArgs{"version": a.RegisterVersion})
		return err
	})
	if err != nil {
		return a, fmt.Errorf("activate model %s: %w", now.Hash, err)
	}
	return a, nil
}
