package access

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// WrongKeys counts the wrong keys, or access tokens, that come from an address,
// and tells whoever goes on to wait. Keys cannot be guessed; but each wrong one costs a question
// to the store, and a sender whose key has expired should slow down and not
// hammer. A right key is let in all the while: forces share addresses.
type WrongKeys struct {
	// PerMinute is how many wrong keys an address may show for long, and as
	// many at once. Default 30.
	PerMinute int

	mu sync.Mutex
	of map[netip.Addr]*rate.Limiter
}

// mostAddresses bounds what is remembered: from more than that at once comes
// something that counting by address does not help against.
const mostAddresses = 10_000

// Seen notes a wrong key, and says how long to wait if there were too many.
func (w *WrongKeys) Seen(remote string, now time.Time) time.Duration {
	if w == nil {
		return 0
	}
	most := w.PerMinute
	if most == 0 {
		most = 30
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	from := network(remote)
	one := w.of[from]
	if one == nil {
		if w.of == nil || len(w.of) >= mostAddresses {
			w.of = make(map[netip.Addr]*rate.Limiter)
		}
		one = rate.NewLimiter(rate.Limit(float64(most)/60), most)
		w.of[from] = one
	}
	r := one.ReserveN(now, 1)
	after := r.DelayFrom(now)
	if after > 0 {
		r.CancelAt(now)
	}
	return after
}

// network is what one sender can have addresses of: an address of IPv4, and of
// IPv6 its first 64 bits.
func network(remote string) netip.Addr {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	at, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	if at = at.Unmap().WithZone(""); at.Is6() {
		if p, err := at.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return at
}
