// Package harness runs the whole pipeline in one process, on a real PostgreSQL
// and a real JetStream, and speaks of it in the users' words:
//
//	w := harness.New(t)
//	w.Probation().Supervises(rhys)
//	w.Police("62").Reports(harness.Incident("A1", harness.Suspect(rhys)))
//	w.Settled()
//	w.Administrator(rhys).Confirms("A1", rhys)
//
// The services are those of cmd/reportable/run, wired as they run for anybody;
// only the clock is the story's, and [World.Passes] moves it.
package harness

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/reportable-incidents/reportable/cmd/reportable/run"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/services/stream"
	"github.com/reportable-incidents/reportable/services/telemetry"
	"github.com/reportable-incidents/reportable/test/natstest"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

// start is when stories begin, so that any hour can be tried; they have to come
// out the same:
//
//	go test ./test/stories -args -start "2026-10-25 01:30"
var start = flag.String("start", "", "when stories begin, on the clock in London; default now")

// World is one arrangement between police and probation, for one test.
type World struct {
	testing.TB
	DB *postgres.DB

	nats       stream.Config
	streams    jetstream.JetStream
	moved      atomic.Int64 // how far the story's clock is ahead
	began      time.Time
	log        *journal
	running    []*Process
	caseRecord caseRecord
	// seen are the response times of what workers do here without a page.
	seen *telemetry.Responses
	here *prometheus.Registry
}

// New gives a world in which nobody is under supervision and everything runs.
func New(t testing.TB) *World {
	w := Quiet(t)
	w.Start(run.Names...)
	return w
}

// Quiet gives a world in which nothing runs yet.
func Quiet(t testing.TB) *World {
	t.Helper()
	w := &World{TB: t, DB: pgtest.New(t), nats: natstest.Config(t), log: &journal{}, here: prometheus.NewRegistry()}
	w.seen = telemetry.NewResponses(w.here)
	if *start != "" {
		at, err := time.ParseInLocation("2006-01-02 15:04", *start, casework.EnglandAndWales().Zone())
		if err != nil {
			t.Fatal(err)
		}
		w.moved.Store(int64(time.Until(at)))
	}
	w.began = w.Now()
	t.Cleanup(func() {
		for _, p := range w.running {
			p.Stop()
		}
		if t.Failed() && testing.Verbose() {
			t.Log(w.log.String())
		}
	})
	return w
}

// Process is some services, running.
type Process struct {
	*run.Process
	// Registry has its metrics.
	Registry *prometheus.Registry
	stop     func()
}

// Stop stops the process in good order. It may be asked twice.
func (p *Process) Stop() { p.stop() }

// Start runs services in a process of their own, as far as it can be one: with
// its own connections, metrics and memory. A second one with the same services
// is a replica.
func (w *World) Start(names ...string) *Process {
	w.Helper()
	logger := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	cfg := w.nats
	cfg.Log = logger
	conn, err := stream.Connect(context.Background(), cfg)
	if err != nil {
		w.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	platform := run.NewPlatform(w.DB, conn, logger, registry)
	platform.Now = w.Now
	const any = "127.0.0.1:0"
	listeners, err := run.Listen(run.Addresses{DeskAddress: any, FeedAddress: any, OperationsAddress: any}, names)
	if err != nil {
		w.Fatal(err)
	}
	process, err := platform.NewProcess(names, listeners, run.Options{Demo: true, PlainHTTP: true})
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := process.Run(ctx); err != nil {
			w.Errorf("process of %s: %v", strings.Join(names, ", "), err)
		}
	}()
	p := &Process{Process: process, Registry: registry, stop: sync.OnceFunc(func() {
		cancel()
		<-done
		conn.Close()
	})}
	w.running = append(w.running, p)
	return p
}

// Now is the story's time.
func (w *World) Now() time.Time { return time.Now().Add(time.Duration(w.moved.Load())) }

// Passes lets time pass.
func (w *World) Passes(d time.Duration) { w.moved.Add(int64(d)) }

// PassesUntil lets time pass until a moment to come.
func (w *World) PassesUntil(t time.Time) {
	w.Helper()
	d := t.Sub(w.Now())
	if d < 0 {
		w.Fatal("time does not go back")
	}
	w.Passes(d)
}

// Streams are the bare JetStream, for a story in which something happens to it.
func (w *World) Streams() jetstream.JetStream {
	if w.streams == nil {
		w.streams = natstest.JetStream(w, w.nats)
	}
	return w.streams
}

// patience is how long a story waits while nothing at all moves.
const patience = 60 * time.Second

// Unsettled asks a ledger what is not done yet, in words. Each is a state of the
// ledger and not of a consumer, which may be wrong.
const Unsettled = `
	select concat_ws(', ',
	         (select count(*) || ' in flight' from revision where disposition = 'in_flight' having count(*) > 0),
	         (select count(*) || ' behind the register' from revision r, register g
	           where r.disposition in ('matched', 'unmatched') and r.erased_at is null and r.register_version < g.version having count(*) > 0),
	         (select count(*) || ' matches without their actions' from match where agreed_at is null having count(*) > 0),
	         (select count(*) || ' events unpublished' from event where published_at is null having count(*) > 0))`

// Settled waits until everything that was begun is done: every revision
// settled with the register as it is, every match with its actions, every event
// published.
func (w *World) Settled() {
	w.Helper()
	var last string
	w.Eventually(func() bool {
		last = pgtest.One[string](w, w.DB, Unsettled)
		return last == ""
	}, func() string { return "still " + last })
}

// Followed waits until the open work, too, is with whom the case record and the
// hour give it to. The notifier's sweep sees to that, and takes its time.
func (w *World) Followed() {
	w.Helper()
	w.Settled()
	var left []casework.MatchID
	w.Eventually(func() bool {
		now := w.Now()
		var err error
		left, err = w.DB.Disagreeing(context.Background(), time.Now(), now, !casework.EnglandAndWales().IsWorking(now), nil, 1000)
		if err != nil {
			w.Fatal(err)
		}
		return len(left) == 0
	}, func() string { return fmt.Sprintf("%d matches whose actions have not followed", len(left)) })
	w.Settled()
}

// Eventually waits until something is so. What says what is missing; as long as
// that changes, there is hope.
func (w *World) Eventually(so func() bool, what func() string) {
	w.Helper()
	until, missing := time.Now().Add(patience), ""
	for !so() {
		if now := what(); now != missing {
			missing, until = now, time.Now().Add(patience)
		}
		if time.Now().After(until) {
			w.Fatalf("waited %s in vain: %s", patience, missing)
		}
		// The ledger tells of events, and not of every state; so it is asked.
		time.Sleep(20 * time.Millisecond)
	}
}

// Reconciled checks that everything is accounted for, and returns the counts.
func (w *World) Reconciled() casework.Reconciliation {
	w.Helper()
	// What is late in ten minutes would be late now.
	r, err := w.DB.Reconcile(context.Background(), w.Now().Add(10*time.Minute))
	if err != nil {
		w.Fatal(err)
	}
	for _, f := range r.Wrong {
		w.Errorf("%d: %s, such as %s", f.Count, f.What, f.Examples[0])
	}
	if sum := r.Matched + r.Unmatched + r.Withdrawn + r.Superseded + r.Quarantined + r.InFlight; sum != r.Accepted {
		w.Errorf("the parts add up to %d, accepted are %d", sum, r.Accepted)
	}
	return r
}

// Effects describes every effect that the record holds, to be compared with
// what it holds after something that must change nothing.
func (w *World) Effects() string {
	w.Helper()
	var b strings.Builder
	for _, query := range []string{
		`select 'revision ' || i.reference || ' ' || r.number || ' ' || r.disposition
		   from revision r join incident i on i.id = r.incident order by i.id, r.number`,
		`select 'match ' || id || ' ' || incident || ' ' || involvement || ' ' || person || ' ' || revision || ' ' || state || ' ' || band
		   from match order by id`,
		`select 'action ' || id || ' ' || incident || ' ' || person || ' ' || rule || ' ' || owner || ' ' || state || ' ' || level || ' ' || due
		   from action order by id`,
		`select 'history ' || action || ' ' || n || ' ' || what from action_history order by action, n`,
		`select 'notice ' || action || ' ' || n || ' ' || owner from notice order by action, n, owner`,
		`select 'milestone ' || match || ' ' || stage || ' ' || elapsed_seconds from milestone order by match, stage`,
	} {
		for _, line := range pgtest.All[string](w, w.DB, query) {
			fmt.Fprintln(&b, line)
		}
	}
	return b.String()
}

// journal keeps the log of every process.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

// Journal is everything that was logged.
func (w *World) Journal() string { return w.log.String() }

// Heard reports whether a reader has come to the end of its stream.
func (w *World) Heard(name, reader string) bool {
	w.Helper()
	consumer, err := w.Streams().Consumer(context.Background(), name, reader)
	if err != nil {
		return false
	}
	info := consumer.CachedInfo()
	return info.NumPending == 0 && info.NumAckPending == 0
}
