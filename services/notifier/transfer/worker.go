package transfer

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Store is what transfers need of the ledger.
type Store interface {
	Transferring(ctx context.Context, match casework.MatchID) (casework.Transfer, error)
	TransferTried(ctx context.Context, t casework.Transfer, problem string) error
	TransferGivenUp(ctx context.Context, t casework.Transfer, problem string) error
	Transferred(ctx context.Context, t casework.Transfer) ([]casework.Milestone, error)
	ContactWithdrawn(ctx context.Context, t casework.Transfer) error
	SweepTransfers(ctx context.Context, before time.Time) (int, error)
	CompareHeld(ctx context.Context, asked time.Time, held []casework.HeldContact) error
	TransferFindings(ctx context.Context) (casework.TransferFindings, error)
}

// Worker brings one match's contact in line with the match.
type Worker struct {
	river.WorkerDefaults[casework.Transferring]
	Store   Store
	Client  *Client
	Metrics *Metrics
	Log     *slog.Logger
	// Observe is shown each milestone once, after it was committed.
	Observe func(...casework.Milestone)
}

// NextRetry spreads the tries over more than a day: the case record is away for
// a night's maintenance now and then.
func (w *Worker) NextRetry(job *river.Job[casework.Transferring]) time.Time {
	wait := 15 * time.Second << min(job.Attempt-1, 10)
	return time.Now().Add(min(wait, 2*time.Hour))
}

// Work does what the match asks for until nothing is left: a match may be
// retracted while its contact is on the way.
func (w *Worker) Work(ctx context.Context, job *river.Job[casework.Transferring]) error {
	last := job.JobRow != nil && job.Attempt >= job.MaxAttempts
	for {
		t, err := w.Store.Transferring(ctx, job.Args.Match)
		if errors.Is(err, casework.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		switch t.State {
		case casework.TransferQueued:
			err = w.put(ctx, t)
		case casework.TransferWithdrawing:
			err = w.withdraw(ctx, t)
		default:
			return nil
		}
		if err != nil {
			return w.failed(ctx, t, err, last)
		}
	}
}

func (w *Worker) put(ctx context.Context, t casework.Transfer) error {
	if t.Erased {
		return unsendable{}
	}
	there, err := false, error(nil)
	if t.Number != "" { // it was there once: revised since, lost there or changed there
		there, err = w.Client.Update(ctx, t.Number, t.Contact)
	}
	if err == nil && !there {
		t.Number, err = w.Client.Put(ctx, t.Contact)
	}
	if err != nil {
		return err
	}
	reached, err := w.Store.Transferred(ctx, t)
	if err != nil {
		return err
	}
	w.Observe(reached...)
	w.Metrics.done("sent")
	w.Log.Info("contact transferred", "match", t.Match)
	return nil
}

func (w *Worker) withdraw(ctx context.Context, t casework.Transfer) error {
	if err := w.Client.Withdraw(ctx, t.Key); err != nil {
		return err
	}
	if err := w.Store.ContactWithdrawn(ctx, t); err != nil {
		return err
	}
	w.Metrics.done("withdrawn")
	w.Log.Info("contact withdrawn", "match", t.Match)
	return nil
}

func (w *Worker) failed(ctx context.Context, t casework.Transfer, cause error, last bool) error {
	var p interface{ Permanent() bool }
	if last || errors.As(cause, &p) && p.Permanent() {
		w.Metrics.done("failed")
		w.Log.Error("a transfer was given up", "match", t.Match, "error", cause)
		if err := w.Store.TransferGivenUp(ctx, t, cause.Error()); err != nil {
			return err
		}
		return river.JobCancel(cause)
	}
	w.Metrics.done("again")
	return errors.Join(cause, w.Store.TransferTried(ctx, t, cause.Error()))
}

// unsendable is an incident that was erased before it was sent.
type unsendable struct{}

func (unsendable) Error() string {
	return "the incident's personal data are erased: there is nothing to send"
}
func (unsendable) Permanent() bool { return true }

// Reconciliation is the job of asking the far end what it holds.
type Reconciliation struct{}

// Kind is the job's name in the queue.
func (Reconciliation) Kind() string { return "transfer_reconciliation" }

// Every is the schedule: each hour, and soon after a start.
func Every() *river.PeriodicJob {
	return river.NewPeriodicJob(river.PeriodicInterval(time.Hour), func() (river.JobArgs, *river.InsertOpts) {
		return Reconciliation{}, &river.InsertOpts{Queue: casework.TransferQueue, MaxAttempts: 5,
			UniqueOpts: river.UniqueOpts{ByArgs: true, ByPeriod: 10 * time.Minute}}
	}, &river.PeriodicJobOpts{RunOnStart: true})
}

// Reconciler compares what we sent with what is there.
type Reconciler struct {
	river.WorkerDefaults[Reconciliation]
	Store   Store
	Client  *Client
	Metrics *Metrics
	Log     *slog.Logger
}

// Work asks and compares once.
func (r *Reconciler) Work(ctx context.Context, _ *river.Job[Reconciliation]) error {
	asked := time.Now()
	all, err := r.Client.Held(ctx)
	if err != nil {
		return err
	}
	if err := r.Store.CompareHeld(ctx, asked, all); err != nil {
		return err
	}
	f, err := r.Store.TransferFindings(ctx)
	if err != nil {
		return err
	}
	r.Metrics.found(f)
	if f.Wrong() > 0 {
		r.Log.Error("the case record does not hold what was sent", "missing", f.Missing, "different", f.Different, "extra", f.Extra)
	}
	return nil
}

// Timeout is longer than River's own: a far end that holds everything of a year
// takes its time to say so.
func (r *Reconciler) Timeout(*river.Job[Reconciliation]) time.Duration { return 10 * time.Minute }

// Sweep finds what no job does, and refreshes the gauges, until the context ends.
func (w *Worker) Sweep(ctx context.Context) error {
	for ctx.Err() == nil {
		_, err := w.Store.SweepTransfers(ctx, time.Now().Add(-time.Minute))
		if err == nil {
			var f casework.TransferFindings
			if f, err = w.Store.TransferFindings(ctx); err == nil {
				w.Metrics.found(f)
			}
		}
		if err != nil && ctx.Err() == nil {
			w.Log.Warn("sweep of transfers failed; the next one tries again", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(30 * time.Second):
		}
	}
	return nil
}

// Metrics count transfers.
type Metrics struct {
	outcomes   *prometheus.CounterVec
	states     *prometheus.GaugeVec
	findings   *prometheus.GaugeVec
	reconciled prometheus.Gauge
}

// NewMetrics declares them.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "reportable_transfer_tries_total",
			Help: "Tries to put a contact on the case record or take it off: sent, withdrawn, again or failed.",
		}, []string{"outcome"}),
		states: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "reportable_transfers",
			Help: "Contacts of confirmed matches, by how far they have come. Failed and stuck wait for an administrator.",
		}, []string{"state"}),
		findings: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "reportable_transfer_findings",
			Help: "Contacts that the case record lacks, holds otherwise, or holds beside what was sent. They are 0.",
		}, []string{"finding"}),
		reconciled: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "reportable_transfers_reconciled_timestamp_seconds",
			Help: "When the case record was last asked what it holds.",
		}),
	}
	r.MustRegister(m.outcomes, m.states, m.findings, m.reconciled)
	return m
}

func (m *Metrics) done(outcome string) { m.outcomes.WithLabelValues(outcome).Inc() }

func (m *Metrics) found(f casework.TransferFindings) {
	for _, s := range []casework.TransferState{casework.TransferQueued, casework.TransferSent, casework.TransferFailed,
		casework.TransferByHand, casework.TransferWithdrawing, casework.TransferWithdrawn, casework.TransferStuck} {
		m.states.WithLabelValues(string(s)).Set(float64(f.States[s]))
	}
	m.findings.WithLabelValues("missing").Set(float64(f.Missing))
	m.findings.WithLabelValues("different").Set(float64(f.Different))
	m.findings.WithLabelValues("extra").Set(float64(f.Extra))
	if !f.At.IsZero() {
		m.reconciled.Set(float64(f.At.Unix()))
	}
}
