package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// AddShift puts somebody on the out-of-hours rota of a region. The same shift
// twice is one.
func (db *DB) AddShift(ctx context.Context, s casework.Shift, by string) error {
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		args := pgx.NamedArgs{"region": s.Region, "staff": s.Staff, "starts": s.Starts, "ends": s.Ends, "telephone": s.Telephone, "by": by}
		var known bool
		if err := tx.QueryRow(ctx, `select exists (select 1 from pdu where region = @region)`, args).Scan(&known); err != nil {
			return err
		}
		if !known {
			return casework.ErrNotFound
		}
		tag, err := tx.Exec(ctx, `
			insert into rota (region, staff, starts, ends, telephone, set_by)
			select @region, @staff, @starts, @ends, @telephone, @by
			 where not exists (
			       select 1
			         from rota
			        where region = @region
			          and staff = @staff
			          and starts = @starts
			          and ends = @ends)`, args)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		return audit(ctx, tx, Audit{Actor: by, What: "ROTA_SET", Service: "reportable", SubjectType: "region", SubjectID: s.Region,
			Details: map[string]any{"staff": s.Staff, "starts": s.Starts.UTC(), "ends": s.Ends.UTC()}})
	})
	if err != nil {
		return fmt.Errorf("put a shift on the rota of %s: %w", s.Region, err)
	}
	return nil
}

// Shifts are those of every region that are not over at a time, and the regions
// there are.
func (db *DB) Shifts(ctx context.Context, from time.Time) (regions []string, shifts []casework.Shift, err error) {
	rows, _ := db.pool.Query(ctx, `select distinct region from pdu order by region`)
	if regions, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return nil, nil, fmt.Errorf("read the regions: %w", problem(err))
	}
	rows, _ = db.pool.Query(ctx, `
		select region, staff, starts, ends, telephone
		  from rota
		 where ends > @from
		 order by region, starts, id`,
		pgx.NamedArgs{"from": from})
	if shifts, err = pgx.CollectRows(rows, pgx.RowToStructByPos[casework.Shift]); err != nil {
		return nil, nil, fmt.Errorf("read the rota: %w", problem(err))
	}
	return regions, shifts, nil
}
