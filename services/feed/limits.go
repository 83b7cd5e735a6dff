package feed

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits are each force's own, so that one that floods is slowed by itself.
type Limits struct {
	// Requests a second that a force may make for long, with twice as many at
	// once. Default 300.
	Requests float64
	// AtOnce is how many submissions of a force are dealt with at the same
	// time. Default 4.
	AtOnce int
	// Wait is how long a submission waits for its turn before it is told to
	// come again. Default 2 s.
	Wait time.Duration
	// Body is the most bytes of one submission, unpacked. Default 2 GiB.
	Body int64
	// Check is the same for a check, which leaves nothing behind. Default 64 MiB.
	Check int64
}

func (l Limits) filled() Limits {
	if l.Requests == 0 {
		l.Requests = 300
	}
	if l.AtOnce == 0 {
		l.AtOnce = 4
	}
	if l.Wait == 0 {
		l.Wait = 2 * time.Second
	}
	if l.Body == 0 {
		l.Body = 2 << 30
	}
	if l.Check == 0 {
		l.Check = 64 << 20
	}
	return l
}

// gates hold one gate for each force. There are as many as forces, for nobody
// else comes this far.
type gates struct {
	limits Limits
	mu     sync.Mutex
	of     map[string]*gate
}

type gate struct {
	pace  *rate.Limiter
	slots chan struct{}
}

func (g *gates) gate(force string) *gate {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.of == nil {
		g.of = make(map[string]*gate)
	}
	one := g.of[force]
	if one == nil {
		one = &gate{
			pace:  rate.NewLimiter(rate.Limit(g.limits.Requests), max(1, int(2*g.limits.Requests))),
			slots: make(chan struct{}, g.limits.AtOnce),
		}
		g.of[force] = one
	}
	return one
}

// allow says whether a force may make a request now, or after how long.
func (g *gates) allow(force string) (after time.Duration, ok bool) {
	r := g.gate(force).pace.Reserve()
	if after = r.Delay(); after > 0 {
		r.Cancel()
		return after, false
	}
	return 0, true
}

// enter takes one of a force's places for submissions, and gives how to leave it.
func (g *gates) enter(ctx context.Context, force string) (leave func(), ok bool) {
	slots := g.gate(force).slots
	leave = func() { <-slots }
	select {
	case slots <- struct{}{}:
		return leave, true
	default:
	}
	wait := time.NewTimer(g.limits.Wait)
	defer wait.Stop()
	select {
	case slots <- struct{}{}:
		return leave, true
	case <-wait.C:
	case <-ctx.Done():
	}
	return nil, false
}
