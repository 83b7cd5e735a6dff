package postgres_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

func TestManyMayMigrateAtOnce(t *testing.T) {
	at := pgtest.Empty(t)
	var all errgroup.Group
	for range 4 {
		db := pgtest.Open(t, at)
		all.Go(func() error { return db.Migrate(t.Context()) })
	}
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
	db := pgtest.Open(t, at)
	if got := pgtest.One[int](t, db, "select count(*) from register"); got != 1 {
		t.Errorf("rows of the register: got %d, want the 1 that a migration lays", got)
	}
	if got := pgtest.One[int](t, db, "select count(*) from river_job"); got != 0 {
		t.Errorf("jobs: got %d, want none", got)
	}
}

func TestAServerThatIsNotThereIsUnavailable(t *testing.T) {
	for _, at := range []string{
		"postgres://nobody@127.0.0.1:1/none?connect_timeout=1",
		"postgres://nobody@/none?host=/nowhere",
	} {
		_, err := postgres.Open(t.Context(), at)
		if !errors.Is(err, casework.ErrUnavailable) {
			t.Errorf("got %v, want it to be unavailable", err)
		}
	}
}

func TestAnAddressWithAPasswordIsNotRepeated(t *testing.T) {
	_, err := postgres.Open(t.Context(), "postgres://user:hunter2@host:port/")
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v, want an error without the password", err)
	}
}

func TestWhatPassesWithTimeIsUnavailable(t *testing.T) {
	line := postgres.Audit{Actor: "force:62", What: "TEST", Service: "test"}
	t.Run("read-only", func(t *testing.T) {
		at := pgtest.URL(t)
		pgtest.Exec(t, pgtest.Open(t, at), "alter database "+pgtest.Name(at)+" set default_transaction_read_only = on")
		db := pgtest.Open(t, at)
		if err := db.Record(t.Context(), line); !errors.Is(err, casework.ErrUnavailable) {
			t.Errorf("got %v, want it to be unavailable", err)
		}
	})
	t.Run("terminated and back", func(t *testing.T) {
		db := pgtest.New(t)
		err := db.Pool().QueryRow(t.Context(), "select pg_terminate_backend(pg_backend_pid())").Scan(nil)
		if err == nil {
			t.Fatal("the connection still stands")
		}
		if err := db.Record(t.Context(), line); err != nil {
			t.Errorf("after the connection broke: got %v, want a new connection", err)
		}
	})
	t.Run("a wrong value is for ever", func(t *testing.T) {
		db := pgtest.New(t)
		err := db.Record(t.Context(), postgres.Audit{Actor: "a\x00b", What: "TEST", Service: "test"})
		if err == nil || errors.Is(err, casework.ErrUnavailable) {
			t.Errorf("got %v, want an error that another try does not mend", err)
		}
	})
}

func TestAListenerHearsAgainAfterItsConnectionBroke(t *testing.T) {
	db := pgtest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	heard := db.Listen(ctx, "event")
	wait := func(what string) {
		t.Helper()
		select {
		case <-heard:
		case <-time.After(10 * time.Second):
			t.Fatalf("no signal after 10 s: %s", what)
		}
	}
	wait("it listens")
	const insert = "insert into event (subject, payload) values ('caseload.changed', '{}')"
	pgtest.Exec(t, db, insert)
	wait("an event was written")
	pgtest.Exec(t, db, `
		select pg_terminate_backend(pid)
		  from pg_stat_activity
		 where datname = current_database()
		   and pid <> pg_backend_pid()
		   and query like 'listen%'`)
	wait("it listens again")
	pgtest.Exec(t, db, insert)
	wait("an event was written after that")
	cancel()
	for range heard { // ends with the context
	}
}

func TestSightOfACaseThatSomebodyCoveredLastsAsLongAsIsSet(t *testing.T) {
	at := pgtest.URL(t)
	db, err := postgres.OpenSeeing(t.Context(), at, 30)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if got := pgtest.One[string](t, db, `select current_setting('reportable.sight_days')`); got != "30" {
		t.Errorf("got %s days, want 30", got)
	}
	if got := pgtest.One[string](t, pgtest.Open(t, at), `select coalesce(current_setting('reportable.sight_days', true), '')`); got != "" {
		t.Errorf("without the setting: got %q, want the database's own", got)
	}
}
