// Package faults kills what can be killed, and looks whether anything was lost
// or done twice.
//
// The services are processes of the real binary, each on its own, on a real
// PostgreSQL and a real NATS. Short rounds run with the other tests; for longer
// ones:
//
//	go test ./test/faults -run Killing -rounds 1000 -timeout 0
package faults

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/test/harness"
	"github.com/reportable-incidents/reportable/test/natstest"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

var built struct {
	sync.Once
	path string
	err  error
}

// binary builds the program once for all tests.
func binary(t testing.TB) string {
	t.Helper()
	built.Do(func() {
		dir, err := os.MkdirTemp("", "reportable-faults")
		if err != nil {
			built.err = err
			return
		}
		built.path = filepath.Join(dir, "reportable")
		out, err := exec.Command("go", "build", "-o", built.path, "../../cmd/reportable").CombinedOutput()
		if err != nil {
			built.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

// Site is a place where the services run as processes of their own.
type Site struct {
	testing.TB
	DB       *postgres.DB // around every fault
	Database *Wire
	NATS     string
	Dir      string

	env     []string
	running []*Service
}

// NewSite makes one, with nothing running.
func NewSite(t testing.TB) *Site {
	t.Helper()
	at := pgtest.URL(t)
	s := &Site{TB: t, DB: pgtest.Open(t, at), Database: newWire(t, at), NATS: natstest.URL(t), Dir: t.TempDir()}
	s.env = append(os.Environ(), "DATABASE_URL="+s.Database.URL, "NATS_URL="+s.NATS)
	t.Cleanup(func() {
		for _, one := range s.running {
			one.Kill()
			if t.Failed() {
				t.Logf("%s said last:\n%s", one.name, tail(one.log.String(), 20))
			}
		}
	})
	return s
}

// Run runs a command to its end and gives what it printed.
func (s *Site) Run(args ...string) string {
	s.Helper()
	out, err := s.command(args...).Output()
	if err != nil {
		var exit *exec.ExitError
		said := ""
		if errors.As(err, &exit) {
			said = string(exit.Stderr)
		}
		s.Fatalf("reportable %s: %v\n%s", strings.Join(args, " "), err, said)
	}
	return string(out)
}

func (s *Site) command(args ...string) *exec.Cmd {
	c := exec.Command(binary(s), args...)
	c.Env, c.Dir = s.env, s.Dir
	dieWithUs(c)
	return c
}

// Service is a process that may be killed and started again.
type Service struct {
	site *Site
	name string
	args []string
	cmd  *exec.Cmd
	done chan struct{}
	log  *tap
}

// Serve starts services in one process.
func (s *Site) Serve(names ...string) *Service {
	s.Helper()
	const any = "127.0.0.1:0"
	args := append([]string{"serve", "--operations-address", any, "--feed-address", any, "--desk-address", any, "--log-level", "info"}, names...)
	one := &Service{site: s, name: strings.Join(names, " "), args: args, log: &tap{}}
	s.running = append(s.running, one)
	one.Start()
	return one
}

// Start starts it, or starts it again.
func (v *Service) Start() {
	v.site.Helper()
	cmd := v.site.command(v.args...)
	cmd.Stdout, cmd.Stderr = v.log, v.log
	if err := cmd.Start(); err != nil {
		v.site.Fatal(err)
	}
	done := make(chan struct{})
	go func() { cmd.Wait(); close(done) }()
	v.cmd, v.done = cmd, done
}

// Kill ends it with signal 9, as a power cut would.
func (v *Service) Kill() {
	v.cmd.Process.Kill()
	<-v.done
}

// address waits until it listens, and says where.
func (v *Service) address(what string) string {
	v.site.Helper()
	v.site.Eventually(func() bool {
		answer, err := http.Get(v.lastAddress(what) + "/")
		if err != nil {
			return false
		}
		answer.Body.Close()
		return true
	}, func() string { return v.name + " does not answer" })
	return v.lastAddress(what)
}

// lastAddress is where it said last that it listens.
func (v *Service) lastAddress(what string) string {
	all := regexp.MustCompile(`"`+what+`":"(http://[^"]+)"`).FindAllStringSubmatch(v.log.String(), -1)
	if len(all) == 0 {
		return "http://127.0.0.1:1" // nobody is there
	}
	return all[len(all)-1][1]
}

// uses lets services reach another NATS.
func (s *Site) uses(url string) {
	s.NATS = url
	s.env = append(s.env, "NATS_URL="+url)
}

// Settled waits until everything that was begun is done.
func (s *Site) Settled() {
	s.Helper()
	var last string
	s.Eventually(func() bool {
		last = pgtest.One[string](s, s.DB, harness.Unsettled)
		return last == ""
	}, func() string { return "still " + last })
}

// Eventually waits until something is so, for as long as what is missing changes.
func (s *Site) Eventually(so func() bool, what func() string) {
	s.Helper()
	const patience = 90 * time.Second // longer than the sweepers' half minute
	until, missing := time.Now().Add(patience), ""
	for !so() {
		if now := what(); now != missing {
			missing, until = now, time.Now().Add(patience)
		}
		if time.Now().After(until) {
			s.Fatalf("waited %s in vain: %s", patience, missing)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// tap keeps what a process says.
type tap struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *tap) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *tap) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func tail(s string, lines int) string {
	all := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
