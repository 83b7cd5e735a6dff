package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// jobs opens the job queue; with a plain config it is for asking alone.
func (db *DB) jobs(config *river.Config) (*river.Client[pgx.Tx], error) {
	client, err := river.NewClient(riverpgxv5.New(db.pool), config)
	if err != nil {
		return nil, fmt.Errorf("open the job queue: %w", err)
	}
	return client, nil
}

// RunJobs works the job queue until the context ends: deliveries, digests,
// erasure and whatever else may wait a moment. Any number of processes may;
// one of them, chosen among themselves, plans the periodic jobs.
func (db *DB) RunJobs(ctx context.Context, config *river.Config) error {
	if config.RescueStuckJobsAfter == 0 {
		// A process that died with a job in hand: River's own default is an hour.
		config.RescueStuckJobsAfter = 5 * time.Minute
	}
	if config.Logger != nil {
		config.Logger = slog.New(untilStopped{config.Logger.Handler(), ctx})
	}
	client, err := db.jobs(config)
	if err != nil {
		return err
	}
	if err := client.Start(ctx); err != nil {
		return fmt.Errorf("work the job queue: %w", problem(err))
	}
	<-ctx.Done()
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := client.Stop(stopping); err != nil {
		return fmt.Errorf("stop the job queue: %w", err)
	}
	return nil
}

// untilStopped keeps quiet once the context has ended. River cuts off its
// connection then, and now and then complains of it as of an error.
type untilStopped struct {
	slog.Handler
	running context.Context
}

func (u untilStopped) Enabled(ctx context.Context, level slog.Level) bool {
	return u.running.Err() == nil && u.Handler.Enabled(ctx, level)
}

func (u untilStopped) WithAttrs(attrs []slog.Attr) slog.Handler {
	return untilStopped{u.Handler.WithAttrs(attrs), u.running}
}

func (u untilStopped) WithGroup(name string) slog.Handler {
	return untilStopped{u.Handler.WithGroup(name), u.running}
}
