package desk_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/desk"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

func TestCountsComeLiveAndEndWithTheSession(t *testing.T) {
	w := open(t, func(c *desk.Config) { c.Idle = 2 * time.Second })
	p := w.Person(scene.Case{})
	w.Match(scene.Report{Person: p})
	w.Match(scene.Report{Person: p, Kind: casework.KindArrest})
	u := w.as(t, "administrator")
	ends := func() time.Time { return pgtest.One[time.Time](t, w.DB, `select max(expiry) from session`) }
	before := ends()
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, w.server.URL+"/live?kind=arrest", nil)
	answer, err := u.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if got := answer.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("got %s", got)
	}
	var first string
	var ended bool
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() { // until the server ends it
		line := lines.Text()
		if data, ok := strings.CutPrefix(line, "data: "); ok && first == "" {
			first = data
		}
		ended = ended || line == "event: end"
	}
	var got struct {
		Queue            string
		QueueWords       string
		QueueNoneOverdue string
		QueueOldest      string
	}
	if err := json.Unmarshal([]byte(first), &got); err != nil || got.Queue != "1" || got.QueueWords != "1 match waiting" ||
		got.QueueNoneOverdue != "None overdue" || got.QueueOldest != "oldest found 1 minute ago" {
		t.Errorf("got %+v, want the one arrest waiting", got)
	}
	if !ended {
		t.Error("the stream did not say that it ends")
	}
	if at := ends(); at.After(before) {
		t.Error("a page that listens kept its session alive")
	}
	again, err := u.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Body.Close()
	if said, _ := io.ReadAll(again.Body); again.StatusCode != http.StatusUnauthorized || !strings.Contains(string(said), "signed out") {
		t.Errorf("asking again: got status %d, want 401 and the words", again.StatusCode)
	}
}

func TestCountsEndWhenSomebodySignsOutInAnotherTab(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	u := w.as(t, "administrator")
	u.get(path("/matches/%d", m.Match))
	answer, err := u.client.Get(w.server.URL + "/live")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewReader(answer.Body)
	if first, err := lines.ReadString('\n'); err != nil || !strings.HasPrefix(first, "data: ") {
		t.Fatalf("got %q and %v, want the counts", first, err)
	}
	u.post("/sign-out").status(http.StatusOK)
	rest, err := io.ReadAll(lines) // else it goes on for as long as the session would
	if err != nil || !strings.Contains(string(rest), "event: end") {
		t.Errorf("the stream did not say that it ends: %v", err)
	}
	if n := w.rows("hold"); n != 0 {
		t.Error("what they had open is still theirs")
	}
}

// Whoever signs out at one process of several is signed out at all.
func TestCountsEndWhenSomebodySignsOutAtAnotherProcess(t *testing.T) {
	w := open(t, desk.Quick)
	d, err := desk.New(desk.Config{DB: w.DB, Demo: true})
	if err != nil {
		t.Fatal(err)
	}
	other := httptest.NewServer(d.Routes()) // on the same host, so that the browser's cookie is its too
	defer other.Close()
	for what, leave := range map[string]func(u *user){
		"signed out":                 func(u *user) { u.post("/sign-out").status(http.StatusOK) },
		"signed in as somebody else": func(u *user) { u.post("/sign-in", "persona", "persona:manager").status(http.StatusOK) },
	} {
		u := w.as(t, "administrator")
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // by itself it looks later
		defer cancel()
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, w.server.URL+"/live", nil)
		answer, err := u.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(answer.Body)
		for seen := 0; seen < 2; { // at once, and when it has begun to listen
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatalf("%s: no counts come: %v", what, err)
			}
			if strings.HasPrefix(line, "data: ") {
				seen++
			}
		}
		there := *w
		there.server = other
		leave(&user{t, &there, u.client})
		rest, err := io.ReadAll(lines) // else it goes on for as long as the session would
		answer.Body.Close()
		if err != nil || !strings.Contains(string(rest), "event: end") {
			t.Errorf("%s: the stream did not say that it ends: %v", what, err)
		}
	}
}

func TestOneAccountKeepsSoManyPagesUpToDateInAllItsBrowsers(t *testing.T) {
	w := open(t)
	live := func(u *user) int {
		answer, err := u.client.Get(w.server.URL + "/live")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { answer.Body.Close() })
		return answer.StatusCode
	}
	for browser := range 5 {
		u := w.as(t, "administrator")
		for page := range 4 {
			if got := live(u); got != http.StatusOK {
				t.Fatalf("page %d of browser %d: got status %d, want 200", page+1, browser+1, got)
			}
		}
	}
	if got := live(w.as(t, "administrator")); got != http.StatusTooManyRequests {
		t.Errorf("the twenty-first page of an account: got status %d, want 429", got)
	}
	if got := live(w.as(t, "manager")); got != http.StatusOK {
		t.Errorf("the first page of another account: got status %d, want 200", got)
	}
}

func TestManyOpenPagesListenOnOneConnection(t *testing.T) {
	w := open(t)
	u := w.as(t, "administrator")
	listening := func() int {
		return w.rows("pg_stat_activity where datname = current_database() and query ilike 'listen %'")
	}
	// The database has no signal for who begins to listen, or ends it.
	until := func(enough func(int) bool) {
		for deadline := time.Now().Add(20 * time.Second); !enough(listening()); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("it listens on %d connections", listening())
			}
		}
	}
	var pages []*http.Response
	live := func(u *user) *http.Response {
		answer, err := u.client.Get(w.server.URL + "/live")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { answer.Body.Close() })
		if answer.StatusCode == http.StatusOK {
			if _, err := answer.Body.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			pages = append(pages, answer)
		}
		return answer
	}
	other := w.as(t, "administrator")
	for range 4 {
		live(u)
	}
	live(other)
	until(func(n int) bool { return n > 0 })
	if n := listening(); n != 1 {
		t.Errorf("%d pages listen on %d connections, want 1", len(pages), n)
	}
	// One browser has as many as leave it connections to open pages with.
	if got := live(u); got.StatusCode != http.StatusTooManyRequests || got.Header.Get("Retry-After") == "" {
		t.Errorf("the fifth page of a browser: got status %d, want 429", got.StatusCode)
	}
	u.get("/matches").status(http.StatusOK).count("[data-count=queueWords]", 1) // and shows its counts all the same
	pages[0].Body.Close()
	for deadline := time.Now().Add(20 * time.Second); live(u).StatusCode != http.StatusOK; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a page that was closed still counts")
		}
	}
	for _, p := range pages {
		p.Body.Close()
	}
	until(func(n int) bool { return n == 0 })
}
