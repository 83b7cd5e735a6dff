// Package telemetry is what a service says of itself: log lines, metrics,
// health. None of it ever holds a name, a date of birth or an address.
//
// Each package declares its own metrics with a prometheus.Registerer and is
// given a [log/slog.Logger]; here they are set up and served.
package telemetry

import (
	"context"
	"io"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Logger writes one line per record, as JSON for machines or as text for
// people. A record made with a request's context names the request.
func Logger(w io.Writer, json bool, level slog.Level) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewTextHandler(w, options)
	if json {
		h = slog.NewJSONHandler(w, options)
	}
	return slog.New(correlated{h})
}

// correlated adds the request's id, so that a line and the audit trail meet.
type correlated struct{ slog.Handler }

func (h correlated) Handle(ctx context.Context, r slog.Record) error {
	if id := RequestID(ctx); id != "" {
		r.AddAttrs(slog.String("request", id))
	}
	return h.Handler.Handle(ctx, r)
}

func (h correlated) WithAttrs(attrs []slog.Attr) slog.Handler {
	return correlated{h.Handler.WithAttrs(attrs)}
}

func (h correlated) WithGroup(name string) slog.Handler {
	return correlated{h.Handler.WithGroup(name)}
}

// Registry is an empty one, but for what Go and the process say of themselves.
func Registry() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(),
	)
	return reg
}
