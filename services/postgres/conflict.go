package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Conflict is a revision that was sent a second time with other contents. The
// first stands; the second is kept aside until the force has said what is so.
type Conflict struct {
	ID         int64               `json:"id"`
	Force      string              `json:"force"`
	Reference  string              `json:"reference"`
	Revision   int                 `json:"revision"`
	Incident   casework.IncidentID `json:"incident"`
	Receipt    string              `json:"receipt"` // of what was kept aside
	ReceivedAt time.Time           `json:"receivedAt"`
	ResolvedAt *time.Time          `json:"resolvedAt,omitempty"`
	Resolution string              `json:"resolution,omitempty"`
}

// Conflicts lists a force's conflicts, or all forces', oldest first: those that
// wait, or with resolved those too that do not.
func (db *DB) Conflicts(ctx context.Context, force string, resolved bool) ([]Conflict, error) {
	rows, _ := db.pool.Query(ctx, `
		select c.id, i.force, i.reference, c.number, i.id, c.receipt::text, c.received_at, c.resolved_at, coalesce(c.resolution, '')
		  from conflict c
		  join incident i on i.id = c.incident
		 where @force in ('', i.force)
		   and (@resolved or c.resolved_at is null)
		 order by c.id
		 limit 1000`, pgx.NamedArgs{"force": force, "resolved": resolved})
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Conflict])
	if err != nil {
		return nil, fmt.Errorf("list conflicts: %w", problem(err))
	}
	return all, nil
}

// ResolveConflict notes that the first contents stand, and forgets the second.
// There is no way to make the second ones stand under the same number: what is
// on the record has been acted on. The force sends them as a new revision, which
// resolves the conflict by itself.
func (db *DB) ResolveConflict(ctx context.Context, force string, id int64, by, resolution string) error {
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			update conflict c
			   set resolved_at = now(),
			       resolution = @resolution,
			       body = null
			  from incident i
			 where c.id = @id
			   and i.id = c.incident
			   and i.force = @force
			   and c.resolved_at is null`,
			pgx.NamedArgs{"id": id, "force": force, "resolution": resolution})
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return casework.ErrNotFound
		}
		return audit(ctx, tx, Audit{Actor: by, What: "CONFLICT_RESOLVED", Service: "feed", SubjectType: "CONFLICT", SubjectID: fmt.Sprint(id),
			Details: map[string]any{"force": force}})
	})
	if err != nil {
		return fmt.Errorf("resolve conflict %d: %w", id, err)
	}
	return nil
}
