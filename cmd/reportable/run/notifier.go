package run

import (
	"context"

	"github.com/reportable-incidents/reportable/services/notifier"
)

// notifier turns matches into actions and chases them.
func (p *Platform) notifier() Service {
	n := notifier.New(notifier.Config{
		Store:      p.DB,
		Quarantine: p.DB.QuarantineEvent,
		Observe:    p.responses.Observe,
		Metrics:    p.registry,
		Log:        p.Log,
		Now:        p.Now,
	})
	return Service{"notifier", func(ctx context.Context) error { return n.Run(ctx, p.Stream) }}
}
