package access

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/postgres"
)

func TestManyWrongKeysOfAnAddressAreToldToWaitAndARightOneIsLetIn(t *testing.T) {
	key, hash := NewForceKey()
	b := &book{keys: map[string]postgres.ForceKey{string(hash): {Force: "62", ExpiresAt: time.Now().Add(time.Hour)}}}
	refused := map[string]int{}
	door := ForceDoor{Keys: b, Wrong: &WrongKeys{PerMinute: 5}, Refused: func(_, reason string) { refused[reason]++ }}
	inside := door.Require(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	ask := func(from, key string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = from
		r.Header.Set("X-Api-Key", key)
		w := httptest.NewRecorder()
		inside.ServeHTTP(w, r)
		return w
	}
	for n := range 5 {
		if w := ask("192.0.2.1:1000", "wrong"); w.Code != http.StatusUnauthorized {
			t.Fatalf("wrong key %d: got %d, want 401", n+1, w.Code)
		}
	}
	w := ask("192.0.2.1:2000", "another wrong one") // another port is the same sender
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
		t.Errorf("one wrong key more: got %d and Retry-After %q, want 429 and a time", w.Code, w.Header().Get("Retry-After"))
	}
	if w := ask("192.0.2.1:1000", key); w.Code != http.StatusOK {
		t.Errorf("the right key from there: got %d, want it let in", w.Code)
	}
	if w := ask("192.0.2.2:1000", "wrong"); w.Code != http.StatusUnauthorized {
		t.Errorf("a wrong key from elsewhere: got %d, want 401", w.Code)
	}
	if refused["bad-key"] != 6 || refused["too-many-wrong-keys"] != 1 {
		t.Errorf("counted %v", refused)
	}
	for n, from := range []string{"[2001:db8::1]:1", "[2001:db8::2]:1", "[2001:db8::3]:1", "[2001:db8::4]:1", "[2001:db8::5]:1", "[2001:db8::6]:1"} {
		if w := ask(from, "wrong"); (w.Code == http.StatusTooManyRequests) != (n == 5) {
			t.Errorf("address %d of one IPv6 network: got %d", n+1, w.Code)
		}
	}
}
