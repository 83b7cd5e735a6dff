package feed_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/feed"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

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

// entered tells when a submission is being taken.
type entered struct {
	*postgres.DB
	tell chan struct{}
}

func (e *entered) Secret(ctx context.Context, name string) ([]byte, error) {
	e.tell <- struct{}{}
	return e.DB.Secret(ctx, name)
}

func TestAForceHasSoManySubmissionsAtOnce(t *testing.T) {
	inside := make(chan struct{}, 1)
	x := open(t, func(c *feed.Config) {
		c.Limits.AtOnce, c.Limits.Wait = 1, time.Millisecond
		c.Store = &entered{c.Store.(*postgres.DB), inside}
	})
	from, to := io.Pipe()
	done := make(chan reply)
	go func() { done <- x.ask("62", "POST", "/v1/incidents", from, "Content-Type", ndjsonType) }()
	if _, err := io.WriteString(to, incident("R1", 1, "live", "a")+"\n"); err != nil {
		t.Fatal(err)
	}
	<-inside
	if got := x.post(ndjsonType, incident("R2", 1, "live", "a")); got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" {
		t.Errorf("a second at the same time: got %d, want to be told to wait", got.status)
	}
	to.Close()
	if got := <-done; got.Accepted != 1 {
		t.Errorf("the first: got %d with %d accepted", got.status, got.Accepted)
	}
	if got := x.post(ndjsonType, incident("R2", 1, "live", "a")); got.Accepted != 1 {
		t.Errorf("after it: got %d with %d accepted", got.status, got.Accepted)
	}
}
