package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// ShiftLine is a shift as the desk shows it.
type ShiftLine struct {
	casework.Shift
	ID   int64
	Name string // of who is on duty
	Mine bool   // the viewer may change it
}

// rotaRegions are the regions whose rota a viewer keeps, as manager or head of
// a PDU in them, or reads, as their duty officer.
const rotaRegions = `
	(select distinct u.region, true as keeps
	   from pdu u
	  where u.code = any(` + overseenPDUs + `)
	 union
	 select g.scope, false
	   from account_role g
	  where g.account = @viewer
	    and g.role = 'duty_officer'
	    and not exists (select 1 from pdu u where u.region = g.scope and u.code = any(` + overseenPDUs + `)))`

// RotaRegions are the regions whose rota a viewer may read.
func (db *DB) RotaRegions(ctx context.Context, viewer casework.AccountID) ([]string, error) {
	rows, _ := db.pool.Query(ctx, `select region from `+rotaRegions+` k order by region`, pgx.NamedArgs{"viewer": viewer})
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read the regions of the rota: %w", problem(err))
	}
	return all, nil
}

// Rota are the shifts that are not over at a time, in the regions whose rota a
// viewer may read. With an id it is that shift alone.
func (db *DB) Rota(ctx context.Context, viewer casework.AccountID, from time.Time, id int64) ([]ShiftLine, error) {
	rows, _ := db.pool.Query(ctx, `
		select r.region, r.staff, r.starts, r.ends, r.telephone, r.id, coalesce(s.name, a.name, r.staff), k.keeps
		  from rota r
		  join `+rotaRegions+` k on k.region = r.region
		  left join staff s on s.code = r.staff
		  left join lateral (
		         select name
		           from account
		          where staff = r.staff
		          order by id
		          limit 1) a on true
		 where r.ends > @from
		   and (@id::bigint = 0 or r.id = @id)
		 order by r.region, r.starts, r.id`,
		pgx.NamedArgs{"viewer": viewer, "from": from, "id": id})
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (ShiftLine, error) {
		var l ShiftLine
		err := row.Scan(&l.Region, &l.Staff, &l.Starts, &l.Ends, &l.Telephone, &l.ID, &l.Name, &l.Mine)
		return l, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the rota: %w", problem(err))
	}
	return all, nil
}

// OnCall are those who may be put on the rota of a region: who works there, and
// its duty officers.
func (db *DB) OnCall(ctx context.Context, region string) ([]Colleague, error) {
	rows, _ := db.pool.Query(ctx, `
		select code, min(name)
		  from (select s.code, s.name
		          from staff s
		          join pdu u on u.code = s.pdu
		         where u.region = @region
		           and s.gone_at is null
		        union all
		        select a.staff, a.name
		          from account a
		          join account_role g on g.account = a.id
		         where g.role = 'duty_officer'
		           and g.scope = @region
		           and a.staff <> ''
		           and a.disabled_at is null) w
		 group by code
		 order by 2, 1`,
		pgx.NamedArgs{"region": region})
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Colleague])
	if err != nil {
		return nil, fmt.Errorf("read who can be on duty: %w", problem(err))
	}
	return all, nil
}

// SetShift puts a shift on the rota, or changes the one of that number. The
// viewer must keep the region's rota: else it is casework.ErrNotFound.
func (db *DB) SetShift(ctx context.Context, id int64, s casework.Shift, by casework.Account, correlation string) error {
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		args := pgx.NamedArgs{"viewer": by.ID, "id": id, "region": s.Region, "staff": s.Staff, "starts": s.Starts, "ends": s.Ends,
			"telephone": s.Telephone, "by": by.Subject}
		sql, what := `
			insert into rota (region, staff, starts, ends, telephone, set_by)
			select k.region, @staff, @starts, @ends, @telephone, @by
			  from `+rotaRegions+` k
			 where k.region = @region
			   and k.keeps
			   and not exists (
			         select 1
			           from rota
			          where region = @region
			            and staff = @staff
			            and starts = @starts
			            and ends = @ends
			            and telephone = @telephone)
			returning id`, "ROTA_SET"
		if id != 0 {
			sql, what = `
			update rota r
			   set staff = @staff,
			       starts = @starts,
			       ends = @ends,
			       telephone = @telephone,
			       set_by = @by,
			       set_at = now(),
			       from_file = false -- it is kept by hand from now on
			  from `+rotaRegions+` k
			 where r.id = @id
			   and r.region = @region
			   and k.region = r.region
			   and k.keeps
			returning r.id`, "ROTA_CHANGED"
		}
		var kept int64
		err := tx.QueryRow(ctx, sql, args).Scan(&kept)
		if errors.Is(err, pgx.ErrNoRows) && id == 0 { // there already, unless the region is not theirs
			var keeps bool
			err = tx.QueryRow(ctx, `select exists (select 1 from `+rotaRegions+` k where k.region = @region and k.keeps)`, args).Scan(&keeps)
			if err == nil && keeps {
				return nil
			}
			return casework.ErrNotFound
		}
		if err != nil {
			return notThere(err)
		}
		return audit(ctx, tx, Audit{Actor: by.Subject, What: what, Service: "desk", SubjectType: "region", SubjectID: s.Region, Correlation: correlation,
			Details: map[string]any{"shift": kept, "staff": s.Staff, "starts": s.Starts.UTC(), "ends": s.Ends.UTC()}})
	})
	if err != nil {
		return fmt.Errorf("set a shift of %s: %w", s.Region, err)
	}
	return nil
}

// RemoveShift takes a shift off the rota; one that has begun ends now.
func (db *DB) RemoveShift(ctx context.Context, id int64, now time.Time, by casework.Account, correlation string) error {
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		var region, staff string
		args := pgx.NamedArgs{"viewer": by.ID, "id": id, "now": now}
		err := tx.QueryRow(ctx, `
			select r.region, r.staff
			  from rota r
			  join `+rotaRegions+` k on k.region = r.region
			 where r.id = @id
			   and k.keeps
			   and r.ends > @now`, args).Scan(&region, &staff)
		if err != nil {
			return notThere(err)
		}
		if _, err := tx.Exec(ctx, `delete from rota where id = @id and starts >= @now`, args); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `update rota set ends = @now, from_file = false where id = @id`, args); err != nil {
			return err
		}
		return audit(ctx, tx, Audit{Actor: by.Subject, What: "ROTA_REMOVED", Service: "desk", SubjectType: "region", SubjectID: region, Correlation: correlation,
			Details: map[string]any{"shift": id, "staff": staff}})
	})
	if err != nil {
		return fmt.Errorf("remove shift %d: %w", id, err)
	}
	return nil
}

// Heads are the heads of the PDUs in a region: who is called after the rota.
func (db *DB) Heads(ctx context.Context, region string) ([]Colleague, error) {
	rows, _ := db.pool.Query(ctx, `
		select distinct u.name, a.name
		  from account_role g
		  join account a on a.id = g.account
		  join pdu u on u.code = g.scope
		 where g.role = 'head'
		   and a.disabled_at is null
		   and u.region = @region
		 order by 1, 2`,
		pgx.NamedArgs{"region": region})
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Colleague])
	if err != nil {
		return nil, fmt.Errorf("read the heads of PDU: %w", problem(err))
	}
	return all, nil
}
