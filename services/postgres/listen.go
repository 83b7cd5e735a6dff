package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Listen gives a signal after each NOTIFY on a channel, several at once as
// one. It holds a connection of its own, and connects again when that breaks;
// since what was said meanwhile is lost, it gives a signal then too. The
// signals end with ctx. Whoever waits on them must also look by itself now and
// then: a NOTIFY is a nudge, not a promise.
func (db *DB) Listen(ctx context.Context, channel string) <-chan struct{} {
	signal := make(chan struct{}, 1)
	give := func() {
		select {
		case signal <- struct{}{}:
		default: // one is waiting already
		}
	}
	go func() {
		defer close(signal)
		const shortest, longest = 100 * time.Millisecond, 5 * time.Second
		pause := shortest
		for ctx.Err() == nil {
			if db.hear(ctx, channel, give) {
				pause = shortest
			}
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
			pause = min(2*pause, longest)
		}
	}()
	return signal
}

// hear listens until the connection breaks, and says whether there was one.
func (db *DB) hear(ctx context.Context, channel string, give func()) bool {
	conn, err := pgx.ConnectConfig(ctx, db.pool.Config().ConnConfig)
	if err != nil {
		return false
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "listen "+pgx.Identifier{channel}.Sanitize()); err != nil {
		return false
	}
	give()
	for {
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return true
		}
		give()
	}
}
