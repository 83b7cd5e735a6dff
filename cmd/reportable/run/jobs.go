package run

import (
	"context"

	"github.com/riverqueue/river"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher"
)

// jobs is the queue of what may wait a moment: each stage adds its workers, and
// what is to be done now and then.
func (p *Platform) jobs() Service {
	workers := river.NewWorkers()
	river.AddWorker(workers, matcher.NewEraser(p.DB, casework.Retention{}, nil, p.Log, p.registry))
	config := &river.Config{
		Logger:       p.Log,
		Queues:       map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 4}},
		Workers:      workers,
		PeriodicJobs: []*river.PeriodicJob{matcher.EveryErasure()},
	}
	return Service{"jobs", func(ctx context.Context) error { return p.DB.RunJobs(ctx, config) }}
}
