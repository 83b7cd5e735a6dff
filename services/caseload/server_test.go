package caseload_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/caseload"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

// keys knows a force by a key that is its code.
type keys func(hash []byte) string

func (k keys) ForceByKey(_ context.Context, hash []byte) (postgres.ForceKey, error) {
	if force := k(hash); force != "" {
		return postgres.ForceKey{Force: force}, nil
	}
	return postgres.ForceKey{}, casework.ErrNotFound
}

var door = access.ForceDoor{Keys: keys(func(hash []byte) string {
	for _, force := range []string{"60", "62", "93"} {
		if slices.Equal(hash, access.HashForceKey(force)) {
			return force
		}
	}
	return ""
})}

type listHeading struct {
	Cursor  int64
	Entries int
}

// police asks as a force does.
type police struct {
	t     *testing.T
	force string
	at    string
}

func (p police) do(method, path, body string) (int, string) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.at+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.force)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return answer.StatusCode, string(b)
}

func (p police) list(path string) (listHeading, []casework.WatchEntry) {
	p.t.Helper()
	status, body := p.do("GET", path, "")
	if status != http.StatusOK {
		p.t.Fatalf("GET %s: got %d", path, status)
	}
	var h listHeading
	var entries []casework.WatchEntry
	lines := bufio.NewScanner(strings.NewReader(body))
	for n := 0; lines.Scan(); n++ {
		if n == 0 {
			if err := json.Unmarshal(lines.Bytes(), &h); err != nil {
				p.t.Fatal(err)
			}
			continue
		}
		var e casework.WatchEntry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			p.t.Fatal(err)
		}
		entries = append(entries, e)
	}
	if h.Entries != len(entries) {
		p.t.Errorf("GET %s: the heading says %d entries, %d came", path, h.Entries, len(entries))
	}
	return h, entries
}

func serving(t *testing.T, db *postgres.DB, registry prometheus.Registerer) (*caseload.Server, string) {
	t.Helper()
	s := caseload.NewServer(caseload.Config{Store: db, Door: door, Metrics: caseload.NewMetrics(registry), Log: slog.New(slog.DiscardHandler), Look: 10 * time.Millisecond, Every: 10 * time.Millisecond})
	server := httptest.NewServer(s.Routes())
	t.Cleanup(server.Close)
	return s, server.URL
}

func TestAForceIsToldWhoIsUnderSupervisionAndWhatChangesAndConfirmsIt(t *testing.T) {
	db := pgtest.New(t)
	mustImport(t, db, 1, small(40, nil))
	registry := prometheus.NewRegistry()
	s, at := serving(t, db, registry)
	swp := police{t, "62", at}
	h, entries := swp.list("/v1/caseload")
	if len(entries) != 40 || !entries[0].Listed || entries[0].Surname == "" || h.Cursor != 1 {
		t.Fatalf("got %d entries at cursor %d", len(entries), h.Cursor)
	}
	if e := entries[0]; e.CRN != "" || e.Address != "" || e.PDU != "" {
		t.Error("a field went out that policy does not name")
	}
	// One ends, one is renamed, one is given a flag, which is nobody's business.
	mustImport(t, db, 2, small(40, func(i int, row []string) []string {
		switch i {
		case 0:
			return nil
		case 1:
			row[1] = "Renamed"
		case 2:
			row[12] = "ADVP"
		}
		return row
	}, "registers"))
	h, changes := swp.list("/v1/caseload/changes?after=1")
	if len(changes) != 2 || h.Cursor != 2 {
		t.Fatalf("got %d changes at cursor %d, want 2 at 2", len(changes), h.Cursor)
	}
	for _, e := range changes {
		was := slices.IndexFunc(entries, func(o casework.WatchEntry) bool { return o.ID == e.ID })
		if was < 0 {
			t.Error("a change is of an entry that the force does not know")
		}
		if !e.Listed && (e.Surname != "" || len(e.PNCs) > 0) {
			t.Error("an ending says more than which entry has ended")
		}
		if e.Listed && e.Surname != "Renamed" {
			t.Error("a change does not say what is so now")
		}
	}

	state := func() casework.WatchState {
		_, body := swp.do("GET", "/v1/caseload/status", "")
		var s casework.WatchState
		if err := json.Unmarshal([]byte(body), &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	if status, _ := swp.do("POST", "/v1/caseload/confirmations", `{"cursor": 1}`); status != http.StatusOK {
		t.Errorf("confirm: got %d", status)
	}
	if got := state(); got.People != 39 || got.PeopleConfirmed != 38 || got.UnconfirmedEndings != 1 || got.OldestEnding.IsZero() {
		t.Errorf("after confirming the first list: got %d people, %d confirmed, %d endings not confirmed", got.People, got.PeopleConfirmed, got.UnconfirmedEndings)
	}
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error)
	go func() { ran <- s.Run(ctx) }()
	want := `
# HELP reportable_watchlist_unconfirmed_endings People whom the force must no longer keep, and has not confirmed to have let go.
# TYPE reportable_watchlist_unconfirmed_endings gauge
reportable_watchlist_unconfirmed_endings{force="60"} 0
reportable_watchlist_unconfirmed_endings{force="61"} 0
reportable_watchlist_unconfirmed_endings{force="62"} 1
reportable_watchlist_unconfirmed_endings{force="63"} 0
`
	deadline := time.Now().Add(10 * time.Second)
	for {
		err := testutil.GatherAndCompare(registry, strings.NewReader(want), "reportable_watchlist_unconfirmed_endings")
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond) // the gauges are set by a loop that tells nobody
	}
	stop()
	if err := <-ran; err != nil {
		t.Error(err)
	}
	swp.do("POST", "/v1/caseload/confirmations", `{"cursor": 2}`)
	if got := state(); got.PeopleConfirmed != 39 || got.UnconfirmedEndings != 0 {
		t.Errorf("after confirming the changes: got %d confirmed, %d endings not confirmed", got.PeopleConfirmed, got.UnconfirmedEndings)
	}
}

func TestAWaitingForceHearsOfAChangeAtOnce(t *testing.T) {
	db := pgtest.New(t)
	mustImport(t, db, 1, small(40, nil))
	_, at := serving(t, db, nil)
	nwp := police{t, "60", at}
	h, _ := nwp.list("/v1/caseload")
	if h, entries := nwp.list(fmt.Sprintf("/v1/caseload/changes?after=%d&wait=0", h.Cursor)); len(entries) != 0 || h.Cursor != 1 {
		t.Errorf("nothing had changed: got %d entries at %d", len(entries), h.Cursor)
	}
	heard := make(chan int)
	go func() {
		_, entries := nwp.list(fmt.Sprintf("/v1/caseload/changes?after=%d&wait=60", h.Cursor))
		heard <- len(entries)
	}()
	if _, err := db.MergeCases(t.Context(), "X000001", "X000002"); err != nil {
		t.Fatal(err)
	}
	if n := <-heard; n != 1 {
		t.Errorf("got %d changes, want the one ending", n)
	}
}

func TestOfRestrictedPeopleIdentifiersGoOutAndNothingThatSaysSo(t *testing.T) {
	db := pgtest.New(t)
	mustImport(t, db, 1, small(2, func(i int, row []string) []string {
		row[4] = "2002/0073319Z"
		if i == 0 {
			row[12] = "Y"
		}
		return row
	}, "restricted"))
	_, at := serving(t, db, nil)
	status, body := police{t, "62", at}.do("GET", "/v1/caseload", "")
	if status != http.StatusOK || strings.Contains(body, "Person0") || strings.Contains(body, "restrict") || !strings.Contains(body, "Person1") {
		t.Error("a restricted person's name or mark went out, or nobody's did")
	}
	if n := strings.Count(body, `"tokens"`); n != 1 {
		t.Errorf("got tokens of %d people, want the restricted one's alone", n)
	}
	if n := strings.Count(body, "2002/0073319Z"); n != 2 {
		t.Errorf("got %d identifiers, want both people's", n)
	}
}

func TestAForceWithoutAPolicyOrAKeyIsToldNothing(t *testing.T) {
	db := pgtest.New(t)
	mustImport(t, db, 1, small(2, nil))
	_, at := serving(t, db, nil)
	for _, route := range caseload.NewServer(caseload.Config{Store: db}).Table() {
		method, path, _ := strings.Cut(route.Pattern, " ")
		if method == "GET" && path == "/v1/caseload/changes" {
			path += "?after=0&wait=0"
		}
		if status, body := (police{t, "nobody", at}).do(method, path, `{"cursor":0}`); status != http.StatusUnauthorized || strings.Contains(body, "Person") {
			t.Errorf("%s without a key: got %d", route.Pattern, status)
		}
		if status, body := (police{t, "93", at}).do(method, path, `{"cursor":0}`); status < 400 || strings.Contains(body, "Person") {
			t.Errorf("%s without a policy: got %d", route.Pattern, status)
		}
	}
	if err := db.SetWatchPolicy(t.Context(), casework.WatchPolicy{Force: "93", PDUs: []string{"N03SNT"}, Fields: []string{"pncs"}}, "test"); err != nil {
		t.Fatal(err)
	}
	if _, entries := (police{t, "93", at}).list("/v1/caseload"); len(entries) != 0 {
		t.Errorf("a policy for another PDU: got %d entries", len(entries))
	}
}

func TestASubscriptionPutsOnePersonOnAListUntilItExpires(t *testing.T) {
	db := pgtest.New(t)
	mustImport(t, db, 1, small(5, nil))
	_, at := serving(t, db, nil)
	if err := db.SetWatchPolicy(t.Context(), casework.WatchPolicy{Force: "93", Fields: []string{"surname"}}, "test"); err != nil {
		t.Fatal(err)
	}
	err := db.Subscribe(t.Context(), postgres.Subscription{Force: "93", CRN: "X000003", Reason: "travels", Owner: "N03S0101", Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	btp := police{t, "93", at}
	if _, entries := btp.list("/v1/caseload"); len(entries) != 1 || entries[0].Surname != "Person3" {
		t.Errorf("got %d entries, want the one subscribed to", len(entries))
	}
	pgtest.Exec(t, db, `update watch_subscription set expires_at = now()`)
	if _, entries := btp.list("/v1/caseload"); len(entries) != 0 {
		t.Errorf("after it expired: got %d entries, want none", len(entries))
	}
}

func TestACursorThatIsNotTheListsIsRefused(t *testing.T) {
	db := pgtest.New(t)
	mustImport(t, db, 1, small(2, nil))
	_, at := serving(t, db, nil)
	swp := police{t, "62", at}
	for _, path := range []string{"?after=99&wait=0", "?after=-1", "?after=x", "", "?after=0&wait=61", "?after=0&wait=x"} {
		if status, _ := swp.do("GET", "/v1/caseload/changes"+path, ""); status != http.StatusBadRequest {
			t.Errorf("changes%s: got %d, want 400", path, status)
		}
	}
	for _, body := range []string{`{"cursor": 99}`, `{"cursor": -1}`, `{}`, `[]`, `x`} {
		if status, _ := swp.do("POST", "/v1/caseload/confirmations", body); status != http.StatusBadRequest {
			t.Errorf("confirming %s: got %d, want 400", body, status)
		}
	}
}
