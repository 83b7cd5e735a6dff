package access

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies are the networks of the proxies before a service: what they say of
// whom they pass on is believed. None by default, for anybody may write that
// header; then a proxy is one sender, and all who come by it share its limits.
type Proxies []netip.Prefix

// Sender is the network that a request comes from: the last address in
// X-Forwarded-For that is none of the proxies' own. What stands before it is
// what the sender wrote.
func (p Proxies) Sender(r *http.Request) netip.Addr {
	at := network(r.RemoteAddr)
	passed := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, before := range slices.Backward(passed) {
		if !p.has(at) {
			break
		}
		from := network(strings.TrimSpace(before))
		if !from.IsValid() {
			break
		}
		at = from
	}
	return at
}

func (p Proxies) has(at netip.Addr) bool {
	return slices.ContainsFunc(p, func(n netip.Prefix) bool { return n.Contains(at) })
}
