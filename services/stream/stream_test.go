package stream_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/schemas/events"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/stream"
	"github.com/reportable-incidents/reportable/test/natstest"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // the failures here are wanted
	os.Exit(m.Run())
}

// patience is for what happens at once on a quiet machine.
const patience = 20 * time.Second

// outbox is the table event in memory: it gives each unpublished row once at a
// time, as the store does.
type outbox struct {
	mu        sync.Mutex
	rows      []stream.Event
	published map[int64]bool
	aside     []int64
	lose      bool // forget once what was published, as a crash before the commit would
}

func (o *outbox) add(payloads ...events.Payload) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range payloads {
		e := events.New(time.Now(), p)
		e.ID = int64(len(o.rows) + 1)
		o.rows = append(o.rows, e)
	}
}

func (o *outbox) RelayEvents(ctx context.Context, limit int, publish func(context.Context, []stream.Event) []int64) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var claimed []stream.Event
	for _, e := range o.rows {
		if !o.published[e.ID] && len(claimed) < limit {
			claimed = append(claimed, e)
		}
	}
	if len(claimed) == 0 {
		return 0, nil
	}
	ids := publish(ctx, claimed)
	if o.lose {
		o.lose = false
		return 0, errors.New("the connection broke before the commit")
	}
	if o.published == nil {
		o.published = map[int64]bool{}
	}
	for _, id := range ids {
		o.published[id] = true
	}
	return len(claimed), nil
}

func (o *outbox) QuarantineEvent(_ context.Context, stage string, e stream.Event, _ string, _ int) error {
	if stage != "relay" {
		return errors.New("somebody else's")
	}
	o.aside = append(o.aside, e.ID) // under the lock of RelayEvents
	return nil
}

// start runs the function until the test ends.
func start(t *testing.T, run func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func relay(t *testing.T, conn *stream.Conn, o *outbox) (wake func()) {
	t.Helper()
	signal := make(chan struct{}, 1)
	start(t, stream.NewRelay(conn, o, signal).Run)
	return func() { signal <- struct{}{} }
}

// desk collects what a reader was given and kept aside.
type desk struct {
	handled     chan int64
	quarantined chan string
}

func newDesk() desk {
	return desk{handled: make(chan int64, 10000), quarantined: make(chan string, 100)}
}

func (d desk) handle(_ context.Context, batch []stream.Event) error {
	for _, e := range batch {
		d.handled <- e.ID
	}
	return nil
}

func (d desk) quarantine(_ context.Context, stage string, e stream.Event, reason string, attempts int) error {
	d.quarantined <- fmt.Sprintf("%s %d after %d: %s", stage, e.ID, attempts, reason)
	return nil
}

func (d desk) reader(handle func(context.Context, []stream.Event) error) stream.Reader {
	return stream.Reader{Stream: stream.Matches, Name: "notifier", Handle: handle, Quarantine: d.quarantine, RetryAfter: 10 * time.Millisecond, Tries: 4}
}

func read(t *testing.T, conn *stream.Conn, r stream.Reader) {
	t.Helper()
	start(t, func(ctx context.Context) error { return conn.Read(ctx, r) })
}

func next[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("%s did not come", what)
		panic("unreachable")
	}
}

// expect waits until each of the ids was handled, and says which came twice.
func (d desk) expect(t *testing.T, ids ...int64) {
	t.Helper()
	var got []int64
	for range ids {
		got = append(got, next(t, d.handled, fmt.Sprintf("one of events %v, after %v,", ids, got)))
	}
	slices.Sort(got)
	if !slices.Equal(got, ids) {
		t.Fatalf("got events %v, want %v", got, ids)
	}
}

func found(n int64) events.Payload {
	return events.MatchFound{MatchID: n, IncidentID: n, Revision: 1, PersonID: n}
}

func TestAnEventGoesFromTheTableToItsReader(t *testing.T) {
	conn, d, o := natstest.New(t), newDesk(), &outbox{}
	got := make(chan stream.Event, 1)
	read(t, conn, d.reader(func(_ context.Context, batch []stream.Event) error {
		got <- batch[0]
		return nil
	}))
	wake := relay(t, conn, o)
	o.add(events.MatchConfirmed{MatchID: 7, IncidentID: 8, Revision: 1, PersonID: 9})
	wake()
	e := next(t, got, "the event")
	if e.ID != 1 || e.Subject != "matches.confirmed" {
		t.Errorf("got event %d on %s, want 1 on matches.confirmed", e.ID, e.Subject)
	}
	env, err := events.Decode[events.MatchConfirmed](e)
	if err != nil {
		t.Fatal(err)
	}
	if env.AdditionalInformation.PersonID != 9 {
		t.Errorf("got person %d, want 9", env.AdditionalInformation.PersonID)
	}
}

func TestARowIsOnTheStreamOnceHoweverOftenItIsPublished(t *testing.T) {
	cfg := natstest.Config(t)
	conn, js := natstest.Connect(t, cfg), natstest.JetStream(t, cfg)
	o := &outbox{lose: true}
	for n := range int64(1200) { // more than two batches
		o.add(found(n + 1))
	}
	d := newDesk()
	read(t, conn, d.reader(d.handle))
	relay(t, conn, o)
	want := make([]int64, 1200)
	for i := range want {
		want[i] = int64(i + 1)
	}
	d.expect(t, want...)
	s, err := js.Stream(t.Context(), stream.Matches)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.CachedInfo().State.Msgs; got != 1200 {
		t.Errorf("got %d messages, want 1200", got)
	}
}

func TestAPassingFailureIsTriedAgain(t *testing.T) {
	conn, d, o := natstest.New(t), newDesk(), &outbox{}
	calls := 0
	read(t, conn, d.reader(func(ctx context.Context, batch []stream.Event) error {
		if calls++; calls < 3 {
			return errors.New("the store is away")
		}
		return d.handle(ctx, batch)
	}))
	o.add(found(1))
	relay(t, conn, o)
	d.expect(t, 1)
	if calls != 3 {
		t.Errorf("got %d calls, want 3", calls)
	}
}

func TestOnePoisonousEventDoesNotHoldUpItsBatch(t *testing.T) {
	cfg := natstest.Config(t)
	conn, js := natstest.Connect(t, cfg), natstest.JetStream(t, cfg)
	d, o := newDesk(), &outbox{}
	for n := range int64(20) {
		o.add(found(n + 1))
	}
	var largest int
	handle := func(ctx context.Context, batch []stream.Event) error {
		largest = max(largest, len(batch))
		for _, e := range batch {
			if e.ID == 13 {
				return events.Permanent(errors.New("incident 13 cannot\nbe read"))
			}
		}
		return d.handle(ctx, batch)
	}
	relay(t, conn, o)
	waitForMessages(t, js, 20) // so that they come as one batch
	read(t, conn, d.reader(handle))
	d.expect(t, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 15, 16, 17, 18, 19, 20)
	if got, want := next(t, d.quarantined, "the poisonous event"), "notifier 13 after 1: incident 13 cannot be read"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if largest < 2 {
		t.Errorf("got batches of %d, want more: nothing was shown", largest)
	}
}

func TestAnEventThatNeverSucceedsIsQuarantinedAfterItsTries(t *testing.T) {
	conn, d, o := natstest.New(t), newDesk(), &outbox{}
	read(t, conn, d.reader(func(context.Context, []stream.Event) error { return errors.New("no") }))
	o.add(found(1))
	relay(t, conn, o)
	if got, want := next(t, d.quarantined, "the event"), "notifier 1 after 4: no"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAnEventIsNotBlamedForAStoreThatIsAway(t *testing.T) {
	conn, d, o := natstest.New(t), newDesk(), &outbox{}
	calls := 0
	read(t, conn, d.reader(func(ctx context.Context, batch []stream.Event) error {
		if calls++; calls <= 6 { // more than its tries
			return fmt.Errorf("match: %w", casework.ErrUnavailable)
		}
		return d.handle(ctx, batch)
	}))
	o.add(found(1))
	relay(t, conn, o)
	d.expect(t, 1)
	if len(d.quarantined) != 0 {
		t.Error("the event was quarantined")
	}
}

func TestAnEventIsNotGivenUpBeforeItIsKept(t *testing.T) {
	conn, d, o := natstest.New(t), newDesk(), &outbox{}
	r := d.reader(func(context.Context, []stream.Event) error { return events.Permanent(errors.New("no")) })
	away := 2
	r.Quarantine = func(ctx context.Context, stage string, e stream.Event, reason string, attempts int) error {
		if away--; away >= 0 {
			return errors.New("the store is away")
		}
		return d.quarantine(ctx, stage, e, reason, attempts)
	}
	read(t, conn, r)
	o.add(found(1))
	relay(t, conn, o)
	if got, want := next(t, d.quarantined, "the event"), "notifier 1 after 3: no"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAPanicIsAFailureThatDoesNotSayWhatItWasAbout(t *testing.T) {
	for what, does := range map[string]func([]stream.Event){
		"string":              func([]stream.Event) { panic("Canary") },
		"runtime.boundsError": func(batch []stream.Event) { batch[len(batch)].ID++ },
	} {
		conn, d, o := natstest.New(t), newDesk(), &outbox{}
		read(t, conn, d.reader(func(_ context.Context, batch []stream.Event) error {
			does(batch)
			return nil
		}))
		o.add(found(1))
		relay(t, conn, o)
		got, want := next(t, d.quarantined, "the event"), "notifier 1 after 4: notifier panicked with a "+what+" at stream_test.go:"
		if !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q and the line", got, want)
		}
	}
}

func TestAStreamDeletedUnderItsReaderIsMadeAgain(t *testing.T) {
	cfg := natstest.Config(t)
	conn, js := natstest.Connect(t, cfg), natstest.JetStream(t, cfg)
	d, o := newDesk(), &outbox{}
	read(t, conn, d.reader(d.handle))
	wake := relay(t, conn, o)
	o.add(found(1))
	wake()
	d.expect(t, 1)
	if err := js.DeleteStream(t.Context(), stream.Matches); err != nil {
		t.Fatal(err)
	}
	o.add(found(2))
	wake()
	d.expect(t, 2)
}

func TestADeletedConsumerIsMadeAgainAndGivesEverythingThatIsKept(t *testing.T) {
	cfg := natstest.Config(t)
	conn, js := natstest.Connect(t, cfg), natstest.JetStream(t, cfg)
	d, o := newDesk(), &outbox{}
	read(t, conn, d.reader(d.handle))
	wake := relay(t, conn, o)
	o.add(found(1))
	wake()
	d.expect(t, 1)
	if err := js.DeleteConsumer(t.Context(), stream.Matches, "notifier"); err != nil {
		t.Fatal(err)
	}
	o.add(found(2))
	wake()
	d.expect(t, 1, 2) // the first again: to handle it twice changes nothing
}

func TestAnEventThatFitsNoStreamIsSetAsideAndHoldsUpNoOther(t *testing.T) {
	conn, o, d := natstest.New(t), &outbox{}, newDesk()
	o.add(found(1))
	for _, subject := range []string{"matches", "matches.found.twice", "incidents.received.62.x", "incidents.received.*", "matches.a b", "matches.", "elsewhere", ""} {
		o.rows = append(o.rows, stream.Event{ID: int64(len(o.rows) + 1), Subject: subject, Data: []byte("{}")})
	}
	o.add(found(2))
	relay(t, conn, o)
	read(t, conn, d.reader(d.handle))
	d.expect(t, 1, 10)
	o.mu.Lock()
	defer o.mu.Unlock()
	if want := []int64{2, 3, 4, 5, 6, 7, 8, 9}; !slices.Equal(o.aside, want) {
		t.Errorf("got %v set aside, want %v, each once", o.aside, want)
	}
}

func TestTheRelayGoesOnWhenNATSComesBack(t *testing.T) {
	if os.Getenv("TEST_NATS_URL") != "" {
		t.Skip("the server of TEST_NATS_URL is not ours to stop")
	}
	url, stop := natstest.Listening(t, "127.0.0.1:0")
	conn := natstest.Connect(t, stream.Config{URL: url})
	d, o := newDesk(), &outbox{}
	read(t, conn, d.reader(d.handle))
	wake := relay(t, conn, o)
	o.add(found(1))
	wake()
	d.expect(t, 1)

	stop()
	if conn.Ready() == nil {
		waitUntil(t, "the connection to be lost", func() bool { return conn.Ready() != nil })
	}
	o.add(found(2))
	wake()
	_, stop = natstest.Listening(t, url[len("nats://"):]) // with nothing of what it held
	defer stop()
	d.expect(t, 2)
	waitUntil(t, "the streams to be whole", func() bool { return conn.Ready() == nil })
}

func TestConnectingDoesNotWaitForTheServer(t *testing.T) {
	conn := natstest.Connect(t, stream.Config{URL: "nats://127.0.0.1:1"})
	if err := conn.Ready(); err == nil {
		t.Error("a connection to nowhere says that it is ready")
	}
}

func TestTwoReadersOfOneNameShareTheWork(t *testing.T) {
	cfg := natstest.Config(t)
	a, b, d, o := natstest.Connect(t, cfg), natstest.Connect(t, cfg), newDesk(), &outbox{}
	read(t, a, d.reader(d.handle))
	read(t, b, d.reader(d.handle))
	want := make([]int64, 500)
	for i := range want {
		o.add(found(int64(i + 1)))
		want[i] = int64(i + 1)
	}
	relay(t, a, o)
	relay(t, b, o)
	d.expect(t, want...)
}

func TestHeadsOfTheTrailAreKeptWhereNobodyTakesThemBack(t *testing.T) {
	cfg := natstest.Config(t)
	conn, js, o := natstest.Connect(t, cfg), natstest.JetStream(t, cfg), &outbox{}
	wake := relay(t, conn, o)
	for n := range 20 {
		o.add(events.AuditSealed{Seq: int64(n + 1), Hash: strings.Repeat("0a", 32)})
	}
	wake()
	var heads []events.AuditSealed
	for began := time.Now(); len(heads) < 20 && time.Since(began) < patience; {
		var err error
		if heads, err = conn.AuditHeads(t.Context(), 100); err != nil {
			t.Fatal(err)
		}
	}
	if len(heads) != 20 || heads[0].Seq != 20 || heads[19].Seq != 1 || heads[0].Hash != strings.Repeat("0a", 32) {
		t.Fatalf("got %d heads, want all 20, the newest first", len(heads))
	}
	some, err := conn.AuditHeads(t.Context(), 5)
	if err != nil || len(some) < 4 || len(some) > 5 || some[0].Seq != 20 {
		t.Errorf("got %d heads and %v, want five at most, the newest among them", len(some), err)
	}
	kept, err := js.Stream(t.Context(), stream.Audit)
	if err != nil {
		t.Fatal(err)
	}
	if kept.Purge(t.Context()) == nil || kept.DeleteMsg(t.Context(), 1) == nil {
		t.Error("a head was taken back")
	}
}

func TestWatchingSeesWhatIsPublishedFromNowOn(t *testing.T) {
	conn, o := natstest.New(t), &outbox{}
	seen := make(chan stream.Event, 10)
	stop, err := conn.Watch("actions.>", func(e stream.Event) { seen <- e })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	o.add(found(1), events.ActionRaised{ActionID: 4, PDU: "N03SW1", Priority: "high"})
	relay(t, conn, o)
	if e := next(t, seen, "the action"); e.ID != 2 || e.Subject != "actions.raised" {
		t.Errorf("got event %d on %s, want 2 on actions.raised", e.ID, e.Subject)
	}
}

func TestAnEmbeddedServerKeepsItsStreams(t *testing.T) {
	dir := t.TempDir()
	for run := range 2 {
		server, err := stream.Embed(dir)
		if err != nil {
			t.Fatal(err)
		}
		cfg := stream.Config{Server: server}
		conn, err := stream.Connect(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		js := natstest.JetStream(t, cfg)
		if run == 0 {
			o := &outbox{}
			o.add(found(1))
			r := stream.NewRelay(conn, o, nil)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- r.Run(ctx) }()
			waitForMessages(t, js, 1)
			cancel()
			<-ended
		} else {
			waitForMessages(t, js, 1)
		}
		conn.Close()
		js.Conn().Close()
		server.Close()
	}
}
