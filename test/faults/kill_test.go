package faults

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/test/harness"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

var (
	rounds = flag.Int("rounds", 6, "how often something is killed")
	seed   = flag.Uint64("seed", 0, "of what is killed and when; 0 is another one each time")
)

// Most of their time these tests wait, for a sweeper's half minute or for a
// message to come again: more of them wait at once than there are processors.
func TestMain(m *testing.M) {
	flag.Parse()
	if at := flag.Lookup("test.parallel"); at.Value.String() == at.DefValue {
		if err := at.Value.Set("5"); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	if built.path != "" {
		os.RemoveAll(filepath.Dir(built.path))
	}
	os.Exit(code)
}

// sent is what the police sent in all rounds: the truth to compare with.
type sent struct {
	people []harness.Person
	all    []casework.Incident
}

// round makes up a round's incidents: two in five have a second revision, some
// of which withdraw, and the two may stand in any order.
func (s *sent) round(r *rand.Rand, round, n int) []casework.Incident {
	var all []casework.Incident
	for i := range n {
		who := s.people[r.IntN(len(s.people))]
		one := harness.Incident(fmt.Sprintf("K%d-%d-%s", round, i, who.CRN), harness.Suspect(who))
		all = append(all, one)
		switch r.IntN(10) {
		case 0:
			two := harness.Revised(one, one.Persons...)
			two.Status = casework.Withdrawn
			all = append(all, two)
		case 1, 2, 3:
			two := harness.Revised(one, one.Persons...)
			two.Summary = "Nobody was hurt."
			all = append(all, two)
		}
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	s.all = append(s.all, all...)
	return all
}

// wrong compares the record with what was sent. It trusts nothing that the
// services say of themselves.
func (s *sent) wrong(t testing.TB, site *Site) (found []string) {
	t.Helper()
	add := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	have := map[string]bool{}
	for _, k := range pgtest.All[string](t, site.DB, `
		select i.reference || ' ' || r.number
		  from revision r
		  join incident i on i.id = r.incident`) {
		have[k] = true
	}
	head := map[string]casework.Incident{}
	for _, in := range s.all {
		k := fmt.Sprintf("%s %d", in.Reference, in.Revision)
		if !have[k] {
			add("%s was sent and is not in the ledger", k)
		}
		delete(have, k)
		if head[in.Reference].Revision < in.Revision {
			head[in.Reference] = in
		}
	}
	for k := range have {
		add("%s is in the ledger and was never sent", k)
	}
	type effect struct {
		Reference, CRN, State    string
		Matches, Actions, Raised int
	}
	var effects []effect
	for _, row := range pgtest.All[string](t, site.DB, `
		select json_build_object('Reference', i.reference, 'CRN', p.crn, 'State', m.state,
		         'Matches', (select count(*) from match o where o.incident = m.incident),
		         'Actions', (select count(*) from action a where a.incident = m.incident and a.rule = 'acknowledge_match' and a.state <> 'closed'),
		         'Raised', (select count(*) from action a join action_history h on h.action = a.id
		                     where a.incident = m.incident and a.rule = 'acknowledge_match' and h.what = 'raised'))::text
		  from match m
		  join incident i on i.id = m.incident
		  join person p on p.id = m.person`) {
		var e effect
		if err := json.Unmarshal([]byte(row), &e); err != nil {
			t.Fatal(err)
		}
		effects = append(effects, e)
	}
	matched := map[string]bool{}
	for _, e := range effects {
		matched[e.Reference] = true
		in, crn := head[e.Reference], e.Reference[strings.LastIndexByte(e.Reference, '-')+1:]
		switch {
		case e.CRN != crn:
			add("%s is matched with %s", e.Reference, e.CRN)
		case e.Matches != 1:
			add("%s has %d matches", e.Reference, e.Matches)
		case in.Status == casework.Withdrawn && (e.State != "withdrawn" || e.Actions > 0):
			add("%s is withdrawn, and its match is %s with %d open actions", e.Reference, e.State, e.Actions)
		case in.Status == casework.Live && (e.State != "open" || e.Actions != 1 || e.Raised != 1):
			add("%s is %s with %d actions, raised %d times", e.Reference, e.State, e.Actions, e.Raised)
		}
	}
	for reference, in := range head {
		if in.Status == casework.Live && !matched[reference] {
			add("%s has no match", reference)
		}
	}
	return found
}

func (s *sent) check(t testing.TB, site *Site) {
	t.Helper()
	for n, w := range s.wrong(t, site) {
		if n == 10 {
			t.Error("and more")
			break
		}
		t.Error(w)
	}
	var counts casework.Reconciliation
	if err := json.Unmarshal([]byte(site.Run("reconcile", "--json")), &counts); err != nil {
		t.Fatal(err)
	}
	if counts.Accepted != len(s.all) || counts.Unaccounted != 0 || counts.Quarantined != 0 {
		t.Errorf("got %+v, want all %d accounted for and none in quarantine", counts, len(s.all))
	}
}

// supervised gives a site a caseload.
func supervised(t testing.TB, site *Site, people []harness.Person) {
	t.Helper()
	file := filepath.Join(site.Dir, "caseload.csv")
	if err := os.WriteFile(file, harness.ExtractCSV(people), 0o600); err != nil {
		t.Fatal(err)
	}
	site.Run("caseload", "import", "--extract-date", time.Now().Format(time.DateOnly), file)
}

// Whatever is killed in the middle of an import, and whenever: when it is
// started again nothing is lost and nothing was done twice.
func TestKillingAnyStageInTheMiddleOfAnImport(t *testing.T) {
	t.Parallel()
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", *seed)
	r := rand.New(rand.NewPCG(*seed, 0))
	site := NewSite(t)
	s := &sent{people: harness.Wales(200)}
	supervised(t, site, s.people)
	stages := []*Service{site.Serve("matcher"), site.Serve("notifier"), site.Serve("matcher", "notifier")}

	killed := map[string]int{}
	for round := range *rounds {
		file := filepath.Join(site.Dir, fmt.Sprintf("round-%d.ndjson", round))
		if err := os.WriteFile(file, harness.Lines("62", s.round(r, round, 120)...), 0o600); err != nil {
			t.Fatal(err)
		}
		// The import itself is killed in every third round, and sent again.
		sending := site.command("feed", "import", "--force", "62", file)
		if err := sending.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(r.IntN(400)) * time.Millisecond)
		victim := stages[r.IntN(len(stages))]
		victim.Kill()
		killed[victim.name]++
		if round%3 == 2 {
			sending.Process.Kill()
			killed["import"]++
		}
		sending.Wait()
		time.Sleep(time.Duration(r.IntN(100)) * time.Millisecond)
		victim.Start()
		site.Run("feed", "import", "--force", "62", file)
	}
	site.Settled()
	s.check(t, site)
	t.Logf("%d revisions; killed %v", len(s.all), killed)
}

// The check has to see what is lost and what was done twice, else the rounds
// above prove nothing.
func TestTheCheckSeesWhatIsLostAndWhatIsDoneTwice(t *testing.T) {
	site := NewSite(t)
	s := &sent{people: harness.Wales(20)}
	supervised(t, site, s.people)
	r := rand.New(rand.NewPCG(1, 1))
	file := filepath.Join(site.Dir, "all.ndjson")
	if err := os.WriteFile(file, harness.Lines("62", s.round(r, 0, 20)...), 0o600); err != nil {
		t.Fatal(err)
	}
	site.Serve("matcher", "notifier")
	site.Run("feed", "import", "--force", "62", file)
	site.Settled()
	s.check(t, site)

	for what, spoil := range map[string]string{
		"sent and is not in the ledger": `delete from revision where (incident, number) = (select incident, max(number) from revision where disposition = 'superseded' group by incident limit 1)`,
		"with 0 actions":                `update action set state = 'closed' where id = (select min(id) from action where state = 'open' and rule = 'acknowledge_match')`,
		"raised 2 times":                `insert into action_history (action, n, what) select min(id), 99, 'raised' from action where state = 'open' and rule = 'acknowledge_match'`,
	} {
		pgtest.Exec(t, site.DB, spoil)
		if found := strings.Join(s.wrong(t, site), "; "); !strings.Contains(found, what) {
			t.Errorf("the check did not see that something %q: %s", what, found)
		}
	}
}
