package run

import (
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/services/stream"
)

// mostHeads is with how many of the heads that were published the trail is proved.
const mostHeads = 500

// tellHead logs and publishes the head of the audit trail each minute in which
// it moved: in the logs, on the stream and as a metric it is where the
// database's administrator cannot change it.
func (p *Platform) tellHead(ctx context.Context) error {
	sealed := promauto.With(p.registry).NewGauge(prometheus.GaugeOpts{Name: "reportable_audit_sealed_lines",
		Help: "Lines in the chain of the audit trail. It never shrinks."})
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	told := int64(-1)
	for {
		head, err := p.DB.TellAuditHead(ctx, time.Now(), time.Minute)
		switch {
		case err == nil:
			sealed.Set(float64(head.Seq))
			if head.Seq != told {
				told = head.Seq
				p.Log.Info("the head of the audit trail", "head", head.String())
			}
		case ctx.Err() == nil:
			p.Log.ErrorContext(ctx, "the head of the audit trail is not published", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// prove verifies the trail once a day, one process for all, and says when that
// was and what it found.
func (p *Platform) prove(ctx context.Context) error {
	at := promauto.With(p.registry).NewGauge(prometheus.GaugeOpts{Name: "reportable_audit_proved_timestamp_seconds",
		Help: "When the whole chain of the audit trail was last computed again."})
	faults := promauto.With(p.registry).NewGauge(prometheus.GaugeOpts{Name: "reportable_audit_faults",
		Help: "Faults that this found: 0 where the trail is what was sealed."})
	show := func(proved postgres.Proved, err error) {
		switch {
		case err != nil && ctx.Err() == nil:
			p.Log.WarnContext(ctx, "the audit trail could not be proved; trying again", "error", err)
		case err == nil && !proved.At.IsZero():
			at.Set(float64(proved.At.Unix()))
			faults.Set(float64(proved.Faults))
		}
	}
	show(p.DB.LastProof(ctx))
	tick := time.NewTicker(10 * time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		show(p.DB.ProveAudit(ctx, 24*time.Hour, func(ctx context.Context) ([]postgres.Seal, error) { return heads(ctx, p.Stream) }))
	}
}

// heads are those that were published, as the chain's proof takes them.
func heads(ctx context.Context, conn *stream.Conn) ([]postgres.Seal, error) {
	told, err := conn.AuditHeads(ctx, mostHeads)
	if err != nil {
		return nil, err
	}
	all := make([]postgres.Seal, len(told))
	for i, h := range told {
		all[i].Seq = h.Seq
		if all[i].Hash, err = hex.DecodeString(h.Hash); err != nil {
			return nil, fmt.Errorf("read head %d of the audit trail: %w", h.Seq, err)
		}
	}
	return all, nil
}

// PublishedHeads are heads of the audit trail from the streams of NATS_URL, for
// a command that verifies it. There are none where it is not set.
func PublishedHeads(ctx context.Context, c *Config) ([]postgres.Seal, error) {
	if c.NATSURL == "" {
		return nil, nil
	}
	conn, err := connect(ctx, c, "audit", slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return heads(ctx, conn)
}
