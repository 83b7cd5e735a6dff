package run

import (
	"context"

	"github.com/reportable-incidents/reportable/services/notifier"
)

// notifier turns matches into actions and chases them, by the policy that it is
// given or the one that ships.
func (p *Platform) notifier(policyFile string) (Service, error) {
	policy, err := notifier.ReadPolicyFile(policyFile)
	if err != nil {
		return Service{}, err
	}
	n := notifier.New(notifier.Config{
		Store:      p.DB,
		Policy:     policy,
		PolicyFile: policyFile,
		Quarantine: p.DB.QuarantineEvent,
		Observe:    p.responses.Observe,
		Metrics:    p.registry,
		Log:        p.Log,
		Now:        p.Now,
	})
	return Service{"notifier", func(ctx context.Context) error { return n.Run(ctx, p.Stream) }}, nil
}
