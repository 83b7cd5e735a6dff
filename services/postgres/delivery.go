package postgres

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/reportable-incidents/reportable/services/casework"
)

// TellOutside makes every notice from now on a job too, in the transaction of
// its cause. What is urgent goes at once; the rest waits for company. It is
// called before the store is used.
func (db *DB) TellOutside(company time.Duration) error {
	jobs, err := db.jobs(&river.Config{})
	if err != nil {
		return err
	}
	db.telling = &telling{jobs: jobs, company: company}
	return nil
}

type telling struct {
	jobs    *river.Client[pgx.Tx]
	company time.Duration
}

// enqueue asks for everyone whom changes tell of something to be told outside
// the desk.
func (t *telling) enqueue(ctx context.Context, tx pgx.Tx, changes []casework.ActionChange) error {
	if t == nil {
		return nil
	}
	urgent := map[casework.Telling]bool{}
	var who []casework.Telling
	for _, c := range changes {
		for _, o := range c.Tell {
			job := casework.Telling{Role: o.Role, Code: o.Code}
			if _, there := urgent[job]; !there {
				who = append(who, job)
			}
			urgent[job] = urgent[job] || c.Action.Priority == casework.Urgent
		}
	}
	// Sorted, so that two transactions wait for each other in one order.
	slices.SortFunc(who, func(a, b casework.Telling) int {
		return strings.Compare(string(a.Role)+" "+a.Code, string(b.Role)+" "+b.Code)
	})
	return t.insert(ctx, tx, who, urgent)
}

// unfinished are the states of a job that the next notice can join. One that is
// completed tells nobody any more, and River keeps it for a day.
var unfinished = []rivertype.JobState{rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable,
	rivertype.JobStateRunning, rivertype.JobStateScheduled}

func (t *telling) insert(ctx context.Context, tx pgx.Tx, who []casework.Telling, urgent map[casework.Telling]bool) error {
	if len(who) == 0 {
		return nil
	}
	jobs := make([]river.InsertManyParams, len(who))
	for i, job := range who {
		at := time.Now()
		if !urgent[job] {
			at = at.Add(t.company)
		}
		// Unique while it waits: the next notice joins it. An urgent one does not
		// wait for the company of others, so it is another job.
		jobs[i] = river.InsertManyParams{Args: job, InsertOpts: &river.InsertOpts{
			Queue: casework.DeliveryQueue, ScheduledAt: at, MaxAttempts: 12,
			UniqueOpts: river.UniqueOpts{ByArgs: true, ByQueue: true, ByState: unfinished},
		}}
		if urgent[job] {
			jobs[i].InsertOpts.UniqueOpts = river.UniqueOpts{}
		}
	}
	if _, err := t.jobs.InsertManyTx(ctx, tx, jobs); err != nil {
		return fmt.Errorf("ask for %d people to be told: %w", len(who), err)
	}
	return nil
}

// Retell asks again for those to be told whose notices have waited since before
// a time: a job may have ended between a notice and its own last look. It
// returns how many there are.
func (db *DB) Retell(ctx context.Context, before time.Time) (int, error) {
	if db.telling == nil {
		return 0, nil
	}
	var who []casework.Telling
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			select distinct n.owner_role, n.owner
			  from notice n
			 where n.delivery is null
			   and n.at < @before
			   and n.at > @before::timestamptz - interval '7 days'
			   and n.read_at is null
			   and (   exists (select 1 from staff s where s.code = n.owner and s.email <> '' and s.gone_at is null)
			        or exists (select 1 from mailbox b where b.role = n.owner_role and (b.scope = n.owner or b.scope in `+onDuty("n.owner_role", "n.owner")+`))
			        or exists (select 1 from staff h where n.owner_role = 'head' and h.role = 'head' and h.pdu = n.owner and h.email <> ''))
			 order by 1, 2
			 limit 500`,
			pgx.NamedArgs{"before": before})
		var err error
		if who, err = pgx.CollectRows(rows, pgx.RowToStructByPos[casework.Telling]); err != nil {
			return err
		}
		return db.telling.insert(ctx, tx, who, nil)
	})
	if err != nil {
		return 0, fmt.Errorf("ask again for people to be told: %w", err)
	}
	return len(who), nil
}

// BeginDelivery gathers what an owner has not been told outside the desk into
// one message, or gives the one again that was begun and not sent. It is
// casework.ErrNotFound if there is nothing to tell or nobody to tell it to.
func (db *DB) BeginDelivery(ctx context.Context, channel string, to casework.Owner) (casework.Delivery, error) {
	var d casework.Delivery
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		d = casework.Delivery{Channel: channel, To: to}
		args := pgx.NamedArgs{"channel": channel, "role": to.Role, "owner": to.Code}
		// One at a time for one owner: else two messages share the notices.
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended('delivery ' || @role || ' ' || @owner, 0))`, args); err != nil {
			return err
		}
		var err error
		if d.Addresses, err = addresses(ctx, tx, to); err != nil {
			return err
		}
		if len(d.Addresses) == 0 {
			return casework.ErrNotFound
		}
		err = tx.QueryRow(ctx, `
			select id, message_id
			  from delivery
			 where owner_role = @role
			   and owner = @owner
			   and channel = @channel
			   and kind = 'notices'
			   and state = 'queued'
			 order by id
			 limit 1`, args).Scan(&d.ID, &d.MessageID)
		if err != nil && notThere(err) != casework.ErrNotFound {
			return err
		}
		if d.ID == 0 {
			if err := newDelivery(ctx, tx, &d, args); err != nil {
				return err
			}
		}
		rows, _ := tx.Query(ctx, `
			select a.id, case when guarded(a.match) then '' else i.reference end, a.rule, n.kind, a.priority, n.at
			  from notice n
			  join action a on a.id = n.action
			  join incident i on i.id = a.incident
			 where n.delivery = @delivery
			 order by n.at, n.id`,
			pgx.NamedArgs{"delivery": d.ID})
		d.Notices, err = pgx.CollectRows(rows, pgx.RowToStructByPos[casework.Notice])
		return err
	})
	if err != nil {
		return d, fmt.Errorf("gather what %s %s is to be told: %w", to.Role, to.Code, err)
	}
	return d, nil
}

func newDelivery(ctx context.Context, tx pgx.Tx, d *casework.Delivery, args pgx.NamedArgs) error {
	d.MessageID = strings.ToLower(rand.Text())
	args["message"] = d.MessageID
	err := tx.QueryRow(ctx, `
		insert into delivery (channel, owner_role, owner, message_id)
		select @channel, @role, @owner, @message
		 where exists (
		       select 1
		         from notice
		        where owner_role = @role
		          and owner = @owner
		          and delivery is null
		          and read_at is null)
		returning id`, args).Scan(&d.ID)
	if err != nil {
		return notThere(err)
	}
	args["delivery"] = d.ID
	_, err = tx.Exec(ctx, `
		update notice
		   set delivery = @delivery
		 where owner_role = @role
		   and owner = @owner
		   and delivery is null
		   and read_at is null`, args)
	return err
}

// onDuty are the staff codes of those who are on duty in a region now, if the
// owner is its duty officers.
func onDuty(role, region string) string {
	return `(select d.staff from rota d where ` + role + ` = 'duty_officer' and d.region = ` + region + ` and d.starts <= now() and d.ends > now())`
}

// addresses are where an owner reads mail. A person's is in the extract; a part
// that nobody has alone has a mailbox.
func addresses(ctx context.Context, tx pgx.Tx, o casework.Owner) ([]string, error) {
	rows, _ := tx.Query(ctx, `
		select address
		  from mailbox
		 where role = @role
		   and (   scope = @owner
		        or scope in `+onDuty("@role", "@owner")+`)
		union
		select email
		  from staff
		 where email <> ''
		   and gone_at is null
		   and (   @role in ('practitioner', 'manager') and code = @owner
		        or @role = 'head' and role = 'head' and pdu = @owner
		        or code in `+onDuty("@role", "@owner")+`)
		 order by 1`,
		pgx.NamedArgs{"role": o.Role, "owner": o.Code})
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// Delivered notes how sending a message went. A message that failed for good is
// in the metrics and the desk, not in silence.
func (db *DB) Delivered(ctx context.Context, id casework.DeliveryID, state, remote, problemText string) error {
	_, err := db.pool.Exec(ctx, `
		update delivery
		   set state = @state,
		       remote_id = case when @remote = '' then remote_id else @remote end,
		       problem = @problem,
		       attempts = attempts + 1,
		       sent_at = case when @state = 'sent' then now() else sent_at end,
		       settled_at = case when @state in ('delivered', 'failed') then now() end
		 where id = @id`,
		pgx.NamedArgs{"id": id, "state": state, "remote": remote, "problem": problemText})
	if err != nil {
		return fmt.Errorf("note how delivery %d went: %w", id, problem(err))
	}
	return nil
}

// SentUnsettled are messages that a channel took and has not said the end of,
// by the channel's own number.
func (db *DB) SentUnsettled(ctx context.Context, channel string, limit int) (map[casework.DeliveryID]string, error) {
	rows, _ := db.pool.Query(ctx, `
		select id, remote_id
		  from delivery
		 where channel = @channel
		   and state = 'sent'
		   and remote_id <> ''
		   and sent_at > now() - interval '3 days'
		 order by sent_at
		 limit @limit`,
		pgx.NamedArgs{"channel": channel, "limit": limit})
	all := map[casework.DeliveryID]string{}
	var id casework.DeliveryID
	var remote string
	_, err := pgx.ForEachRow(rows, []any{&id, &remote}, func() error { all[id] = remote; return nil })
	if err != nil {
		return nil, fmt.Errorf("read what %s has not settled: %w", channel, problem(err))
	}
	return all, nil
}

// DaysInPDUs count the last 24 hours of each PDU with a mailbox of its head or
// its multi-agency meeting. A restricted case is not counted: who reads a
// mailbox is not known, and a count tells as well as a name that there is one.
func (db *DB) DaysInPDUs(ctx context.Context, now time.Time) ([]casework.DayInPDU, error) {
	rows, _ := db.pool.Query(ctx, `
		select u.code,
		       array(select address from mailbox where role in ('head', 'meeting') and scope = u.code
		             union
		             select email from staff where role = 'head' and pdu = u.code and email <> '' and gone_at is null
		              order by 1),
		       (select count(*)
		          from match m
		          join person p on p.id = m.person
		         where p.pdu = u.code and m.found_at > @now::timestamptz - interval '24 hours' and m.state in ('open', 'unsure', 'confirmed')
		           and not guarded(m.id)),
		       (select count(*)
		          from match m
		          join person p on p.id = m.person
		         where p.pdu = u.code and m.state in ('open', 'unsure')
		           and not guarded(m.id)),
		       (select count(*) from action a where a.pdu = u.code and a.rule = 'review_incident' and a.state in ('open', 'acknowledged')
		           and not guarded(a.match)),
		       (select count(*) from action a where a.pdu = u.code and a.state in ('open', 'acknowledged') and a.next_due < @now
		           and not guarded(a.match))
		  from pdu u
		 order by u.code`,
		pgx.NamedArgs{"now": now})
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[casework.DayInPDU])
	if err != nil {
		return nil, fmt.Errorf("count the day in the PDUs: %w", problem(err))
	}
	return all, nil
}
