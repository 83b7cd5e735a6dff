package feed_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/feed"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

type exchange struct {
	*httptest.Server
	t        testing.TB
	db       *postgres.DB
	server   *feed.Server
	registry *prometheus.Registry
	keys     map[string]string
}

func open(t testing.TB, change func(*feed.Config)) *exchange {
	t.Helper()
	return openOn(t, pgtest.New(t), change)
}

// openOn is open on a database that the test chose.
func openOn(t testing.TB, db *postgres.DB, change func(*feed.Config)) *exchange {
	t.Helper()
	x := &exchange{t: t, db: db, registry: prometheus.NewRegistry(), keys: map[string]string{}}
	for _, force := range []string{"61", "62"} {
		key, hash := access.NewForceKey()
		if _, err := x.db.AddForceKey(t.Context(), force, "test", hash, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		x.keys[force] = key
	}
	c := feed.Config{Store: x.db, Door: access.ForceDoor{Keys: x.db}, Metrics: feed.NewMetrics(x.registry)}
	if change != nil {
		change(&c)
	}
	x.server = feed.NewServer(c)
	x.Server = httptest.NewServer(x.server.Routes())
	t.Cleanup(x.Close)
	return x
}

type reply struct {
	status int
	header http.Header
	body   []byte
	feed.Answer
	Refusal struct {
		Type, UserMessage, DeveloperMessage string
		Submission                          *feed.Answer
	}
}

func (x *exchange) ask(force, method, path string, body io.Reader, headers ...string) reply {
	x.t.Helper()
	r, err := http.NewRequest(method, x.URL+path, body)
	if err != nil {
		x.t.Fatal(err)
	}
	if key := x.keys[force]; key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	for n := 0; n < len(headers); n += 2 {
		r.Header.Set(headers[n], headers[n+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		x.t.Fatal(err)
	}
	defer answer.Body.Close()
	got := reply{status: answer.StatusCode, header: answer.Header}
	if got.body, err = io.ReadAll(answer.Body); err != nil {
		x.t.Fatal(err)
	}
	switch answer.Header.Get("Content-Type") {
	case "application/json":
		err = json.Unmarshal(got.body, &got.Answer)
	case "application/problem+json":
		if err = json.Unmarshal(got.body, &got.Refusal); err == nil && (got.Refusal.UserMessage == "" || got.Refusal.DeveloperMessage == "") {
			x.t.Errorf("%s %s: a refusal without words: %s", method, path, got.body)
		}
		if got.Refusal.Submission != nil {
			got.Answer = *got.Refusal.Submission
		}
	}
	if err != nil {
		x.t.Fatal(err)
	}
	if strings.Contains(string(got.body), "Canary") {
		x.t.Errorf("%s %s: the answer repeats a value", method, path)
	}
	return got
}

const (
	jsonType   = "application/json"
	ndjsonType = "application/x-ndjson"
)

func (x *exchange) post(media, body string, headers ...string) reply {
	x.t.Helper()
	return x.ask("62", "POST", "/v1/incidents", strings.NewReader(body), append([]string{"Content-Type", media}, headers...)...)
}
