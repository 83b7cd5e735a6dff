// Package container takes from a Docker engine what a test needs: a PostgreSQL
// that all test binaries share, or a NATS of the test's own.
//
// The engine's client is in a program of its own, in engine, which is only built
// where somebody asks for a container. It is a hundred packages, and was linked
// into every test binary of machines that have no engine.
package container

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Answers says whether there is an engine. It asks quickly, since most machines
// that build have none.
func Answers() bool {
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

// Container is one that this process holds, alone or with others.
type Container struct {
	URL string
	// hold is the engine program's input, whose end tells it that it may go. The
	// kernel sees to that, too, when this process ends.
	hold io.Closer
	wait func() error
}

// Start has a container started, of "postgres" or "nats", and says where it answers.
func Start(ctx context.Context, what string) (*Container, error) {
	const program = "github.com/reportable-incidents/reportable/test/container/engine"
	// Compiled as the tests are, so that make's checks have left it in the cache.
	cmd := exec.Command("go", "run", program, what)
	// Not our own output: go test waits until everybody has let go of that.
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	hold, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a container of %s: %w", what, err)
	}
	said := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(out).ReadString('\n')
		said <- strings.TrimSpace(line)
	}()
	var address string
	select {
	case address = <-said:
	case <-ctx.Done():
	}
	if address == "" {
		hold.Close()
		if ctx.Err() != nil {
			return nil, fmt.Errorf("start a container of %s: %w", what, ctx.Err())
		}
		err := cmd.Wait()
		return nil, fmt.Errorf("start a container of %s: %w: %s", what, err, bytes.TrimSpace(complaint.Bytes()))
	}
	return &Container{URL: address, hold: hold, wait: cmd.Wait}, nil
}

// Stop lets the container go, and waits until it is gone.
func (c *Container) Stop() error {
	c.hold.Close()
	return c.wait()
}
