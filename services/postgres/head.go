package postgres

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/schemas/events"
)

// headTeller and proving are advisory locks: one process does it for all.
const (
	headTeller = 0x68656164 // "head"
	proving    = 0x70726f76 // "prov"
)

// TellAuditHead has the head of the trail published, if it has moved since it
// was published last and that is so long ago, and gives the head as it stands.
func (db *DB) TellAuditHead(ctx context.Context, now time.Time, every time.Duration) (Seal, error) {
	var head Seal
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		var err error
		if head, err = auditHead(ctx, tx); err != nil || head.Seq == 0 {
			return err
		}
		var mine bool
		if err := tx.QueryRow(ctx, "select pg_try_advisory_xact_lock($1)", int64(headTeller)).Scan(&mine); err != nil || !mine {
			return err
		}
		var last json.RawMessage
		err = tx.QueryRow(ctx, `
			select payload
			  from event
			 where subject = @subject
			 order by id desc
			 limit 1`,
			pgx.NamedArgs{"subject": events.AuditSealed{}.Subject()}).Scan(&last)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if err == nil {
			told, err := events.Decode[events.AuditSealed](events.Event{Data: last})
			if err == nil && (told.AdditionalInformation.Seq == head.Seq || now.Sub(told.OccurredAt) < every) {
				return nil
			}
		}
		return addEvents(ctx, tx, events.New(now, events.AuditSealed{Seq: head.Seq, Hash: hex.EncodeToString(head.Hash)}))
	})
	if err != nil {
		return head, fmt.Errorf("publish the head of the audit trail: %w", err)
	}
	return head, nil
}

// Proved is when the trail was last verified by itself, and how many faults
// that found. At is zero before the first time.
type Proved struct {
	At     time.Time
	Faults int
}

// prover is who verifies the trail when nobody asks.
const prover = "audit proof"

// LastProof is the last time that the trail was verified by itself.
func (db *DB) LastProof(ctx context.Context) (Proved, error) {
	var p Proved
	err := db.pool.QueryRow(ctx, `
		select at, coalesce((details ->> 'faults')::int, 0)
		  from audit
		 where actor = @actor
		   and what = 'TRAIL_VERIFIED'
		 order by id desc
		 limit 1`,
		pgx.NamedArgs{"actor": prover}).Scan(&p.At, &p.Faults)
	if errors.Is(err, pgx.ErrNoRows) {
		return Proved{}, nil
	}
	if err != nil {
		return p, fmt.Errorf("read the last proof of the audit trail: %w", problem(err))
	}
	return p, nil
}

// ProveAudit verifies the trail with the heads that were published, unless
// another process has it in hand or it was done so lately, and writes on the
// trail what it found. It gives the last proof, be it this one.
func (db *DB) ProveAudit(ctx context.Context, every time.Duration, heads func(context.Context) ([]Seal, error)) (Proved, error) {
	// Not inTx: what takes minutes is not tried again at once.
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		var mine bool
		if err := tx.QueryRow(ctx, "select pg_try_advisory_xact_lock($1)", int64(proving)).Scan(&mine); err != nil || !mine {
			return err
		}
		last, err := db.LastProof(ctx)
		if err != nil || time.Since(last.At) < every {
			return err
		}
		kept, err := heads(ctx)
		if err != nil {
			return err
		}
		proof, err := db.VerifyAudit(ctx, nil, kept...)
		if err != nil {
			return err
		}
		return audit(ctx, tx, Audit{Actor: prover, What: "TRAIL_VERIFIED", Service: "reportable",
			Details: map[string]any{"sealed": proof.Sealed, "faults": len(proof.Faults), "heads": len(kept)}})
	})
	if err != nil {
		return Proved{}, fmt.Errorf("prove the audit trail: %w", problem(err))
	}
	return db.LastProof(ctx)
}
