package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Places gives the codes of PDUs, teams and regions that the register has.
func (db *DB) Places(ctx context.Context) (casework.Places, error) {
	p := casework.Places{PDUs: map[string]bool{}, Teams: map[string]bool{}, Regions: map[string]bool{}}
	rows, _ := db.pool.Query(ctx, `
		select 'pdu', code from pdu
		union all
		select 'region', region from pdu
		union all
		select 'team', code from team`)
	var kind, code string
	_, err := pgx.ForEachRow(rows, []any{&kind, &code}, func() error {
		switch kind {
		case "pdu":
			p.PDUs[code] = true
		case "team":
			p.Teams[code] = true
		case "region":
			p.Regions[code] = true
		}
		return nil
	})
	if err != nil {
		return p, fmt.Errorf("read the places of the register: %w", problem(err))
	}
	return p, nil
}

// SetMailbox says where a part that nobody has alone reads its mail: the
// administrators, victim staff, head or multi-agency meeting of a PDU, the duty
// officers of a region, or one duty officer by staff code. No address takes it
// away. It is in the trail, without the address.
func (db *DB) SetMailbox(ctx context.Context, role, scope, address, by string) error {
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		_, err := setMailbox(ctx, tx, role, scope, address, by)
		return err
	})
	if err != nil {
		return fmt.Errorf("set the mailbox of %s %s: %w", role, scope, err)
	}
	return nil
}

func setMailbox(ctx context.Context, tx pgx.Tx, role, scope, address, by string) (changed bool, err error) {
	args := pgx.NamedArgs{"role": role, "scope": scope, "address": address}
	what := "MAILBOX_SET"
	query := `
		insert into mailbox (role, scope, address)
		values (@role, @scope, @address)
		    on conflict (role, scope) do update
		   set address = excluded.address
		 where mailbox.address <> excluded.address`
	if address == "" {
		what = "MAILBOX_REMOVED"
		query = `
		delete from mailbox
		 where role = @role
		   and scope = @scope`
	}
	tag, err := tx.Exec(ctx, query, args)
	if err != nil || tag.RowsAffected() == 0 {
		return false, err
	}
	return true, audit(ctx, tx, Audit{Actor: by, What: what, Service: "caseload", SubjectType: "MAILBOX", SubjectID: role + " " + scope})
}

// TakeStaff makes the register agree with the case record's whole staff list,
// in one transaction. Whoever was in the last list and is in this one no more
// is gone, unless the extract names them.
func (db *DB) TakeStaff(ctx context.Context, list []casework.StaffEntry, by string) (casework.StaffTaken, error) {
	var taken casework.StaffTaken
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		taken = casework.StaffTaken{}
		// Extracts write staff too.
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock($1)`, int64(importing)); err != nil {
			return err
		}
		codes := []string{} // not nil: nothing is compared with an array that is null
		var names, roles, grades, teams, pdus, emails []string
		for _, e := range list {
			if e.Staff() {
				codes, names, roles, grades = append(codes, e.Code), append(names, e.Name), append(roles, e.Role), append(grades, e.Grade)
				teams, pdus, emails = append(teams, e.Team), append(pdus, e.PDU), append(emails, e.Email)
				continue
			}
			changed, err := setMailbox(ctx, tx, e.Role, e.Mailbox(), e.Email, by)
			if err != nil {
				return err
			}
			if changed {
				taken.Mailboxes++
			}
		}
		taken.Staff = len(codes)
		args := pgx.NamedArgs{"codes": codes, "names": names, "roles": roles, "grades": grades,
			"teams": teams, "pdus": pdus, "emails": emails}
		tag, err := tx.Exec(ctx, `
			insert into staff (code, name, role, grade, team, pdu, email, listed)
			select code, coalesce(nullif(name, ''), code), role, grade, team, pdu, email, true
			  from unnest(@codes::text[], @names::text[], @roles::text[], @grades::text[],
			              @teams::text[], @pdus::text[], @emails::text[])
			       as k (code, name, role, grade, team, pdu, email)
			    on conflict (code) do update
			   set name = case when excluded.name = excluded.code then staff.name else excluded.name end,
			       role = excluded.role,
			       grade = coalesce(nullif(excluded.grade, ''), staff.grade),
			       team = coalesce(nullif(excluded.team, ''), staff.team),
			       pdu = excluded.pdu,
			       email = coalesce(nullif(excluded.email, ''), staff.email),
			       listed = true,
			       gone_at = null,
			       changed_at = now()
			 where (staff.name, staff.role, staff.grade, staff.team, staff.pdu, staff.email, staff.listed, staff.gone_at)
			       is distinct from
			       (case when excluded.name = excluded.code then staff.name else excluded.name end, excluded.role,
			        coalesce(nullif(excluded.grade, ''), staff.grade), coalesce(nullif(excluded.team, ''), staff.team),
			        excluded.pdu, coalesce(nullif(excluded.email, ''), staff.email), true, null)`, args)
		if err != nil {
			return err
		}
		taken.Changed = int(tag.RowsAffected())
		err = tx.QueryRow(ctx, `
			with unlisted as (
			  update staff s
			     set listed = false,
			         gone_at = case when `+named+` then s.gone_at else coalesce(s.gone_at, now()) end,
			         changed_at = now()
			   where s.listed
			     and s.code <> all(@codes::text[])
			  returning gone_at
			)
			select count(gone_at)
			  from unlisted`, args).Scan(&taken.Gone)
		if err != nil {
			return err
		}
		return audit(ctx, tx, Audit{Actor: by, What: "STAFF_TAKEN", Service: "caseload", SubjectType: "STAFF",
			Details: map[string]any{"staff": taken.Staff, "changed": taken.Changed, "mailboxes": taken.Mailboxes, "gone": taken.Gone}})
	})
	if err != nil {
		return taken, fmt.Errorf("take the staff list: %w", err)
	}
	return taken, nil
}

// named says whether the register's cases name a member of staff, s.
const named = `(
		          exists (select from person p where p.supervised and p.practitioner = s.code)
		       or exists (
		            select
		              from team t
		             where t.manager = s.code
		               and exists (select from person p where p.supervised and p.team = t.code)))`

// TakeRota makes the rota agree with a file of it, in one transaction. From its
// first shift to its last, a region's shifts of an earlier file that have not
// begun and are not in this one are taken away. What was set by hand stays.
func (db *DB) TakeRota(ctx context.Context, shifts []casework.Shift, by string) (casework.RotaTaken, error) {
	taken := casework.RotaTaken{Shifts: len(shifts)}
	var regions, staff []string
	var starts, ends []time.Time
	for _, s := range shifts {
		regions, staff = append(regions, s.Region), append(staff, s.Staff)
		starts, ends = append(starts, s.Starts), append(ends, s.Ends)
	}
	args := pgx.NamedArgs{"regions": regions, "staff": staff, "starts": starts, "ends": ends, "by": by}
	const given = `
			with given as (
			  select distinct *
			    from unnest(@regions::text[], @staff::text[], @starts::timestamptz[], @ends::timestamptz[])
			         as g (region, staff, starts, ends)
			)`
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		// Two files at once would each add what the other has.
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock($1)`, int64(importing)); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, given+`
			delete from rota r
			 using (select region, min(starts) as starts, max(ends) as ends
			          from given
			         group by region) over_time
			 where r.region = over_time.region
			   and r.from_file
			   and r.starts > now()
			   and r.starts >= over_time.starts
			   and r.ends <= over_time.ends
			   and not exists (
			         select
			           from given g
			          where (g.region, g.staff, g.starts, g.ends) = (r.region, r.staff, r.starts, r.ends))`, args)
		if err != nil {
			return err
		}
		taken.Removed = int(tag.RowsAffected())
		tag, err = tx.Exec(ctx, given+`
			insert into rota (region, staff, starts, ends, set_by, from_file)
			select g.region, g.staff, g.starts, g.ends, @by, true
			  from given g
			 where not exists (
			         select
			           from rota r
			          where (g.region, g.staff, g.starts, g.ends) = (r.region, r.staff, r.starts, r.ends))
			 order by g.region, g.starts`, args)
		if err != nil {
			return err
		}
		taken.Added = int(tag.RowsAffected())
		return audit(ctx, tx, Audit{Actor: by, What: "ROTA_TAKEN", Service: "caseload", SubjectType: "ROTA",
			Details: map[string]any{"shifts": taken.Shifts, "added": taken.Added, "removed": taken.Removed}})
	})
	if err != nil {
		return taken, fmt.Errorf("take the rota: %w", err)
	}
	return taken, nil
}
