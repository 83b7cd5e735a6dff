// Package natstest gives a test a real JetStream.
//
// It is an embedded server of the test's own, unless TEST_NATS_URL names one
// that is there already (its streams are emptied; test with -p 1), or
// TEST_NATS_CONTAINER is set, which asks for a container.
package natstest

import (
	"context"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/reportable-incidents/reportable/services/stream"
	"github.com/reportable-incidents/reportable/test/container"
)

// New gives a connection to a JetStream that holds nothing yet.
func New(t testing.TB) *stream.Conn {
	t.Helper()
	return Connect(t, Config(t))
}

// Connect opens one more connection and closes it with the test.
func Connect(t testing.TB, cfg stream.Config) *stream.Conn {
	t.Helper()
	conn, err := stream.Connect(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// Config says how to reach a JetStream that holds nothing yet.
func Config(t testing.TB) stream.Config {
	t.Helper()
	if url := os.Getenv("TEST_NATS_URL"); url != "" {
		return emptied(t, stream.Config{URL: url, Name: t.Name()})
	}
	if os.Getenv("TEST_NATS_CONTAINER") != "" {
		return stream.Config{URL: contained(t), Name: t.Name()}
	}
	server, err := stream.Embed(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return stream.Config{Server: server, Name: t.Name()}
}

// URL gives the address of a JetStream that holds nothing yet, for tests that
// start a process.
func URL(t testing.TB) string {
	t.Helper()
	if os.Getenv("TEST_NATS_URL") != "" || os.Getenv("TEST_NATS_CONTAINER") != "" {
		return Config(t).URL
	}
	url, _ := Listening(t, "127.0.0.1:0")
	return url
}

// Listening starts a server on an address, empty each time, for tests that stop
// one and start it again.
func Listening(t testing.TB, address string) (url string, stop func()) {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	if number == 0 {
		number = server.RANDOM_PORT
	}
	s, err := server.NewServer(&server.Options{
		Host: host, Port: number, NoSigs: true, NoLog: true,
		JetStream: true, JetStreamMaxStore: stream.MaxStore, StoreDir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("the NATS server does not start")
	}
	var once sync.Once
	stop = func() {
		once.Do(func() {
			s.Shutdown()
			s.WaitForShutdown()
		})
	}
	t.Cleanup(stop)
	return s.ClientURL(), stop
}

// JetStream is the same server without our package before it, for a test that
// deletes what we made, or looks at what we published.
func JetStream(t testing.TB, cfg stream.Config) jetstream.JetStream {
	t.Helper()
	var options []nats.Option
	if cfg.Server != nil {
		options = append(options, nats.InProcessServer(cfg.Server))
	}
	nc, err := nats.Connect(cfg.URL, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func emptied(t testing.TB, cfg stream.Config) stream.Config {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	js := JetStream(t, cfg)
	names := js.StreamNames(ctx)
	for name := range names.Name() {
		if err := js.DeleteStream(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	if err := names.Err(); err != nil {
		t.Fatal(err)
	}
	return cfg
}

func contained(t testing.TB) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	c, err := container.Start(ctx, "nats")
	if err != nil {
		t.Fatalf("TEST_NATS_CONTAINER is set, and no container engine gave a NATS: %v", err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Log(err)
		}
	})
	return c.URL
}
