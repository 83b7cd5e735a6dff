package access

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

// book is a store of keys that counts how often it is asked.
type book struct {
	keys  map[string]postgres.ForceKey
	asked int
	err   error
}

func (b *book) ForceByKey(_ context.Context, hash []byte) (postgres.ForceKey, error) {
	b.asked++
	if b.err != nil {
		return postgres.ForceKey{}, b.err
	}
	if k, ok := b.keys[string(hash)]; ok {
		return k, nil
	}
	return postgres.ForceKey{}, casework.ErrNotFound
}

func TestAKeyIsRememberedForAMomentAndNoLonger(t *testing.T) {
	key, hash := NewForceKey()
	b := &book{keys: map[string]postgres.ForceKey{string(hash): {Force: "62", ExpiresAt: time.Now().Add(time.Hour)}}}
	r := Remember(b, time.Hour)
	for range 3 {
		if k, err := r.ForceByKey(t.Context(), HashForceKey(key)); err != nil || k.Force != "62" {
			t.Fatalf("got force %q, %v", k.Force, err)
		}
	}
	if b.asked != 1 {
		t.Errorf("the store was asked %d times, want once", b.asked)
	}
	for range 2 {
		if _, err := r.ForceByKey(t.Context(), []byte("unknown")); err == nil {
			t.Error("an unknown key was let in")
		}
	}
	if b.asked != 3 {
		t.Errorf("the store was asked %d times: what is not known must not be remembered", b.asked)
	}
	short := Remember(b, 0)
	if _, err := short.ForceByKey(t.Context(), hash); err != nil {
		t.Fatal(err)
	}
	delete(b.keys, string(hash)) // revoked
	if _, err := short.ForceByKey(t.Context(), hash); err == nil {
		t.Error("a revoked key was let in after its moment")
	}
	b.keys[string(hash)] = postgres.ForceKey{Force: "62", ExpiresAt: time.Now().Add(-time.Second)}
	expired := Remember(b, time.Hour)
	_, _ = expired.ForceByKey(t.Context(), hash)
	before := b.asked
	_, _ = expired.ForceByKey(t.Context(), hash)
	if b.asked == before {
		t.Error("a key was remembered past its end")
	}
}

func TestADoorThatCannotAskLetsNobodyInAndSaysWhy(t *testing.T) {
	for name, test := range map[string]struct {
		err    error
		status int
	}{
		"away":   {casework.ErrUnavailable, http.StatusServiceUnavailable},
		"broken": {context.DeadlineExceeded, http.StatusInternalServerError},
	} {
		told := ""
		door := ForceDoor{Keys: &book{err: test.err}, Refused: func(_, reason string) { told = reason }}
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("X-Api-Key", "rpt_secret")
		door.Require(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error(name + ": it let somebody in") })).ServeHTTP(w, r)
		if w.Code != test.status || told == "" || strings.Contains(w.Body.String(), "secret") || strings.Contains(w.Body.String(), test.err.Error()) {
			t.Errorf("%s: got %d, told %q", name, w.Code, told)
		}
		if test.status == http.StatusServiceUnavailable && w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", name)
		}
	}
}

func TestKeysAreLongAndNeverTheSame(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		key, hash := NewForceKey()
		if len(key) != len(keyPrefix)+43 || seen[key] || len(hash) != 32 {
			t.Fatal("a key is short, or came twice")
		}
		seen[key] = true
	}
}
