package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/schemas/events"
	"github.com/reportable-incidents/reportable/services/casework"
)

// importing is the advisory lock that lets one import, merge or unmerge change
// the register at a time. The register's own row is locked only at the end, so
// that settling matches goes on meanwhile.
const importing = 0x63617365 // "case"

// ApplyExtract makes the register agree with an extract of the case record, in
// one transaction. It calls next for each row until io.EOF. If the extract is
// older than the register or of a day to come, or would end more supervisions
// than is likely, nothing is changed and the error is a casework.ExtractTooOld,
// casework.ExtractToCome or casework.TooManyEnded.
func (db *DB) ApplyExtract(ctx context.Context, e casework.Extract, next func() (casework.CaseRow, error)) (casework.ExtractApplied, error) {
	var applied casework.ExtractApplied
	source := &incoming{next: next, directory: newDirectory()}
	// Not tried again after a deadlock: the rows can be read only once.
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		a := applying{tx: tx, extract: e, directory: source.directory}
		if err := a.begin(ctx); err != nil {
			return err
		}
		n, err := tx.CopyFrom(ctx, pgx.Identifier{"incoming"}, incomingColumns, source)
		if source.failed != nil {
			return source.failed
		}
		if err != nil {
			return err
		}
		a.applied.Rejected = source.rejected
		a.applied.Rows = int(n) - source.rejected
		if err := a.apply(ctx); err != nil {
			return err
		}
		applied = a.applied
		return nil
	})
	var old casework.ExtractTooOld
	var early casework.ExtractToCome
	var many casework.TooManyEnded
	switch {
	case err == nil:
		return applied, nil
	case source.failed != nil, errors.As(err, &old), errors.As(err, &early), errors.As(err, &many):
		return casework.ExtractApplied{}, err
	}
	return casework.ExtractApplied{}, fmt.Errorf("apply the extract: %w", problem(err))
}

// applying is one extract on its way into the register.
type applying struct {
	tx        pgx.Tx
	extract   casework.Extract
	directory *directory
	version   int64 // that the register gets if anything changes
	now       time.Time
	applied   casework.ExtractApplied
}

func (a *applying) begin(ctx context.Context) error {
	var present *time.Time
	if _, err := a.tx.Exec(ctx, `select pg_advisory_xact_lock($1)`, int64(importing)); err != nil {
		return err
	}
	err := a.tx.QueryRow(ctx, `
		select r.version + 1,
		       now(),
		       greatest(r.extract_date, (select max(extract_date) from caseload_import))
		  from register r`).Scan(&a.version, &a.now, &present)
	if err != nil {
		return err
	}
	if casework.EnglandAndWales().Day(a.now).Before(a.extract.Date) {
		return casework.ExtractToCome{Date: a.extract.Date}
	}
	if present != nil && a.extract.Date.Time().Before(*present) {
		return casework.ExtractTooOld{Date: a.extract.Date, Present: casework.DateOf(*present)}
	}
	_, err = a.tx.Exec(ctx, `
		set local work_mem = '64MB';
		do $$ begin
		  set local temp_buffers = '64MB';
		exception when invalid_parameter_value then
		  null; -- the connection had a temporary table before, and keeps what it has
		end $$;
		create temp table incoming (
		  row                integer,
		  crn                text,
		  rejected           boolean,
		  ended              boolean,
		  merged_into        text,
		  merged_from        text[],
		  noms               text,
		  pncs               text[],
		  cros               text[],
		  surname            text,
		  forenames          text,
		  aliases            text[],
		  date_of_birth      text,
		  sex                text,
		  address            text,
		  postcode           text,
		  previous_postcodes text[],
		  identity_digest    text,
		  order_type         text,
		  sentence_date      date,
		  supervision_start  date,
		  supervision_end    date,
		  rosh               text,
		  mappa_category     integer,
		  mappa_level        integer,
		  registers          text[],
		  restricted         boolean,
		  victim_contact     text,
		  circumstances      jsonb,
		  pdu                text,
		  team               text,
		  practitioner       text,
		  exclusions         jsonb,
		  restrictions       jsonb
		) on commit drop;
		create temp table changing (
		  person bigint,
		  change text
		) on commit drop`)
	return err
}

// apply does the rest, each step one statement or a few over all rows.
func (a *applying) apply(ctx context.Context) error {
	delta := a.extract.Kind == casework.DeltaExtract
	// Of the columns by which rows are found; the others only cost time.
	_, err := a.tx.Exec(ctx, `analyze incoming (row, crn, rejected, ended, merged_into, noms)`)
	if err != nil {
		return err
	}
	if a.applied.Qualified, err = a.directory.store(ctx, a.tx, delta); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		a.identify, a.unmerge, a.pair, a.findEnding, a.insertFresh, a.findChanges,
		a.updatePeople, a.endOthers, a.merge, a.limits,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if !delta {
		if a.applied.Gone, err = a.directory.staffGone(ctx, a.tx); err != nil {
			return err
		}
	}
	return a.finish(ctx)
}

// identify finds whom each row is about. A CRN that was merged stands for the
// case it was merged into. The answers have a table of their own: the rows are
// wide, and writing them again would cost more than everything else.
func (a *applying) identify(ctx context.Context) error {
	_, err := a.tx.Exec(ctx, `
		drop table if exists known;
		create temp table known on commit drop as
		select i.row,
		       case when p.merged_into is null then p.id else current_person(p.id) end as person,
		       p.merged_into is null as own
		  from incoming i
		  join crn c on c.crn = i.crn
		  join person p on p.id = c.person;
		analyze known`)
	return err
}

// pair says which rows apply, and numbers those who are new to the register.
// Rejected rows do not apply, nor rows of a case that has been merged into one
// that has a row of its own.
func (a *applying) pair(ctx context.Context) error {
	_, err := a.tx.Exec(ctx, `
		create temp table about on commit drop as
		select row,
		       applies,
		       applies and person is null as fresh,
		       case when applies and person is null then nextval(pg_get_serial_sequence('person', 'id')) else person end as person
		  from (select i.row,
		               k.person,
		               not i.rejected
		               and not i.ended
		               and not (i.merged_into <> ''
		                        and (i.merged_into in (select crn from incoming where not rejected)
		                             or i.merged_into in (select crn from crn)))
		               and not (k.person is null
		                        and i.crn in (select unnest(merged_from) from incoming where merged_from <> '{}'))
		               and i.row not in (
		                     select row
		                       from (select o.row,
		                                    row_number() over (partition by o.person order by o.own desc, o.row) as n
		                               from known o
		                               join incoming r on r.row = o.row
		                              where not r.rejected
		                                and o.person in (
		                                      select person
		                                        from known
		                                       group by person
		                                      having count(*) > 1)) twice
		                      where n > 1) as applies
		          from incoming i
		          left join known k on k.row = i.row) judged;
		analyze about`)
	return err
}

// findEnding finds whose supervision ends, and asks if they are too many.
func (a *applying) findEnding(ctx context.Context) error {
	query := `
		create temp table ending on commit drop as
		select p.id as person
		  from person p
		 where p.supervised
		   and p.id in (
		         select k.person
		           from known k
		           join incoming i on i.row = k.row
		          where i.ended
		            and not i.rejected)`
	if a.extract.Kind == casework.FullExtract {
		query = `
		create temp table ending on commit drop as
		select p.id as person
		  from person p
		 where p.supervised
		   and not exists (
		         select
		           from known k
		           join incoming i on i.row = k.row
		          where k.person = p.id
		            and (not i.ended or i.rejected))
		   and p.id not in (
		         select c.person
		           from (select unnest(merged_from) as crn from incoming where merged_from <> '{}') m
		           join crn c on c.crn = m.crn)
		   -- A rejected row whose CRN cannot be read may be about somebody who
		   -- would seem to be absent: what else it says is enough to keep them.
		   and not exists (select from incoming i
		                    where i.rejected
		                      and i.crn = ''
		                      and i.noms <> ''
		                      and i.noms = p.noms)
		   and not exists (select from incoming i
		                    where i.rejected
		                      and i.crn = ''
		                      and i.surname <> ''
		                      and i.surname = p.surname
		                      and i.forenames = p.forenames
		                      and i.date_of_birth = p.date_of_birth)`
	}
	if _, err := a.tx.Exec(ctx, query); err != nil {
		return err
	}
	var many casework.TooManyEnded
	err := a.tx.QueryRow(ctx, `
		select (select count(*) from ending),
		       (select count(*) from person where supervised)`).Scan(&many.Ended, &many.Supervised)
	if err != nil {
		return err
	}
	if many.Ended*20 > many.Supervised && !a.extract.AllowEnded {
		return many
	}
	return nil
}

// personColumns are those of the register that a row sets.
const personColumns = `
	crn, noms, pncs, cros, surname, forenames, aliases, date_of_birth, sex,
	address, postcode, previous_postcodes, identity_digest,
	order_type, sentence_date, supervision_start, supervision_end,
	rosh, mappa_category, mappa_level, registers, restricted,
	victim_contact, circumstances, pdu, team, practitioner`

func (a *applying) insertFresh(ctx context.Context) error {
	_, err := a.tx.Exec(ctx, `
		with come as (
		  insert into person (id, changed_version, `+personColumns+`)
		  overriding system value
		  select a.person, @version, `+personColumns+`
		    from about a
		    join incoming i on i.row = a.row
		   where a.fresh
		  returning id, crn
		), known as (
		  insert into crn (crn, person)
		  select crn, id
		    from come
		)
		insert into changing (person, change)
		select id, 'started'
		  from come`, pgx.NamedArgs{"version": a.version})
	return err
}

// findChanges compares everybody else with what the register has.
func (a *applying) findChanges(ctx context.Context) error {
	_, err := a.tx.Exec(ctx, `
		insert into changing (person, change)
		select p.id, c.change
		  from about a
		  join incoming i on i.row = a.row
		  join person p on p.id = a.person
		 cross join lateral (values
		       ('started', not p.supervised),
		       ('identity', p.supervised
		          and (p.noms, p.pncs, p.cros, p.surname, p.forenames, p.aliases, p.date_of_birth, p.sex)
		              is distinct from
		              (i.noms, i.pncs, i.cros, i.surname, i.forenames, i.aliases, i.date_of_birth, i.sex)),
		       ('moved', p.supervised
		          and (p.address, p.postcode, p.previous_postcodes)
		              is distinct from
		              (i.address, i.postcode, i.previous_postcodes)),
		       ('reallocated', p.supervised
		          and (p.pdu, p.team, p.practitioner) is distinct from (i.pdu, i.team, i.practitioner)),
		       ('flags', p.supervised
		          and (p.order_type, p.sentence_date, p.supervision_start, p.supervision_end, p.rosh, p.mappa_category,
		               p.mappa_level, p.registers, p.victim_contact, p.circumstances)
		              is distinct from
		              (i.order_type, i.sentence_date, i.supervision_start, i.supervision_end, i.rosh, i.mappa_category,
		               i.mappa_level, i.registers, i.victim_contact, i.circumstances)),
		       ('restrictions', p.supervised and p.restricted <> i.restricted)
		     ) as c(change, yes)
		 where a.applies
		   and not a.fresh
		   -- Nearly everybody is as they were: that is found at one look, not six.
		   and (not p.supervised
		        or (p.noms, p.pncs, p.cros, p.surname, p.forenames, p.aliases, p.date_of_birth, p.sex,
		            p.address, p.postcode, p.previous_postcodes, p.pdu, p.team, p.practitioner,
		            p.order_type, p.sentence_date, p.supervision_start, p.supervision_end, p.rosh, p.mappa_category,
		            p.mappa_level, p.registers, p.victim_contact, p.circumstances, p.restricted)
		           is distinct from
		           (i.noms, i.pncs, i.cros, i.surname, i.forenames, i.aliases, i.date_of_birth, i.sex,
		            i.address, i.postcode, i.previous_postcodes, i.pdu, i.team, i.practitioner,
		            i.order_type, i.sentence_date, i.supervision_start, i.supervision_end, i.rosh, i.mappa_category,
		            i.mappa_level, i.registers, i.victim_contact, i.circumstances, i.restricted))
		   and c.yes`)
	return err
}

func (a *applying) updatePeople(ctx context.Context) error {
	_, err := a.tx.Exec(ctx, `
		update person p
		   set (`+personColumns+`) = row (
		       i.crn, i.noms, i.pncs, i.cros, i.surname, i.forenames, i.aliases, i.date_of_birth, i.sex,
		       i.address, i.postcode, i.previous_postcodes, i.identity_digest,
		       i.order_type, i.sentence_date, i.supervision_start, i.supervision_end,
		       i.rosh, i.mappa_category, i.mappa_level, i.registers, i.restricted,
		       i.victim_contact, i.circumstances, i.pdu, i.team, i.practitioner),
		       supervised = true,
		       ended_at = null,
		       changed_version = case
		         when not p.supervised or p.identity_digest <> i.identity_digest then @version
		         else p.changed_version
		       end,
		       updated_at = now()
		  from about a
		  join incoming i on i.row = a.row
		 where a.applies
		   and not a.fresh
		   and p.id = a.person
		   and p.id in (select person from changing)`,
		pgx.NamedArgs{"version": a.version})
	return err
}

// endOthers ends supervision as of the extract's day, not of the clock's: it is
// compared with when incidents occurred.
func (a *applying) endOthers(ctx context.Context) error {
	_, err := a.tx.Exec(ctx, `
		with gone as (
		  update person p
		     set supervised = false,
		         ended_at = @date::date::timestamp at time zone 'Europe/London',
		         changed_version = @version,
		         updated_at = now()
		    from ending e
		   where p.id = e.person
		  returning p.id
		)
		insert into changing (person, change)
		select id, 'ended'
		  from gone`,
		pgx.NamedArgs{"version": a.version, "date": a.extract.Date.Time()})
	return err
}

func (a *applying) limits(ctx context.Context) error {
	lists := a.extract.Limits
	if !lists {
		// NDJSON may give them in some rows alone.
		err := a.tx.QueryRow(ctx, `
			select exists (select from incoming where exclusions is not null or restrictions is not null)`).Scan(&lists)
		if err != nil {
			return err
		}
	}
	if !lists {
		return nil
	}
	return storeLimits(ctx, a.tx)
}

// finish counts, and gives the register its new version if anything changed.
func (a *applying) finish(ctx context.Context) error {
	if err := workMoved(ctx, a.tx, a.now); err != nil {
		return err
	}
	n, err := raiseVersion(ctx, a.tx, a.version, a.now)
	if err != nil {
		return err
	}
	a.applied.Changed = n
	a.applied.Version = a.version
	if n == 0 {
		a.applied.Version--
	}
	a.applied.Changes = map[casework.CaseloadChange]int{}
	rows, err := a.tx.Query(ctx, `
		select change, count(distinct person)
		  from changing
		 group by change`)
	if err != nil {
		return err
	}
	var change casework.CaseloadChange
	var count int
	if _, err := pgx.ForEachRow(rows, []any{&change, &count}, func() error {
		a.applied.Changes[change] = count
		return nil
	}); err != nil {
		return err
	}
	_, err = a.tx.Exec(ctx, `
		insert into caseload_import (kind, extract_date, version, rows, rejected, changes)
		values (@kind, @date, @version, @rows, @rejected, @changes)`,
		pgx.NamedArgs{"kind": a.extract.Kind, "date": a.extract.Date.Time(), "version": a.applied.Version,
			"rows": a.applied.Rows, "rejected": a.applied.Rejected, "changes": a.applied.Changes})
	if err != nil {
		return err
	}
	err = audit(ctx, a.tx, Audit{Actor: "caseload", What: "CASELOAD_IMPORTED", Service: "caseload", SubjectType: "REGISTER", SubjectID: fmt.Sprint(a.applied.Version),
		Details: map[string]any{"kind": a.extract.Kind, "date": a.extract.Date.String(), "rows": a.applied.Rows, "rejected": a.applied.Rejected, "changes": a.applied.Changes}})
	if err != nil {
		return err
	}
	return a.tx.QueryRow(ctx, `
		update register
		   set extract_date = case when @full then @date else extract_date end,
		       imported_at = now()
		returning (select count(*) from person where supervised)`,
		pgx.NamedArgs{"full": a.extract.Kind == casework.FullExtract, "date": a.extract.Date.Time()}).
		Scan(&a.applied.Supervised)
}

// raiseVersion keeps what the temporary table changing says and, if that is
// anything, gives the register its next version and writes the event of it. It
// returns how many people changed.
func raiseVersion(ctx context.Context, tx pgx.Tx, version int64, at time.Time) (int, error) {
	var n int
	err := tx.QueryRow(ctx, `
		with kept as (
		  insert into person_change (version, person, change)
		  select distinct @version::bigint, person, change
		    from changing
		)
		select count(distinct person)
		  from changing`, pgx.NamedArgs{"version": version}).Scan(&n)
	if err != nil || n == 0 {
		return n, err
	}
	event := events.New(at, events.CaseloadChanged{RegisterVersion: version, Changed: n})
	_, err = tx.Exec(ctx, `
		insert into event (subject, payload)
		values (@subject, @payload)`,
		pgx.NamedArgs{"subject": event.Subject, "payload": event.Data})
	if err != nil {
		return 0, err
	}
	// Last, since whoever settles a match holds the row for a moment.
	_, err = tx.Exec(ctx, `
		update register
		   set version = @version`, pgx.NamedArgs{"version": version})
	return n, err
}
