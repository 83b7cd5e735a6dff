package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func get(t *testing.T, h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func status(t *testing.T, w *httptest.ResponseRecorder) (all map[string]any) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestHealthNamesWhatIsDown(t *testing.T) {
	routes := Routes(Registry(),
		Check{"database", func(context.Context) error { return nil }},
		Check{"streams", func(context.Context) error { return errors.New("NATS is not connected") }})
	for path, want := range map[string]int{
		"/health": 503, "/health/readiness": 503, "/health/liveness": 200, "/health/ping": 200, "/info": 200, "/metrics": 200,
	} {
		if got := get(t, routes, path).Code; got != want {
			t.Errorf("%s: got %d, want %d", path, got, want)
		}
	}
	got := get(t, routes, "/health").Body.String()
	want := `{"components":{"database":{"status":"UP"},"streams":{"status":"DOWN","details":{"error":"NATS is not connected"}}},"status":"DOWN"}`
	if strings.TrimSpace(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestACheckThatHangsIsDown(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	hangs := make(chan struct{})
	defer close(hangs)
	got, components := probe(ctx, []Check{{"database", func(context.Context) error { <-hangs; return nil }}})
	if got != "DOWN" || components["database"].Status != "DOWN" {
		t.Errorf("got %s, %v, want DOWN", got, components)
	}
}

func TestInfoSaysWhatWasBuilt(t *testing.T) {
	all := status(t, get(t, Routes(Registry()), "/info"))
	if all["build"].(map[string]any)["version"] == "" {
		t.Errorf("got %v, want a version", all)
	}
}

// served answers through the middleware and gives the lines that were logged.
func served(t *testing.T, handle http.HandlerFunc, path string, header ...string) (*httptest.ResponseRecorder, string) {
	t.Helper()
	var lines strings.Builder
	mux := http.NewServeMux()
	mux.HandleFunc("GET /people/{name}", handle)
	reg := prometheus.NewRegistry()
	h := NewRequests(Logger(&lines, true, slog.LevelInfo), reg).Of("desk", mux)
	w := get(t, h, path, header...)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		lines.WriteString(f.String())
	}
	return w, lines.String()
}

func TestARequestIsLoggedWithoutWhatWasTyped(t *testing.T) {
	for _, path := range []string{"/people/Canary?q=Canary", "/nowhere/Canary"} {
		_, lines := served(t, func(w http.ResponseWriter, _ *http.Request) {}, path)
		if strings.Contains(lines, "Canary") {
			t.Errorf("%s is repeated in: %s", path, lines)
		}
	}
	_, lines := served(t, func(http.ResponseWriter, *http.Request) {}, "/people/Canary")
	if !strings.Contains(lines, `"route":"GET /people/{name}"`) || !strings.Contains(lines, `"status":200`) {
		t.Errorf("got %s, want the route and its status", lines)
	}
}

func TestARouteIsKnownBehindMiddlewareThatCopiesTheRequest(t *testing.T) {
	var lines strings.Builder
	mux := http.NewServeMux()
	mux.HandleFunc("GET /people/{name}", func(_ http.ResponseWriter, r *http.Request) { Route(r.Context(), r.Pattern) })
	copies := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { mux.ServeHTTP(w, r.WithContext(r.Context())) })
	get(t, NewRequests(Logger(&lines, true, slog.LevelInfo), prometheus.NewRegistry()).Of("desk", copies), "/people/1")
	if !strings.Contains(lines.String(), `"route":"GET /people/{name}"`) {
		t.Errorf("got %s, want the route", lines.String())
	}
}

func TestAPanicIsAnsweredAndNotQuoted(t *testing.T) {
	w, lines := served(t, func(http.ResponseWriter, *http.Request) { panic("Canary") }, "/people/1")
	if w.Code != 500 || strings.Contains(lines+w.Body.String(), "Canary") {
		t.Errorf("got %d and %s", w.Code, lines)
	}
	if !strings.Contains(w.Body.String(), w.Header().Get("X-Request-Id")) {
		t.Error("the answer does not name the request")
	}
}

func TestARequestKeepsItsIDIfItIsSensible(t *testing.T) {
	for sent, kept := range map[string]bool{"abc-123": true, "": false, "two words": false, strings.Repeat("x", 65): false, "a\nb": false} {
		var within string
		w, lines := served(t, func(_ http.ResponseWriter, r *http.Request) { within = RequestID(r.Context()) }, "/people/1", "X-Request-Id", sent)
		got := w.Header().Get("X-Request-Id")
		if (got == sent) != kept || got == "" || got != within {
			t.Errorf("sent %q: got %q, within %q", sent, got, within)
		}
		if !strings.Contains(lines, `"request":"`+got+`"`) {
			t.Errorf("the line does not name request %s: %s", got, lines)
		}
	}
}

func TestARecorderCanBeFlushedThrough(t *testing.T) {
	w, _ := served(t, func(w http.ResponseWriter, _ *http.Request) {
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
	}, "/people/1")
	if !w.Flushed {
		t.Error("nothing was flushed")
	}
}
