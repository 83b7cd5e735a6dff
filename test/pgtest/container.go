package pgtest

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"
	"github.com/testcontainers/testcontainers-go/modules/postgres"
)

// dockerAnswers asks quickly, since most machines that build have no engine.
func dockerAnswers() bool {
	if os.Getenv("DOCKER_HOST") != "" {
		return true // somebody wants it: let a failure be seen
	}
	const socket = "/var/run/docker.sock"
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
	answer, err := client.Get("http://docker/_ping")
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// container starts the one that all test binaries of a run share; the reaper
// removes it after the last of them.
func container(ctx context.Context) (string, error) {
	tclog.SetDefault(log.New(io.Discard, "", 0))
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
		return "", err
	}
	return c.ConnectionString(ctx, "sslmode=disable")
}

// packages is where make puts PostgreSQL from npm if the machine has none.
func packages() string {
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		return ""
	}
	return filepath.Join(filepath.Dir(file), "..", "..", "deploy", "postgres", "node_modules")
}
