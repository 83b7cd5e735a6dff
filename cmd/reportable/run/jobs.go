package run

import (
	"context"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher"
	"github.com/reportable-incidents/reportable/services/notifier"
	"github.com/reportable-incidents/reportable/services/notifier/mail"
	"github.com/reportable-incidents/reportable/services/notifier/notify"
)

// periodic are the jobs that come round, all of them: one process among those
// that work the queue plans for everybody, and nobody knows which.
func periodic() []*river.PeriodicJob {
	return []*river.PeriodicJob{matcher.EveryErasure(), notifier.EveryDigest()}
}

// company is how long a notice waits for others to the same person.
const company = 3 * time.Minute

// couriers tell people outside the desk, where there is a way to.
func (p *Platform) couriers(d Delivery) ([]Service, error) {
	channel, err := d.channel()
	if channel == nil || err != nil {
		return nil, err
	}
	if d.Desk == "" {
		return nil, Usage("DESK_URL is not set: messages lead to the desk, such as https://reportable.example")
	}
	if err := p.DB.TellOutside(company); err != nil {
		return nil, err
	}
	courier := &notifier.Courier{Store: p.DB, Channel: channel, Desk: d.Desk, Log: p.Log, Outcomes: notifier.NewOutcomes(p.registry)}
	workers := river.NewWorkers()
	river.AddWorker(workers, courier)
	river.AddWorker(workers, &notifier.Digester{Courier: courier, Now: p.Now})
	jobs := &river.Config{
		Logger:              p.Log,
		Queues:              map[string]river.QueueConfig{casework.DeliveryQueue: {MaxWorkers: 4}},
		Workers:             workers,
		PeriodicJobs:        periodic(),
		SkipUnknownJobCheck: true,
	}
	return []Service{
		{"delivery", func(ctx context.Context) error { return p.DB.RunJobs(ctx, jobs) }},
		{"delivery sweeper", func(ctx context.Context) error { return courier.Sweep(ctx, p.DB) }},
	}, nil
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
