package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Audit is one line of the trail: who did what to which thing. It holds ids,
// codes and hashes, never a name.
type Audit struct {
	Actor       string // account.subject, force:62, or a service
	What        string // MATCH_CONFIRMED, PAGE_VIEW_MATCH …
	Service     string
	SubjectType string
	SubjectID   string
	// Correlation is the X-Request-Id, so that the trail and the logs meet.
	Correlation string
	Details     map[string]any
}

// executor is a transaction or the pool.
type executor interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// Record adds lines to the trail on their own. What changes something writes
// its line in the transaction of the change instead.
func (db *DB) Record(ctx context.Context, lines ...Audit) error {
	return problem(audit(ctx, db.pool, lines...))
}

func audit(ctx context.Context, tx executor, lines ...Audit) error {
	for _, a := range lines {
		details := []byte("{}")
		if len(a.Details) > 0 {
			var err error
			if details, err = json.Marshal(a.Details); err != nil {
				return fmt.Errorf("audit %s: %w", a.What, err)
			}
		}
		_, err := tx.Exec(ctx, `
			insert into audit (actor, what, service, subject_type, subject_id, correlation, details)
			values (@actor, @what, @service, @type, @id, @correlation, @details)`,
			pgx.NamedArgs{"actor": a.Actor, "what": a.What, "service": a.Service,
				"type": a.SubjectType, "id": a.SubjectID, "correlation": a.Correlation, "details": details})
		if err != nil {
			return fmt.Errorf("audit %s of %s %s: %w", a.What, a.SubjectType, a.SubjectID, err)
		}
	}
	return nil
}

// Recorded reports whether somebody did something with one thing since a time.
func (db *DB) Recorded(ctx context.Context, a Audit, since time.Time) (bool, error) {
	var found bool
	err := db.pool.QueryRow(ctx, `
		select exists (
		  select 1
		    from audit
		   where subject_type = @type
		     and subject_id = @subject
		     and what = @what
		     and actor = @actor
		     and at > @since)`,
		pgx.NamedArgs{"type": a.SubjectType, "subject": a.SubjectID, "what": a.What, "actor": a.Actor, "since": since}).Scan(&found)
	if err != nil {
		return false, fmt.Errorf("look for a line of the trail: %w", problem(err))
	}
	return found, nil
}
