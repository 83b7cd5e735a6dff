// Command engine starts a PostgreSQL or a NATS on a Docker engine, prints its
// address and keeps it until its input ends. It is what test/container runs.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"
	"github.com/testcontainers/testcontainers-go/modules/nats"
	"github.com/testcontainers/testcontainers-go/modules/postgres"
)

func main() {
	if err := keep(os.Args[len(os.Args)-1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func keep(what string) error {
	tclog.SetDefault(log.New(io.Discard, "", 0))
	ctx := context.Background()
	switch what {
	case "postgres":
		return shared(ctx)
	case "nats":
		c, err := nats.Run(ctx, "nats:2-alpine")
		if err != nil {
			return err
		}
		return until(ctx, c, c.ConnectionString)
	}
	return fmt.Errorf("say postgres or nats, not %q", what)
}

// until prints where a container answers, and removes it when our input ends.
func until(ctx context.Context, c testcontainers.Container, where func(context.Context) (string, error)) error {
	at, err := where(ctx)
	if err == nil {
		fmt.Println(at)
		_, err = io.Copy(io.Discard, os.Stdin)
	}
	return errors.Join(err, c.Terminate(ctx))
}

// linger is how long the shared container stays for the next test binary, which
// may have to be compiled first.
const linger = 10 * time.Second

// shared keeps the PostgreSQL that all test binaries use. Each of them runs this
// program, and whichever of those finds that no other is left removes it.
func shared(ctx context.Context) error {
	users, err := os.OpenFile(filepath.Join(os.TempDir(), fmt.Sprintf("reportable-pgtest-container-%d", os.Getuid())), os.O_RDONLY|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(users.Fd()), syscall.LOCK_SH); err != nil {
		return err
	}
	c, err := postgres.Run(ctx, "postgres:17-alpine",
		postgres.WithDatabase("reportable"),
		postgres.WithUsername("reportable"),
		postgres.WithPassword("reportable"),
		postgres.BasicWaitStrategies(),
		testcontainers.WithReuseByName("reportable-pgtest"),
		testcontainers.WithEnv(map[string]string{"POSTGRES_INITDB_ARGS": "--locale=C.UTF-8 --no-sync"}),
		testcontainers.WithCmdArgs("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off",
			"-c", "max_connections=400", "-c", "jit=off"),
	)
	if err != nil {
		return err
	}
	at, err := c.ConnectionString(ctx, "sslmode=disable")
	if err != nil {
		return err
	}
	fmt.Println(at)
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	time.Sleep(linger)
	// The engine's own reaper takes away what its starter leaves behind, so that
	// even a starter whose test binary has ended waits for the others.
	if err := syscall.Flock(int(users.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	return c.Terminate(ctx)
}
