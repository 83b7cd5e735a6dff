package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Outbox is the table event, as the relay needs it.
type Outbox interface {
	// RelayEvents claims up to limit unpublished events, oldest first and
	// passing over those that another relay holds, gives them to publish, and
	// marks those whose ids it returns as published; all in one transaction.
	// It returns how many were claimed.
	RelayEvents(ctx context.Context, limit int, publish func(context.Context, []Event) []int64) (claimed int, err error)
	// QuarantineEvent keeps an event that nobody can be told of, with the reason.
	QuarantineEvent(ctx context.Context, stage string, e Event, reason string, attempts int) error
}

// Relay publishes what the stages have written. There may be many of it.
type Relay struct {
	conn   *Conn
	outbox Outbox
	wake   <-chan struct{}
}

// NewRelay relays from the outbox to the streams. A signal on wake says that
// there may be events to publish; without it they wait for the next poll.
func NewRelay(conn *Conn, outbox Outbox, wake <-chan struct{}) *Relay {
	return &Relay{conn: conn, outbox: outbox, wake: wake}
}

const (
	relayBatch = 500
	// relayPoll is how long a row waits whose wake-up call was lost.
	relayPoll = time.Second
)

// Run relays until the context ends. A server or a database that is away is
// waited for.
func (r *Relay) Run(ctx context.Context) error {
	poll := time.NewTicker(relayPoll)
	defer poll.Stop()
	troubled := false
	for ctx.Err() == nil {
		full, err := r.once(ctx)
		switch {
		case err != nil && ctx.Err() == nil && !troubled:
			r.conn.log.Warn("events wait to be published", "error", err)
		case err == nil && troubled:
			r.conn.log.Info("events are published again")
		}
		troubled = err != nil
		if full && err == nil {
			continue
		}
		wake := r.wake
		if troubled {
			wake = nil // a burst of new rows must not turn trouble into a busy loop
		}
		select {
		case <-ctx.Done():
		case _, open := <-wake:
			if !open {
				r.wake = nil // whoever listened has stopped; the poll goes on
			}
		case <-poll.C:
		}
	}
	return nil
}

// once relays one batch and says whether there may be more.
func (r *Relay) once(ctx context.Context) (full bool, err error) {
	if !r.conn.nc.IsConnected() {
		return false, errors.New("NATS is not connected")
	}
	var trouble error
	claimed, err := r.outbox.RelayEvents(ctx, relayBatch, func(ctx context.Context, events []Event) []int64 {
		going, nowhere := r.sort(ctx, events)
		var published []int64
		published, trouble = r.conn.publish(ctx, going)
		return append(published, nowhere...)
	})
	if err != nil {
		return false, fmt.Errorf("relay events: %w", err)
	}
	return claimed == relayBatch, trouble
}

// sort parts the events that a stream takes from those that none ever will,
// which go into quarantine, for they would be tried for ever and be a failure
// of every batch. What was set aside is not claimed again.
func (r *Relay) sort(ctx context.Context, all []Event) (going []Event, aside []int64) {
	for _, e := range all {
		if taken(e.Subject) {
			going = append(going, e)
			continue
		}
		// The subject stays out of the log: whoever wrote it made a mistake, and
		// nobody knows which.
		if err := r.outbox.QuarantineEvent(ctx, relaying, e, "no stream takes its subject", 1); err != nil {
			r.conn.log.Warn("an event that fits no stream could not be set aside; the next try does", logID(e), "error", err)
			continue
		}
		r.conn.log.Error("an event fits no stream, and is in quarantine: a newer version may know it", logID(e))
		aside = append(aside, e.ID)
	}
	return going, aside
}

// relaying is what the relay is called in quarantine.
const relaying = "relay"

// publish sends the events and returns the ids of those that a stream has
// acknowledged. The rest may or may not be there.
func (c *Conn) publish(ctx context.Context, events []Event) ([]int64, error) {
	futures := make([]jetstream.PubAckFuture, 0, len(events))
	var trouble error
	for _, e := range events {
		msg := &nats.Msg{Subject: e.Subject, Data: e.Data}
		f, err := c.js.PublishMsgAsync(msg, jetstream.WithMsgID(strconv.FormatInt(e.ID, 10)))
		if err != nil {
			trouble = fmt.Errorf("publish event %d on %s: %w", e.ID, e.Subject, err)
			break
		}
		futures = append(futures, f)
	}
	published := make([]int64, 0, len(futures))
	for i, f := range futures {
		select {
		case <-f.Ok():
			published = append(published, events[i].ID)
			c.metrics.published.WithLabelValues(kind(events[i].Subject)).Inc()
		case err := <-f.Err():
			trouble = fmt.Errorf("publish event %d on %s: %w", events[i].ID, events[i].Subject, err)
			c.metrics.unsure.Inc()
		case <-ctx.Done():
			return published, ctx.Err()
		}
	}
	if trouble != nil {
		c.lookNow() // perhaps the stream is gone
	}
	return published, trouble
}

// kind is the subject without the force, so that a metric has few labels.
func kind(subject string) string {
	parts := strings.SplitN(subject, ".", 3)
	return strings.Join(parts[:min(len(parts), 2)], ".")
}

// event is a message as it was written. A message without a number is not one
// of ours; its id is zero.
func event(header nats.Header, subject string, data []byte) Event {
	id, err := strconv.ParseInt(header.Get(nats.MsgIdHdr), 10, 64)
	if err != nil {
		id = 0
	}
	return Event{ID: id, Subject: subject, Data: data}
}

func logID(e Event) slog.Attr { return slog.Int64("event", e.ID) }
