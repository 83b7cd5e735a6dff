package run

import (
	"context"

	"github.com/reportable-incidents/reportable/services/matcher"
)

// matcher finds the people on probation that incidents concern.
func (p *Platform) matcher() Service {
	m := matcher.New(matcher.Config{
		Ledger:  p.DB,
		Metrics: matcher.NewMetrics(p.registry, p.responses),
		Log:     p.Log,
	})
	return Service{"matcher", func(ctx context.Context) error { return m.Run(ctx, p.Stream) }}
}
