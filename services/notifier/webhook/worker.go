package webhook

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Store is what webhooks need of the ledger.
type Store interface {
	BeginHook(ctx context.Context, id casework.DeliveryID) (casework.HookMessage, error)
	HookTold(ctx context.Context, m casework.HookMessage) error
	HookFailed(ctx context.Context, m casework.HookMessage, why string, last bool, patience time.Duration) (disabled bool, err error)
	SweepHooks(ctx context.Context, before time.Time) (int, error)
	Webhooks(ctx context.Context) ([]casework.Webhook, error)
}

// Worker gives webhooks their messages.
type Worker struct {
	river.WorkerDefaults[casework.Hooking]
	Store  Store
	Sender *Sender
	Log    *slog.Logger
	// Patience is for how long a webhook may take nothing before it is disabled.
	// Default three days.
	Patience time.Duration

	outcomes *prometheus.CounterVec
	webhooks *prometheus.GaugeVec
}

// New makes a worker, and declares its metrics.
func New(store Store, sender *Sender, log *slog.Logger, r prometheus.Registerer) *Worker {
	w := &Worker{Store: store, Sender: sender, Log: log, Patience: 72 * time.Hour,
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "reportable_webhook_tries_total",
			Help: "Messages to webhooks, by outcome: delivered, again or failed.",
		}, []string{"outcome"}),
		webhooks: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "reportable_webhooks",
			Help: "Webhooks, by how they are: well, failing, or disabled after days of failing.",
		}, []string{"state"}),
	}
	r.MustRegister(w.outcomes, w.webhooks)
	return w
}

// NextRetry spreads the tries over two days.
func (w *Worker) NextRetry(job *river.Job[casework.Hooking]) time.Time {
	wait := 15 * time.Second << min(job.Attempt-1, 10)
	return time.Now().Add(min(wait, 4*time.Hour))
}

// Work sends one message.
func (w *Worker) Work(ctx context.Context, job *river.Job[casework.Hooking]) error {
	m, err := w.Store.BeginHook(ctx, job.Args.Delivery)
	if errors.Is(err, casework.ErrNotFound) {
		return nil // its webhook was removed
	}
	if err != nil {
		return err
	}
	if m.State == "delivered" || m.State == "failed" {
		return nil
	}
	cause := errors.New("the webhook is disabled")
	if !m.Disabled {
		cause = w.Sender.Send(ctx, m)
	}
	if cause == nil {
		w.outcomes.WithLabelValues("delivered").Inc()
		return w.Store.HookTold(ctx, m)
	}
	last := m.Disabled || job.JobRow != nil && job.Attempt >= job.MaxAttempts
	disabled, err := w.Store.HookFailed(ctx, m, cause.Error(), last, w.Patience)
	if err != nil {
		return err
	}
	if disabled && !m.Disabled {
		w.Log.Error("a webhook has taken nothing for days, and is disabled", "webhook", m.Webhook, "error", cause)
	}
	if last || disabled {
		w.outcomes.WithLabelValues("failed").Inc()
		return river.JobCancel(cause)
	}
	w.outcomes.WithLabelValues("again").Inc()
	return cause
}

// Sweep finds what no job tells, and refreshes the gauges, until the context ends.
func (w *Worker) Sweep(ctx context.Context) error {
	for ctx.Err() == nil {
		_, err := w.Store.SweepHooks(ctx, time.Now().Add(-2*time.Minute))
		if err == nil {
			err = w.Measure(ctx)
		}
		if err != nil && ctx.Err() == nil {
			w.Log.Warn("sweep of webhooks failed; the next one tries again", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Minute):
		}
	}
	return nil
}

// Measure refreshes the gauges.
func (w *Worker) Measure(ctx context.Context) error {
	all, err := w.Store.Webhooks(ctx)
	if err != nil {
		return err
	}
	count := map[string]int{"well": 0, "failing": 0, "disabled": 0}
	for _, h := range all {
		switch {
		case !h.DisabledAt.IsZero():
			count["disabled"]++
		case !h.FailingSince.IsZero():
			count["failing"]++
		default:
			count["well"]++
		}
	}
	for state, n := range count {
		w.webhooks.WithLabelValues(state).Set(float64(n))
	}
	return nil
}
