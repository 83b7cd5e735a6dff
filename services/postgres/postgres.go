// Package postgres is the ledger's keeper and the only package that speaks to
// PostgreSQL: one file per noun, with the SQL inside the method that needs it.
//
// [Open] connects, [DB.Migrate] brings the tables up to date, and [Private]
// runs a server of our own where none is given. Every stage declares the few
// methods that it needs of [DB] as an interface above their use.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"github.com/reportable-incidents/reportable/services/casework"
)

// DB is the ledger. It is safe for concurrent use.
type DB struct {
	pool   *pgxpool.Pool
	claims claims
	// telling asks for people to be told outside the desk; nil where nobody is.
	telling *telling
	// transferring asks for contacts to be put on the case record; nil where an
	// administrator does it by hand.
	transferring *river.Client[pgx.Tx]
	// hooking asks for webhooks to be told; nil where none is.
	hooking *river.Client[pgx.Tx]
	// hours are those of a PDU; nil where all keep England's and Wales's.
	hours func(pdu string) *casework.Calendar
}

// WorkBy has the working time of milestones counted by each PDU's own hours. It
// is called before the store is used.
func (db *DB) WorkBy(hours func(pdu string) *casework.Calendar) { db.hours = hours }

// Open connects to the PostgreSQL at url. It fails at once if nobody answers
// there; later breaks heal by themselves.
func Open(ctx context.Context, url string) (*DB, error) { return open(ctx, url, nil, 0) }

// OpenTraced is Open with a witness of every query, for whoever measures them.
func OpenTraced(ctx context.Context, url string, witness pgx.QueryTracer) (*DB, error) {
	return open(ctx, url, witness, 0)
}

// OpenSeeing is Open with for how many days somebody sees a case whose action
// they had by cover or reassignment, after it is done. Zero leaves it to the
// database, which says 90 unless its owner set reportable.sight_days.
func OpenSeeing(ctx context.Context, url string, days int) (*DB, error) {
	return open(ctx, url, nil, days)
}

func open(ctx context.Context, url string, witness pgx.QueryTracer, sightDays int) (*DB, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the database's address cannot be read; it looks like postgres://user@host:5432/name")
	}
	if !strings.Contains(url, "pool_max_conns") {
		config.MaxConns = 16
	}
	config.MaxConnIdleTime = 5 * time.Minute
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = 5 * time.Second
	}
	config.ConnConfig.Tracer = witness
	params := config.ConnConfig.RuntimeParams
	params["timezone"] = "UTC"
	if params["application_name"] == "" {
		params["application_name"] = "reportable"
	}
	if sightDays != 0 {
		params["reportable.sight_days"] = strconv.Itoa(sightDays)
	}
	// A transaction that its client has forgotten holds locks, and an old
	// snapshot slows every queue in the database.
	params["idle_in_transaction_session_timeout"] = "60s"
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to PostgreSQL: %w", problem(err))
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, unreachable{problem(err), config.ConnConfig}
	}
	return &DB{pool: pool}, nil
}

// unreachable says in one line which database nobody answers for, and why: the
// driver tells of each try on a line of its own.
type unreachable struct {
	error
	config *pgx.ConnConfig
}

func (e unreachable) Unwrap() error { return e.error }

func (e unreachable) Error() string {
	why := e.error
	var wire *net.OpError
	var name *net.DNSError
	var said *pgconn.PgError
	switch {
	case errors.As(e.error, &name):
		why = errors.New(name.Err)
	case errors.As(e.error, &wire):
		why = wire.Err
	case errors.As(e.error, &said):
		why = errors.New(said.Message)
	}
	return fmt.Sprintf("connect to PostgreSQL at %s:%d, database %s, as %s: %v; see whether it runs there, and whether that is its address", e.config.Host, e.config.Port, e.config.Database, e.config.User, why)
}

// Close waits for what is under way and disconnects.
func (db *DB) Close() {
	db.pool.Close()
	db.claims.mu.Lock()
	defer db.claims.mu.Unlock()
	db.claims.close(context.Background())
}

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return problem(db.pool.Ping(ctx)) }

// Pool is for the job queue's driver, which shares our connections, and for
// tests that look into tables.
func (db *DB) Pool() *pgxpool.Pool { return db.pool }

// inTx runs do in one transaction and commits it. After a deadlock or a
// serialization failure it runs do again, so do must not keep anything between
// runs.
func (db *DB) inTx(ctx context.Context, do func(pgx.Tx) error) error {
	var err error
	for range 3 {
		err = pgx.BeginFunc(ctx, db.pool, do)
		switch codeOf(err) {
		case "40001", "40P01":
			continue
		}
		break
	}
	return problem(err)
}

// problem turns PostgreSQL's errors into ones that can be decided on and
// logged: what passes with time is casework.ErrUnavailable, and no error
// carries the values that caused it.
func problem(err error) error {
	if err == nil {
		return nil
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		if passing(pg.Code) {
			return fmt.Errorf("%w: %s (SQLSTATE %s)", casework.ErrUnavailable, pg.Message, pg.Code)
		}
		if class := pg.Code[:min(2, len(pg.Code))]; class == "22" || class == "23" {
			return &dataError{pg}
		}
		return err
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	var connect *pgconn.ConnectError
	var network net.Error
	if errors.As(err, &connect) || errors.As(err, &network) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		pgconn.SafeToRetry(err) || strings.Contains(err.Error(), "conn closed") {
		return fmt.Errorf("%w: %w", casework.ErrUnavailable, err)
	}
	return err
}

// passing says of an SQLSTATE that the same may succeed later, without a
// change in what was asked.
func passing(code string) bool {
	switch code {
	case "25006", // read-only: a replica, or an administrator's switch
		"57P01", "57P02", "57P03", "57P05", // shut down, crashed, starting up, idle for too long
		"40001", "40P01", "55P03": // locks
		return true
	}
	switch code[:min(2, len(code))] {
	case "08", "53", "58": // connection, resources (disk full, out of memory, too many connections), input and output
		return true
	}
	return false
}

// dataError is PostgreSQL's refusal of a value, without the value.
type dataError struct{ pg *pgconn.PgError }

func (e *dataError) Error() string {
	where := strings.Trim(e.pg.TableName+"."+e.pg.ColumnName, ".")
	if e.pg.ConstraintName != "" {
		where = e.pg.ConstraintName
	}
	return fmt.Sprintf("the database refused a value: %s (SQLSTATE %s)", where, e.pg.Code)
}

// Unwrap leads to the original for whoever looks for its code. Its text must
// not be printed.
func (e *dataError) Unwrap() error { return e.pg }
