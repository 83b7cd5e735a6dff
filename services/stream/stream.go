// Package stream moves events between the stages. It is the only package that
// speaks NATS: the embedded server, the streams, the relay that publishes what
// PostgreSQL holds, and the reading of it.
//
//	table event → Relay → INCIDENTS, CASELOAD, MATCHES, ACTIONS, AUDIT → Read → Handle
//
// JetStream is the transport, never the record. Every event is a row in
// PostgreSQL first, so a stream may be lost and made anew; and whoever reads an
// event makes the rows agree with it however often and in whatever order it
// comes. What cannot be handled waits in quarantine: nothing is dropped.
package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/reportable-incidents/reportable/schemas/events"
)

// Event is one message; see package events for what it may say.
type Event = events.Event

// Config says how to reach NATS. Server or URL is given, not both.
type Config struct {
	// Server is the embedded one, reached without a socket.
	Server *Server
	// URL is that of a server or of several, separated by commas.
	URL string
	// Credentials is a .creds file. Empty where the server asks for none.
	Credentials string
	// Replicas is how many servers keep each stream, when this process is the
	// one that makes it. Default 1.
	Replicas int
	// Name is what the server shows for this connection.
	Name string
	// Log takes what happens to the connection. Default slog.Default().
	Log *slog.Logger
	// Metrics counts what moves. Default none.
	Metrics *Metrics
}

// Conn is a connection to NATS that keeps itself and its streams alive.
type Conn struct {
	nc       *nats.Conn
	js       jetstream.JetStream
	log      *slog.Logger
	metrics  *Metrics
	replicas int

	kick   chan struct{} // asks for the streams to be looked at now
	whole  atomic.Bool   // they were all there when last looked at
	cancel context.CancelFunc
	done   chan struct{}
}

const (
	// ensureEvery is how often the streams are looked at: one may be deleted
	// under a reader, which then hears nothing and gets no error.
	ensureEvery = 10 * time.Second
	// publishTimeout is how long an acknowledgement may take. After it nobody
	// knows whether the message is there, so it is published again under its id.
	publishTimeout = 5 * time.Second
	// apiTimeout bounds one request to the server.
	apiTimeout = 5 * time.Second
)

// Connect returns at once, whether or not NATS can be reached; the connection
// goes on trying for as long as it is open.
func Connect(ctx context.Context, cfg Config) (*Conn, error) {
	c := &Conn{
		log:      cfg.Log,
		metrics:  cfg.Metrics,
		replicas: max(cfg.Replicas, 1),
		kick:     make(chan struct{}, 1),
		done:     make(chan struct{}),
	}
	if c.log == nil {
		c.log = slog.Default()
	}
	if c.metrics == nil {
		c.metrics = NewMetrics(nil)
	}
	options := []nats.Option{
		nats.Name(cfg.Name),
		nats.MaxReconnects(-1),
		nats.RetryOnFailedConnect(true),
		nats.ReconnectWait(time.Second),
		// What cannot be sent now must fail now: the row stays unpublished and
		// the relay tries again. A buffer would only blur that.
		nats.ReconnectBufSize(-1),
		nats.ConnectHandler(func(*nats.Conn) { c.lookNow() }),
		nats.ReconnectHandler(func(*nats.Conn) {
			c.log.Info("nats connected again")
			c.lookNow()
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			c.whole.Store(false)
			if err != nil {
				c.log.Warn("nats connection lost", "error", err)
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			c.log.Warn("nats reports an error", "error", err)
		}),
	}
	url := cfg.URL
	if cfg.Server != nil {
		url = ""
		options = append(options, nats.InProcessServer(cfg.Server))
	}
	if cfg.Credentials != "" {
		options = append(options, nats.UserCredentials(cfg.Credentials))
	}
	var err error
	if c.nc, err = nats.Connect(url, options...); err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	c.js, err = jetstream.New(c.nc,
		jetstream.WithPublishAsyncMaxPending(4096),
		jetstream.WithPublishAsyncTimeout(publishTimeout),
		jetstream.WithDefaultTimeout(apiTimeout))
	if err != nil {
		c.nc.Close()
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if c.nc.IsConnected() {
		c.look(ctx) // so that what is published next has somewhere to go
	}
	go c.keep(ctx)
	return c, nil
}

// Close ends the connection. Relays and readers are to be stopped before.
func (c *Conn) Close() {
	c.cancel()
	<-c.done
	c.nc.Close()
}

// Ready says why the streams cannot be used, or nothing.
func (c *Conn) Ready() error {
	switch {
	case !c.nc.IsConnected():
		return errors.New("NATS is not connected")
	case !c.whole.Load():
		return errors.New("the streams are not all there")
	}
	return nil
}

// Watch calls see with every event published from now on under the subject,
// which may end in ">". It misses what is published while the connection is
// away, and keeps nothing: it is for pages that refresh, not for work.
func (c *Conn) Watch(subject string, see func(Event)) (stop func(), err error) {
	sub, err := c.nc.Subscribe(subject, func(m *nats.Msg) { see(event(m.Header, m.Subject, m.Data)) })
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", subject, err)
	}
	return func() {
		if err := sub.Unsubscribe(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
			c.log.Warn("stop watching", "subject", subject, "error", err)
		}
	}, nil
}

func (c *Conn) lookNow() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// keep looks after the streams until the connection is closed.
func (c *Conn) keep(ctx context.Context) {
	defer close(c.done)
	tick := time.NewTicker(ensureEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-c.kick:
		}
		if c.nc.IsConnected() {
			c.look(ctx)
		}
	}
}

func (c *Conn) look(ctx context.Context) {
	err := c.Ensure(ctx)
	c.whole.Store(err == nil)
	if err != nil && ctx.Err() == nil {
		c.log.Warn("streams cannot be ensured; trying again", "error", err, "in", ensureEvery)
	}
}
