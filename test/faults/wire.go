package faults

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Wire is the way to a PostgreSQL or a NATS, which can be cut.
type Wire struct {
	// URL leads through the wire.
	URL string

	listener net.Listener
	dial     func() (net.Conn, error)

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]bool
}

func newWire(t testing.TB, at string) *Wire {
	t.Helper()
	config, err := pgxpool.ParseConfig(at)
	if err != nil {
		t.Fatal(err)
	}
	to := config.ConnConfig
	network, address := "tcp", net.JoinHostPort(to.Host, strconv.Itoa(int(to.Port)))
	if filepath.IsAbs(to.Host) {
		network, address = "unix", filepath.Join(to.Host, fmt.Sprintf(".s.PGSQL.%d", to.Port))
	}
	user := url.User(to.User)
	if to.Password != "" {
		user = url.UserPassword(to.User, to.Password)
	}
	w := newWireTo(t, network, address)
	u := url.URL{Scheme: "postgres", User: user, Host: w.listener.Addr().String(), Path: "/" + to.Database, RawQuery: "sslmode=disable"}
	w.URL = u.String()
	return w
}

// newWireTo gives a wire whose URL is that of a NATS.
func newWireTo(t testing.TB, network, address string) *Wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &Wire{URL: "nats://" + l.Addr().String(), listener: l, conns: map[net.Conn]bool{},
		dial: func() (net.Conn, error) { return net.Dial(network, address) }}
	go w.serve()
	t.Cleanup(func() { l.Close(); w.Cut() })
	return w
}

func (w *Wire) serve() {
	for {
		near, err := w.listener.Accept()
		if err != nil {
			return
		}
		if !w.keep(near) {
			near.Close()
			continue
		}
		go func() {
			defer w.drop(near)
			far, err := w.dial()
			if err != nil || !w.keep(far) {
				return
			}
			defer w.drop(far)
			go func() { io.Copy(far, near); far.Close() }()
			io.Copy(near, far)
		}()
	}
}

func (w *Wire) keep(c net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut {
		c.Close()
		return false
	}
	w.conns[c] = true
	return true
}

func (w *Wire) drop(c net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.conns, c)
	c.Close()
}

// Cut breaks every connection, and lets no new one through.
func (w *Wire) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = true
	for c := range w.conns {
		c.Close()
	}
}

// Mend lets connections through again.
func (w *Wire) Mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = false
}
