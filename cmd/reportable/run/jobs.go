package run

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/riverqueue/river"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher"
	"github.com/reportable-incidents/reportable/services/notifier"
	"github.com/reportable-incidents/reportable/services/notifier/mail"
	"github.com/reportable-incidents/reportable/services/notifier/notify"
	"github.com/reportable-incidents/reportable/services/notifier/transfer"
	"github.com/reportable-incidents/reportable/services/notifier/webhook"
)

// periodic are the jobs that come round, all of them: one process among those
// that work the queue plans for everybody, and nobody knows which.
func periodic() []*river.PeriodicJob {
	return []*river.PeriodicJob{matcher.EveryErasure(), notifier.EveryDigest(), transfer.Every()}
}

// company is how long a notice waits for others to the same person.
const company = 3 * time.Minute

// outgoing is what goes out of the notifier's process: who works which queue,
// and who looks after what no job does.
type outgoing struct {
	*Platform
	workers  *river.Workers
	queues   map[string]river.QueueConfig
	services []Service
}

// outward sends what goes out, where there is a way to.
func (p *Platform) outward(o Options) ([]Service, error) {
	out := outgoing{Platform: p, workers: river.NewWorkers(), queues: map[string]river.QueueConfig{}}
	if err := out.couriers(o.Delivery); err != nil {
		return nil, err
	}
	if err := out.transfers(o.Transfer); err != nil {
		return nil, err
	}
	if err := out.webhooks(o.Delivery); err != nil {
		return nil, err
	}
	if len(out.queues) == 0 {
		return out.services, nil
	}
	jobs := &river.Config{
		Logger:              p.Log,
		Queues:              out.queues,
		Workers:             out.workers,
		PeriodicJobs:        periodic(),
		SkipUnknownJobCheck: true, // it may plan what another process does
	}
	return append([]Service{{"outgoing jobs", func(ctx context.Context) error { return p.DB.RunJobs(ctx, jobs) }}}, out.services...), nil
}

// couriers tell people outside the desk.
func (out *outgoing) couriers(d Delivery) error {
	channel, err := d.channel()
	if channel == nil || err != nil {
		return err
	}
	if d.Desk == "" {
		return Usage("DESK_URL is not set: messages lead to the desk, such as https://reportable.example")
	}
	if err := out.DB.TellOutside(company); err != nil {
		return err
	}
	courier := &notifier.Courier{Store: out.DB, Channel: channel, Desk: d.Desk, Log: out.Log, Outcomes: notifier.NewOutcomes(out.registry)}
	river.AddWorker(out.workers, courier)
	river.AddWorker(out.workers, &notifier.Digester{Courier: courier, Now: out.Now})
	out.queues[casework.DeliveryQueue] = river.QueueConfig{MaxWorkers: 4}
	out.services = append(out.services, Service{"delivery sweeper", func(ctx context.Context) error { return courier.Sweep(ctx, out.DB) }})
	return nil
}

// transfers put confirmed matches on the case record.
func (out *outgoing) transfers(t Transfer) error {
	if t.URL == "" {
		return nil
	}
	client, err := transfer.New(transfer.Config{URL: t.URL, TokenFile: t.TokenFile, TokenURL: t.TokenURL, ID: t.ClientID, Secret: t.ClientSecret})
	if err != nil {
		return UsageError{fmt.Errorf("TRANSFER_URL: %w", err)}
	}
	if err := out.DB.TransferOutside(); err != nil {
		return err
	}
	metrics := transfer.NewMetrics(out.registry)
	worker := &transfer.Worker{Store: out.DB, Client: client, Metrics: metrics, Log: out.Log, Observe: out.responses.Observe}
	river.AddWorker(out.workers, worker)
	river.AddWorker(out.workers, &transfer.Reconciler{Store: out.DB, Client: client, Metrics: metrics, Log: out.Log})
	out.queues[casework.TransferQueue] = river.QueueConfig{MaxWorkers: 4}
	out.services = append(out.services, Service{"transfer sweeper", worker.Sweep})
	return nil
}

// webhooks tell other machines. Who they are is in the table; without the desk's
// address there is no link to give them.
func (out *outgoing) webhooks(d Delivery) error {
	if d.Desk == "" {
		out.services = append(out.services, Service{"webhooks without a desk", out.silent})
		return nil
	}
	if err := out.DB.HookOutside(); err != nil {
		return err
	}
	worker := webhook.New(out.DB, &webhook.Sender{Desk: d.Desk}, out.Log, out.registry)
	river.AddWorker(out.workers, worker)
	out.queues[casework.WebhookQueue] = river.QueueConfig{MaxWorkers: 8}
	out.services = append(out.services, Service{"webhook sweeper", worker.Sweep})
	return nil
}

// silent says each hour that webhooks wait to be told, where this process would
// tell them and cannot.
func (out *outgoing) silent(ctx context.Context) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if all, err := out.DB.Webhooks(ctx); err == nil && slices.ContainsFunc(all, func(w casework.Webhook) bool { return w.DisabledAt.IsZero() }) {
			out.Log.Error("webhooks are told nothing: DESK_URL, where their messages lead, is not set", "webhooks", len(all))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// channel is nil where nothing is set.
func (d Delivery) channel() (notifier.Channel, error) {
	switch {
	case d.SMTP != "":
		s, err := mail.New(d.SMTP, d.From)
		if err != nil {
			return nil, UsageError{fmt.Errorf("SMTP_URL and MAIL_FROM: %w", err)}
		}
		return s, nil
	case d.NotifyKey != "":
		s, err := notify.New(d.NotifyKey, d.NotifyTemplate)
		if err != nil {
			return nil, UsageError{fmt.Errorf("NOTIFY_API_KEY and NOTIFY_TEMPLATE: %w", err)}
		}
		return s, nil
	}
	return nil, nil
}
