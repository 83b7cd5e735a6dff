package desk

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"
	"golang.org/x/time/rate"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Keys of what a session holds: ids and settings, never a name.
const (
	sessionAccount = "account"
	sessionFlash   = "flash"
	sessionOpened  = "opened:" // + account and match: its masked addresses were opened with a reason
)

func newSessions(c Config, failed func(http.ResponseWriter, *http.Request, error)) *scs.SessionManager {
	m := scs.New()
	m.Store = c.DB.Sessions()
	m.HashTokenInStore = true
	m.IdleTimeout = c.Idle
	m.Lifetime = c.Lifetime
	m.Cookie.Name = "session"
	m.Cookie.HttpOnly = true
	m.Cookie.SameSite = http.SameSiteLaxMode
	m.Cookie.Persist = false // ends with the browser: desks are shared
	if c.Secure {
		// The prefix makes browsers refuse the cookie from any other host or path.
		m.Cookie.Name = "__Host-session"
		m.Cookie.Secure = true
	}
	m.ErrorFunc = failed
	return m
}

// noSession answers where a session could not be read or kept.
func (d *Desk) noSession(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) {
		return // the browser has gone: nobody reads an answer
	}
	d.Log.ErrorContext(r.Context(), "session", "error", err)
	w.Header().Set("Retry-After", "5")
	d.outside(w, r, http.StatusServiceUnavailable, "unavailable")
}

// signIn begins a session under a new token, so that one which somebody
// planted before is worth nothing. Nothing of who sat there before stays in it.
func (d *Desk) signIn(ctx context.Context, a casework.Account) error {
	before := d.sessions.Token(ctx)
	if err := d.sessions.Clear(ctx); err != nil {
		return err
	}
	if err := d.sessions.RenewToken(ctx); err != nil {
		return err
	}
	if before != "" {
		d.nudges.end(before)
	}
	d.sessions.Put(ctx, sessionAccount, int64(a.ID))
	return d.DB.SignedIn(ctx, a.ID, d.Now())
}

// signedIn is who the session belongs to, or nil. An account that was disabled
// since, or a persona outside the demo, is signed in no longer.
func (d *Desk) signedIn(ctx context.Context) (*casework.Account, error) {
	id := d.sessions.GetInt64(ctx, sessionAccount)
	if id == 0 {
		return nil, nil
	}
	a, err := d.DB.Account(ctx, casework.AccountID(id))
	if errors.Is(err, casework.ErrNotFound) || err == nil && a.Demo && !d.Demo {
		return nil, d.sessions.Destroy(ctx)
	}
	if err != nil {
		return nil, err
	}
	return &a, nil
}

type nonceKey struct{}

// headers tells browsers what our pages never do, on every answer.
func (d *Desk) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		nonce := rand.Text()
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; "+
			"script-src 'nonce-"+nonce+"' 'strict-dynamic'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "+
			"form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), browsing-topics=()")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store") // pages are about people
		if d.Secure {
			h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), nonceKey{}, nonce)))
	})
}

// limits slows down whoever tries to sign in again and again from one address.
type limits struct {
	mu    sync.Mutex
	every rate.Limit
	burst int
	of    map[string]*limit
}

type limit struct {
	*rate.Limiter
	last time.Time
}

func newLimits(every rate.Limit, burst int) *limits {
	return &limits{every: every, burst: burst, of: map[string]*limit{}}
}

func (l *limits) allow(who string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.of) > 10_000 { // forget who has been quiet, so that addresses cannot fill the memory
		for k, v := range l.of {
			if now.Sub(v.last) > time.Minute {
				delete(l.of, k)
			}
		}
	}
	it := l.of[who]
	if it == nil {
		it = &limit{Limiter: rate.NewLimiter(l.every, l.burst)}
		l.of[who] = it
	}
	it.last = now
	return it.AllowN(now, 1)
}
