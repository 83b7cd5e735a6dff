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
	open map[chan struct{}]waiter
	of   map[string]int // how many wait, by session and by account
	stop context.CancelFunc
}

// waiter is one page that waits: whose session it is of, and how it is ended.
type waiter struct {
	session string
	ended   chan struct{}
}

// How many pages are kept up to date at once. A browser has six connections to
// one site where it speaks HTTP/1.1, and needs some to open pages with; one
// account in many browsers must not use up the desk's.
const (
	liveBySession = 4
	liveByAccount = 20
)

// join gives a signal after each nudge from now on, several at once as one. The
// first to join begins to listen, and the last to leave ends it. It is ended when
// somebody signs out of the session. It is not ok if the session or the account
// has as many pages waiting as it may.
func (n *nudges) join(session, account string) (nudged, ended <-chan struct{}, leave func(), ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	session, account = "session "+session, "account "+account
	if n.of[session] >= liveBySession || n.of[account] >= liveByAccount {
		return nil, nil, nil, false
	}
	if len(n.open) == 0 {
		n.open, n.of = map[chan struct{}]waiter{}, map[string]int{}
		var ctx context.Context
		ctx, n.stop = context.WithCancel(context.Background())
		heard := n.listen(ctx)
		go func() {
			for range heard {
				n.pass()
			}
		}()
	}
	mine, over := make(chan struct{}, 1), make(chan struct{})
	n.open[mine] = waiter{session, over}
	n.of[session]++
	n.of[account]++
	return mine, over, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		for _, who := range []string{session, account} {
			if n.of[who]--; n.of[who] == 0 {
				delete(n.of, who)
			}
		}
		if delete(n.open, mine); len(n.open) == 0 {
			n.stop()
		}
	}, true
}

// end ends what waits of a session that is no more.
func (n *nudges) end(session string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for page, w := range n.open {
		if w.session == "session "+session {
			close(w.ended)
			n.open[page] = waiter{} // it leaves by itself
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
