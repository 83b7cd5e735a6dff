package run

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
)

// diary notes what the services did, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

// until gives a service that runs until it is stopped and ends with the error.
func (d *diary) until(name string, err error) Service {
	return Service{name, func(ctx context.Context) error {
		<-ctx.Done()
		d.note(name)
		return err
	}}
}

var quiet = slog.New(slog.DiscardHandler)

func TestServicesStopInTheReverseOfTheirStart(t *testing.T) {
	var d diary
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Supervise(ctx, quiet, d.until("relay", nil), d.until("matcher", nil), d.until("feed", context.Canceled)); err != nil {
		t.Error(err)
	}
	if want := []string{"feed", "matcher", "relay"}; !slices.Equal(d.lines, want) {
		t.Errorf("got %v, want %v", d.lines, want)
	}
}

func TestOneFailureStopsAllAndIsNamed(t *testing.T) {
	var d diary
	bad := Service{"matcher", func(context.Context) error { return errors.New("no register") }}
	err := Supervise(t.Context(), quiet, d.until("relay", errors.New("stuck")), bad, d.until("feed", nil))
	if err == nil || !strings.Contains(err.Error(), "matcher: no register") || !strings.Contains(err.Error(), "relay: stuck") {
		t.Errorf("got %v, want both failures by name", err)
	}
	if want := []string{"feed", "relay"}; !slices.Equal(d.lines, want) {
		t.Errorf("got %v, want %v", d.lines, want)
	}
}

func TestAServiceThatEndsByItselfIsAFailure(t *testing.T) {
	err := Supervise(t.Context(), quiet, Service{"feed", func(context.Context) error { return nil }})
	if err == nil || !strings.Contains(err.Error(), "feed: ended by itself") {
		t.Errorf("got %v", err)
	}
}
