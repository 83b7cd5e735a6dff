package caseload_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/caseload"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

// long is a store whose lists do not end by themselves.
type long struct {
	caseload.WatchStore
	ended chan error
}

func (l long) WatchList(_ context.Context, _ string, _ int64, begin func(postgres.WatchHeading) error, give func(casework.WatchEntry) error) error {
	err := begin(postgres.WatchHeading{Cursor: 1})
	for err == nil {
		err = give(casework.WatchEntry{ID: strings.Repeat("x", 1000), Listed: true})
	}
	l.ended <- err
	return err
}

func TestAForceThatDoesNotReadItsListHoldsNothingForLong(t *testing.T) {
	store := long{pgtest.New(t), make(chan error, 1)}
	for name, c := range map[string]caseload.Config{
		"a part":    {Patience: 50 * time.Millisecond},
		"the whole": {Patience: time.Hour, Longest: 50 * time.Millisecond},
	} {
		c.Store, c.Door, c.Log = store, door, slog.New(slog.DiscardHandler)
		server := httptest.NewServer(caseload.NewServer(c).Routes())
		t.Cleanup(server.Close)
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		fmt.Fprint(conn, "GET /v1/caseload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer 62\r\n\r\n")
		select {
		case <-store.ended:
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: the list is still being read", name)
		}
	}
}
