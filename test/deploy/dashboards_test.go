package deploy

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/reportable-incidents/reportable/deploy/grafana"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/notifier"
)

var update = flag.Bool("update", false, "write the dashboards anew")

func TestTheDashboardsAreWhatTheCodeMakes(t *testing.T) {
	folder := filepath.Join(root, "deploy/grafana/dashboards")
	var made []string
	for _, d := range grafana.Dashboards() {
		want, err := d.JSON()
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(folder, d.File)
		made = append(made, name)
		if *update {
			if err := os.WriteFile(name, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(name); err != nil || string(got) != string(want) {
			t.Errorf("%s is not what deploy/grafana makes: go test ./test/deploy -run Dashboards -update", d.File)
		}
		titles := map[string]bool{}
		for _, p := range d.Panels {
			if p.Width < 1 || p.Width > 24 || len(p.Lines) == 0 || p.Unit == "" || p.About == "" || titles[p.Title] {
				t.Errorf("%s: the panel %q lacks something, or is there twice", d.File, p.Title)
			}
			titles[p.Title] = true
		}
	}
	there, _ := filepath.Glob(filepath.Join(folder, "*.json"))
	slices.Sort(made)
	if !slices.Equal(there, made) || len(made) != 3 {
		t.Errorf("got the files %q, want %q", there, made)
	}
	if home := compose(t).Services["grafana"].Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]; !slices.ContainsFunc(made, func(f string) bool { return filepath.Base(f) == filepath.Base(home) }) {
		t.Errorf("Grafana begins with %s, which is not there", home)
	}
}

// Every query of the dashboards is read by Prometheus itself, and asks for labels
// and records that there are.
func TestPrometheusUnderstandsTheQueriesOfTheDashboards(t *testing.T) {
	type rule struct {
		Record string `yaml:"record"`
		Expr   string `yaml:"expr"`
	}
	rules := map[string][]map[string]any{"groups": nil}
	recorded := regexp.MustCompile(`reportable:[a-z0-9_:]+`)
	known := read(t, "deploy/prometheus/follow-up.yml")
	var all []rule
	for _, d := range grafana.Dashboards() {
		for _, p := range d.Panels {
			for _, l := range p.Lines {
				plain := strings.NewReplacer("$__rate_interval", "5m", "$__range", "1h").Replace(l.Query)
				all = append(all, rule{fmt.Sprintf("query:%d", len(all)), plain})
				for _, name := range recorded.FindAllString(l.Query, -1) {
					if !strings.Contains(known, "record: "+name+"\n") {
						t.Errorf("%s: %q asks for %s, which nobody records", d.File, p.Title, name)
					}
				}
				for _, name := range regexp.MustCompile(`\$([a-z]+)\b`).FindAllStringSubmatch(l.Query, -1) {
					if !slices.ContainsFunc(d.Pick, func(p grafana.Pick) bool { return p.Label == name[1] }) {
						t.Errorf("%s: %q is narrowed by %s, which cannot be picked", d.File, p.Title, name[1])
					}
				}
			}
		}
	}
	rules["groups"] = []map[string]any{{"name": "queries", "rules": all}}
	text, err := yaml.Marshal(rules)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "queries.yml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	check(t, "promtool", "prometheus", "check", "rules", file)
}

// "In time" is by the clocks of the policy that ships, in working seconds, at a
// bound that the histogram has.
func TestInTimeIsByTheClocksOfTheShippedPolicy(t *testing.T) {
	day := notifier.Default().Calendar.DayLength()
	rules := read(t, "deploy/prometheus/follow-up.yml")
	line := regexp.MustCompile(`reportable_response_working_seconds_bucket\{stage="(\w+)",priority="(\w+)",le=~"(\d+)`)
	seen := map[string]int{}
	for _, m := range line.FindAllStringSubmatch(rules, -1) {
		name := map[string]string{"decision": notifier.ReviewIncident, "acknowledgement": notifier.AcknowledgeMatch}[m[1]]
		n := slices.IndexFunc(notifier.Default().Rules, func(r notifier.Rule) bool { return r.Name == name })
		clock := notifier.Default().Rules[n].Clock[casework.Priority(m[2])].Decide
		want := time.Duration(clock.Days)*day + clock.For
		if got, _ := strconv.Atoi(m[3]); time.Duration(got)*time.Second != want {
			t.Errorf("%s, %s: in time is %d s, the policy says %s", m[1], m[2], got, want)
		}
		seen[m[1]+" "+m[2]]++
	}
	if len(seen) != 6 {
		t.Errorf("got %v, want both stages at three priorities", seen)
	}
}
