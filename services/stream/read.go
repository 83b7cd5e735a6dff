package stream

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Reader is a stage's place on a stream. Every process that reads under the
// same name shares the work.
type Reader struct {
	// Stream is one of the constants of this package.
	Stream string
	// Name is that of the durable consumer, and of the stage in quarantine.
	Name string
	// Handle makes the stage's rows agree with the events, in one transaction.
	// An error marked by events.Permanent is not tried again.
	Handle func(context.Context, []Event) error
	// Quarantine keeps an event that could not be handled, with the reason and
	// the number of attempts, until somebody looks at it.
	Quarantine func(ctx context.Context, stage string, e Event, reason string, attempts int) error
	// Batch is how many events Handle gets at most. Default 100.
	Batch int
	// Tries is how often an event may fail before it is quarantined, unless by
	// casework.ErrUnavailable, which passes. Default 10.
	Tries int
	// RetryAfter is how long an event that failed for the first time waits. It
	// doubles with every failure up to thirty times itself. Default 1s.
	RetryAfter time.Duration
}

const (
	// ackWait is how long the server waits for a process that took an event
	// and died, before it gives the event to another.
	ackWait = 30 * time.Second
	// fetchFor is how long one request for events stands.
	fetchFor = 5 * time.Second
	// linger is how long a batch waits for company after its first event.
	linger = 2 * time.Millisecond
	// grace is how long a batch in hand may still take when the reader stops.
	grace = 5 * time.Second
)

// Read hands the stream's events to the reader until the context ends. It
// outlives everything that can happen to the server, the stream and the
// consumer, and returns an error only if the reader itself is wrong.
func (c *Conn) Read(ctx context.Context, r Reader) error {
	if r.Handle == nil || r.Quarantine == nil || r.Name == "" {
		return fmt.Errorf("read %s: a reader needs a name, Handle and Quarantine", r.Stream)
	}
	if r.Batch == 0 {
		r.Batch = 100
	}
	if r.Tries == 0 {
		r.Tries = 10
	}
	if r.RetryAfter == 0 {
		r.RetryAfter = time.Second
	}
	for ctx.Err() == nil {
		err := c.readWhole(ctx, r)
		if err == nil || ctx.Err() != nil {
			continue
		}
		c.log.Warn("reading is interrupted", "stage", r.Name, "stream", r.Stream, "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	return nil
}

// readWhole reads for as long as stream and consumer are known to be there,
// then returns so that they are looked at again.
func (c *Conn) readWhole(ctx context.Context, r Reader) error {
	consumer, err := c.ensureReader(ctx, r)
	if err != nil {
		return err
	}
	for until := time.Now().Add(ensureEvery); ctx.Err() == nil && time.Now().Before(until); {
		if err := c.readSome(ctx, consumer, r); err != nil {
			return err
		}
	}
	return nil
}

// readSome asks for a batch and handles what comes, as it comes: the first
// event must not wait until the batch is full.
func (c *Conn) readSome(ctx context.Context, consumer jetstream.Consumer, r Reader) error {
	fetched, err := consumer.Fetch(r.Batch, jetstream.FetchMaxWait(fetchFor))
	if err != nil {
		return err
	}
	for {
		var msgs []jetstream.Msg
		select {
		case <-ctx.Done():
			c.giveBack(fetched)
			return nil
		case m, ok := <-fetched.Messages():
			if !ok {
				return fetched.Error()
			}
			msgs = append(msgs, m)
		}
		company := time.NewTimer(linger)
	gather:
		for {
			select {
			case m, ok := <-fetched.Messages():
				if !ok {
					break gather
				}
				msgs = append(msgs, m)
			case <-company.C:
				break gather
			}
		}
		company.Stop()
		c.handle(ctx, r, msgs)
	}
}

// giveBack returns what was fetched and not begun, so that another process gets
// it now and not when the wait for its acknowledgement ends.
func (c *Conn) giveBack(fetched jetstream.MessageBatch) {
	for {
		select {
		case m, ok := <-fetched.Messages():
			if !ok {
				return
			}
			c.tell(m.Nak())
		default:
			return
		}
	}
}

// handle sees each message through to an answer: acknowledged, again, or
// quarantined.
func (c *Conn) handle(ctx context.Context, r Reader, msgs []jetstream.Msg) {
	// A batch in hand is finished when the reader stops, within reason.
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), ackWait)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	defer stop()

	batch := make([]Event, len(msgs))
	for i, m := range msgs {
		batch[i] = event(m.Headers(), m.Subject(), m.Data())
	}
	began := time.Now()
	err := try(work, r, batch)
	took := time.Since(began)
	c.metrics.seconds.WithLabelValues(r.Name).Observe(took.Seconds())
	if err == nil {
		for _, m := range msgs {
			c.acknowledge(m, r)
		}
		c.log.Debug("handled", "stage", r.Name, "first", batch[0].ID, "events", len(batch), "took", took)
		return
	}
	if len(msgs) == 1 {
		c.failed(work, r, msgs[0], batch[0], err)
		return
	}
	if errors.Is(err, casework.ErrUnavailable) {
		for i, m := range msgs {
			c.failed(work, r, m, batch[i], err)
		}
		return
	}
	// One of them is bad. Singly they do not share its fate.
	c.log.Warn("batch failed; trying its events singly", "stage", r.Name, "first", batch[0].ID, "events", len(batch), "error", err)
	for i, m := range msgs {
		if err := c.single(ctx, r, m, batch[i]); err != nil {
			c.failed(context.WithoutCancel(ctx), r, m, batch[i], err)
		}
	}
}

// single handles one message of a batch that failed.
func (c *Conn) single(ctx context.Context, r Reader, m jetstream.Msg, e Event) error {
	if ctx.Err() != nil {
		c.tell(m.Nak())
		return nil
	}
	c.tell(m.InProgress()) // the wait for it began with the batch
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ackWait)
	defer cancel()
	if err := try(ctx, r, []Event{e}); err != nil {
		return err
	}
	c.acknowledge(m, r)
	return nil
}

// acknowledge says that the message is done with. One that is lost on the way
// costs a redelivery, which changes nothing; so it is not confirmed.
func (c *Conn) acknowledge(m jetstream.Msg, r Reader) {
	c.tell(m.Ack())
	c.metrics.handled.WithLabelValues(r.Name, "done").Inc()
}

// failed sends one message on its way after a failure.
func (c *Conn) failed(ctx context.Context, r Reader, m jetstream.Msg, e Event, err error) {
	attempts := 1
	if meta, metaErr := m.Metadata(); metaErr == nil {
		attempts = int(meta.NumDelivered)
	}
	log := c.log.With("stage", r.Name, logID(e), "subject", e.Subject, "attempts", attempts)
	// While the store is away nothing is the event's own fault.
	if isPermanent(err) || attempts >= r.Tries && !errors.Is(err, casework.ErrUnavailable) {
		reason := oneLine(err.Error())
		qctx, cancel := context.WithTimeout(ctx, apiTimeout)
		defer cancel()
		kept := r.Quarantine(qctx, r.Name, e, reason, attempts)
		if kept == nil {
			log.Error("event quarantined", "reason", reason)
			c.tell(m.TermWithReason(reason))
			c.metrics.handled.WithLabelValues(r.Name, "quarantined").Inc()
			return
		}
		// Not terminated before it is kept: nothing is dropped.
		log.Error("event cannot be quarantined", "error", kept)
	}
	wait := r.RetryAfter << min(attempts-1, 5)
	wait = min(wait, 30*r.RetryAfter)
	log.Warn("event failed; trying again", "error", err, "in", wait)
	c.tell(m.NakWithDelay(wait))
	c.metrics.handled.WithLabelValues(r.Name, "again").Inc()
}

// tell notes an answer that could not be sent. The server will deliver again.
func (c *Conn) tell(err error) {
	if err != nil {
		c.log.Debug("answer to a message not sent; it will be redelivered", "error", err)
	}
}

// try calls Handle and turns a panic into an error: an event that makes a stage
// panic must not be met again after every restart, for ever.
func try(ctx context.Context, r Reader, batch []Event) (err error) {
	defer func() {
		if p := recover(); p != nil {
			// What was panicked with might hold a name, so only its type is told.
			err = fmt.Errorf("%s panicked with a %T at %s", r.Name, p, where(debug.Stack()))
		}
	}()
	return r.Handle(ctx, batch)
}

// where is the line that panicked: the first one below the panic that is not
// Go's own.
func where(stack []byte) string {
	_, below, _ := strings.Cut(string(stack), "panic(")
	for _, line := range strings.Split(below, "\n") {
		file, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.HasPrefix(line, "\t") && !strings.Contains(file, "/runtime/") {
			return file[strings.LastIndex(file, "/")+1:]
		}
	}
	return "an unknown line"
}

func isPermanent(err error) bool {
	var p interface{ Permanent() bool }
	return errors.As(err, &p) && p.Permanent()
}

// oneLine keeps a reason fit for a message header and a table.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 500 {
		s = strings.ToValidUTF8(s[:500], "") + "…"
	}
	return s
}
