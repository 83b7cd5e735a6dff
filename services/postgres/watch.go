package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// watchHidden says of a person p whether their names stay here.
const watchHidden = `
	(p.restricted
	 or exists (select from restriction l where l.person = p.id)
	 or exists (select from exclusion l where l.person = p.id))`

// watchContent is what a force is told of the person p, by the policy w. Of
// restricted people identifiers alone go out, and nothing that says so.
const watchContent = `
	(select coalesce(jsonb_object_agg(f.key, f.value order by f.key), '{}')
	   from jsonb_each(
	          jsonb_build_object('pncs', p.pncs, 'cros', p.cros)
	          || case
	               when ` + watchHidden + ` then '{}'::jsonb
	               else jsonb_build_object(
	                 'crn', p.crn, 'noms', p.noms, 'surname', p.surname, 'forenames', p.forenames, 'aliases', p.aliases,
	                 'dateOfBirth', p.date_of_birth, 'sex', p.sex, 'address', p.address, 'postcode', p.postcode,
	                 'previousPostcodes', p.previous_postcodes, 'pdu', p.pdu)
	             end) f
	  where f.key = any(w.fields)
	    and f.value not in ('""', '[]'))`

// watchNames are of what the tokens of a person are made whose names stay here.
// It never leaves this package.
const watchNames = `
	(case
	   when ` + watchHidden + ` then jsonb_build_object('surname', p.surname, 'forenames', p.forenames, 'aliases', p.aliases, 'dateOfBirth', p.date_of_birth)
	   else '{}'
	 end)`

// SyncWatchList makes a force's list agree with the register and its policy,
// if either has changed since, and returns the list's version. A force without
// a policy has no list.
func (db *DB) SyncWatchList(ctx context.Context, force string) (int64, error) {
	var cursor int64
	err := db.inTx(ctx, func(tx pgx.Tx) (err error) {
		cursor, err = syncWatchList(ctx, tx, force)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("bring the watch list of force %s up to date: %w", force, err)
	}
	return cursor, nil
}

func syncWatchList(ctx context.Context, tx pgx.Tx, force string) (cursor int64, err error) {
	var behind bool
	err = tx.QueryRow(ctx, `
		select w.version,
		       w.register_version <> r.version
		       or exists (
		            select
		              from watch_subscription s
		             where s.force = w.force
		               and s.ended_at is null
		               and s.expires_at <= now())
		  from watch_list w
		 cross join register r
		 where w.force = @force`, pgx.NamedArgs{"force": force}).Scan(&cursor, &behind)
	if err != nil {
		return 0, notThere(err)
	}
	if !behind {
		return cursor, nil
	}
	return rebuildWatchList(ctx, tx, force)
}

// rebuildWatchList compares the list with what it should be, and gives what
// differs the next version.
func rebuildWatchList(ctx context.Context, tx pgx.Tx, force string) (cursor int64, err error) {
	args := pgx.NamedArgs{"force": force}
	// The row is the lock: two versions of one list never overlap.
	if _, err := tx.Exec(ctx, `select from watch_list where force = @force for update`, args); err != nil {
		return 0, err
	}
	var register int64
	if err := tx.QueryRow(ctx, `select version from register`).Scan(&register); err != nil {
		return 0, err
	}
	_, err = tx.Exec(ctx, `
		update watch_subscription
		   set ended_at = now()
		 where force = @force
		   and ended_at is null
		   and expires_at <= now()`, args)
	if err != nil {
		return 0, err
	}
	args["register"] = register
	err = tx.QueryRow(ctx, `
		with wanted as (
		  select p.id as person,
		         md5(`+watchContent+`::text || `+watchNames+`::text) as digest
		    from watch_list w
		    join pdu u on u.region = any(w.regions) or u.code = any(w.pdus) or exists (
		           select
		             from watch_subscription s
		             join person q on q.id = current_person(s.person)
		            where s.force = w.force
		              and s.ended_at is null
		              and q.pdu = u.code)
		    join person p on p.pdu = u.code
		   where w.force = @force
		     and p.supervised
		     and (u.region = any(w.regions)
		          or u.code = any(w.pdus)
		          or p.id in (
		               select current_person(s.person)
		                 from watch_subscription s
		                where s.force = w.force
		                  and s.ended_at is null))
		), told as (
		  insert into watch_entry (force, person, version, listed, digest)
		  select w.force, n.person, w.version + 1, true, n.digest
		    from wanted n
		    join watch_list w on w.force = @force
		      on conflict (force, person) do update
		     set version = excluded.version,
		         listed = true,
		         digest = excluded.digest,
		         changed_at = now()
		   where not watch_entry.listed
		      or watch_entry.digest <> excluded.digest
		  returning person
		), ended as (
		  update watch_entry e
		     set version = w.version + 1,
		         listed = false,
		         digest = '',
		         changed_at = now()
		    from watch_list w
		   where w.force = @force
		     and e.force = w.force
		     and e.listed
		     and not exists (select from wanted n where n.person = e.person)
		  returning e.person
		), changed as (
		  select (select count(*) from told) + (select count(*) from ended) as n
		)
		update watch_list w
		   set version = w.version + case when c.n > 0 then 1 else 0 end,
		       register_version = @register,
		       changed_at = case when c.n > 0 then now() else w.changed_at end
		  from changed c
		 where w.force = @force
		returning w.version`, args).Scan(&cursor)
	return cursor, err
}

// WatchHeading is what is told of a list before its entries.
type WatchHeading struct {
	Cursor  int64
	Entries int
	Salt    string
}

// WatchList gives a force's list: the whole of it if after is negative, else
// what has changed since that version. begin is told the version and how many
// entries follow; all are of one moment.
func (db *DB) WatchList(ctx context.Context, force string, after int64, begin func(list WatchHeading) error, give func(casework.WatchEntry) error) error {
	var stopped error
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, db.pool, snapshot, func(tx pgx.Tx) error {
		args := pgx.NamedArgs{"force": force, "after": after}
		var list WatchHeading
		err := tx.QueryRow(ctx, `
			select w.version,
			       w.salt,
			       (select count(*)
			          from watch_entry e
			         where e.force = w.force
			           and case when @after < 0 then e.listed else e.version > @after end)
			  from watch_list w
			 where w.force = @force`, args).Scan(&list.Cursor, &list.Salt, &list.Entries)
		if err != nil {
			return notThere(err)
		}
		if stopped = begin(list); stopped != nil {
			return stopped
		}
		rows, err := tx.Query(ctx, `
			select e.id::text,
			       e.listed,
			       case when e.listed then `+watchContent+` else '{}' end,
			       case when e.listed then `+watchNames+` else '{}' end
			  from watch_entry e
			  join watch_list w on w.force = e.force
			  join person p on p.id = e.person
			 where e.force = @force
			   and case when @after < 0 then e.listed else e.version > @after end
			 order by e.version, e.id`, args)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var entry casework.WatchEntry
			var content, names []byte
			var id string
			var listed bool
			if err := rows.Scan(&id, &listed, &content, &names); err != nil {
				return err
			}
			var hidden casework.WatchEntry
			if json.Unmarshal(content, &entry) != nil || json.Unmarshal(names, &hidden) != nil {
				return fmt.Errorf("the entry %s cannot be read", id)
			}
			entry.ID, entry.Listed = id, listed
			entry.Tokens = casework.WatchTokens(list.Salt, hidden.Identity())
			if stopped = give(entry); stopped != nil {
				return stopped
			}
		}
		return rows.Err()
	})
	if stopped != nil {
		return stopped
	}
	if err != nil {
		return fmt.Errorf("read the watch list of force %s: %w", force, problem(err))
	}
	return nil
}

// ConfirmWatchList notes that a force has taken its list up to a version. A
// version that the list has not come to yet is casework.ErrNotFound.
func (db *DB) ConfirmWatchList(ctx context.Context, force string, cursor int64) error {
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		var before int64
		err := tx.QueryRow(ctx, `
			select confirmed
			  from watch_list
			 where force = @force
			   and version >= @cursor
			   for update`, pgx.NamedArgs{"force": force, "cursor": cursor}).Scan(&before)
		if err != nil {
			return notThere(err)
		}
		if cursor <= before {
			return nil
		}
		_, err = tx.Exec(ctx, `
			update watch_list
			   set confirmed = @cursor,
			       confirmed_at = now()
			 where force = @force`, pgx.NamedArgs{"force": force, "cursor": cursor})
		if err != nil {
			return err
		}
		return audit(ctx, tx, Audit{Actor: "force:" + force, What: "WATCHLIST_CONFIRMED", Service: "caseload",
			SubjectType: "WATCHLIST", SubjectID: force, Details: map[string]any{"cursor": cursor}})
	})
	if err != nil {
		return fmt.Errorf("confirm the watch list of force %s: %w", force, err)
	}
	return nil
}

// WatchStates says where each force's list stands.
func (db *DB) WatchStates(ctx context.Context) ([]casework.WatchState, error) {
	rows, err := db.pool.Query(ctx, `
		select w.force, w.regions, w.pdus, w.fields, w.unfiltered, w.version, w.confirmed, w.confirmed_at,
		       count(e.person) filter (where e.listed)::integer,
		       count(e.person) filter (where e.listed and e.version <= w.confirmed)::integer,
		       count(e.person) filter (where not e.listed and e.version > w.confirmed)::integer,
		       min(e.changed_at) filter (where not e.listed and e.version > w.confirmed),
		       min(e.changed_at) filter (where e.version > w.confirmed)
		  from watch_list w
		  left join watch_entry e on e.force = w.force
		 group by w.force
		 order by w.force`)
	if err != nil {
		return nil, fmt.Errorf("read the watch lists: %w", problem(err))
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (casework.WatchState, error) {
		var s casework.WatchState
		var confirmed, ending, oldest *time.Time
		err := row.Scan(&s.Force, &s.Regions, &s.PDUs, &s.Fields, &s.Unfiltered, &s.Cursor, &s.Confirmed, &confirmed,
			&s.People, &s.PeopleConfirmed, &s.UnconfirmedEndings, &ending, &oldest)
		s.ConfirmedAt, s.OldestEnding, s.OldestUnconfirmed = timeOf(confirmed), timeOf(ending), timeOf(oldest)
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the watch lists: %w", problem(err))
	}
	return all, nil
}

// SetWatchPolicy says of whom a force is told and what, from now on.
func (db *DB) SetWatchPolicy(ctx context.Context, p casework.WatchPolicy, by string) error {
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			insert into watch_list (force, regions, pdus, fields, unfiltered)
			values (@force, @regions, @pdus, @fields, @unfiltered)
			    on conflict (force) do update
			   set regions = excluded.regions,
			       pdus = excluded.pdus,
			       fields = excluded.fields,
			       unfiltered = excluded.unfiltered`,
			pgx.NamedArgs{"force": p.Force, "regions": list(p.Regions), "pdus": list(p.PDUs), "fields": list(p.Fields), "unfiltered": p.Unfiltered})
		if err != nil {
			return err
		}
		if _, err := rebuildWatchList(ctx, tx, p.Force); err != nil {
			return err
		}
		return audit(ctx, tx, Audit{Actor: by, What: "WATCHLIST_POLICY_SET", Service: "caseload", SubjectType: "WATCHLIST", SubjectID: p.Force,
			Details: map[string]any{"regions": p.Regions, "pdus": p.PDUs, "fields": p.Fields, "unfiltered": p.Unfiltered}})
	})
	if err != nil {
		return fmt.Errorf("set the watch policy of force %s: %w", p.Force, err)
	}
	return nil
}

// Subscription puts one person on a force's list who would not be on it.
type Subscription struct {
	Force, CRN string
	// Reason and Owner, a staff code, say why and who answers for it.
	Reason, Owner string
	Expires       time.Time
}

// Subscribe adds somebody to a force's list until the subscription expires.
func (db *DB) Subscribe(ctx context.Context, s Subscription) error {
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		_, person, err := personOf(ctx, tx, s.CRN)
		if err != nil {
			return err
		}
		var id int64
		err = tx.QueryRow(ctx, `
			insert into watch_subscription (force, person, reason, owner, expires_at)
			select force, @person, @reason, @owner, @expires
			  from watch_list
			 where force = @force
			returning id`,
			pgx.NamedArgs{"force": s.Force, "person": person, "reason": s.Reason, "owner": s.Owner, "expires": s.Expires}).Scan(&id)
		if err != nil {
			return notThere(err)
		}
		if _, err := rebuildWatchList(ctx, tx, s.Force); err != nil {
			return err
		}
		return audit(ctx, tx, Audit{Actor: s.Owner, What: "WATCHLIST_SUBSCRIBED", Service: "caseload", SubjectType: "PERSON",
			SubjectID: fmt.Sprint(person), Details: map[string]any{"force": s.Force, "subscription": id, "expires": s.Expires}})
	})
	if err != nil {
		return fmt.Errorf("subscribe force %s: %w", s.Force, err)
	}
	return nil
}

// WatchListBeyond reports whether a force's list tells of anybody whose case is
// not a viewer's to give out: of a PDU that they neither administer nor head, or
// kept from them.
func (db *DB) WatchListBeyond(ctx context.Context, viewer casework.AccountID, force string) (bool, error) {
	var beyond bool
	err := db.pool.QueryRow(ctx, `
		select exists (
		  select 1
		    from watch_entry e
		    join person p on p.id = e.person
		   where e.force = @force
		     and e.listed
		     and (   not exists (
		               select 1
		                 from account_role g
		                where g.account = @viewer
		                  and g.role in ('administrator', 'head')
		                  and g.scope = p.pdu)
		          or p.id in (select hidden_people(@viewer))))`,
		pgx.NamedArgs{"viewer": viewer, "force": force}).Scan(&beyond)
	if err != nil {
		return false, fmt.Errorf("look who is on the list of force %s: %w", force, problem(err))
	}
	return beyond, nil
}
