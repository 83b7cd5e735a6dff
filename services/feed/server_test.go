package feed_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/feed"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

// exchange is a server with the keys of two forces.
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
	x := &exchange{t: t, db: pgtest.New(t), registry: prometheus.NewRegistry(), keys: map[string]string{}}
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

// reply is an answer, read.
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

// ask makes a request as a force; headers come in pairs.
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

// post sends incidents as force 62.
func (x *exchange) post(media, body string, headers ...string) reply {
	x.t.Helper()
	return x.ask("62", "POST", "/v1/incidents", strings.NewReader(body), append([]string{"Content-Type", media}, headers...)...)
}

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

func zipped(s string) *bytes.Buffer {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(s))
	_ = z.Close()
	return &b
}

func TestABodyIsTakenPackedAndABombIsNot(t *testing.T) {
	x := open(t, func(c *feed.Config) { c.Limits.Body = 64 << 20 })
	send := func(body io.Reader) reply {
		return x.ask("62", "POST", "/v1/incidents", body, "Content-Type", ndjsonType, "Content-Encoding", "gzip")
	}
	if got := send(zipped(incident("R1", 1, "live", "a"))); got.status != 201 {
		t.Errorf("packed: got %d, want 201", got.status)
	}
	bomb := zipped(incident("R2", 1, "live", "a") + "\n" + strings.Repeat(" ", 40<<20))
	if got := send(bomb); got.status != 413 || got.Accepted != 1 {
		t.Errorf("a bomb of %d bytes: got %d with %d accepted, want 413 with 1", bomb.Len(), got.status, got.Accepted)
	}
	if got := send(strings.NewReader("not gzip at all")); got.status != 400 {
		t.Errorf("not gzip: got %d, want 400", got.status)
	}
	cut := zipped(incident("R3", 1, "live", "a") + "\n" + incident("R4", 1, "live", strings.Repeat("word ", 100))).Bytes()
	if got := send(bytes.NewReader(cut[:len(cut)-12])); got.status != 400 {
		t.Errorf("cut gzip: got %d, want 400", got.status)
	}
	if got := x.post(jsonType, "{}", "Content-Encoding", "br"); got.status != 415 {
		t.Errorf("another compression: got %d, want 415", got.status)
	}
}

func TestABodyOverTheLimitIsRefusedAndWhatCameBeforeStands(t *testing.T) {
	line := incident("R%05d", 1, "live", "a") + "\n"
	x := open(t, func(c *feed.Config) { c.Limits.Body = int64(10 * (len(line) + 1)) })
	var b strings.Builder
	for n := range 20 {
		b.WriteString(strings.Replace(line, "%05d", fmt.Sprintf("%05d", n), 1))
	}
	got := x.post(ndjsonType, b.String())
	if got.status != 413 || got.Accepted == 0 || got.Problem == nil || got.Problem.Code != "too_large" {
		t.Errorf("got %d with %d accepted, want 413 with what came before the limit", got.status, got.Accepted)
	}
	if n := pgtest.One[int](t, x.db, `select count(*) from revision`); n != got.Accepted {
		t.Errorf("the answer says %d, the ledger has %d", got.Accepted, n)
	}
	stored := x.ask("62", "GET", got.Href, nil)
	if stored.Problem == nil || stored.Status != feed.Partial {
		t.Errorf("the receipt: got %s, want it to say why it ended", stored.Status)
	}
}

func TestAKindOfBodyThatIsNotTakenIsSaid(t *testing.T) {
	x := open(t, nil)
	for _, media := range []string{"text/plain", "application/x-www-form-urlencoded", "text/csv", "application/json; charset=latin1", "?"} {
		if got := x.post(media, incident("R1", 1, "live", "a")); got.status != 415 {
			t.Errorf("%s: got %d, want 415", media, got.status)
		}
	}
	if got := x.ask("62", "POST", "/v1/files", strings.NewReader("{}"), "Content-Type", jsonType); got.status != 415 {
		t.Errorf("JSON as a file: got %d, want 415", got.status)
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

func TestAForceThatSendsTooMuchIsToldToWaitAndOthersAreNot(t *testing.T) {
	x := open(t, func(c *feed.Config) { c.Limits.Requests = 2 })
	refused := 0
	for range 30 {
		got := x.ask("62", "GET", "/v1/incidents/R1", nil)
		if got.status == http.StatusTooManyRequests {
			refused++
			if got.header.Get("Retry-After") == "" {
				t.Error("429 without Retry-After")
			}
		}
	}
	if refused == 0 {
		t.Error("a flood was not slowed")
	}
	if got := x.ask("61", "GET", "/v1/incidents/R1", nil); got.status != http.StatusNotFound {
		t.Errorf("another force: got %d", got.status)
	}
}

func TestAForceHasSoManySubmissionsAtOnce(t *testing.T) {
	x := open(t, func(c *feed.Config) { c.Limits.AtOnce, c.Limits.Wait = 1, time.Millisecond })
	from, to := io.Pipe()
	done := make(chan reply)
	go func() { done <- x.ask("62", "POST", "/v1/incidents", from, "Content-Type", ndjsonType) }()
	if _, err := io.WriteString(to, incident("R1", 1, "live", "a")+"\n"); err != nil { // the first is inside
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for x.post(ndjsonType, incident("R2", 1, "live", "a")).status != http.StatusTooManyRequests {
		if time.Now().After(deadline) {
			t.Fatal("a second submission was never told to wait")
		}
	}
	to.Close()
	if got := <-done; got.Accepted != 1 {
		t.Errorf("the first: got %d with %d accepted", got.status, got.Accepted)
	}
}

// away is a store whose ledger has gone.
type away struct {
	*postgres.DB
	after int
}

func (a *away) Accept(ctx context.Context, b casework.Batch, p casework.Problem) ([]casework.ReceiptLine, error) {
	if a.after--; a.after < 0 {
		return nil, fmt.Errorf("commit: %w", casework.ErrUnavailable)
	}
	return a.DB.Accept(ctx, b, p)
}

func TestWithoutTheLedgerNothingIsCalledAccepted(t *testing.T) {
	gone := &away{}
	x := open(t, func(c *feed.Config) { gone.DB = c.Store.(*postgres.DB); c.Store = gone })
	got := x.post(jsonType, incident("R1", 1, "live", "a"))
	if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || got.Accepted != 0 || strings.Contains(string(got.body), `"accepted"`) {
		t.Errorf("got %d %s", got.status, got.body)
	}
	gone.after = 1 // it goes after the first batch
	var b strings.Builder
	for n := range feed.Commit + 5 {
		b.WriteString(incident("R"+strconv.Itoa(n), 1, "live", "a") + "\n")
	}
	got = x.post(ndjsonType, b.String())
	if got.status != http.StatusServiceUnavailable || got.Accepted != feed.Commit || got.Status != feed.Open {
		t.Errorf("in the middle: got %d, %d accepted, %s; want 503 with the %d that are committed", got.status, got.Accepted, got.Status, feed.Commit)
	}
	if n := pgtest.One[int](t, x.db, `select count(*) from revision`); n != feed.Commit {
		t.Errorf("the ledger has %d, want %d", n, feed.Commit)
	}
}

// leave is a way to a database that can be closed: the server behind it goes
// on, and nobody can reach it.
type leave struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

func (l *leave) serve(at string) {
	for {
		near, err := l.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("unix", at)
		if err != nil {
			near.Close()
			continue
		}
		l.mu.Lock()
		l.conns = append(l.conns, near, far)
		l.mu.Unlock()
		go func() { _, _ = io.Copy(far, near); far.Close() }()
		go func() { _, _ = io.Copy(near, far); near.Close() }()
	}
}

func (l *leave) closeAll() {
	l.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		c.Close()
	}
}

func TestADatabaseThatIsAwayIsSaidToBe(t *testing.T) {
	x := open(t, nil)
	config := x.db.Pool().Config().ConnConfig
	if !strings.HasPrefix(config.Host, "/") {
		t.Skip("the database of this run is not on a socket of this machine")
	}
	dir := t.TempDir()
	socket := fmt.Sprintf(".s.PGSQL.%d", config.Port)
	listener, err := net.Listen("unix", filepath.Join(dir, socket))
	if err != nil {
		t.Fatal(err)
	}
	way := &leave{Listener: listener}
	go way.serve(filepath.Join(config.Host, socket))
	db, err := postgres.Open(t.Context(), fmt.Sprintf("host=%s port=%d user=%s dbname=%s", dir, config.Port, config.User, config.Database))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	server := feed.NewServer(feed.Config{Store: db, Door: access.ForceDoor{Keys: db}})
	x.Server = httptest.NewServer(server.Routes())
	defer x.Close()
	if got := x.post(jsonType, incident("R1", 1, "live", "a")); got.status != 201 {
		t.Fatalf("with the database: got %d", got.status)
	}
	way.closeAll()
	got := x.post(jsonType, incident("R2", 1, "live", "a"))
	if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || strings.Contains(string(got.body), `"accepted"`) {
		t.Errorf("without it: got %d %s", got.status, got.body)
	}
}
