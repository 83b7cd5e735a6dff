// Package webhook tells other machines of notices, by requests that they can
// check to be ours.
//
//	notifier → webhook → somebody's HTTPS address
//
// A request carries the message's id, a timestamp, and for each live secret
//
//	Webhook-Signature: v1,base64(HMAC-SHA256(secret, id + "." + timestamp + "." + body))
//
// Its body has the reference of the incident and a link to the desk, and never
// a name. Where it may go is decided when it is dialled, by the address that the
// name resolved to: never to our own network unless the subscription allows it.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Check says what is wrong with an address, before anything is sent there.
func Check(address string, private bool) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return errors.New("the address cannot be read; it looks like https://machine.example/path")
	case u.Scheme == "https" || u.Scheme == "http" && private:
		return nil
	}
	return errors.New("the address has to be an https:// one")
}

// Sender sends messages.
type Sender struct {
	// Desk is the address of the desk, for links.
	Desk string
	// Patience is how long one request may take. Default 15s.
	Patience time.Duration
	// TLS is for tests; nil verifies as usual.
	TLS *tls.Config
	// Now is the clock of timestamps. Default time.Now.
	Now func() time.Time
}

// body is what is told: never a name.
type body struct {
	ID        string             `json:"id"`
	At        time.Time          `json:"occurredAt"`
	Kind      string             `json:"kind"`
	Rule      string             `json:"rule"`
	Priority  casework.Priority  `json:"priority"`
	Role      casework.OwnerRole `json:"ownerRole"`
	PDU       string             `json:"pdu"`
	Reference string             `json:"reference"`
	Link      string             `json:"link"`
}

// Send makes one request. Any answer of the two hundreds is a receipt.
func (s *Sender) Send(ctx context.Context, m casework.HookMessage) error {
	if err := Check(m.URL, m.Private); err != nil {
		return err
	}
	content, err := json.Marshal(body{m.MessageID, m.At.UTC(), m.Notice.Kind, m.Rule, m.Priority, m.Owner.Role, m.Owner.PDU,
		m.Reference, fmt.Sprintf("%s/actions/%d", strings.TrimRight(s.Desk, "/"), m.Action)})
	if err != nil {
		return errors.New("write the message: it cannot be encoded")
	}
	patience := s.Patience
	if patience == 0 {
		patience = 15 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, m.URL, bytes.NewReader(content))
	if err != nil {
		return errors.New("the address cannot be read")
	}
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	stamp := strconv.FormatInt(now().Unix(), 10)
	var signatures []string
	for _, secret := range m.Secrets {
		signatures = append(signatures, Sign(secret, m.MessageID, stamp, content))
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "reportable")
	r.Header.Set("Webhook-Id", m.MessageID)
	r.Header.Set("Webhook-Timestamp", stamp)
	r.Header.Set("Webhook-Signature", strings.Join(signatures, " "))
	// One connection for each request: what was decided for one address holds for
	// no other. No proxy, which would dial for us what we must not.
	transport := &http.Transport{DialContext: dialer(m.Private).DialContext, TLSClientConfig: s.TLS, DisableKeepAlives: true,
		TLSHandshakeTimeout: patience, ResponseHeaderTimeout: patience}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if err != nil {
		var inside inside
		if errors.As(err, &inside) {
			return inside
		}
		var why *url.Error
		if errors.As(err, &why) {
			err = why.Err
		}
		return fmt.Errorf("reach the webhook: %w", err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16)) // what it says beside the status is nothing to us
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the webhook answered %d", resp.StatusCode)
	}
	return nil
}

// inside is an address on our own network.
type inside struct{}

func (inside) Error() string {
	return "the webhook's name leads to our own network, which its subscription does not allow"
}

// dialer looks at the address that is really dialled, after the name was
// resolved: a name that leads elsewhere the second time it is asked leads nowhere.
func dialer(private bool) *net.Dialer {
	return &net.Dialer{Timeout: 10 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return inside{}
		}
		if !private && Inside(at.Addr()) {
			return inside{}
		}
		return nil
	}}
}

// reserved are networks that no public machine has, beside those that the
// address itself knows.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"), // shared by a carrier's customers
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/96"),        // version 4 in disguise as it was once written
	netip.MustParsePrefix("2001::/32"),    // and tunnelled
	netip.MustParsePrefix("64:ff9b::/96"), // version 4 in disguise, and the next two
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("fec0::/10"),
}

// Inside reports whether an address is not one of the public Internet.
func Inside(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsValid() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() {
		return true
	}
	for _, p := range reserved {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// Sign is the signature of one message by one secret.
func Sign(secret, id, timestamp string, content []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(content)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Verify is what a receiver does: the signature has to be of a secret that it
// knows, and the timestamp no further from now than five minutes.
func Verify(secret string, header http.Header, content []byte, now time.Time) error {
	stamp := header.Get("Webhook-Timestamp")
	at, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || now.Sub(time.Unix(at, 0)).Abs() > 5*time.Minute {
		return errors.New("the timestamp is too far from now")
	}
	want := Sign(secret, header.Get("Webhook-Id"), stamp, content)
	for _, given := range strings.Fields(header.Get("Webhook-Signature")) {
		if hmac.Equal([]byte(given), []byte(want)) {
			return nil
		}
	}
	return errors.New("no signature is of this secret")
}
