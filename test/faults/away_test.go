package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/test/harness"
	"github.com/reportable-incidents/reportable/test/natstest"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

// police is a force's sender over HTTP, which tries again until it is answered.
type police struct {
	testing.TB
	site *Site
	feed *Service
	key  string

	mu       sync.Mutex
	accepted map[string]time.Time // reference and revision → when the answer came
	refused  []string             // status and Retry-After of answers that were no receipt
}

func newPolice(t testing.TB, site *Site, feed *Service) *police {
	t.Helper()
	key := strings.TrimSpace(site.Run("feed", "key", "create", "--force", "62"))
	return &police{TB: t, site: site, feed: feed, key: key, accepted: map[string]time.Time{}}
}

// sends posts incidents one by one, several at once, each until it is answered
// as accepted or as a duplicate.
func (p *police) sends(all []casework.Incident) {
	p.Helper()
	work := make(chan casework.Incident)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for in := range work {
				until := time.Now().Add(2 * time.Minute)
				for !p.sendsOne(in) {
					if time.Now().After(until) {
						p.Errorf("%s %d is not taken", in.Reference, in.Revision)
						return
					}
					time.Sleep(100 * time.Millisecond)
				}
			}
		})
	}
	for _, in := range all {
		work <- in
	}
	close(work)
	wait.Wait()
}

func (p *police) sendsOne(in casework.Incident) bool {
	r, err := http.NewRequest("POST", p.feed.lastAddress("feed")+"/v1/incidents", bytes.NewReader(harness.Lines("62", in)))
	if err != nil {
		return false
	}
	r.Header.Set("Authorization", "Bearer "+p.key)
	r.Header.Set("Content-Type", "application/x-ndjson")
	client := http.Client{Timeout: 20 * time.Second}
	answer, err := client.Do(r)
	if err != nil {
		return false // killed, or not up yet
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return false
	}
	var receipt struct {
		Lines []casework.ReceiptLine `json:"lines"`
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if answer.StatusCode >= 300 {
		p.refused = append(p.refused, fmt.Sprintf("%d %s", answer.StatusCode, answer.Header.Get("Retry-After")))
		return false
	}
	if err := json.Unmarshal(body, &receipt); err != nil || len(receipt.Lines) != 1 {
		p.Errorf("%s: the answer is no receipt of one line", answer.Status)
		return true
	}
	switch receipt.Lines[0].Status {
	case casework.LineAccepted, casework.LineDuplicate:
		p.accepted[fmt.Sprintf("%s %d", in.Reference, in.Revision)] = time.Now()
		return true
	}
	p.Errorf("%s %d was rejected", in.Reference, in.Revision)
	return true
}

func (p *police) answered() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.accepted)
}

// kept checks that everything called accepted is in the ledger.
func (p *police) kept() {
	p.Helper()
	have := map[string]bool{}
	for _, k := range pgtest.All[string](p, p.site.DB, `
		select i.reference || ' ' || r.number
		  from revision r
		  join incident i on i.id = r.incident`) {
		have[k] = true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for k := range p.accepted {
		if !have[k] {
			p.Errorf("%s was called accepted and is not in the ledger", k)
		}
	}
}

func (s *sent) some(n int) []casework.Incident {
	var all []casework.Incident
	for i := range n {
		all = append(all, harness.Incident(fmt.Sprintf("H%d-%s", len(s.all)+i, s.people[i%len(s.people)].CRN), harness.Suspect(s.people[i%len(s.people)])))
	}
	s.all = append(s.all, all...)
	return all
}

func TestTheDatabaseGoesAwayAndComesBack(t *testing.T) {
	t.Parallel()
	site := NewSite(t)
	s := &sent{people: harness.Wales(50)}
	supervised(t, site, s.people)
	feed := site.Serve("feed")
	site.Serve("matcher", "notifier")
	feed.address("feed")
	police := newPolice(t, site, feed)

	all := s.some(600)
	var wait sync.WaitGroup
	wait.Go(func() { police.sends(all) })
	site.Eventually(func() bool { return police.answered() > 100 }, func() string { return "the first hundred are not answered" })
	site.Database.Cut()
	cut := time.Now()
	site.Eventually(func() bool {
		police.mu.Lock()
		defer police.mu.Unlock()
		return len(police.refused) >= 4
	}, func() string { return "nothing is refused without a database" })
	mended := time.Now()
	site.Database.Mend()
	wait.Wait()

	police.kept()
	first := time.Time{}
	for k, at := range police.accepted {
		// What was committed just before may be answered just after.
		if at.After(cut.Add(time.Second)) && at.Before(mended) {
			t.Errorf("%s was called accepted without a database", k)
		}
		if at.After(mended) && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	for _, r := range police.refused {
		if status, after, _ := strings.Cut(r, " "); (status != "503" && status != "429") || after == "" {
			t.Errorf("without a database the answer is %q, want 503 with Retry-After", r)
			break
		}
	}
	t.Logf("%d refusals; accepted again after %s", len(police.refused), first.Sub(mended).Round(time.Millisecond))
	if first.Sub(mended) > 30*time.Second {
		t.Errorf("it took %s to recover, want at most 30 s", first.Sub(mended))
	}
	site.Settled()
	s.check(t, site)
}

func TestKillingTheFeedKeepsWhatItCalledAccepted(t *testing.T) {
	t.Parallel()
	site := NewSite(t)
	s := &sent{people: harness.Wales(50)}
	supervised(t, site, s.people)
	feed := site.Serve("feed")
	site.Serve("matcher", "notifier")
	feed.address("feed")
	police := newPolice(t, site, feed)
	var wait sync.WaitGroup
	all := s.some(500)
	wait.Go(func() { police.sends(all) })
	for _, after := range []int{50, 150, 300} {
		site.Eventually(func() bool { return police.answered() > after }, func() string { return fmt.Sprintf("%d are not answered", after) })
		feed.Kill()
		feed.Start()
	}
	wait.Wait()
	police.kept()
	site.Settled()
	s.check(t, site)
}

// Without NATS what is accepted waits in the ledger; a new and empty server gets
// what it needs to know.
func TestNATSGoesAwayAndComesBackEmpty(t *testing.T) {
	t.Parallel()
	site := NewSite(t)
	url, stop := natstest.Listening(t, "127.0.0.1:0")
	site.uses(url)
	s := &sent{people: harness.Wales(50)}
	supervised(t, site, s.people)
	site.Serve("matcher", "notifier")
	sends := func(name string) {
		file := filepath.Join(site.Dir, name)
		if err := os.WriteFile(file, harness.Lines("62", s.some(60)...), 0o600); err != nil {
			t.Fatal(err)
		}
		site.Run("feed", "import", "--force", "62", file)
	}
	sends("before.ndjson")
	site.Settled()
	sends("half.ndjson")
	stop()
	sends("without.ndjson")
	if _, stopAgain := natstest.Listening(t, strings.TrimPrefix(url, "nats://")); stopAgain == nil {
		t.Fatal("no second server")
	}
	site.Settled()
	s.check(t, site)
}
