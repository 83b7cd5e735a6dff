package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// MergeCases follows the case record in saying that the case of the CRN source
// is really that of the CRN target. Matches and actions keep their numbers;
// whoever asks for the person follows the merge. It returns the register's
// version; merging twice changes nothing.
func (db *DB) MergeCases(ctx context.Context, source, target string) (int64, error) {
	version, err := db.changeRegister(ctx, func(tx pgx.Tx, version int64) error {
		from, _, err := personOf(ctx, tx, source)
		if err != nil {
			return err
		}
		_, into, err := personOf(ctx, tx, target)
		if err != nil {
			return err
		}
		if err := mergePerson(ctx, tx, from, into, version); err != nil {
			return err
		}
		if err := keepLimits(ctx, tx, from, into); err != nil {
			return err
		}
		return auditCase(ctx, tx, "CASES_MERGED", from, map[string]any{"into": into})
	})
	if err != nil {
		return 0, fmt.Errorf("merge case %s into %s: %w", source, target, err)
	}
	return version, nil
}

// UnmergeCase undoes the merge of the case of a CRN into another.
func (db *DB) UnmergeCase(ctx context.Context, crn string) (int64, error) {
	version, err := db.changeRegister(ctx, func(tx pgx.Tx, version int64) error {
		who, _, err := personOf(ctx, tx, crn)
		if err != nil {
			return err
		}
		if err := unmergePeople(ctx, tx, []int64{who}, version); err != nil {
			return err
		}
		return auditCase(ctx, tx, "CASE_UNMERGED", who, nil)
	})
	if err != nil {
		return 0, fmt.Errorf("unmerge case %s: %w", crn, err)
	}
	return version, nil
}

// auditCase notes what was done to one case at the command line.
func auditCase(ctx context.Context, tx pgx.Tx, what string, person int64, details map[string]any) error {
	return audit(ctx, tx, Audit{Actor: "command line", What: what, Service: "caseload",
		SubjectType: "PERSON", SubjectID: fmt.Sprint(person), Details: details})
}

// changeRegister runs a change that notes whom it changes, beside no import.
func (db *DB) changeRegister(ctx context.Context, do func(tx pgx.Tx, version int64) error) (int64, error) {
	var version int64
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock($1)`, int64(importing)); err != nil {
			return err
		}
		var now time.Time
		if err := tx.QueryRow(ctx, `select version + 1, now() from register`).Scan(&version, &now); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `create temp table changing (person bigint, change text) on commit drop`); err != nil {
			return err
		}
		if err := do(tx, version); err != nil {
			return err
		}
		if err := workMoved(ctx, tx, now); err != nil {
			return err
		}
		n, err := raiseVersion(ctx, tx, version, now)
		if n == 0 {
			version--
		}
		return err
	})
	return version, err
}

// personOf is the case that a CRN was given to, and whom it stands for today.
func personOf(ctx context.Context, tx pgx.Tx, crn string) (own, current int64, err error) {
	err = tx.QueryRow(ctx, `
		select person, current_person(person)
		  from crn
		 where crn = @crn`, pgx.NamedArgs{"crn": crn}).Scan(&own, &current)
	if err != nil {
		return 0, 0, notThere(err)
	}
	return own, current, nil
}

// mergePerson merges one case into another. If only the first is under
// supervision, the second is from now on, by whoever has it.
func mergePerson(ctx context.Context, tx pgx.Tx, from, into int64, version int64) error {
	var present *int64
	var supervised bool
	err := tx.QueryRow(ctx, `
		select merged_into, supervised
		  from person
		 where id = @from
		   for no key update`, pgx.NamedArgs{"from": from}).Scan(&present, &supervised)
	if err != nil {
		return err
	}
	if present != nil && *present == into {
		return nil
	}
	if from == into {
		return casework.ErrMergeCircle
	}
	_, err = tx.Exec(ctx, `
		update person
		   set merged_into = @into,
		       supervised = false, -- ended_at stays empty, so that an unmerge knows
		       changed_version = @version,
		       updated_at = now()
		 where id = @from`, pgx.NamedArgs{"from": from, "into": into, "version": version})
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		update person p
		   set supervised = p.supervised or @supervised,
		       ended_at = case when not p.supervised and @supervised then null else p.ended_at end,
		       pdu = case when not p.supervised and @supervised then s.pdu else p.pdu end,
		       team = case when not p.supervised and @supervised then s.team else p.team end,
		       practitioner = case when not p.supervised and @supervised then s.practitioner else p.practitioner end,
		       changed_version = @version,
		       updated_at = now()
		  from person s
		 where p.id = @into
		   and s.id = @from`, pgx.NamedArgs{"from": from, "into": into, "version": version, "supervised": supervised})
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		insert into changing (person, change)
		values (@from, 'merged')`, pgx.NamedArgs{"from": from})
	return err
}

// keepLimits shows a case to nobody more because another was merged into it:
// whoever was restricted stays so, until an extract says otherwise. Where both
// have a list of who may see them, the target's own stands.
func keepLimits(ctx context.Context, tx pgx.Tx, from, into int64) error {
	if from == into {
		return nil
	}
	for _, query := range []string{`
		update person p
		   set restricted = true
		  from person s
		 where p.id = @into
		   and s.id = @from
		   and s.restricted
		   and not p.restricted`, `
		insert into exclusion (person, subject, until)
		select @into, subject, until
		  from exclusion
		 where person = @from
		    on conflict (person, subject) do update
		   set until = case when excluded.until is null then null else greatest(exclusion.until, excluded.until) end
		 where exclusion.until is not null`, `
		insert into restriction (person, subject, until)
		select @into, subject, until
		  from restriction
		 where person = @from
		   and not exists (
		         select
		           from restriction
		          where person = @into
		            and (until is null or until > now()))
		    on conflict (person, subject) do update
		   set until = excluded.until`} {
		if _, err := tx.Exec(ctx, query, pgx.NamedArgs{"from": from, "into": into}); err != nil {
			return err
		}
	}
	return nil
}

// unmergePeople lets cases stand on their own again. Who was under supervision
// when they were merged is so again, until an extract says otherwise.
func unmergePeople(ctx context.Context, tx pgx.Tx, who []int64, version int64) error {
	_, err := tx.Exec(ctx, `
		with apart as (
		  select id, current_person(id) as former
		    from person
		   where id = any(@who::bigint[])
		     and merged_into is not null
		), former as (
		  update person
		     set changed_version = @version,
		         updated_at = now()
		   where id in (select former from apart)
		     and id not in (select id from apart)
		), alone as (
		  update person
		     set merged_into = null,
		         supervised = ended_at is null,
		         changed_version = @version,
		         updated_at = now()
		   where id in (select id from apart)
		  returning id
		)
		insert into changing (person, change)
		select id, 'unmerged'
		  from alone`, pgx.NamedArgs{"who": who, "version": version})
	return err
}

// unmerge parts the cases that stand on their own in an extract which tells of
// merges.
func (a *applying) unmerge(ctx context.Context) error {
	if !a.extract.Merges {
		return nil
	}
	var who []int64
	err := a.tx.QueryRow(ctx, `
		select coalesce(array_agg(p.id), '{}')
		  from incoming i
		  join crn c on c.crn = i.crn
		  join person p on p.id = c.person
		 where p.merged_into is not null
		   and i.merged_into = ''
		   and not i.rejected
		   and not i.ended
		   and not exists (select from incoming t where i.crn = any(t.merged_from))`).Scan(&who)
	if err != nil || len(who) == 0 {
		return err
	}
	if err := unmergePeople(ctx, a.tx, who, a.version); err != nil {
		return err
	}
	return a.identify(ctx)
}

// merge follows the merges that the extract tells of. A CRN that was never on
// the register is known from now on as one of its target's.
func (a *applying) merge(ctx context.Context) error {
	type pair struct{ source, target string }
	rows, err := a.tx.Query(ctx, `
		select crn as source, merged_into as target
		  from incoming
		 where merged_into <> ''
		   and not rejected
		 union
		select unnest(merged_from), crn
		  from incoming
		 where merged_from <> '{}'
		   and not rejected
		 order by source, target`)
	if err != nil {
		return err
	}
	var p pair
	var pairs []pair
	if _, err := pgx.ForEachRow(rows, []any{&p.source, &p.target}, func() error {
		pairs = append(pairs, p)
		return nil
	}); err != nil {
		return err
	}
	for _, p := range pairs {
		_, into, err := personOf(ctx, a.tx, p.target)
		if err != nil {
			if isNotThere(err) {
				continue // the source's row stood on its own
			}
			return err
		}
		if _, err := a.tx.Exec(ctx, `
			insert into crn (crn, person)
			values (@source, @into)
			    on conflict do nothing`, pgx.NamedArgs{"source": p.source, "into": into}); err != nil {
			return err
		}
		from, current, err := personOf(ctx, a.tx, p.source)
		if err != nil {
			return err
		}
		if current == into {
			continue // merged already, or never a case of its own
		}
		if err := mergePerson(ctx, a.tx, from, into, a.version); err != nil {
			return err
		}
		var told bool // what the extract says of the target itself is what is so
		err = a.tx.QueryRow(ctx, `select exists (select from about where applies and person = @into)`, pgx.NamedArgs{"into": into}).Scan(&told)
		if err != nil {
			return err
		}
		if !told {
			if err := keepLimits(ctx, a.tx, from, into); err != nil {
				return err
			}
		}
	}
	return nil
}
