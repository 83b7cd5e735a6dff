package run

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/reportable-incidents/reportable/services/stream"
	"github.com/reportable-incidents/reportable/services/telemetry"
)

// UpOptions are what up may be told.
type UpOptions struct {
	Addresses
	// For is after how long it stops by itself. Zero is never.
	For time.Duration
	// Demo adds a synthetic caseload, personas to sign in as and a live feed.
	Demo bool
	// Progress shows how far something is that takes a while.
	Progress func(what string, total int64) (set func(int64), done func())
	Out, Err io.Writer
}

// Up runs everything in this process, on its own NATS and PostgreSQL unless
// NATS_URL or DATABASE_URL names others, until the context ends.
func Up(ctx context.Context, c *Config, o UpOptions) (err error) {
	began := time.Now()
	log := c.Logger(o.Err, slog.LevelWarn, "text")
	slog.SetDefault(log)
	release, err := hold(c.Data)
	if err != nil {
		return err
	}
	defer release()
	listeners, err := Listen(o.Addresses, Names)
	if err != nil {
		return err
	}
	defer listeners.Close()

	say := telling(o.Out, began)
	say("preparing PostgreSQL")
	db, done, err := Database(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	say("bringing the tables up to date")
	if err := db.Migrate(ctx); err != nil {
		return err
	}
	var d *demo
	if o.Demo {
		if d, err = prepareDemo(ctx, c, db, o, say); err != nil {
			return err
		}
	}
	say("preparing NATS")
	registry := telemetry.Registry()
	conn, done, err := upStream(ctx, c, log, registry)
	if err != nil {
		return err
	}
	defer done()

	drop := filepath.Join(c.Data, "drop")
	options := Options{Demo: o.Demo, PlainHTTP: true, DropFolder: drop, Delivery: c.Delivery, Transfer: c.Transfer, SignIn: c.SignIn, Keeping: c.Keeping}
	var record Service
	if d != nil && options.Transfer.URL == "" {
		if record, err = d.caseRecord(c, &options.Transfer, log); err != nil {
			return err
		}
	}
	process, err := NewPlatform(db, conn, log, registry).NewProcess(Names, listeners, options)
	if err != nil {
		return err
	}
	if record.Run != nil {
		process.add(record)
	}
	if d != nil {
		forces, err := d.forces(ctx, db, process.Feed, drop, log)
		if err != nil {
			return err
		}
		process.add(forces...)
		if err := firstMatch(conn, say); err != nil {
			return err
		}
	}

	if o.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.For)
		defer cancel()
	}
	o.announce(c, process, d)
	err = process.Run(ctx)
	if err == nil {
		fmt.Fprintf(o.Out, "\nStopped. What it holds is in %s; the next up goes on from there.\n", c.Data)
	}
	return err
}

// upStream embeds NATS where none is named.
func upStream(ctx context.Context, c *Config, log *slog.Logger, registry prometheus.Registerer) (*stream.Conn, func(), error) {
	cfg := stream.Config{URL: c.NATSURL, Credentials: c.NATSCredentials, Replicas: c.NATSReplicas, Name: "reportable up", Log: log, Metrics: stream.NewMetrics(registry)}
	stop := func() {}
	if cfg.URL == "" {
		server, err := stream.Embed(filepath.Join(c.Data, "nats"))
		if err != nil {
			return nil, nil, err
		}
		cfg.Server, stop = server, server.Close
	}
	conn, err := stream.Connect(ctx, cfg)
	if err != nil {
		stop()
		return nil, nil, err
	}
	return conn, func() { conn.Close(); stop() }, nil
}

// telling says what is being done, with the seconds since the start.
func telling(to io.Writer, began time.Time) func(string) {
	return func(what string) {
		fmt.Fprintf(to, "%5.1f s  %s\n", time.Since(began).Seconds(), what)
	}
}

// firstMatch says when there is something to be looked at.
func firstMatch(conn *stream.Conn, say func(string)) error {
	var once sync.Once
	_, err := conn.Watch("matches.found", func(stream.Event) {
		once.Do(func() { say("a match is in the queue") })
	})
	return err
}

// announce says, in words, where to look and what to do there.
func (o UpOptions) announce(c *Config, p *Process, d *demo) {
	fmt.Fprintf(o.Out, "\nReportable is up.\n\n")
	line := func(what, where string) { fmt.Fprintf(o.Out, "  %-16s %s\n", what, where) }
	line("Desk", p.Desk)
	line("Forces send to", p.Feed+"/v1/incidents · or drop files into "+filepath.Join(c.Data, "drop", "CODE"))
	line("Metrics, health", p.Operations+"/metrics · "+p.Operations+"/health")
	if d != nil {
		d.announce(o.Out, p)
	}
	fmt.Fprintf(o.Out, "\nEverything is kept in %s. Ctrl-C stops it.\n", c.Data)
}
