package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// claims are the idempotency keys under which this process is being sent
// something. Each is an advisory lock of one session that they share: no other
// process has it at the same time, a long upload takes no connection from the
// pool, and the locks go with the process when it dies.
type claims struct {
	mu   sync.Mutex
	conn *pgx.Conn
	held map[string]bool
	// broken counts the sessions that were lost, with all that was claimed in them.
	broken int
}

const (
	claiming  = 0x6b6579 // "key": the class of these advisory locks
	claimWait = 5 * time.Second
)

// ClaimKey lets one submission at a time be read under a force's idempotency
// key, whichever process reads it. It fails with [ErrKeyTaken] while another is
// being read. Release says whether the claim was kept until then: if it was not,
// because the session broke, another submission may have been read beside this one.
func (db *DB) ClaimKey(ctx context.Context, force, key string) (release func() (kept bool), err error) {
	c, name := &db.claims, force+" "+key
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held[name] { // a session's lock lets itself in
		return nil, ErrKeyTaken
	}
	// All claims share the session: it is not for one sender who hangs up to
	// have it closed.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), claimWait)
	defer cancel()
	if err := c.connect(ctx, db.pool.Config().ConnConfig); err != nil {
		return nil, fmt.Errorf("claim an idempotency key: %w", problem(err))
	}
	free, err := c.ask(ctx, `select pg_try_advisory_lock(hashtextextended(@name, @class))`, name)
	if err != nil {
		return nil, fmt.Errorf("claim an idempotency key: %w", problem(err))
	}
	if !free {
		return nil, ErrKeyTaken
	}
	if c.held == nil {
		c.held = make(map[string]bool)
	}
	c.held[name] = true
	session := c.broken
	return func() bool { return c.release(name, session) }, nil
}

func (c *claims) release(name string, session int) (kept bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.held, name)
	if c.broken != session {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), claimWait)
	defer cancel()
	kept, err := c.ask(ctx, `select pg_advisory_unlock(hashtextextended(@name, @class))`, name)
	return kept && err == nil
}

// connect makes the session, if there is none.
func (c *claims) connect(ctx context.Context, config *pgx.ConnConfig) (err error) {
	if c.conn != nil {
		return nil
	}
	// A process that dies closes its connections; a machine that does, does not.
	for name, value := range map[string]string{"tcp_keepalives_idle": "20", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"} {
		config.RuntimeParams[name] = value
	}
	c.conn, err = pgx.ConnectConfig(ctx, config)
	return err
}

// ask asks something of the session. One that fails is given up.
func (c *claims) ask(ctx context.Context, question, name string) (yes bool, err error) {
	err = c.conn.QueryRow(ctx, question, pgx.NamedArgs{"name": name, "class": int64(claiming)}).Scan(&yes)
	if err != nil {
		c.close(ctx)
	}
	return yes, err
}

func (c *claims) close(ctx context.Context) {
	if c.conn == nil {
		return
	}
	_ = c.conn.Close(ctx)
	c.conn = nil
	c.broken++
}
