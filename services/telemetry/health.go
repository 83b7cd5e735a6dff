package telemetry

import (
	"context"
	"encoding/json"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Check is one thing that a service needs in order to work.
type Check struct {
	Name  string
	Probe func(context.Context) error
}

// probeWithin is how long a check may take. Longer is down.
const probeWithin = 3 * time.Second

// Routes is what operations see, in the HMPPS shape: /health with its
// components, /health/liveness, /health/readiness, /health/ping, /info and
// /metrics. Liveness says nothing of the checks, for a restart mends no
// database; readiness is all of them.
func Routes(metrics prometheus.Gatherer, checks ...Check) http.Handler {
	mux := http.NewServeMux()
	up := func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"status": "UP"})
	}
	mux.HandleFunc("GET /health/ping", up)
	mux.HandleFunc("GET /health/liveness", up)
	mux.HandleFunc("GET /health/readiness", func(w http.ResponseWriter, r *http.Request) {
		status, _ := probe(r.Context(), checks)
		answer(w, httpStatus(status), map[string]any{"status": status})
	})
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, r *http.Request) {
		status, components := probe(r.Context(), checks)
		answer(w, httpStatus(status), map[string]any{"status": status, "components": components})
	})
	mux.HandleFunc("GET /info", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, info())
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	return mux
}

type component struct {
	Status  string            `json:"status"`
	Details map[string]string `json:"details,omitempty"`
}

// probe makes all checks at once, so that two that hang cost one wait.
func probe(ctx context.Context, checks []Check) (status string, components map[string]component) {
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	type result struct {
		name string
		err  error
	}
	results := make(chan result, len(checks))
	for _, c := range checks {
		go func() { results <- result{c.Name, c.Probe(ctx)} }()
	}
	status, components = "UP", make(map[string]component, len(checks))
	for _, c := range checks {
		components[c.Name] = component{Status: "DOWN", Details: map[string]string{"error": "no answer in time"}}
	}
	for range checks {
		select {
		case r := <-results:
			if r.err == nil {
				components[r.name] = component{Status: "UP"}
			} else {
				components[r.name] = component{Status: "DOWN", Details: map[string]string{"error": r.err.Error()}}
			}
		case <-ctx.Done():
		}
	}
	for _, c := range components {
		if c.Status != "UP" {
			status = "DOWN"
		}
	}
	return status, components
}

func httpStatus(status string) int {
	if status == "UP" {
		return http.StatusOK
	}
	return http.StatusServiceUnavailable
}

// Version is what was built: the module's version, or the commit.
func Version() (version, commit, built string) {
	version = "development"
	b, ok := debug.ReadBuildInfo()
	if !ok {
		return version, "", ""
	}
	if b.Main.Version != "" && b.Main.Version != "(devel)" {
		version = b.Main.Version
	}
	for _, s := range b.Settings {
		switch s.Key {
		case "vcs.revision":
			commit = s.Value
		case "vcs.time":
			built = s.Value
		}
	}
	return version, commit, built
}

func info() map[string]any {
	version, commit, built := Version()
	return map[string]any{
		"build": map[string]string{"name": "reportable", "artifact": "reportable", "version": version, "time": built},
		"git":   map[string]any{"commit": map[string]string{"id": commit, "time": built}},
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // whoever asked has gone
}
