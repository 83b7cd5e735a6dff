// Package pgtest leases a real PostgreSQL to tests: a fresh database for each,
// with the tables in it, gone when the test ends.
//
//	db := pgtest.New(t)
//
// The server is the one at TEST_DATABASE_URL if that is set, else a container
// where a Docker engine answers, else a private one from this machine's
// binaries. All test binaries of a run share it. Where none can be had the test
// is skipped with the remedy, and with CI=true it fails.
package pgtest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/reportable-incidents/reportable/schemas/tables"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/test/container"
)

// New gives a connection to a fresh, migrated database.
func New(t testing.TB) *postgres.DB {
	t.Helper()
	return Open(t, URL(t))
}

// Open connects to a database that the test knows by its URL, until its end.
func Open(t testing.TB, at string) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(context.Background(), at)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(db.Close)
	return db
}

// Durable gives a connection to a migrated database on a server of its own that
// is set as in production: a commit there is on the disk when it is answered.
// It takes seconds to start, and is for benchmarks that weigh against a commit.
func Durable(t testing.TB) *postgres.DB {
	t.Helper()
	ctx := context.Background()
	hold, err := postgres.Private{Dir: t.TempDir(), Packages: packages()}.Start(ctx)
	if err != nil {
		t.Skipf("pgtest: no durable PostgreSQL: %v", err)
	}
	t.Cleanup(hold.Stop)
	db := Open(t, hold.URL())
	if err := db.Migrate(ctx); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return db
}

// URL gives the address of a fresh, migrated database, for tests that start a
// process.
func URL(t testing.TB) string {
	t.Helper()
	return fresh(t, lease(t).template)
}

// Empty gives the address of a fresh database without tables.
func Empty(t testing.TB) string {
	t.Helper()
	lease(t)
	return fresh(t, "template0")
}

// Kept gives a connection to a copy of a database that takes long to lay, and the
// notes that whoever laid it made. On a server that outlives the run, the one at
// TEST_DATABASE_URL, it is laid once a day and for each state of the migrations.
func Kept(t testing.TB, name string, lay func(db *postgres.DB) (notes string)) (db *postgres.DB, notes string) {
	t.Helper()
	ctx := t.Context()
	s := lease(t)
	all := "reportable_kept_" + name + "_"
	kept := all + time.Now().Format("20060102") + strings.TrimPrefix(s.template, "reportable_template")
	const find = "select shobj_description(oid, 'pg_database') from pg_database where datname = $1 and datistemplate"
	err := s.admin.QueryRow(ctx, find, kept).Scan(&notes)
	if errors.Is(err, pgx.ErrNoRows) {
		err = s.keep(ctx, all, kept, func(at string) (string, error) {
			laid, err := postgres.Open(ctx, at)
			if err != nil {
				return "", err
			}
			defer laid.Close()
			notes = lay(laid)
			return notes, nil
		})
	}
	if err != nil {
		t.Fatalf("pgtest: keep a database: %v", err)
	}
	return Open(t, fresh(t, kept)), notes
}

// keep lays a database and has others made from it, instead of those before it.
func (s *server) keep(ctx context.Context, all, kept string, lay func(at string) (notes string, err error)) error {
	rows, _ := s.admin.Query(ctx, "select datname from pg_database where starts_with(datname, $1)", all)
	before, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	statements := []string{"create database " + kept + " template " + s.template}
	for _, name := range before {
		statements = append([]string{"alter database " + name + " is_template false", "drop database " + name + " with (force)"}, statements...)
	}
	for _, sql := range statements {
		if _, err := s.admin.Exec(ctx, sql); err != nil {
			return err
		}
	}
	notes, err := lay(withDatabase(s.url, kept))
	if err != nil {
		return err
	}
	for _, sql := range []string{
		"comment on database " + kept + " is '" + strings.ReplaceAll(notes, "'", "''") + "'",
		"alter database " + kept + " is_template true",
	} {
		if _, err := s.admin.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// Name is the database's name in an address that URL or Empty gave.
func Name(at string) string {
	u, err := url.Parse(at)
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(u.Path, "/")
}

// Exec runs a statement that a test needs for its scene.
func Exec(t testing.TB, db *postgres.DB, sql string, args ...any) {
	t.Helper()
	if _, err := db.Pool().Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("pgtest: %s: %v", firstLine(sql), err)
	}
}

// One reads one value.
func One[T any](t testing.TB, db *postgres.DB, sql string, args ...any) T {
	t.Helper()
	rows, err := db.Pool().Query(t.Context(), sql, args...)
	if err == nil {
		var v T
		if v, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[T]); err == nil {
			return v
		}
	}
	t.Fatalf("pgtest: %s: %v", firstLine(sql), err)
	panic("unreachable")
}

// All reads one column.
func All[T any](t testing.TB, db *postgres.DB, sql string, args ...any) []T {
	t.Helper()
	rows, err := db.Pool().Query(t.Context(), sql, args...)
	if err == nil {
		var all []T
		if all, err = pgx.CollectRows(rows, pgx.RowTo[T]); err == nil {
			return all
		}
	}
	t.Fatalf("pgtest: %s: %v", firstLine(sql), err)
	panic("unreachable")
}

func firstLine(sql string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(sql), "\n")
	return line
}

// server is the one that this test binary uses. It is never let go: the kernel
// does that when the process ends, and the next binary of the run takes it over.
type server struct {
	admin    *pgxpool.Pool
	url      string
	template string
	// hold keeps a private server or a container: its lock or pipe would go with
	// it to the garbage collector.
	hold any
}

var leased = sync.OnceValues(func() (*server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	at, hold, err := somewhere(ctx)
	if err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(at)
	if err != nil {
		return nil, fmt.Errorf("TEST_DATABASE_URL cannot be read")
	}
	config.MaxConns = 4
	admin, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	s := &server{admin: admin, url: at, hold: hold}
	s.template, err = template(ctx, admin, at)
	return s, err
})

func lease(t testing.TB) *server {
	t.Helper()
	s, err := leased()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true" || os.Getenv("TEST_DATABASE_URL") != "":
		t.Fatalf("pgtest: no PostgreSQL: %v", err)
	default:
		t.Skipf("pgtest: no PostgreSQL: %v (or set TEST_DATABASE_URL)", err)
	}
	return s
}

// somewhere finds a server, and gives the address of a database of it in which
// others can be made, and what holds it.
func somewhere(ctx context.Context) (at string, hold any, err error) {
	if at := os.Getenv("TEST_DATABASE_URL"); at != "" {
		return at, nil, nil
	}
	if container.Answers() {
		c, err := container.Start(ctx, "postgres")
		if err != nil {
			return "", nil, err
		}
		return c.URL, c, nil
	}
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("reportable-pgtest-%d", os.Getuid()))
	if err := os.Mkdir(dir, 0o700); err != nil {
		// Anybody may have made it, and would then know where our tests connect.
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || info.Sys().(*syscall.Stat_t).Uid != uint32(os.Getuid()) {
			return "", nil, fmt.Errorf("%s is not ours; remove it", dir)
		}
	}
	private, err := postgres.Private{
		Dir:       dir,
		Packages:  packages(),
		Throwaway: true,
		// The next package's tests may have to be compiled first.
		Linger: 10 * time.Second,
	}.Start(ctx)
	if err != nil {
		return "", nil, err
	}
	return private.URL(), private, nil
}

// packages is where make puts PostgreSQL from npm if the machine has none.
func packages() string {
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		return ""
	}
	return filepath.Join(filepath.Dir(file), "..", "..", "deploy", "postgres", "node_modules")
}

// template makes, once for each state of the migrations, the database that
// the others are copied from.
func template(ctx context.Context, admin *pgxpool.Pool, at string) (string, error) {
	name, err := templateName()
	if err != nil {
		return "", err
	}
	conn, err := admin.Acquire(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Release()
	const making = 0x706774657374 // "pgtest": several test binaries may come at once
	if _, err := conn.Exec(ctx, "select pg_advisory_lock($1)", int64(making)); err != nil {
		return "", err
	}
	defer conn.Exec(ctx, "select pg_advisory_unlock($1)", int64(making))
	var there bool
	err = conn.QueryRow(ctx, "select exists (select 1 from pg_database where datname = $1)", name).Scan(&there)
	if err != nil || there {
		return name, err
	}
	if _, err := conn.Exec(ctx, "drop database if exists "+name+"_new with (force)"); err != nil {
		return "", err
	}
	if _, err := conn.Exec(ctx, "create database "+name+"_new template template0"); err != nil {
		return "", err
	}
	db, err := postgres.Open(ctx, withDatabase(at, name+"_new"))
	if err != nil {
		return "", err
	}
	err = db.Migrate(ctx)
	db.Close()
	if err != nil {
		return "", err
	}
	// Nobody may be connected to a database while it is copied.
	if _, err := conn.Exec(ctx, "alter database "+name+"_new with allow_connections false"); err != nil {
		return "", err
	}
	_, err = conn.Exec(ctx, "alter database "+name+"_new rename to "+name)
	return name, err
}

// templateName changes with the migrations.
func templateName() (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(tables.Migrations, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(tables.Migrations, path)
		fmt.Fprintf(sum, "%s %d\n%s", path, len(b), b)
		return err
	})
	if err != nil {
		return "", err
	}
	queue, err := rivermigrate.New(riverpgxv5.New(nil), nil)
	if err != nil {
		return "", err
	}
	fmt.Fprint(sum, len(queue.AllVersions()))
	return "reportable_template_" + hex.EncodeToString(sum.Sum(nil)[:6]), nil
}

// fresh copies a database, and drops the copy when the test has ended.
func fresh(t testing.TB, template string) string {
	t.Helper()
	s := lease(t)
	name := "reportable_test_" + strings.ToLower(rand.Text()[:12])
	if _, err := s.admin.Exec(context.Background(), "create database "+name+" template "+template); err != nil {
		t.Fatalf("pgtest: make a database: %v", err)
	}
	t.Cleanup(func() {
		if _, err := s.admin.Exec(context.Background(), "drop database "+name+" with (force)"); err != nil {
			t.Logf("pgtest: drop a database: %v", err)
		}
	})
	return withDatabase(s.url, name)
}

func withDatabase(at, name string) string {
	u, err := url.Parse(at)
	if err != nil {
		return at
	}
	u.Path = "/" + name
	return u.String()
}
