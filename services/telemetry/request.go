package telemetry

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Requests watches what an HTTP server is asked and answers.
type Requests struct {
	log     *slog.Logger
	seconds *prometheus.HistogramVec
}

// NewRequests declares the metric of the requests with the registry.
func NewRequests(log *slog.Logger, reg prometheus.Registerer) *Requests {
	r := &Requests{
		log: log,
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:                        "reportable_http_seconds",
			Help:                        "How long requests took, by service, route and status.",
			Buckets:                     prometheus.ExponentialBuckets(0.002, 3, 9),
			NativeHistogramBucketFactor: 1.1,
		}, []string{"service", "route", "status"}),
	}
	reg.MustRegister(r.seconds)
	return r
}

type requestKey struct{}

// request is what is known of one beside what it asks.
type request struct{ id, route string }

// RequestID is that of the request in whose context something is done, or empty.
func RequestID(ctx context.Context) string {
	if r, ok := ctx.Value(requestKey{}).(*request); ok {
		return r.id
	}
	return ""
}

// Route notes the route that a request took. A service calls it from within
// when middleware of its own, which copies requests, stands before its mux;
// otherwise the mux has told already.
func Route(ctx context.Context, pattern string) {
	if r, ok := ctx.Value(requestKey{}).(*request); ok {
		r.route = pattern
	}
}

// sensible is what an X-Request-Id may be. Whatever else comes is replaced: it
// goes into logs and the audit trail.
var sensible = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// Of wraps a service's routes: it gives each request an id, answers with it,
// writes one line, and outlives a panic. The line names the route as it was
// declared, and neither path nor query as they came, for those may hold
// anything that somebody typed.
func (q *Requests) Of(service string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		id := r.Header.Get("X-Request-Id")
		if !sensible.MatchString(id) {
			id = rand.Text()
		}
		about := &request{id: id}
		r = r.WithContext(context.WithValue(r.Context(), requestKey{}, about))
		w.Header().Set("X-Request-Id", id)
		seen := &recorder{ResponseWriter: w}
		defer func() {
			p := recover()
			if p == http.ErrAbortHandler {
				panic(p) // the server's own way to break off
			}
			if p != nil {
				// What was panicked with may hold a name; where it was cannot.
				q.log.ErrorContext(r.Context(), "request panicked", "service", service, "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
				if seen.status == 0 {
					http.Error(seen, "Something went wrong. Quote the request "+id+".", http.StatusInternalServerError)
				}
			}
			if about.route == "" {
				about.route = r.Pattern
			}
			q.note(r, service, about.route, seen, time.Since(began))
		}()
		next.ServeHTTP(seen, r)
	})
}

func (q *Requests) note(r *http.Request, service, route string, seen *recorder, took time.Duration) {
	if route == "" {
		route = "none"
	}
	status := max(seen.status, http.StatusOK)
	q.seconds.WithLabelValues(service, route, strconv.Itoa(status)).Observe(took.Seconds())
	level := slog.LevelInfo
	if status >= 500 {
		level = slog.LevelError
	}
	q.log.Log(r.Context(), level, "request", "service", service, "method", method(r), "route", route,
		"status", status, "bytes", seen.bytes, "took", took)
}

// method is one that exists, for a client may send any word.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "other"
}

// recorder notes what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the writer below: server-sent
// events flush, and long uploads extend their deadline.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
