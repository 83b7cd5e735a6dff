package postgres

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// limit is a user of a limited access case as the incoming table holds it.
type limit struct {
	Subject string     `json:"subject"`
	Until   *time.Time `json:"until,omitempty"`
}

// limitsJSON is null where there is nobody, so that most rows hold nothing.
func limitsJSON(users []casework.UserLimit) any {
	if len(users) == 0 {
		return nil
	}
	all := make([]limit, len(users))
	for i, u := range users {
		all[i].Subject = u.Subject
		if !u.Until.IsZero() {
			until := u.Until.UTC()
			all[i].Until = &until
		}
	}
	b, err := json.Marshal(all)
	if err != nil {
		panic("postgres: users cannot be encoded: " + err.Error()) // strings and times always can
	}
	return string(b)
}

// storeLimits makes the users of limited access cases agree with the extract,
// and notes the people for whom they changed.
func storeLimits(ctx context.Context, tx pgx.Tx) error {
	for _, table := range []string{"exclusion", "restriction"} {
		_, err := tx.Exec(ctx, `
			create temp table wanted_`+table+` on commit drop as
			select a.person, l.subject, max(coalesce(l.until, 'infinity')) as until
			  from about a
			  join incoming i on i.row = a.row
			 cross join jsonb_to_recordset(i.`+table+`s) as l(subject text, until timestamptz)
			 where a.applies
			 group by a.person, l.subject`)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			with gone as (
			  delete
			    from `+table+` t
			   using about a
			   where a.applies
			     and a.person = t.person
			     and not exists (
			           select
			             from wanted_`+table+` w
			            where w.person = t.person
			              and w.subject = t.subject)
			  returning t.person
			), come as (
			  insert into `+table+` (person, subject, until)
			  select person, subject, nullif(until, 'infinity')
			    from wanted_`+table+`
			      on conflict (person, subject) do update
			     set until = excluded.until
			   where `+table+`.until is distinct from excluded.until
			  returning person
			)
			insert into changing (person, change)
			select person, 'restrictions'
			  from (select person from gone union select person from come) limited
			 where not exists (select from changing c where c.person = limited.person and c.change in ('started', 'restrictions'))`)
		if err != nil {
			return err
		}
	}
	return nil
}
