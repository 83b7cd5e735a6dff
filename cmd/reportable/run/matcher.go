package run

import (
	"context"

	"github.com/riverqueue/river"

	"github.com/reportable-incidents/reportable/services/matcher"
)

// matcher finds the people on probation that incidents concern, and erases
// what concerns nobody.
func (p *Platform) matcher(keep Keeping) []Service {
	m := matcher.New(matcher.Config{
		Ledger:           p.DB,
		AfterSupervision: keep.AfterSupervision,
		Metrics:          matcher.NewMetrics(p.registry, p.responses),
		Log:              p.Log,
		Now:              p.Now,
	})
	workers := river.NewWorkers()
	river.AddWorker(workers, matcher.NewEraser(p.DB, keep.Retention, p.Now, p.Log, p.registry))
	jobs := &river.Config{
		Logger:              p.Log,
		Queues:              map[string]river.QueueConfig{matcher.ErasureQueue: {MaxWorkers: 1}},
		Workers:             workers,
		PeriodicJobs:        periodic(),
		SkipUnknownJobCheck: true, // it may plan what another process does
	}
	return []Service{
		{"erasure", func(ctx context.Context) error { return p.DB.RunJobs(ctx, jobs) }},
		{"matcher", func(ctx context.Context) error { return m.Run(ctx, p.Stream) }},
	}
}
