package postgres

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Workload is what one practitioner has on their hands.
type Workload struct {
	Code           string
	Name           string
	Team           string
	TeamName       string
	Cases          int
	Open           int
	Unacknowledged int
	Overdue        int
	DueSoon        int // in the next day
	CoveredBy      string
	CoverEnds      *time.Time
	Cover          int64 // the cover's number, zero if there is none
	Covered        bool
}

// Workloads are those of the practitioners whom a viewer manages or heads, the
// most pressed first. What is hidden from the viewer is not counted.
func (db *DB) Workloads(ctx context.Context, viewer casework.AccountID) ([]Workload, error) {
	rows, _ := db.pool.Query(ctx, `
		with led as (
		  select distinct t.code, t.name, t.pdu
		    from account_role g
		    join team t on (g.role = 'manager' and t.code = g.scope) or (g.role = 'head' and t.pdu = g.scope)
		   where g.account = @viewer
		),
		hidden as materialized (
		  select hidden_people(@viewer) as id
		),
		cases as (
		  select p.practitioner, count(*) as n
		    from person p
		   where p.team in (select code from led)
		     and p.supervised
		     and p.id not in (select id from hidden)
		   group by p.practitioner
		)
		select s.code, s.name, l.code, l.name, coalesce(c.n, 0)::int, 0, 0, 0, 0,
		       coalesce(b.name, v.by_staff, ''), v.ends, coalesce(v.id, 0), v.id is not null
		  from led l
		  join staff s on s.team = l.code and s.role = 'practitioner' and s.gone_at is null
		  left join cases c on c.practitioner = s.code
		  left join lateral (
		         select id, by_staff, ends
		           from cover
		          where staff = s.code
		            and ended_at is null
		            and starts <= now()
		            and ends > now()
		          order by id desc
		          limit 1) v on true
		  left join staff b on b.code = v.by_staff`,
		pgx.NamedArgs{"viewer": viewer})
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Workload])
	// A PDU has tens of thousands of open actions: some owners at a time, no query
	// takes long.
	for part := range slices.Chunk(all, 50) {
		if err == nil {
			err = db.addWork(ctx, viewer, part)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read the team's work: %w", problem(err))
	}
	slices.SortFunc(all, func(a, b Workload) int {
		return cmp.Or(cmp.Compare(b.Overdue, a.Overdue), cmp.Compare(b.Unacknowledged, a.Unacknowledged), cmp.Compare(b.Open, a.Open),
			cmp.Compare(a.Name, b.Name), cmp.Compare(a.Code, b.Code))
	})
	return all, nil
}

// addWork puts to practitioners what is open of theirs.
func (db *DB) addWork(ctx context.Context, viewer casework.AccountID, of []Workload) error {
	at := map[string][]*Workload{} // a code may be on two lines
	for i := range of {
		at[of[i].Code] = append(at[of[i].Code], &of[i])
	}
	rows, _ := db.pool.Query(ctx, `
		with hidden as materialized (
		  select hidden_people(@viewer) as id
		),
		rivalled as materialized ( -- matches of which another candidate is hidden
		  select m.id
		    from hidden h
		    join match c on c.person = h.id and c.contested and c.state <> 'superseded'
		    join match m on m.incident = c.incident and m.involvement = c.involvement
		)
		select a.owner,
		       count(*),
		       count(*) filter (where a.acked_at is null),
		       count(*) filter (where a.next_due < now()),
		       count(*) filter (where a.next_due >= now() and a.next_due < now() + interval '1 day')
		  from action a
		 where a.owner_role = 'practitioner'
		   and a.owner = any(@owners)
		   and a.state in ('open', 'acknowledged')
		   and a.rule not in `+elsewhere+`
		   and a.person not in (select id from hidden)
		   and a.match not in (select id from rivalled)
		 group by a.owner`,
		pgx.NamedArgs{"viewer": viewer, "owners": slices.Collect(maps.Keys(at))})
	var owner string
	var w Workload
	_, err := pgx.ForEachRow(rows, []any{&owner, &w.Open, &w.Unacknowledged, &w.Overdue, &w.DueSoon}, func() error {
		for _, to := range at[owner] {
			to.Open, to.Unacknowledged, to.Overdue, to.DueSoon = w.Open, w.Unacknowledged, w.Overdue, w.DueSoon
		}
		return nil
	})
	return err
}

// managedPeople are those who are now in a team that the viewer manages.
const managedPeople = `
		  select p.id
		    from account_role g
		    join person p on p.team = g.scope and p.merged_into is null
		   where g.account = @viewer
		     and g.role = 'manager'`

// overseenPeople are those, and those in a PDU that the viewer heads. They are
// asked for once, for a team is a small part of its PDU's work; overseenAction
// says of an action, a, that it is about one of them.
const overseenPeople = `
		overseen as materialized (` + managedPeople + `
		   union all
		  select p.id
		    from account_role g
		    join person p on p.pdu = g.scope and p.merged_into is null
		   where g.account = @viewer
		     and g.role = 'head'
		   union all
		  select q.id
		    from person q
		    join person p on p.id = current_person(q.id)
		    join account_role g on g.account = @viewer
		   where q.merged_into is not null
		     and (   (g.role = 'manager' and g.scope = p.team)
		          or (g.role = 'head' and g.scope = p.pdu))
		)`

const overseenAction = `(a.person in (select id from overseen)) is true`

// managedOrHeaded and overseenOne say the same where a head is shown the first of
// many: to ask about each takes less than to list the thousands of a PDU.
const managedOrHeaded = `
		managed as materialized (` + managedPeople + `
		),
		merged as materialized (
		  select id
		    from person
		   where merged_into is not null
		),
		hidden as materialized (
		  select hidden_people(@viewer) as id
		)`

const overseenOne = `
		(   a.person in (select id from managed)
		 or (   exists (select 1 from account_role where account = @viewer and role = 'head')
		     or a.person in (select id from merged))
		and ( -- one value, that nobody looks everybody up to make a list of them
		      select p.pdu = any(array(select scope from account_role where account = @viewer and role = 'head'))
		          or p.team = any(array(select scope from account_role where account = @viewer and role = 'manager'))
		        from person q
		        join person p on p.id = case when q.merged_into is null then q.id else current_person(q.id) end
		       where q.id = a.person))`

// shownBesides is actionShown with whom the viewer may not see listed once.
var shownBesides = strings.ReplaceAll(actionShown, "select hidden_people(@viewer)", "select id from hidden")

// TeamActions are the open actions of the practitioners whom a viewer manages
// or heads, what is due first leading. Owner narrows them to one practitioner.
func (db *DB) TeamActions(ctx context.Context, viewer casework.AccountID, owner string, after Key, limit int) ([]ActionItem, error) {
	from, which := `unnest(`+overseenPDUs+`) s (pdu)`, `a.pdu = s.pdu and a.owner_role in ('practitioner', 'manager')`
	if owner != "" {
		from, which = `(values ('practitioner'), ('manager')) s (role)`, `a.owner_role = s.role and a.owner = @owner`
	}
	rows, _ := db.pool.Query(ctx, `
		with`+overseenPeople+`,
		page as materialized (
		  select x.*
		    from `+from+`
		   cross join lateral (
		           select a.id as action, a.next_due
		             from action a
		             join match m on m.id = a.match
		            where `+which+`
		              and a.state in ('open', 'acknowledged')
		              and a.rule not in `+elsewhere+`
		              and (a.next_due, a.id) > (@at, @id)
		              and `+overseenAction+`
		              and `+actionShown+`
		            order by a.next_due, a.id
		            limit @limit) x
		   order by x.next_due, x.action
		   limit @limit
		)
		select `+actionColumns+`
		  from page
		  join action a on a.id = page.action`+actionJoins+`
		 order by page.next_due, page.action`,
		pgx.NamedArgs{"viewer": viewer, "owner": owner, "at": after.At, "id": after.ID, "limit": limit})
	return collectActions(rows, "the team's actions")
}

// Colleagues are the practitioners and managers of the PDUs that a viewer
// oversees, to whom work can be given.
func (db *DB) Colleagues(ctx context.Context, viewer casework.AccountID) ([]Colleague, error) {
	rows, _ := db.pool.Query(ctx, `
		select s.code, s.name
		  from staff s
		 where s.pdu = any(`+overseenPDUs+`)
		   and s.role in ('practitioner', 'manager')
		   and s.gone_at is null
		 order by s.name, s.code`,
		pgx.NamedArgs{"viewer": viewer})
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Colleague])
	if err != nil {
		return nil, fmt.Errorf("read who works there: %w", problem(err))
	}
	return all, nil
}

// unseenBy says whether an account of a member of staff, s, may not open an
// action, a: it would lie with somebody to whom it does not exist. Who has not
// signed in yet has no account to ask about, and gets no restricted case.
const unseenBy = `(
	       exists (
	         select 1
	           from account u
	          where u.staff = s.code
	            and u.disabled_at is null
	            and not match_visible(u.id, a.match))
	    or not exists (select 1 from account u where u.staff = s.code and u.disabled_at is null)
	   and exists (
	         select 1
	           from person p
	          where p.id = current_person(a.person)
	            and (   p.restricted and p.practitioner <> s.code
	                 or exists (select 1 from restriction r where r.person = p.id and (r.until is null or r.until > now())))))`

// Reassignment gives one action to somebody else.
type Reassignment struct {
	Action      casework.ActionID
	To          string // staff code
	AckDue      time.Time
	By          casework.Account
	Correlation string
}

// Reassign gives an action to another practitioner or manager of the PDU. They
// have not seen it, so its acknowledgement begins anew; the time to decide
// stays as it was. Both are told. Repeated, it does nothing more. It is
// casework.ErrUnseen if they may not see whom it is about.
func (db *DB) Reassign(ctx context.Context, r Reassignment) error {
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		a, err := lockAction(ctx, tx, r.By.ID, r.Action)
		switch {
		case err != nil:
			return err
		case !a.Oversees || a.OwnerRole != casework.Practitioner && a.OwnerRole != casework.Manager:
			return casework.ErrNotFound
		case !a.State.Open():
			return casework.ErrChanged
		}
		var role casework.OwnerRole
		var from string
		var unseen bool
		err = tx.QueryRow(ctx, `
			select s.role, a.owner, `+unseenBy+`
			  from action a
			  join staff s on s.code = @to and s.pdu = a.pdu and s.gone_at is null and s.role in ('practitioner', 'manager')
			 where a.id = @action`,
			pgx.NamedArgs{"to": r.To, "action": r.Action}).Scan(&role, &from, &unseen)
		if err != nil {
			return notThere(err)
		}
		if from == r.To {
			return nil
		}
		if unseen {
			return casework.ErrUnseen
		}
		_, err = tx.Exec(ctx, `
			update action
			   set owner_role = @role,
			       owner = @to,
			       state = 'open',
			       acked_at = null,
			       acked_by = null,
			       ack_due = @due
			 where id = @action`,
			pgx.NamedArgs{"role": role, "to": r.To, "action": r.Action, "due": r.AckDue})
		if err != nil {
			return err
		}
		if err := a.cancelSteps(ctx, tx, "unacknowledged"); err != nil {
			return err
		}
		if err := a.addStep(ctx, tx, "unacknowledged", casework.Manager, r.AckDue); err != nil {
			return err
		}
		note := map[string]any{"from": from, "to": r.To, "fromRole": a.OwnerRole, "toRole": role}
		if err := a.history(ctx, tx, "reassigned", r.By.Subject, note); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			insert into notice (action, owner_role, owner, n, kind, level)
			select a.id, o.role, o.code, (select max(n) from action_history where action = a.id), 'reassigned', a.level
			  from action a,
			       (values (@role, @to), (@fromRole, @from)) as o (role, code)
			 where a.id = @action`,
			pgx.NamedArgs{"role": role, "to": r.To, "fromRole": a.OwnerRole, "from": from, "action": r.Action})
		if err != nil {
			return err
		}
		return audit(ctx, tx, a.trail(r.By, "ACTION_REASSIGNED", r.Correlation, note))
	})
	if err != nil {
		return fmt.Errorf("reassign action %d: %w", r.Action, err)
	}
	return nil
}

// heldFrom is who has work on a case, p, that is somebody's: they, their cover,
// or nobody. A cover who may not see the person gets none of it.
func heldFrom(whose string) string {
	return `(
	         select case
	                  when h.code not in (` + whose + `, '')
	                   and exists (
	                         select 1
	                           from account u
	                          where u.staff = h.code
	                            and u.disabled_at is null
	                            and not visible(u.id, p.id)) then ''
	                  else h.code
	                end
	           from (select holder(` + whose + `, @now) as code) h)`
}

// Cover has one member of staff stand in for another for a time.
type Cover struct {
	Staff       string
	By          string // empty: nobody; the work goes to the manager at once
	Starts      time.Time
	Ends        time.Time
	SetBy       casework.Account
	Correlation string
}

// SetCover records a cover. The notifier moves the work when it begins, and back
// when it ends. A manager may set it for their team, a head for their PDU, and
// anybody for themselves.
func (db *DB) SetCover(ctx context.Context, c Cover) error {
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			insert into cover (staff, by_staff, starts, ends, set_by)
			select s.code, @by, @starts, @ends, @subject
			  from staff s
			 where s.code = @staff
			   and s.gone_at is null
			   and `+mayCover+`
			   and (   @by = ''
			        or exists (
			             select 1
			               from staff b
			              where b.code = @by
			                and b.pdu = s.pdu
			                and b.role in ('practitioner', 'manager')
			                and b.gone_at is null))`,
			pgx.NamedArgs{"staff": c.Staff, "by": c.By, "starts": c.Starts, "ends": c.Ends, "subject": c.SetBy.Subject, "viewer": c.SetBy.ID})
		if err == nil && tag.RowsAffected() == 0 {
			err = casework.ErrNotFound
		}
		if err != nil {
			return err
		}
		return audit(ctx, tx, Audit{Actor: c.SetBy.Subject, What: "COVER_SET", Service: "desk", SubjectType: "staff", SubjectID: c.Staff,
			Correlation: c.Correlation, Details: map[string]any{"by": c.By, "starts": c.Starts.UTC(), "ends": c.Ends.UTC()}})
	})
	if err != nil {
		return fmt.Errorf("set a cover: %w", err)
	}
	return nil
}

const mayCover = `(
	         exists (select 1 from account a where a.id = @viewer and a.staff = s.code)
	      or exists (
	           select 1
	             from account_role g
	            where g.account = @viewer
	              and (   (g.role = 'manager' and g.scope = s.team)
	                   or (g.role = 'head' and g.scope = s.pdu))))`

// EndCover hands the work back before the cover's end.
func (db *DB) EndCover(ctx context.Context, by casework.Account, id int64, correlation string) error {
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		var staff string
		err := tx.QueryRow(ctx, `
			update cover c
			   set ended_at = coalesce(c.ended_at, now()),
			       ended_by = coalesce(c.ended_by, @subject)
			  from staff s
			 where c.id = @id
			   and s.code = c.staff
			   and `+mayCover+`
			returning c.staff`,
			pgx.NamedArgs{"id": id, "subject": by.Subject, "viewer": by.ID}).Scan(&staff)
		if err != nil {
			return notThere(err)
		}
		return audit(ctx, tx, Audit{Actor: by.Subject, What: "COVER_ENDED", Service: "desk", SubjectType: "staff", SubjectID: staff, Correlation: correlation})
	})
	if err != nil {
		return fmt.Errorf("end a cover: %w", err)
	}
	return nil
}

// StandIns are a member of staff, if the viewer may set a cover for them, and
// who may stand in: the practitioners and managers of the same PDU.
func (db *DB) StandIns(ctx context.Context, viewer casework.AccountID, code string) (Colleague, []Colleague, error) {
	rows, _ := db.pool.Query(ctx, `
		select s.code, s.name
		  from staff s
		 where s.code = @code
		   and s.gone_at is null
		   and `+mayCover,
		pgx.NamedArgs{"viewer": viewer, "code": code})
	who, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Colleague])
	if err != nil {
		return who, nil, fmt.Errorf("read whom to cover: %w", notThere(err))
	}
	rows, _ = db.pool.Query(ctx, `
		select b.code, b.name
		  from staff s
		  join staff b on b.pdu = s.pdu and b.code <> s.code and b.role in ('practitioner', 'manager') and b.gone_at is null
		 where s.code = @code
		 order by b.team <> s.team, b.name, b.code`,
		pgx.NamedArgs{"code": code})
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Colleague])
	if err != nil {
		return who, nil, fmt.Errorf("read who may stand in: %w", problem(err))
	}
	return who, all, nil
}

// Away is a time for which somebody's work goes to another, now or later.
type Away struct {
	Cover        int64
	By           string // who stands in; empty for nobody
	Starts, Ends time.Time
}

// Aways are when a member of staff, whom the viewer may set covers for, is
// covered from now on, the next first.
func (db *DB) Aways(ctx context.Context, viewer casework.AccountID, code string) ([]Away, error) {
	rows, _ := db.pool.Query(ctx, `
		select c.id, coalesce(b.name, c.by_staff), c.starts, c.ends
		  from cover c
		  join staff s on s.code = c.staff
		  left join staff b on b.code = c.by_staff
		 where c.staff = @code
		   and c.ended_at is null
		   and c.ends > now()
		   and `+mayCover+`
		 order by c.starts, c.id
		 limit 50`,
		pgx.NamedArgs{"viewer": viewer, "code": code})
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Away])
	if err != nil {
		return nil, fmt.Errorf("read when somebody is away: %w", problem(err))
	}
	return all, nil
}
