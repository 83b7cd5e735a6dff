package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/reportable-incidents/reportable/services/casework"
)

// HookOutside makes every notice from now on a message to each webhook that
// wants it, in the transaction of its cause. It is called before the store is used.
func (db *DB) HookOutside() error {
	jobs, err := db.jobs(&river.Config{})
	db.hooking = jobs
	return err
}

// wanted are the notices that a webhook wants and has no message of.
const wanted = `
	insert into webhook_delivery (webhook, notice, message_id)
	select w.id, n.id, 'msg_' || replace(gen_random_uuid()::text, '-', '')
	  from webhook w
	  join notice n on n.id > w.first and w.role in ('', n.owner_role)
	  join action a on a.id = n.action and w.scope in ('', a.pdu)
	 where w.disabled_at is null
	   and %s
	   and not exists (
	         select 1
	           from webhook_delivery d
	          where d.webhook = w.id
	            and d.notice = n.id)
	 order by w.id, n.id
	 limit 1000
	    on conflict do nothing
	returning id`

// queueHooks asks for webhooks to be told what the changes tell people.
func (db *DB) queueHooks(ctx context.Context, tx pgx.Tx, changes []casework.ActionChange) error {
	if db.hooking == nil {
		return nil
	}
	var actions []int64
	for _, c := range changes {
		if len(c.Tell) > 0 {
			actions = append(actions, int64(c.Action.ID))
		}
	}
	if len(actions) == 0 {
		return nil
	}
	rows, _ := tx.Query(ctx, fmt.Sprintf(wanted, `n.action = any(@actions)`), pgx.NamedArgs{"actions": actions})
	ids, err := pgx.CollectRows(rows, pgx.RowTo[casework.DeliveryID])
	if err != nil {
		return fmt.Errorf("ask for webhooks to be told: %w", err)
	}
	return db.enqueueHooks(ctx, tx, ids)
}

func (db *DB) enqueueHooks(ctx context.Context, tx pgx.Tx, ids []casework.DeliveryID) error {
	if len(ids) == 0 {
		return nil
	}
	jobs := make([]river.InsertManyParams, len(ids))
	for i, id := range ids {
		jobs[i] = river.InsertManyParams{Args: casework.Hooking{Delivery: id}, InsertOpts: &river.InsertOpts{
			Queue: casework.WebhookQueue, MaxAttempts: 18,
			UniqueOpts: river.UniqueOpts{ByArgs: true, ByQueue: true, ByState: unfinished},
		}}
	}
	if _, err := db.hooking.InsertManyTx(ctx, tx, jobs); err != nil {
		return fmt.Errorf("ask for webhooks to be told: %w", err)
	}
	return nil
}

// SweepHooks finds notices of the last while that no webhook was told of, and
// messages that no job carries. It returns how many there were.
func (db *DB) SweepHooks(ctx context.Context, before time.Time) (int, error) {
	if db.hooking == nil {
		return 0, nil
	}
	n := 0
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, fmt.Sprintf(wanted, `n.id > (select coalesce(max(id), 0) from notice) - 20000 and n.at < @before`), pgx.NamedArgs{"before": before})
		ids, err := pgx.CollectRows(rows, pgx.RowTo[casework.DeliveryID])
		if err != nil {
			return err
		}
		rows, _ = tx.Query(ctx, `
			select id
			  from webhook_delivery
			 where state in ('queued', 'sent')
			   and created_at < @before
			 order by id
			 limit 1000`,
			pgx.NamedArgs{"before": before})
		waiting, err := pgx.CollectRows(rows, pgx.RowTo[casework.DeliveryID])
		if err != nil {
			return err
		}
		ids = append(ids, waiting...)
		slices.Sort(ids)
		ids = slices.Compact(ids) // one statement takes no job twice
		n = len(ids)
		return db.enqueueHooks(ctx, tx, ids)
	})
	if err != nil {
		return 0, fmt.Errorf("look for webhooks that nobody tells: %w", err)
	}
	return n, nil
}

// SilentHooks count the webhooks that are not told of notices they want, of the
// last while and from before a time: no process that tells them runs, or it has
// no address of the desk to lead them to.
func (db *DB) SilentHooks(ctx context.Context, before time.Time) (int, error) {
	var n int
	err := db.pool.QueryRow(ctx, `
		select count(distinct w.id)::int
		  from webhook w
		  join notice n on n.id > w.first and w.role in ('', n.owner_role)
		  join action a on a.id = n.action and w.scope in ('', a.pdu)
		 where w.disabled_at is null
		   and n.id > (select coalesce(max(id), 0) from notice) - 20000
		   and n.at < @before
		   and not exists (
		         select 1
		           from webhook_delivery d
		          where d.webhook = w.id
		            and d.notice = n.id)`, pgx.NamedArgs{"before": before}).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("look for webhooks that nobody tells: %w", problem(err))
	}
	return n, nil
}

// BeginHook is a message to a webhook, about to be sent.
func (db *DB) BeginHook(ctx context.Context, id casework.DeliveryID) (casework.HookMessage, error) {
	m := casework.HookMessage{Delivery: id}
	var secret, former string
	err := db.pool.QueryRow(ctx, `
		with begun as (
		  update webhook_delivery d
		     set state = case when d.state in ('queued', 'sent') and w.disabled_at is null then 'sent' else d.state end,
		         sent_at = now()
		    from webhook w
		   where d.id = @id
		     and w.id = d.webhook
		  returning d.webhook, d.message_id, d.state, d.notice, w.url, w.private, w.disabled_at is not null as disabled, w.secret,
		            case when w.former_until > now() then w.former else '' end as former
		)
		select b.webhook, b.message_id, b.state, b.url, b.private, b.disabled, b.secret, b.former,
		       a.id, n.owner_role, n.owner, a.pdu, case when guarded(a.match) then '' else i.force || '/' || i.reference end, a.rule, n.kind, a.priority, n.at
		  from begun b
		  join notice n on n.id = b.notice
		  join action a on a.id = n.action
		  join incident i on i.id = a.incident`,
		pgx.NamedArgs{"id": id}).Scan(&m.Webhook, &m.MessageID, &m.State, &m.URL, &m.Private, &m.Disabled, &secret, &former,
		&m.Action, &m.Owner.Role, &m.Owner.Code, &m.Owner.PDU, &m.Reference, &m.Rule, &m.Notice.Kind, &m.Priority, &m.At)
	if err != nil {
		return m, fmt.Errorf("begin webhook message %d: %w", id, notThere(err))
	}
	m.Secrets = []string{secret}
	if former != "" {
		m.Secrets = append(m.Secrets, former)
	}
	return m, nil
}

// HookTold notes that a webhook took a message.
func (db *DB) HookTold(ctx context.Context, m casework.HookMessage) error {
	_, err := db.pool.Exec(ctx, `
		with told as (
		  update webhook_delivery
		     set state = 'delivered',
		         attempts = attempts + 1,
		         problem = '',
		         settled_at = now()
		   where id = @id
		)
		update webhook
		   set failing_since = null,
		       problem = ''
		 where id = @webhook
		   and failing_since is not null`,
		pgx.NamedArgs{"id": m.Delivery, "webhook": m.Webhook})
	if err != nil {
		return fmt.Errorf("note that webhook message %d was taken: %w", m.Delivery, problem(err))
	}
	return nil
}

// HookFailed notes that it did not, and disables a webhook that has taken
// nothing for as long as patience. It reports whether the webhook is disabled.
func (db *DB) HookFailed(ctx context.Context, m casework.HookMessage, why string, last bool, patience time.Duration) (bool, error) {
	disabled := false
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		args := pgx.NamedArgs{"id": m.Delivery, "webhook": m.Webhook, "why": why, "last": last, "patience": patience.Seconds()}
		var now bool
		err := tx.QueryRow(ctx, `
			update webhook w
			   set failing_since = coalesce(w.failing_since, now()),
			       problem = @why,
			       disabled_at = case
			         when w.failing_since < now() - make_interval(secs => @patience) then coalesce(w.disabled_at, now())
			         else w.disabled_at
			       end
			  from webhook b
			 where w.id = @webhook
			   and b.id = w.id
			returning w.disabled_at is not null, w.disabled_at is not null and b.disabled_at is null`, args).Scan(&disabled, &now)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // removed meanwhile, and its messages with it
		}
		if err != nil {
			return err
		}
		args["last"] = last || disabled
		_, err = tx.Exec(ctx, `
			update webhook_delivery
			   set state = case when @last then 'failed' else 'queued' end,
			       attempts = attempts + 1,
			       problem = @why,
			       settled_at = case when @last then now() end
			 where id = @id`, args)
		if err != nil || !now {
			return err
		}
		return audit(ctx, tx, Audit{Actor: "webhook", What: "WEBHOOK_DISABLED", Service: "notifier", SubjectType: "webhook", SubjectID: fmt.Sprint(m.Webhook)})
	})
	if err != nil {
		return false, fmt.Errorf("note that webhook message %d was not taken: %w", m.Delivery, err)
	}
	return disabled, nil
}

// AddWebhook subscribes a webhook. It is told of what comes from now on.
func (db *DB) AddWebhook(ctx context.Context, w casework.Webhook, secret, by string) error {
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		var id int64
		err := tx.QueryRow(ctx, `
			insert into webhook (name, url, role, scope, private, secret, added_by, first)
			select @name, @url, @role, @scope, @private, @secret, @by, coalesce(max(id), 0)
			  from notice
			returning id`,
			pgx.NamedArgs{"name": w.Name, "url": w.URL, "role": w.Role, "scope": w.Scope, "private": w.Private, "secret": secret, "by": by}).Scan(&id)
		if err != nil {
			return err
		}
		return audit(ctx, tx, Audit{Actor: by, What: "WEBHOOK_ADDED", Service: "reportable", SubjectType: "webhook", SubjectID: fmt.Sprint(id),
			Details: map[string]any{"name": w.Name, "role": w.Role, "pdu": w.Scope, "private": w.Private}})
	})
	if codeOf(err) == "23505" {
		return fmt.Errorf("add webhook %s: there is one of that name", w.Name)
	}
	if err != nil {
		return fmt.Errorf("add webhook %s: %w", w.Name, err)
	}
	return nil
}

// Webhooks are all there are, by name.
func (db *DB) Webhooks(ctx context.Context) ([]casework.Webhook, error) {
	rows, _ := db.pool.Query(ctx, `
		select w.id, w.name, w.url, w.role, w.scope, w.private, w.added_at, coalesce(w.failing_since, '0001-01-01'),
		       coalesce(w.disabled_at, '0001-01-01'), w.problem,
		       (select count(*)::int from webhook_delivery d where d.webhook = w.id and d.state in ('queued', 'sent'))
		  from webhook w
		 order by w.name`)
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[casework.Webhook])
	if err != nil {
		return nil, fmt.Errorf("read the webhooks: %w", problem(err))
	}
	for i := range all { // the zero time of the table is the zero time here
		if all[i].FailingSince.Year() == 1 {
			all[i].FailingSince = time.Time{}
		}
		if all[i].DisabledAt.Year() == 1 {
			all[i].DisabledAt = time.Time{}
		}
	}
	return all, nil
}

// RemoveWebhook ends a subscription, with what waits for it.
func (db *DB) RemoveWebhook(ctx context.Context, name, by string) error {
	return db.changeWebhook(ctx, "WEBHOOK_REMOVED", by, name, `delete from webhook where name = @name returning id`, nil)
}

// EnableWebhook has a webhook that was disabled told again, of what comes from now on.
func (db *DB) EnableWebhook(ctx context.Context, name, by string) error {
	return db.changeWebhook(ctx, "WEBHOOK_ENABLED", by, name, `
		update webhook
		   set disabled_at = null,
		       failing_since = null,
		       problem = '',
		       first = greatest(first, (select coalesce(max(id), 0) from notice))
		 where name = @name
		returning id`, nil)
}

// RotateWebhook gives a webhook another secret. The former signs beside it until a time.
func (db *DB) RotateWebhook(ctx context.Context, name, secret string, until time.Time, by string) error {
	return db.changeWebhook(ctx, "WEBHOOK_SECRET_CHANGED", by, name, `
		update webhook
		   set former = secret,
		       former_until = @until,
		       secret = @secret
		 where name = @name
		returning id`, pgx.NamedArgs{"secret": secret, "until": until})
}

func (db *DB) changeWebhook(ctx context.Context, what, by, name, sql string, args pgx.NamedArgs) error {
	if args == nil {
		args = pgx.NamedArgs{}
	}
	args["name"] = name
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		var id int64
		if err := tx.QueryRow(ctx, sql, args).Scan(&id); err != nil {
			return notThere(err)
		}
		return audit(ctx, tx, Audit{Actor: by, What: what, Service: "reportable", SubjectType: "webhook", SubjectID: fmt.Sprint(id)})
	})
	if err != nil {
		return fmt.Errorf("change webhook %s: %w", name, err)
	}
	return nil
}
