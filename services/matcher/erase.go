package matcher

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Erasing is what the eraser needs of the store.
type Erasing interface {
	// Erase takes the personal data out of up to limit incidents whose time is over.
	Erase(ctx context.Context, now time.Time, keep casework.Retention, limit int) (casework.Erased, error)
}

// Eraser keeps the promise that what does not concern probation is erased. It
// is a job of its own and no part of settling, so that no fault in one takes
// the other along.
type Eraser struct {
	river.WorkerDefaults[Erasure]
	store Erasing
	keep  casework.Retention
	now   func() time.Time
	log   *slog.Logger
	count *prometheus.CounterVec
}

// Erasure is the job. It carries nothing: what is to be erased is a query.
type Erasure struct{}

// Kind is the job's name in the queue.
func (Erasure) Kind() string { return "erasure" }

// ErasureQueue is where the job waits, for a process that erases.
const ErasureQueue = "erasure"

// EveryErasure is the schedule: often enough that a hold window ends in the
// hour that it should.
func EveryErasure() *river.PeriodicJob {
	return river.NewPeriodicJob(river.PeriodicInterval(time.Hour),
		func() (river.JobArgs, *river.InsertOpts) {
			return Erasure{}, &river.InsertOpts{Queue: ErasureQueue, UniqueOpts: river.UniqueOpts{ByArgs: true, ByPeriod: 30 * time.Minute}}
		},
		&river.PeriodicJobOpts{RunOnStart: true})
}

// NewEraser makes one. The clock is time.Now where none is given; nil counts
// for nobody.
func NewEraser(store Erasing, keep casework.Retention, now func() time.Time, log *slog.Logger, reg prometheus.Registerer) *Eraser {
	e := &Eraser{store: store, keep: keep, now: now, log: log,
		count: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "reportable_erased_incidents_total",
			Help: "Incidents whose personal data was erased, by why: unmatched, withdrawn, discarded, or their retention passed.",
		}, []string{"why"})}
	if e.now == nil {
		e.now = time.Now
	}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	if reg != nil {
		reg.MustRegister(e.count)
	}
	return e
}

// Work erases whatever is due.
func (e *Eraser) Work(ctx context.Context, _ *river.Job[Erasure]) error {
	_, err := e.Erase(ctx)
	return err
}

// Erase erases until nothing is due.
func (e *Eraser) Erase(ctx context.Context) (casework.Erased, error) {
	const atOnce = 500
	var all casework.Erased
	for {
		done, err := e.store.Erase(ctx, e.now(), e.keep, atOnce)
		if err != nil {
			return all, fmt.Errorf("after %d incidents: %w", all.Sum(), err)
		}
		e.count.WithLabelValues("unmatched").Add(float64(done.Unmatched))
		e.count.WithLabelValues("withdrawn").Add(float64(done.Withdrawn))
		e.count.WithLabelValues("discarded").Add(float64(done.Discarded))
		e.count.WithLabelValues("retention").Add(float64(done.Retained))
		all.Unmatched += done.Unmatched
		all.Withdrawn += done.Withdrawn
		all.Discarded += done.Discarded
		all.Retained += done.Retained
		if done.Sum() == 0 {
			if all.Sum() > 0 {
				e.log.Info("erased", "unmatched", all.Unmatched, "withdrawn", all.Withdrawn,
					"discarded", all.Discarded, "retained", all.Retained)
			}
			return all, nil
		}
	}
}
