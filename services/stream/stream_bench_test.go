package stream_test

import (
	"context"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/stream"
	"github.com/reportable-incidents/reportable/test/natstest"
)

// BenchmarkEventsThrough carries events from rows that are there at once, over
// the relay and JetStream on file, to a reader that does nothing. One
// operation is one event.
func BenchmarkEventsThrough(b *testing.B) {
	conn, o := natstest.New(b), &outbox{}
	for n := range b.N {
		o.add(found(int64(n + 1)))
	}
	arrived := make(chan int, 1000)
	reader := stream.Reader{
		Stream: stream.Matches, Name: "notifier",
		Handle: func(_ context.Context, batch []stream.Event) error {
			arrived <- len(batch)
			return nil
		},
		Quarantine: func(context.Context, string, stream.Event, string, int) error { return nil },
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	b.ResetTimer()
	go func() { ended <- conn.Read(ctx, reader) }()
	go func() { ended <- stream.NewRelay(conn, o, nil).Run(ctx) }()
	for left := b.N; left > 0; {
		select {
		case n := <-arrived:
			left -= n
		case <-time.After(patience):
			b.Fatalf("%d events did not arrive", left)
		}
	}
	b.StopTimer()
	cancel()
	<-ended
	<-ended
}

// BenchmarkOneEvent is how long one event takes from the wake-up of the relay
// to its reader.
func BenchmarkOneEvent(b *testing.B) {
	conn, o := natstest.New(b), &outbox{}
	arrived := make(chan struct{}, 1)
	reader := stream.Reader{
		Stream: stream.Matches, Name: "notifier",
		Handle: func(context.Context, []stream.Event) error {
			arrived <- struct{}{}
			return nil
		},
		Quarantine: func(context.Context, string, stream.Event, string, int) error { return nil },
	}
	wake := make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- conn.Read(ctx, reader) }()
	go func() { ended <- stream.NewRelay(conn, o, wake).Run(ctx) }()
	for n := range b.N {
		o.add(found(int64(n + 1)))
		wake <- struct{}{}
		<-arrived
	}
	cancel()
	<-ended
	<-ended
}
