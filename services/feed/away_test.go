package feed_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/feed"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

type away struct {
	*postgres.DB
	after int
}

func (a *away) Accept(ctx context.Context, b casework.Batch, p casework.Problem) ([]casework.ReceiptLine, error) {
	if a.after--; a.after < 0 {
		return nil, fmt.Errorf("commit: %w", casework.ErrUnavailable)
	}
	return a.DB.Accept(ctx, b, p)
}

func TestWithoutTheLedgerNothingIsCalledAccepted(t *testing.T) {
	gone := &away{}
	x := open(t, func(c *feed.Config) { gone.DB = c.Store.(*postgres.DB); c.Store = gone })
	got := x.post(jsonType, incident("R1", 1, "live", "a"))
	if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || got.Accepted != 0 || strings.Contains(string(got.body), `"accepted"`) {
		t.Errorf("got %d %s", got.status, got.body)
	}
	gone.after = 1 // it goes after the first batch
	var b strings.Builder
	for n := range feed.Commit + 5 {
		b.WriteString(incident("R"+strconv.Itoa(n), 1, "live", "a") + "\n")
	}
	got = x.post(ndjsonType, b.String())
	if got.status != http.StatusServiceUnavailable || got.Accepted != feed.Commit || got.Status != feed.Open {
		t.Errorf("in the middle: got %d, %d accepted, %s; want 503 with the %d that are committed", got.status, got.Accepted, got.Status, feed.Commit)
	}
	if n := pgtest.One[int](t, x.db, `select count(*) from revision`); n != feed.Commit {
		t.Errorf("the ledger has %d, want %d", n, feed.Commit)
	}
}

type leave struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

func (l *leave) serve(at string) {
	for {
		near, err := l.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("unix", at)
		if err != nil {
			near.Close()
			continue
		}
		l.mu.Lock()
		l.conns = append(l.conns, near, far)
		l.mu.Unlock()
		go func() { _, _ = io.Copy(far, near); far.Close() }()
		go func() { _, _ = io.Copy(near, far); near.Close() }()
	}
}

func (l *leave) closeAll() {
	l.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		c.Close()
	}
}

func TestADatabaseThatIsAwayIsSaidToBe(t *testing.T) {
	x := open(t, nil)
	config := x.db.Pool().Config().ConnConfig
	if !strings.HasPrefix(config.Host, "/") {
		t.Skip("the database of this run is not on a socket of this machine")
	}
	dir := t.TempDir()
	socket := fmt.Sprintf(".s.PGSQL.%d", config.Port)
	listener, err := net.Listen("unix", filepath.Join(dir, socket))
	if err != nil {
		t.Fatal(err)
	}
	way := &leave{Listener: listener}
	go way.serve(filepath.Join(config.Host, socket))
	db, err := postgres.Open(t.Context(), fmt.Sprintf("host=%s port=%d user=%s dbname=%s", dir, config.Port, config.User, config.Database))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	server := feed.NewServer(feed.Config{Store: db, Door: access.ForceDoor{Keys: db}})
	x.Server = httptest.NewServer(server.Routes())
	defer x.Close()
	if got := x.post(jsonType, incident("R1", 1, "live", "a")); got.status != 201 {
		t.Fatalf("with the database: got %d", got.status)
	}
	way.closeAll()
	got := x.post(jsonType, incident("R2", 1, "live", "a"))
	if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || strings.Contains(string(got.body), `"accepted"`) {
		t.Errorf("without it: got %d %s", got.status, got.body)
	}
}
