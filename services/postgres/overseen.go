package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Overseen is a PDU with the teams and practitioners that a viewer oversees in it.
type Overseen struct {
	PDU, Name, Region string
	Teams             []Colleague // code and name of each
	Practitioners     []Colleague
}

// Overseen are the PDUs where a viewer manages or heads.
func (db *DB) Overseen(ctx context.Context, viewer casework.AccountID) ([]Overseen, error) {
	return db.overseen(ctx, `
		 where u.code = any(`+overseenPDUs+`)
		   and (t.code is null
		        or exists (
		             select 1
		               from account_role g
		              where g.account = @viewer
		                and (   (g.role = 'manager' and g.scope = t.code)
		                     or (g.role = 'head' and g.scope = u.code))))`, pgx.NamedArgs{"viewer": viewer})
}

// Everywhere are all PDUs, for those who count and see nobody.
func (db *DB) Everywhere(ctx context.Context) ([]Overseen, error) {
	return db.overseen(ctx, "", pgx.NamedArgs{})
}

func (db *DB) overseen(ctx context.Context, which string, args pgx.NamedArgs) ([]Overseen, error) {
	rows, _ := db.pool.Query(ctx, `
		select u.code, u.name, u.region, coalesce(t.code, ''), coalesce(t.name, ''), coalesce(s.code, ''), coalesce(s.name, '')
		  from pdu u
		  left join team t on t.pdu = u.code
		  left join staff s on s.team = t.code and s.role = 'practitioner' and s.gone_at is null`+which+`
		 order by u.name, u.code, t.name, t.code, s.name, s.code`, args)
	var all []Overseen
	var u Overseen
	var team, who Colleague
	_, err := pgx.ForEachRow(rows, []any{&u.PDU, &u.Name, &u.Region, &team.Code, &team.Name, &who.Code, &who.Name}, func() error {
		if len(all) == 0 || all[len(all)-1].PDU != u.PDU {
			all = append(all, u)
		}
		last := &all[len(all)-1]
		if n := len(last.Teams); team.Code != "" && (n == 0 || last.Teams[n-1].Code != team.Code) {
			last.Teams = append(last.Teams, team)
		}
		if who.Code != "" {
			last.Practitioners = append(last.Practitioners, who)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read who is overseen: %w", problem(err))
	}
	return all, nil
}

// Counts is what an account may count: managers and heads the PDUs where they
// oversee work, without whom they may not see; everybody else, everything.
func (db *DB) Counts(ctx context.Context, who casework.Account) (Counted, error) {
	if who.ID == 0 || who.Has(casework.Auditor) {
		return Counted{}, nil
	}
	c := Counted{Viewer: who.ID, PDUs: []string{}}
	places, err := db.Overseen(ctx, who.ID)
	for _, o := range places {
		c.PDUs = append(c.PDUs, o.PDU)
	}
	return c, err
}
