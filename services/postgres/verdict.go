package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Seen gives everybody in the newest incidents whose bodies are held, with
// what people said of them: all who were judged, and of the others those of up
// to limit incidents. It is personal data, and for counting alone.
//
// A verdict counts if somebody gave it on both identities as they stand now:
// not what followed from another verdict, what was undone, or what was said of
// facts that have changed.
func (db *DB) Seen(ctx context.Context, limit int, give func(casework.Seen) error) error {
	var stopped error
	rows, err := db.pool.Query(ctx, `
		with whole as (
		  -- since then nothing that was not found has been erased
		  select coalesce(max(received_at), '-infinity') as since
		    from revision
		   where disposition = 'unmatched'
		     and erased_at is not null
		), verdict as (
		  select m.incident,
		         jsonb_agg(jsonb_build_object('position', m.position, 'person', p.id, 'is', j.verdict = 'confirm')) as given
		    from match m
		    join person p on p.id = current_person(m.person)
		    join incident i on i.id = m.incident and i.head = m.revision
		   cross join lateral (
		           select verdict, reason, identity_digest, shown
		             from judgement
		            where match = m.id
		            order by id desc
		            limit 1) j
		   where m.state in ('confirmed', 'dismissed')
		     and m.judged_at is not null
		     and m.erased_at is null
		     and j.verdict in ('confirm', 'dismiss')
		     and j.reason <> @code
		     and j.identity_digest = m.identity_digest
		     and j.shown ->> 'personDigest' = p.identity_digest
		   group by m.incident
		), newest as (
		  select r.incident
		    from revision r
		    join incident i on i.id = r.incident and i.head = r.number
		   where r.disposition in ('matched', 'unmatched')
		     and r.erased_at is null
		   order by r.incident desc
		   limit @limit
		)
		select r.incident,
		       r.body,
		       r.received_at > w.since,
		       coalesce(v.given, '[]')
		  from revision r
		  join incident i on i.id = r.incident and i.head = r.number
		 cross join whole w
		  left join verdict v on v.incident = r.incident
		 where r.disposition in ('matched', 'unmatched')
		   and r.erased_at is null
		   and (v.incident is not null or r.incident in (select incident from newest))
		 order by r.incident`, pgx.NamedArgs{"limit": limit, "code": anotherCandidate})
	if err == nil {
		defer rows.Close()
		for rows.Next() {
			if stopped = giveSeen(rows, give); stopped != nil {
				return fmt.Errorf("read who was seen: %w", stopped)
			}
		}
		err = rows.Err()
	}
	if err != nil {
		return fmt.Errorf("read who was seen: %w", problem(err))
	}
	return nil
}

// giveSeen gives the persons of one incident.
func giveSeen(row pgx.Rows, give func(casework.Seen) error) error {
	var id casework.IncidentID
	var body []byte
	var whole bool
	var given []struct {
		Position int
		Person   casework.PersonID
		Is       bool
	}
	if err := row.Scan(&id, &body, &whole, &given); err != nil {
		return problem(err)
	}
	var in casework.Incident
	if json.Unmarshal(body, &in) != nil {
		return nil // the matcher set it aside, or will
	}
	for i, p := range in.Persons {
		s := casework.Seen{Incident: id, Identity: p.Identity(), Whole: whole}
		for _, v := range given {
			switch {
			case v.Position != i+1:
			case v.Is:
				s.Confirmed = append(s.Confirmed, v.Person)
			default:
				s.Dismissed = append(s.Dismissed, v.Person)
			}
		}
		if err := give(s); err != nil {
			return err
		}
	}
	return nil
}
