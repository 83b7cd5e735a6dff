package run

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/services/stream"
	"github.com/reportable-incidents/reportable/services/telemetry"
)

// Platform is what every service stands on.
type Platform struct {
	DB     *postgres.DB
	Stream *stream.Conn
	Log    *slog.Logger
	// Now is the clock; stories move it. Default time.Now.
	Now func() time.Time

	registry  *prometheus.Registry
	requests  *telemetry.Requests
	responses *telemetry.Responses
}

// NewPlatform declares the metrics that services share.
func NewPlatform(db *postgres.DB, conn *stream.Conn, log *slog.Logger, registry *prometheus.Registry) *Platform {
	return &Platform{
		DB:        db,
		Stream:    conn,
		Log:       log,
		Now:       time.Now,
		registry:  registry,
		requests:  telemetry.NewRequests(log, registry),
		responses: telemetry.NewResponses(registry),
	}
}

// foundation runs beside the services of every process: what they write is
// published, the trail that they leave is sealed, and what reports count is
// summed up.
func (p *Platform) foundation(keep Keeping) []Service {
	return []Service{
		{"event pruner", func(ctx context.Context) error {
			return p.prune(ctx, time.Duration(cmp.Or(keep.Events, eventsFor))*24*time.Hour)
		}},
		{"audit sealer", func(ctx context.Context) error { p.DB.RunSealer(ctx); return nil }},
		{"audit head", p.tellHead},
		{"audit proof", p.prove},
		{"counter", func(ctx context.Context) error { p.DB.RunCounter(ctx); return nil }},
		{"relay", func(ctx context.Context) error {
			return stream.NewRelay(p.Stream, p.DB, p.DB.Listen(ctx, "event")).Run(ctx)
		}},
	}
}

// prune deletes each hour the events that were published long enough ago.
func (p *Platform) prune(ctx context.Context, after time.Duration) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		n, err := p.DB.PruneEvents(ctx, time.Now().Add(-after))
		if err != nil && ctx.Err() == nil {
			p.Log.Warn("old events could not be deleted; the next hour tries again", "error", err)
		}
		if n > 0 {
			p.Log.Info("old events deleted", "events", n)
		}
	}
}

// operations are metrics and health.
func (p *Platform) operations() http.Handler {
	return telemetry.Routes(p.registry,
		telemetry.Check{Name: "database", Probe: p.DB.Ping},
		telemetry.Check{Name: "streams", Probe: func(context.Context) error { return p.Stream.Ready() }},
	)
}

// connect reaches the NATS of NATS_URL.
func connect(ctx context.Context, c *Config, name string, log *slog.Logger, registry *prometheus.Registry) (*stream.Conn, error) {
	if c.NATSURL == "" {
		return nil, errors.New("NATS_URL is not set: give the address of a NATS server with JetStream, such as nats://localhost:4222, or run everything with reportable up")
	}
	return stream.Connect(ctx, stream.Config{
		URL:         c.NATSURL,
		Credentials: c.NATSCredentials,
		Replicas:    c.NATSReplicas,
		Name:        "reportable " + name,
		Log:         log,
		Metrics:     stream.NewMetrics(registry),
	})
}

// StreamsReady says why the streams of NATS_URL cannot be used, or nothing.
func StreamsReady(ctx context.Context, c *Config) error {
	conn, err := connect(ctx, c, "doctor", slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Ready()
}
