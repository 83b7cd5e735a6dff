package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// TrailFilter narrows the trail. Empty parts do not filter.
type TrailFilter struct {
	Actor       string
	What        string
	SubjectType string
	SubjectID   string
	From, To    time.Time
}

// TrailLine is one line of the trail.
type TrailLine struct {
	ID          int64
	At          time.Time
	Actor       string
	What        string
	Service     string
	SubjectType string
	SubjectID   string
	Correlation string
	Details     json.RawMessage
	Sealed      bool
	Name        string // of the account that it was, where it was one
}

// Trail lists lines of the trail, the newest first, from below a number on
// (zero: from the newest). Of a person, what is about their matches, actions and
// decisions is theirs too, and so is a list on which one of them stood.
func (db *DB) Trail(ctx context.Context, f TrailFilter, below int64, limit int) ([]TrailLine, error) {
	args := pgx.NamedArgs{"actor": f.Actor, "what": f.What, "type": f.SubjectType, "subject": f.SubjectID,
		"from": f.From, "to": f.To, "below": below, "limit": limit}
	if f.To.IsZero() {
		args["to"] = time.Now().Add(time.Hour)
	}
	from, about := `audit a`, `(@type = '' or a.subject_type = @type) and (@subject = '' or a.subject_id = @subject)`
	if person, err := strconv.ParseInt(f.SubjectID, 10, 64); err == nil && f.SubjectType == "person" {
		lines, err := db.linesAbout(ctx, casework.PersonID(person))
		if err != nil {
			return nil, fmt.Errorf("search the trail: %w", problem(err))
		}
		args["lines"] = lines
		from = `unnest(@lines::bigint[]) l(id) cross join lateral (select * from audit where id = l.id offset 0) a`
		about = `true`
	}
	rows, _ := db.pool.Query(ctx, `
		select a.id, a.at, a.actor, a.what, a.service, a.subject_type, a.subject_id, a.correlation, a.details,
		       exists (select 1 from audit_seal s where s.audit = a.id),
		       coalesce(u.name, '')
		  from `+from+`
		  left join account u on u.subject = a.actor
		 where (@below = 0 or a.id < @below)
		   and (@actor = '' or a.actor = @actor)
		   and (@what = '' or a.what = @what)
		   and `+about+`
		   and a.at >= @from
		   and a.at < @to
		 order by a.id desc
		 limit @limit`, args)
	lines, err := pgx.CollectRows(rows, pgx.RowToStructByPos[TrailLine])
	if err != nil {
		return nil, fmt.Errorf("search the trail: %w", problem(err))
	}
	return lines, nil
}

// linesAbout are the numbers of the lines about somebody and whatever is theirs,
// each looked up by itself: for all at once the database would rather read the
// whole trail.
func (db *DB) linesAbout(ctx context.Context, person casework.PersonID) ([]int64, error) {
	rows, _ := db.pool.Query(ctx, `
		with recursive records(id) as ( -- what was done under a number that was merged since is theirs
		  select current_person(@person)
		  union
		  select p.id
		    from records
		    join person p on p.merged_into = records.id
		),
		work as materialized (
		  select t.id from records r join action t on t.person = r.id
		)
		select 'person:' || r.id from records r
		 union all
		select 'match:' || m.id from records r join match m on m.person = r.id
		 union all
		select 'action:' || w.id from work w
		 union all
		select 'decision:' || d.id from work w join decision d on d.action = w.id
		 union all
		select 'sampled:' || o.id from work w join sample_item o on o.action = w.id`,
		pgx.NamedArgs{"person": person})
	theirs, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	var lines []int64
	for some := range slices.Chunk(theirs, 2000) {
		for _, query := range []string{`
			select s.id
			  from unnest(@names::text[]) n(name)
			 cross join lateral (
			         select id
			           from audit
			          where subject_type = split_part(n.name, ':', 1)
			            and subject_id = split_part(n.name, ':', 2)
			         offset 0) s`, `
			select id
			  from audit
			 where details ?| '{person,match,action,matches,actions,decided,decisions}'
			   and trail_names(details) && (select @names::text[])`,
		} {
			rows, _ := db.pool.Query(ctx, query, pgx.NamedArgs{"names": some})
			found, err := pgx.CollectRows(rows, pgx.RowTo[int64])
			if err != nil {
				return nil, err
			}
			lines = append(lines, found...)
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines), nil
}

// ForceWeek is what came from a force in seven days.
type ForceWeek struct {
	Force       string
	Last        *time.Time
	Submissions int
	Accepted    int
	Duplicate   int
	Rejected    int
	Redacted    int
	// Late is how long after the report half of the revisions came, and nineteen in twenty.
	Late, Latest time.Duration
	// People are those on the force's watch list, and Confirmed those it has confirmed to have.
	People, Confirmed int
	Listed            bool // there is a watch list
	Unfiltered        bool
	// Assessment is the reference of the impact assessment by which a force
	// sends unfiltered.
	Assessment string
}

// ForceWeeks tell of every force that ever sent or has a watch list.
func (db *DB) ForceWeeks(ctx context.Context) ([]ForceWeek, error) {
	rows, _ := db.pool.Query(ctx, `
		with recursive sender(force) as ( -- from one force to the next, for each has sent often
		  select min(force)
		    from receipt
		  union all
		  select (select min(r.force) from receipt r where r.force > s.force)
		    from sender s
		   where s.force is not null
		),
		known as materialized (
		  select force from sender where force is not null
		  union
		  select force from watch_list
		),
		week as (
		  select k.force, r.*
		    from known k
		   cross join lateral (
		           select count(*) as submissions,
		                  sum(accepted) as accepted,
		                  sum(duplicate) as duplicate,
		                  sum(rejected) as rejected,
		                  sum(redacted) as redacted
		             from receipt
		            where receipt.force = k.force
		              and receipt.received_at > now() - interval '7 days') r
		),
		late as (
		  select case when r.force = '' then (select i.force from incident i where i.id = r.incident) else r.force end as force,
		         percentile_cont(array[0.5, 0.95]) within group (order by extract(epoch from r.received_at - r.reported_at)) as seconds
		    from revision r
		   where r.received_at > now() - interval '7 days'
		   group by 1
		),
		list as (
		  select w.force, w.unfiltered,
		         count(e.person) filter (where e.listed) as people,
		         count(e.person) filter (where e.listed and e.version <= w.confirmed) as confirmed
		    from watch_list w
		    left join watch_entry e on e.force = w.force
		   group by w.force
		)
		select k.force,
		       (select max(received_at) from receipt r where r.force = k.force),
		       coalesce(w.submissions, 0)::int, coalesce(w.accepted, 0)::int, coalesce(w.duplicate, 0)::int,
		       coalesce(w.rejected, 0)::int, coalesce(w.redacted, 0)::int,
		       coalesce(t.seconds[1], 0)::float8, coalesce(t.seconds[2], 0)::float8,
		       coalesce(l.people, 0)::int, coalesce(l.confirmed, 0)::int, l.force is not null,
		       coalesce(l.unfiltered <> '', false), coalesce(l.unfiltered, '')
		  from known k
		  left join week w on w.force = k.force
		  left join late t on t.force = k.force
		  left join list l on l.force = k.force
		 order by k.force`)
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (ForceWeek, error) {
		var f ForceWeek
		var late, latest float64
		err := row.Scan(&f.Force, &f.Last, &f.Submissions, &f.Accepted, &f.Duplicate, &f.Rejected, &f.Redacted,
			&late, &latest, &f.People, &f.Confirmed, &f.Listed, &f.Unfiltered, &f.Assessment)
		f.Late, f.Latest = time.Duration(late*float64(time.Second)), time.Duration(latest*float64(time.Second))
		return f, err
	})
	if err != nil {
		return nil, fmt.Errorf("read what forces sent: %w", problem(err))
	}
	return all, nil
}
