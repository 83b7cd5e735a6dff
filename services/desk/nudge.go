package desk

import (
	"context"
	"sync"
)

// nudges pass the database's one signal on to every page that waits. Listening
// takes a connection of its own, and PostgreSQL has fewer than there are pages.
type nudges struct {
	listen func(context.Context) <-chan struct{}

	mu   sync.Mutex
	open map[chan struct{}]bool
	stop context.CancelFunc
}

// join gives a signal after each nudge from now on, several at once as one. The
// first to join begins to listen, and the last to leave ends it.
func (n *nudges) join() (nudged <-chan struct{}, leave func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.open) == 0 {
		n.open = map[chan struct{}]bool{}
		var ctx context.Context
		ctx, n.stop = context.WithCancel(context.Background())
		heard := n.listen(ctx)
		go func() {
			for range heard {
				n.pass()
			}
		}()
	}
	mine := make(chan struct{}, 1)
	n.open[mine] = true
	return mine, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if delete(n.open, mine); len(n.open) == 0 {
			n.stop()
		}
	}
}

func (n *nudges) pass() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for one := range n.open {
		select {
		case one <- struct{}{}:
		default: // one is waiting already
		}
	}
}
