package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Account is somebody who signs in, with every grant. A disabled account is
// not found.
func (db *DB) Account(ctx context.Context, id casework.AccountID) (casework.Account, error) {
	return db.account(ctx, "a.id = @id", pgx.NamedArgs{"id": id})
}

// AccountBySubject is the account of an identity provider's subject.
func (db *DB) AccountBySubject(ctx context.Context, subject string) (casework.Account, error) {
	return db.account(ctx, "a.subject = @subject", pgx.NamedArgs{"subject": subject})
}

func (db *DB) account(ctx context.Context, which string, args pgx.NamedArgs) (casework.Account, error) {
	rows, _ := db.pool.Query(ctx, `
		select a.id, a.subject, a.name, a.staff, a.demo, coalesce(a.granted_at, 'epoch'),
		       coalesce(g.role, ''), coalesce(g.scope, ''), coalesce(g.restricted, false)
		  from account a
		  left join account_role g on g.account = a.id
		 where a.disabled_at is null
		   and `+which+`
		 order by g.role, g.scope`, args)
	accounts, err := collectAccounts(rows)
	if err != nil {
		return casework.Account{}, fmt.Errorf("read an account: %w", problem(err))
	}
	if len(accounts) == 0 {
		return casework.Account{}, fmt.Errorf("read an account: %w", casework.ErrNotFound)
	}
	return accounts[0], nil
}

// HasAccounts reports whether anybody has ever signed in, or could.
func (db *DB) HasAccounts(ctx context.Context) (bool, error) {
	var any bool
	if err := db.pool.QueryRow(ctx, `select exists (select 1 from account)`).Scan(&any); err != nil {
		return false, fmt.Errorf("look for accounts: %w", problem(err))
	}
	return any, nil
}

// Personas are the demo's accounts, those with the widest sight last.
func (db *DB) Personas(ctx context.Context) ([]casework.Account, error) {
	rows, _ := db.pool.Query(ctx, `
		select a.id, a.subject, a.name, a.staff, a.demo, coalesce(a.granted_at, 'epoch'),
		       coalesce(g.role, ''), coalesce(g.scope, ''), coalesce(g.restricted, false)
		  from account a
		  left join account_role g on g.account = a.id
		 where a.demo
		   and a.disabled_at is null
		 order by a.id, g.role, g.scope`)
	accounts, err := collectAccounts(rows)
	if err != nil {
		return nil, fmt.Errorf("read the personas: %w", problem(err))
	}
	return accounts, nil
}

// PersonasAtWork are accounts of the demo whose subjects begin with prefix, and
// who have actions of a practitioner to do: those with the most first.
func (db *DB) PersonasAtWork(ctx context.Context, prefix string, most int) ([]casework.Account, error) {
	rows, _ := db.pool.Query(ctx, `
		with busy (owner, open) as (
		  select owner, count(*)
		    from action
		   where owner_role = 'practitioner'
		     and state in ('open', 'acknowledged')
		   group by owner
		), chosen as (
		  select a.id, b.open
		    from account a
		    join busy b on b.owner = a.staff
		   where a.demo
		     and a.disabled_at is null
		     and starts_with(a.subject, @prefix)
		   order by b.open desc, a.id
		   limit @most
		)
		select a.id, a.subject, a.name, a.staff, a.demo, coalesce(a.granted_at, 'epoch'),
		       coalesce(g.role, ''), coalesce(g.scope, ''), coalesce(g.restricted, false)
		  from chosen c
		  join account a on a.id = c.id
		  left join account_role g on g.account = a.id
		 order by c.open desc, a.id, g.role, g.scope`,
		pgx.NamedArgs{"prefix": prefix, "most": most})
	accounts, err := collectAccounts(rows)
	if err != nil {
		return nil, fmt.Errorf("read the personas at work: %w", problem(err))
	}
	return accounts, nil
}

// collectAccounts folds a row for each grant into an account for each person.
func collectAccounts(rows pgx.Rows) ([]casework.Account, error) {
	var accounts []casework.Account
	var a casework.Account
	var g casework.Grant
	_, err := pgx.ForEachRow(rows, []any{&a.ID, &a.Subject, &a.Name, &a.Staff, &a.Demo, &a.GrantedAt, &g.Role, &g.Scope, &g.Restricted}, func() error {
		if n := len(accounts); n == 0 || accounts[n-1].ID != a.ID {
			accounts = append(accounts, a)
		}
		if g.Role != "" {
			last := &accounts[len(accounts)-1]
			last.Grants = append(last.Grants, g)
		}
		return nil
	})
	return accounts, err
}

// SaveAccounts adds accounts, or gives those that exist the name and grants
// stated, unless what is on the record was issued later. Of two that were issued
// in the same second nobody knows which came later: what either does
// not grant is not granted, until a later one says so. It fills in their numbers.
func (db *DB) SaveAccounts(ctx context.Context, accounts []casework.Account) error {
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		for i := range accounts {
			if err := saveAccount(ctx, tx, &accounts[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("save %d accounts: %w", len(accounts), err)
	}
	return nil
}

func saveAccount(ctx context.Context, tx pgx.Tx, a *casework.Account) error {
	args := pgx.NamedArgs{"subject": a.Subject, "name": a.Name, "staff": a.Staff, "demo": a.Demo, "granted": nil}
	if !a.GrantedAt.IsZero() {
		args["granted"] = a.GrantedAt
	}
	var older, same bool
	// A provider's clock may be ahead of ours, by less than would keep its next
	// words from counting.
	err := tx.QueryRow(ctx, `
		insert into account (subject, name, staff, demo)
		values (@subject, @name, @staff, @demo)
		    on conflict (subject) do update
		   set subject = excluded.subject -- to lock it
		returning id,
		          coalesce(least(@granted::timestamptz, now() + interval '5 minutes') < granted_at, false),
		          coalesce(@granted = granted_at, false)`, args).Scan(&a.ID, &older, &same)
	if err != nil || older {
		return err
	}
	args["id"] = a.ID
	if !same {
		_, err := tx.Exec(ctx, `
			update account
			   set name = @name,
			       staff = @staff,
			       granted_at = least(@granted, now() + interval '5 minutes')
			 where id = @id`, args)
		if err != nil {
			return err
		}
	}
	var roles, scopes []string
	var restricted []bool
	for _, g := range a.Grants {
		roles, scopes, restricted = append(roles, string(g.Role)), append(scopes, g.Scope), append(restricted, g.Restricted)
	}
	args["roles"], args["scopes"], args["restricted"], args["same"] = roles, scopes, restricted, same
	const stated = `
		with stated as (
		  select role, scope, bool_or(restricted) as restricted
		    from unnest(@roles::text[], @scopes::text[], @restricted::boolean[]) as g (role, scope, restricted)
		   group by role, scope)`
	for _, change := range []string{`
		delete from account_role
		 where account = @id
		   and (   not @same
		        or (role, scope) not in (select role, scope from stated))`, `
		update account_role
		   set restricted = false
		 where account = @id
		   and restricted
		   and (role, scope) in (select role, scope from stated where not restricted)`, `
		insert into account_role (account, role, scope, restricted)
		select @id, role, scope, restricted
		  from stated
		 where not @same`,
	} {
		if _, err := tx.Exec(ctx, stated+change, args); err != nil {
			return err
		}
	}
	return nil
}

// SignedIn notes that an account was used.
func (db *DB) SignedIn(ctx context.Context, id casework.AccountID, at time.Time) error {
	_, err := db.pool.Exec(ctx, `update account set last_seen_at = @at where id = @id`, pgx.NamedArgs{"id": id, "at": at})
	if err != nil {
		return fmt.Errorf("note a sign-in: %w", problem(err))
	}
	return nil
}

// Workplace is a team with its PDU, its manager and somebody who works there.
type Workplace struct {
	Team, TeamName         string
	PDU, PDUName           string
	Region                 string
	Manager, ManagerName   string
	Staff, StaffName       string
	Restricted, Supervised int // cases of this member of staff
}

// Workplaces are the practitioners who have cases, with the places they work
// in, those with the most restricted cases first within their PDU.
func (db *DB) Workplaces(ctx context.Context) ([]Workplace, error) {
	rows, _ := db.pool.Query(ctx, `
		select t.code, t.name, u.code, u.name, u.region,
		       t.manager, coalesce(m.name, ''),
		       s.code, s.name,
		       count(*) filter (where p.restricted), count(*)
		  from staff s
		  join person p on p.practitioner = s.code and p.supervised
		  join team t on t.code = p.team
		  join pdu u on u.code = t.pdu
		  left join staff m on m.code = t.manager
		 where s.role = 'practitioner'
		   and s.gone_at is null
		 group by t.code, u.code, m.name, s.code
		 order by u.code, count(*) filter (where p.restricted) desc, count(*) desc, s.code`)
	places, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Workplace])
	if err != nil {
		return nil, fmt.Errorf("read who works where: %w", problem(err))
	}
	return places, nil
}
