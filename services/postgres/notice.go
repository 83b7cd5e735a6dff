package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

type noticeRow struct {
	Action    int64              `json:"action"`
	OwnerRole casework.OwnerRole `json:"owner_role"`
	Owner     string             `json:"owner"`
	N         int                `json:"n"`
	Kind      string             `json:"kind"`
	Level     int                `json:"level"`
	At        time.Time          `json:"at"`
}

// noticesOf are those of one change, which is entry n of its action's history.
func noticesOf(c casework.ActionChange, n int, now time.Time) []noticeRow {
	kind := c.Kind
	if kind == "" {
		kind = c.What
	}
	rows := make([]noticeRow, len(c.Tell))
	for i, o := range c.Tell {
		rows[i] = noticeRow{int64(c.Action.ID), o.Role, o.Code, n, kind, c.Action.Level, now}
	}
	return rows
}

func insertNotices(ctx context.Context, tx pgx.Tx, rows []noticeRow) error {
	if len(rows) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `
		insert into notice (action, owner_role, owner, n, kind, level, at)
		select action, owner_role, owner, n, kind, level, at
		  from jsonb_populate_recordset(null::notice, @rows)
		    on conflict (action, n, owner_role, owner) do nothing -- somebody in two parts is told once`,
		pgx.NamedArgs{"rows": rows})
	if err != nil {
		return fmt.Errorf("write %d notices: %w", len(rows), err)
	}
	return nil
}
