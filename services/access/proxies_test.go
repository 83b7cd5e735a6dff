package access

import (
	"net/http"
	"net/netip"
	"testing"
)

func TestOnlyAProxyIsBelievedOfWhomItPassesOn(t *testing.T) {
	ours := Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct {
		proxies Proxies
		remote  string
		passed  []string
		want    string
	}{
		{nil, "192.0.2.1:4000", []string{"198.51.100.7"}, "192.0.2.1"},
		{nil, "10.0.0.1:4000", []string{"198.51.100.7"}, "10.0.0.1"},
		{ours, "192.0.2.1:4000", []string{"198.51.100.7"}, "192.0.2.1"},
		{ours, "10.0.0.1:4000", nil, "10.0.0.1"},
		{ours, "10.0.0.1:4000", []string{"198.51.100.7"}, "198.51.100.7"},
		{ours, "10.0.0.1:4000", []string{"203.0.113.9, 198.51.100.7"}, "198.51.100.7"}, // what they wrote themselves
		{ours, "10.0.0.1:4000", []string{"203.0.113.9", "198.51.100.7, 10.0.0.2"}, "198.51.100.7"},
		{ours, "10.0.0.1:4000", []string{"nonsense"}, "10.0.0.1"},
		{ours, "10.0.0.1:4000", []string{"198.51.100.7, nonsense"}, "10.0.0.1"},
		{ours, "[fd00::1]:4000", []string{"2001:db8:1:2:3:4:5:6"}, "2001:db8:1:2::"},
		{ours, "[::ffff:10.0.0.1]:4000", []string{"198.51.100.7:50000"}, "198.51.100.7"},
	} {
		r := &http.Request{RemoteAddr: c.remote, Header: http.Header{"X-Forwarded-For": c.passed}}
		if got := c.proxies.Sender(r).String(); got != c.want {
			t.Errorf("from %s with %q: got %s, want %s", c.remote, c.passed, got, c.want)
		}
	}
}
