package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

// keyPrefix begins every force's key, so that a scanner for leaked secrets can
// know one.
const keyPrefix = "rpt_"

// NewForceKey makes a key of 256 random bits, and the hash by which it is
// known. The key is shown once and kept nowhere. A plain hash is enough: there
// is no word list for random bits.
func NewForceKey() (key string, hash []byte) {
	var bits [32]byte
	rand.Read(bits[:]) // never fails
	key = keyPrefix + base64.RawURLEncoding.EncodeToString(bits[:])
	return key, HashForceKey(key)
}

// HashForceKey is the hash under which a key is kept.
func HashForceKey(key string) []byte {
	sum := sha256.Sum256([]byte(key))
	return sum[:]
}

// Keys is what the door needs of the store.
type Keys interface {
	ForceByKey(ctx context.Context, hash []byte) (postgres.ForceKey, error)
}

// ForceDoor lets police forces in: each by its key, or by its certificate where
// subjects of certificates are mapped to forces. Whoever it does not know stays
// outside.
type ForceDoor struct {
	Keys Keys
	// Certificates maps the common name of a client's certificate, which the
	// TLS layer has verified, to a force. Where it is not empty, a certificate
	// and a key must be of the same force.
	Certificates map[string]string
	// Wrong slows down whoever shows one wrong key after the other. Nil slows
	// nobody.
	Wrong *WrongKeys
	// Refused is told why somebody was not let in, with the force if it is
	// known. May be nil.
	Refused func(force, reason string)
	// Log is told why nobody can be let in, when that is our own fault. May be nil.
	Log *slog.Logger
}

type forceKey struct{}

// ForceOf is the force that a request was let in as. Empty outside a [ForceDoor].
func ForceOf(ctx context.Context) string {
	force, _ := ctx.Value(forceKey{}).(string)
	return force
}

// Require lets next see the requests of known forces alone.
func (d ForceDoor) Require(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		force, refusal := d.who(r)
		if refusal != nil {
			if d.Refused != nil {
				d.Refused(force, refusal.Type)
			}
			if d.Log != nil && refusal.Cause != nil {
				d.Log.ErrorContext(r.Context(), "could not look up a force's key", "error", refusal.Cause)
			}
			refusal.Write(w, r)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), forceKey{}, force)))
	})
}

func (d ForceDoor) who(r *http.Request) (force string, refusal *Refusal) {
	if len(d.Certificates) > 0 {
		if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
			return "", &Refusal{Status: http.StatusUnauthorized, Type: "no-certificate", UserMessage: "This service asks for a client certificate.",
				DeveloperMessage: "Connect with the certificate that was agreed for your force."}
		}
		var known bool
		if force, known = d.Certificates[r.TLS.VerifiedChains[0][0].Subject.CommonName]; !known {
			return "", &Refusal{Status: http.StatusForbidden, Type: "unknown-certificate", UserMessage: "The client certificate belongs to no force that is known here.",
				DeveloperMessage: "Ask for the certificate's common name to be registered for your force."}
		}
	}
	key := presented(r)
	if key == "" {
		return force, &Refusal{Status: http.StatusUnauthorized, Type: "no-key", UserMessage: "This service asks for a key.",
			DeveloperMessage: "Send the force's key as Authorization: Bearer KEY, or as X-Api-Key: KEY."}
	}
	known, err := d.Keys.ForceByKey(r.Context(), HashForceKey(key))
	switch {
	case errors.Is(err, casework.ErrNotFound):
		if after := d.Wrong.Seen(r.RemoteAddr, time.Now()); after > 0 {
			return force, &Refusal{Status: http.StatusTooManyRequests, Type: "too-many-wrong-keys", RetryAfter: int(after.Seconds()) + 1,
				UserMessage:      "Too many wrong keys came from this address.",
				DeveloperMessage: "Wait for Retry-After seconds and send the right key. A right key is let in at any time."}
		}
		return force, &Refusal{Status: http.StatusUnauthorized, Type: "bad-key", UserMessage: "The key is not valid.",
			DeveloperMessage: "The key is unknown, has expired or was revoked. Ask for a new one; two may be live at once."}
	case err != nil:
		return force, Unavailable(err)
	case force != "" && force != known.Force:
		return force, &Refusal{Status: http.StatusForbidden, Type: "key-of-another-force", UserMessage: "The key and the client certificate are of two forces.",
			DeveloperMessage: "Use the key that was made for the force of the certificate."}
	}
	return known.Force, nil
}

// presented is the key that a request shows, or empty.
func presented(r *http.Request) string {
	if scheme, rest, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(rest)
	}
	return strings.TrimSpace(r.Header.Get("X-Api-Key"))
}

// Refusal is a request's answer when it is not done: problem details
// (RFC 9457) with the two messages that HMPPS services give.
type Refusal struct {
	Status int
	// Type is a short name for machines.
	Type string
	// UserMessage is in plain words; DeveloperMessage says what to do.
	UserMessage, DeveloperMessage string
	// RetryAfter in seconds, where trying again may help.
	RetryAfter int
	// More is added to the body.
	More map[string]any
	// Cause is an error of ours, for the log alone.
	Cause error
}

// Unavailable is the refusal for an error of ours: 503 for what passes with
// time, 500 for what does not. The error's text stays inside.
func Unavailable(err error) *Refusal {
	if errors.Is(err, casework.ErrUnavailable) {
		return &Refusal{Status: http.StatusServiceUnavailable, Type: "unavailable", RetryAfter: 5, Cause: err,
			UserMessage:      "The service cannot take anything in at the moment. Nothing more than the receipt says has been accepted.",
			DeveloperMessage: "Send the same again after Retry-After seconds. Records that were accepted will be answered as duplicates."}
	}
	return &Refusal{Status: http.StatusInternalServerError, Type: "failed", Cause: err, UserMessage: "Something went wrong here.",
		DeveloperMessage: "Send the same again later; records that were accepted will be answered as duplicates. If it happens again, quote the X-Request-Id."}
}

// Write answers with the refusal.
func (f *Refusal) Write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	if f.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(f.RetryAfter))
	}
	if f.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="reportable"`)
	}
	body := map[string]any{
		"type": "urn:reportable:problem:" + f.Type, "title": http.StatusText(f.Status), "status": f.Status, "detail": f.UserMessage,
		"userMessage": f.UserMessage, "developerMessage": f.DeveloperMessage,
	}
	for k, v := range f.More {
		body[k] = v
	}
	w.WriteHeader(f.Status)
	_ = json.NewEncoder(w).Encode(body) // whoever asked has gone if this fails
}

// Remember keeps what keys were found for a moment, so that a force that sends
// a hundred requests a second is looked up once. A key that is revoked opens
// the door for that long and no longer. Keys that were not found are not kept.
func Remember(keys Keys, moment time.Duration) Keys {
	return &remembered{keys: keys, moment: moment, known: make(map[string]sighting)}
}

type remembered struct {
	keys   Keys
	moment time.Duration
	mu     sync.Mutex
	known  map[string]sighting
}

type sighting struct {
	key postgres.ForceKey
	at  time.Time
}

func (r *remembered) ForceByKey(ctx context.Context, hash []byte) (postgres.ForceKey, error) {
	now := time.Now()
	r.mu.Lock()
	last, ok := r.known[string(hash)]
	r.mu.Unlock()
	if ok && now.Sub(last.at) < r.moment && last.key.Live(now) {
		return last.key, nil
	}
	key, err := r.keys.ForceByKey(ctx, hash)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		delete(r.known, string(hash))
		return key, err
	}
	r.known[string(hash)] = sighting{key, now} // as many as there are live keys
	return key, nil
}
