package feed_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/feed"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

// exchange is a server with the keys of two forces.

// reply is an answer, read.

// ask makes a request as a force; headers come in pairs.

// post sends incidents as force 62.

func TestNobodyComesInWithoutAKey(t *testing.T) {
	x := open(t, nil)
	old, hash := access.NewForceKey()
	if _, err := x.db.AddForceKey(t.Context(), "62", "old", hash, time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	for _, route := range x.server.Table() {
		method, path, _ := strings.Cut(route.Pattern, " ")
		path = strings.NewReplacer("{id}", "01a1ffae-7bc4-7401-8215-090078537521", "{reference...}", "R1").Replace(path)
		for name, headers := range map[string][]string{
			"no key": nil, "an empty one": {"Authorization", "Bearer "}, "a wrong one": {"X-Api-Key", "rpt_x"},
			"a wrong scheme": {"Authorization", "Basic " + x.keys["62"]}, "one that has expired": {"X-Api-Key", old},
		} {
			got := x.ask("", method, path, nil, headers...)
			switch route.Who {
			case feed.Forces:
				if got.status != http.StatusUnauthorized || got.header.Get("WWW-Authenticate") == "" {
					t.Errorf("%s with %s: got %d, want 401", route.Pattern, name, got.status)
				}
			case feed.Anyone:
				if got.status != http.StatusOK {
					t.Errorf("%s with %s: got %d, want 200", route.Pattern, name, got.status)
				}
			default:
				t.Errorf("%s has no rule", route.Pattern)
			}
		}
	}
	if got := x.ask("", "GET", "/v1/nowhere", nil); got.status != http.StatusUnauthorized {
		t.Errorf("an address that is not there: got %d, want 401", got.status)
	}
	if got := x.ask("62", "GET", "/v1/nowhere", nil); got.status != http.StatusNotFound {
		t.Errorf("an address that is not there, with a key: got %d, want 404", got.status)
	}
	if got := x.ask("", "GET", "/v1/incidents/R1", nil, "X-Api-Key", x.keys["62"]); got.status != http.StatusNotFound {
		t.Errorf("a good key as X-Api-Key: got %d, want to be let in", got.status)
	}
	if n := testutil.CollectAndCount(x.registry, "reportable_feed_requests_refused_total"); n == 0 {
		t.Error("refusals are not counted")
	}
}

func TestARevokedKeyIsUselessAndTheOtherGoesOn(t *testing.T) {
	x := open(t, nil)
	second, hash := access.NewForceKey()
	id, err := x.db.AddForceKey(t.Context(), "62", "second", hash, time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.db.AddForceKey(t.Context(), "62", "third", []byte("x"), time.Now().Add(time.Hour)); !errors.Is(err, postgres.ErrTooManyKeys) {
		t.Errorf("a third key: got %v", err)
	}
	if got := x.ask("", "GET", "/v1/incidents/R1", nil, "X-Api-Key", second); got.status != http.StatusNotFound {
		t.Fatalf("the second key: got %d", got.status)
	}
	if err := x.db.RevokeForceKey(t.Context(), "62", id); err != nil {
		t.Fatal(err)
	}
	if got := x.ask("", "GET", "/v1/incidents/R1", nil, "X-Api-Key", second); got.status != http.StatusUnauthorized {
		t.Errorf("the revoked key: got %d, want 401", got.status)
	}
	if got := x.ask("62", "GET", "/v1/incidents/R1", nil); got.status != http.StatusNotFound {
		t.Errorf("the other key: got %d, want to be let in", got.status)
	}
}

func TestOneIncidentIsAnsweredByItsStatus(t *testing.T) {
	x := open(t, nil)
	good := incident("R/1", 1, "live", "a")
	for _, step := range []struct {
		name, body, code string
		status           int
	}{
		{"new", good, "", 201},
		{"again", good, "", 200},
		{"the same revision with other contents", incident("R/1", 1, "live", "b"), "conflict", 409},
		{"a wrong value", strings.Replace(good, "suspect", "Canary", 1), "unknown_code", 422},
		{"another force", strings.Replace(good, `"62"`, `"61"`, 1), "another_force", 403},
		{"not JSON", `{"force":`, "ends_early", 400},
		{"nothing", ``, "empty", 400},
		{"an empty array", `[]`, "empty", 400},
		{"an array that is not closed", `[`, "malformed", 400},
		{"too large a record", `{"summary":"` + strings.Repeat("x", 1<<20) + `"}`, "too_large", 413},
	} {
		got := x.post(jsonType, step.body)
		if got.status != step.status {
			t.Errorf("%s: got %d, want %d", step.name, got.status, step.status)
		}
		if want := "urn:reportable:problem:" + step.code; step.code != "" && got.Refusal.Type != want {
			t.Errorf("%s: got %s, want %s", step.name, got.Refusal.Type, want)
		}
		if step.status == 201 && got.header.Get("Location") != "/v1/incidents/R/1" {
			t.Errorf("got Location %q", got.header.Get("Location"))
		}
	}
	got := x.ask("62", "GET", "/v1/incidents/R/1", nil)
	if want := `"revisions":[{"revision":1,"status":"accepted"`; got.status != 200 || !strings.Contains(string(got.body), want) || !strings.Contains(string(got.body), `"conflicts":1`) {
		t.Errorf("where it stands: got %d %s", got.status, got.body)
	}
	if got := x.ask("61", "GET", "/v1/incidents/R/1", nil); got.status != 404 {
		t.Errorf("another force asks where it stands: got %d, want 404", got.status)
	}
}

func TestAForceIsToldWhatBecameOfItsRevisionsAndNeverWhetherAnyoneWasMatched(t *testing.T) {
	later := time.Duration(0)
	x := open(t, func(c *feed.Config) { c.Now = func() time.Time { return time.Now().Add(later) } })
	x.post(ndjsonType, incident("A", 1, "live", "a")+"\n"+incident("B", 1, "live", "a")+"\n"+incident("B", 2, "withdrawn", "a"))
	shown := func(reference string) string { return string(x.ask("62", "GET", "/v1/incidents/"+reference, nil).body) }
	before := shown("A")
	for _, disposition := range []string{"matched", "unmatched", "quarantined"} {
		pgtest.Exec(t, x.db, `update revision set disposition = $1, settled_at = now() from incident i where i.id = incident and i.reference = 'A'`, disposition)
		if shown("A") != before {
			t.Errorf("the answer tells whether it is %s", disposition)
		}
	}
	pgtest.Exec(t, x.db, `update revision set body = null, erased_at = now() from incident i where i.id = incident and i.reference = 'A'`)
	if shown("A") != before {
		t.Error("the answer tells that nobody was matched, by the erasure")
	}
	if got := shown("B"); !strings.Contains(got, `"status":"withdrawn","revisions":[{"revision":2,"status":"withdrawn"`) || !strings.Contains(got, `{"revision":1,"status":"superseded"`) {
		t.Errorf("got %s", got)
	}
	later = 29 * 24 * time.Hour
	if got := shown("A"); !strings.Contains(got, `"status":"closed"`) {
		t.Errorf("after four weeks: got %s, want closed", got)
	}
}

func TestABatchIsAnsweredLineByLineAndTheReceiptKeepsIt(t *testing.T) {
	x := open(t, nil)
	var lines []string
	for n := range 250 {
		line := incident("R"+strconv.Itoa(n), 1, "live", "a")
		if n%50 == 7 {
			line = strings.Replace(line, `"suspect"`, `"Canary"`, 1)
		}
		lines = append(lines, line)
	}
	got := x.post(ndjsonType, strings.Join(lines, "\n"))
	if got.status != 200 || got.Status != feed.Partial || got.Accepted != 245 || got.Rejected != 5 {
		t.Fatalf("got %d %s: %d accepted, %d rejected", got.status, got.Status, got.Accepted, got.Rejected)
	}
	if got.Complete || len(got.Lines) != 5 || got.Lines[0].Record != 8 || got.Lines[0].Problems[0].Pointer != "/persons/0/role" {
		t.Errorf("a long answer gives the rejected lines: got %d", len(got.Lines))
	}
	seen := 0
	for next := got.Href + "?limit=100"; next != ""; {
		page := x.ask("62", "GET", next, nil)
		if page.status != 200 || page.Receipt != got.Receipt || page.Accepted != 245 {
			t.Fatalf("%s: got %d", next, page.status)
		}
		for _, l := range page.Lines {
			if seen++; l.Line != seen {
				t.Fatalf("got line %d, want %d", l.Line, seen)
			}
		}
		next = page.Next
	}
	if seen != 250 {
		t.Errorf("the receipt has %d lines, want 250", seen)
	}
	if page := x.ask("62", "GET", got.Href+"?status=rejected", nil); len(page.Lines) != 5 || !page.Complete {
		t.Errorf("the rejected alone: got %d lines", len(page.Lines))
	}
	for name, path := range map[string]string{"another force's": got.Href, "no id": "/v1/receipts/x", "unknown": "/v1/receipts/01a1ffae-7bc4-7401-8215-090078537521"} {
		if page := x.ask("61", "GET", path, nil); page.status != 404 {
			t.Errorf("%s receipt: got %d, want 404", name, page.status)
		}
	}
}

func TestAnIdempotencyKeyIsHonoured(t *testing.T) {
	x := open(t, nil)
	body := incident("R1", 1, "live", "a") + "\n" + incident("R2", 1, "live", "a")
	first := x.post(ndjsonType, body, "Idempotency-Key", "k1")
	again := x.post(ndjsonType, body, "Idempotency-Key", "k1")
	if again.status != 200 || again.header.Get("Idempotent-Replayed") != "true" || again.Receipt != first.Receipt || again.Accepted != 2 || len(again.Lines) != 2 {
		t.Errorf("the same again: got %d, receipt %s, %d accepted; want the first answer", again.status, again.Receipt, again.Accepted)
	}
	if other := x.post(ndjsonType, body+"\n"+incident("R3", 1, "live", "a"), "Idempotency-Key", "k1"); other.status != 422 || other.Refusal.Type != "urn:reportable:problem:idempotency-key-reused" {
		t.Errorf("the key with another body: got %d %s", other.status, other.Refusal.Type)
	}
	if n := pgtest.One[int](t, x.db, `select count(*) from incident where reference = 'R3'`); n != 0 {
		t.Error("the other body was taken all the same")
	}
	if got := x.ask("61", "POST", "/v1/incidents", strings.NewReader("[]"), "Content-Type", jsonType, "Idempotency-Key", "k1"); got.status != 400 {
		t.Errorf("another force's key of the same name: got %d, want it to be its own", got.status)
	}
	if got := x.post(ndjsonType, body, "Idempotency-Key", strings.Repeat("k", 201)); got.status != 400 {
		t.Errorf("too long a key: got %d", got.status)
	}
}

func TestASubmissionThatBrokeOffGoesOnUnderItsKey(t *testing.T) {
	x := open(t, nil)
	x.post(ndjsonType, incident("R1", 1, "live", "a"), "Idempotency-Key", "k1")
	// As a crash after the first batch leaves it.
	pgtest.Exec(t, x.db, `update receipt set completed_at = null, request_digest = null`)
	got := x.post(ndjsonType, incident("R1", 1, "live", "a")+"\n"+incident("R2", 1, "live", "a"), "Idempotency-Key", "k1")
	if got.status != 200 || got.Accepted != 2 || got.Duplicate != 0 || got.Status != feed.Successful {
		t.Errorf("got %d: %d accepted, %d duplicate; want the first answers kept and the rest added", got.status, got.Accepted, got.Duplicate)
	}
	if n := pgtest.One[int](t, x.db, `select count(*) from receipt`); n != 1 {
		t.Errorf("got %d receipts, want 1", n)
	}
}

func TestManySendersUnderOneKeyHaveOneEffectAndOneReceipt(t *testing.T) {
	x := open(t, func(c *feed.Config) { c.Limits.AtOnce = 8 })
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			got := x.post(ndjsonType, incident("R1", 1, "live", "a"), "Idempotency-Key", "k1")
			if got.status/100 != 2 && got.status != 409 {
				t.Errorf("got %d", got.status)
			}
		})
	}
	wait.Wait()
	if n := pgtest.One[int](t, x.db, `select count(*) from receipt where accepted = 1`); n != 1 {
		t.Errorf("got %d receipts that accept, want 1", n)
	}
}

const gwent = "crime_ref;rev;state;category;reported_utc;from_utc;to_utc;flags;dash;place;pc;lsoa;action;notes;person_role;surname;given_names;aka;birth_date;gender;pnc;cro;home;home_pc;arrest_utc;asn;charge;custody_outcome\r\n" +
	"1/18;1;live;Theft;20181025072900;20181025055400;;DA|AL;m;;;;;;suspect;Canary;Un;;19900704;male;;;;;;;;\r\n" +
	"2/18;1;live;Theft;20181025072900;20181025055400;;;;;;;;;nominal;Canary;Un;;19900704;male;;;;;;;;\r\n"

func TestAFileIsTakenByItsMapping(t *testing.T) {
	x := open(t, nil)
	got := x.ask("61", "POST", "/v1/files", strings.NewReader(gwent), "Content-Type", "text/csv")
	if got.status != 200 || got.Accepted != 1 || got.Rejected != 1 {
		t.Fatalf("got %d: %d accepted, %d rejected", got.status, got.Accepted, got.Rejected)
	}
	if p := got.Lines[1].Problems[0]; p.Row != 3 || p.Column != "person_role" || got.Lines[1].Record != 3 {
		t.Errorf("got row %d column %q", p.Row, p.Column)
	}
	for path, want := range map[string]int{"/v1/files?format=62-south-wales": 400, "/v1/files?format=../../x.yaml": 400} {
		if got := x.ask("61", "POST", path, strings.NewReader(gwent), "Content-Type", "text/csv"); got.status != want {
			t.Errorf("%s: got %d, want %d", path, got.status, want)
		}
	}
	if got := x.ask("62", "POST", "/v1/files", strings.NewReader(gwent), "Content-Type", "text/csv"); got.status != 400 || got.Problem == nil {
		t.Errorf("a file that the mapping does not fit: got %d", got.status)
	}
}

func TestACheckLeavesNothingAndTellsHowGoodTheDataAre(t *testing.T) {
	x := open(t, nil)
	got := x.ask("62", "POST", "/v1/check", strings.NewReader("["+incident("R1", 1, "live", "a")+","+incident("R1", 1, "gone", "a")+"]"), "Content-Type", jsonType)
	if got.status != 200 || got.Accepted != 1 || got.Rejected != 1 || got.Receipt != "" || got.Quality == nil || got.Quality.Filled["persons.surname"] != 1 {
		t.Errorf("got %d: %d would be accepted, %d rejected", got.status, got.Accepted, got.Rejected)
	}
	if got := x.ask("61", "POST", "/v1/check", strings.NewReader(gwent), "Content-Type", "text/csv"); got.status != 200 || got.Accepted != 1 {
		t.Errorf("a file: got %d, %d accepted", got.status, got.Accepted)
	}
	for _, table := range []string{"receipt", "receipt_line", "incident", "revision", "event"} {
		if n := pgtest.One[int](t, x.db, `select count(*) from `+table); n != 0 {
			t.Errorf("%s has %d rows after a check", table, n)
		}
	}
}

// away is a store whose ledger has gone.

// leave is a way to a database that can be closed: the server behind it goes

// on, and nobody can reach it.

func TestTheSameKeyWhileTheFirstSubmissionIsBeingReadIsToldToWait(t *testing.T) {
	at, begun := pgtest.URL(t), make(chan string, 16)
	here := pgtest.Open(t, at)
	x := openOn(t, here, func(c *feed.Config) { c.Store, c.Limits.AtOnce = &claimed{here, begun}, 2 })
	elsewhere := pgtest.Open(t, at)
	replica := httptest.NewServer(feed.NewServer(feed.Config{Store: elsewhere, Door: access.ForceDoor{Keys: elsewhere}}).Routes())
	defer replica.Close()
	sent := func(to, key string, body io.Reader) reply {
		there := *x
		there.Server = &httptest.Server{URL: to}
		return there.ask("62", "POST", "/v1/incidents", body, "Content-Type", ndjsonType, "Idempotency-Key", key)
	}
	whole := incident("R1", 1, "live", "a") + "\n" + incident("R2", 1, "live", "a")
	// half sends the first record under a key, and waits until it is being read.
	half := func(key string) (rest io.Writer, end func() reply) {
		body, more := io.Pipe()
		first := make(chan reply, 1)
		go func() { first <- sent(x.URL, key, body) }()
		if _, err := io.WriteString(more, incident("R1", 1, "live", "a")+"\n"); err != nil {
			t.Fatal(err)
		}
		for <-begun != key {
		}
		return more, func() reply { more.Close(); return <-first }
	}

	rest, end := half("k1")
	for process, to := range map[string]string{"the same process": x.URL, "another process": replica.URL} {
		if second := sent(to, "k1", strings.NewReader(whole)); second.status != http.StatusConflict || second.header.Get("Retry-After") == "" {
			t.Errorf("meanwhile, to %s: got %d and Retry-After %q, want 409 and a time", process, second.status, second.header.Get("Retry-After"))
		}
	}
	if other := sent(replica.URL, "k2", strings.NewReader(whole)); other.status != http.StatusOK {
		t.Errorf("another key meanwhile: got %d, want it to be taken", other.status)
	}
	if _, err := io.WriteString(rest, incident("R2", 1, "live", "a")); err != nil {
		t.Fatal(err)
	}
	if got := end(); got.status != http.StatusOK || got.Accepted+got.Duplicate != 2 {
		t.Errorf("the first: got %d and %d accepted, want both", got.status, got.Accepted)
	}
	for _, to := range []string{x.URL, replica.URL} {
		if got := sent(to, "k1", strings.NewReader(whole)); got.header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("afterwards: got %d, want the first one's answer", got.status)
		}
	}

	// The session of a process that dies ends with it, and so does its claim.
	_, end = half("k3")
	ended := pgtest.One[int](t, elsewhere, `
		select count(*) filter (where pg_terminate_backend(pid, 5000))
		  from pg_locks
		 where locktype = 'advisory'
		   and database = (select oid from pg_database where datname = current_database())`)
	if got := sent(replica.URL, "k3", strings.NewReader(whole)); ended != 1 || got.status != http.StatusOK || got.Duplicate != 2 {
		t.Errorf("after %d sessions ended: got %d, want the key to be free", ended, got.status)
	}
	if got := end(); got.status != http.StatusConflict {
		t.Errorf("who lost the key: got %d, want 409, for it was answered elsewhere", got.status)
	}
}

// claimed is a store that tells when a key was claimed.
type claimed struct {
	*postgres.DB
	tell chan<- string
}

func (c *claimed) ClaimKey(ctx context.Context, force, key string) (func() bool, error) {
	release, err := c.DB.ClaimKey(ctx, force, key)
	if err == nil {
		c.tell <- key
	}
	return release, err
}
