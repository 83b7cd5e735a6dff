package simulator_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/caseload/extract"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/feed"
	"github.com/reportable-incidents/reportable/services/feed/canonical"
	"github.com/reportable-incidents/reportable/services/feed/check"
	"github.com/reportable-incidents/reportable/services/feed/csvfile"
	"github.com/reportable-incidents/reportable/services/simulator"
)

var world = simulator.World{Seed: 7, People: 4000, Date: casework.Date{Year: 2026, Month: 3, Day: 2}}

func TestTheSameSeedGivesTheSameBytesAndAnotherDoesNot(t *testing.T) {
	extract := func(w simulator.World) string {
		var b bytes.Buffer
		if err := w.WriteExtract(&b, nil); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	first, again := extract(world), extract(world)
	if first != again {
		t.Error("the same seed gave two extracts")
	}
	other := world
	other.Seed++
	if extract(world) == extract(other) {
		t.Error("two seeds gave one extract")
	}
	at := time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)
	a, _ := json.Marshal(world.Incident(11, at))
	b, _ := json.Marshal(world.Incident(11, at))
	if !bytes.Equal(a, b) {
		t.Error("one number gave two incidents")
	}
}

func TestAPersonIsTheSameAtAnyPlaceInTheWriting(t *testing.T) {
	alone := world.Person(999).Identity.Digest()
	for n := range 999 {
		world.Person(n)
	}
	larger := world
	larger.People *= 2
	if after := world.Person(999).Identity.Digest(); after != alone {
		t.Error("a person changed when others were made before")
	}
	if in := larger.Person(999).Identity.Digest(); in != alone {
		t.Error("a person changed when the caseload grew")
	}
}

func TestIdentifiersAreValidAndNobodySharesOne(t *testing.T) {
	seen := map[string]int{}
	for n := range world.People {
		p := world.Person(n)
		if crn, err := casework.ParseCRN(p.CRN); err != nil || crn != p.CRN {
			t.Fatalf("person %d: the CRN is not valid", n)
		}
		for _, s := range p.PNCs {
			if pnc, err := casework.ParsePNC(s); err != nil || string(pnc) != s {
				t.Fatalf("person %d: a PNC is not valid", n)
			}
		}
		for _, s := range p.CROs {
			if cro, err := casework.ParseCRO(s); err != nil || string(cro) != s {
				t.Fatalf("person %d: a CRO is not valid", n)
			}
		}
		if _, err := casework.ParsePostcode(p.Postcode); err != nil {
			t.Fatalf("person %d: the postcode is not valid", n)
		}
		for _, s := range slices.Concat([]string{p.CRN}, p.PNCs, p.CROs) {
			if other, ok := seen[s]; ok {
				t.Fatalf("persons %d and %d share an identifier", other, n)
			}
			seen[s] = n
		}
	}
}

func TestNamesAndHouseholdsAreAsTheyAreMetInWales(t *testing.T) {
	names, homes := map[string]int{}, map[string]int{}
	for n := range world.People {
		p := world.Person(n)
		names[p.Surname]++
		homes[p.Address+p.Postcode+p.Surname]++
	}
	counts := slices.Sorted(maps.Values(names))
	slices.Reverse(counts)
	top := 0
	for _, n := range counts[:8] {
		top += n
	}
	if share := float64(top) / float64(world.People); share < .3 || share > .45 {
		t.Errorf("eight surnames cover %.2f of the people, want about a third", share)
	}
	related := 0
	for _, n := range homes {
		if n > 1 {
			related += n
		}
	}
	if share := float64(related) / float64(world.People); share < .015 || share > .035 {
		t.Errorf("%.3f have a relative on the caseload at their address, want about .025", share)
	}
}

// discard takes rows for a store.
type discard struct{ rows, rejected int }

func (d *discard) ApplyExtract(_ context.Context, _ casework.Extract, next func() (casework.CaseRow, error)) (casework.ExtractApplied, error) {
	for {
		row, err := next()
		if err == io.EOF {
			return casework.ExtractApplied{Rows: d.rows, Rejected: d.rejected}, nil
		}
		if err != nil {
			return casework.ExtractApplied{}, err
		}
		d.rows++
		if row.Rejected {
			d.rejected++
		}
	}
}

func TestTheExtractIsOneThatTheCaseloadTakesWhole(t *testing.T) {
	var b bytes.Buffer
	if err := world.WriteExtract(&b, nil); err != nil {
		t.Fatal(err)
	}
	im := extract.Importer{Store: &discard{}}
	report, err := im.Import(t.Context(), casework.Extract{}, extract.Format{}, &b)
	if err != nil || report.Rejected != 0 || report.Rows != world.People || len(report.Ignored) > 0 {
		t.Errorf("got %d rows, %d rejected, %d columns not understood and %v", report.Rows, report.Rejected, len(report.Ignored), err)
	}
}

func reader(t *testing.T, force string, from io.Reader, now time.Time) feed.Reader {
	t.Helper()
	rules := check.Rules{Force: force, Now: now}
	if force == "60" || force == "63" {
		return canonical.NewReader(from, canonical.Auto, rules)
	}
	m, err := csvfile.Shipped("", force)
	if err != nil {
		t.Fatal(err)
	}
	r, err := csvfile.NewReader(from, m, rules)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEveryForcesExportIsOneThatTheFeedTakesWholeAndTheTruthFits(t *testing.T) {
	dir := t.TempDir()
	until := time.Date(2026, 4, 2, 0, 0, 0, 0, time.UTC) // the clocks change in between
	written, err := world.Write(simulator.Plan{Dir: dir, Incidents: 3000, From: until.AddDate(0, 0, -28), Until: until})
	if err != nil {
		t.Fatal(err)
	}
	if share := float64(written.OnCaseload) / float64(written.Persons); share < .08 || share > .20 {
		t.Errorf("%.3f of the persons are on the caseload, want .08 to .20", share)
	}
	f, err := os.Open(filepath.Join(dir, "truth.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	truth, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	persons := map[string]int{}
	for _, r := range truth[1:] {
		persons[r[0]+" "+r[1]+" "+r[2]]++
	}
	taken := map[string]bool{}
	for _, force := range simulator.Forces {
		f, err := os.Open(filepath.Join(dir, simulator.ExportName(force)))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		r := reader(t, force, f, until)
		for {
			rec, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range rec.Problems {
				t.Fatalf("force %s record %d: %s at %s", force, rec.Number, p.Code, p.Pointer)
			}
			i := rec.Incident
			key := i.Force + " " + i.Reference + " " + string(rune('0'+i.Revision))
			if persons[key] != len(i.Persons) {
				t.Fatalf("force %s record %d: got %d persons, the truth has %d", force, rec.Number, len(i.Persons), persons[key])
			}
			taken[key] = true
		}
		if r.Ended() != nil {
			t.Errorf("force %s: reading ended early", force)
		}
	}
	if len(taken) != len(persons) || len(taken) != written.Revisions {
		t.Errorf("got %d revisions, want the truth's %d", len(taken), len(persons))
	}
}

func TestTheFeedPostsAndDropsUntilItIsStopped(t *testing.T) {
	var mu sync.Mutex
	posted := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		rd := reader(t, key[:2], r.Body, time.Now().Add(time.Minute))
		for {
			rec, err := rd.Next()
			if err != nil {
				break
			}
			if len(rec.Problems) > 0 {
				t.Errorf("posted by %s: %s at %s", key[:2], rec.Problems[0].Code, rec.Problems[0].Pointer)
			}
			mu.Lock()
			posted[key[:2]]++
			mu.Unlock()
		}
	}))
	defer server.Close()
	drop := t.TempDir()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	sent := map[string]bool{}
	f := simulator.Feed{
		World: world, Rate: 300, URL: server.URL, Client: server.Client(), DropEvery: 20 * time.Millisecond,
		Keys:  map[string]string{"60": "60-key", "61": "61-key", "63": "63-key"},
		Drops: map[string]string{"62": drop},
	}
	delete(f.Keys, "61") // it has neither a key nor a folder, and must not hold up the others
	f.Sent = func(r simulator.Report) {
		if sent[r.Revisions[0].Force] = true; len(sent) == 3 {
			stop()
		}
	}
	if err := f.Run(ctx); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if posted["60"] == 0 || posted["63"] == 0 {
		t.Errorf("got %v posted, want some from both forces with a key", posted)
	}
	files, err := filepath.Glob(filepath.Join(drop, "*.csv"))
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d files in the drop folder, want some", len(files))
	}
	if parts, _ := filepath.Glob(filepath.Join(drop, ".part-*")); len(parts) > 0 {
		t.Error("an unfinished file was left in the drop folder")
	}
}
