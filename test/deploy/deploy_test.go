package deploy

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"go.yaml.in/yaml/v3"
)

const root = "../.."

// check runs one of the programs that will read the file.
func check(t *testing.T, name, debian string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not here. On Debian: sudo apt-get install %s", name, debian)
		}
		t.Skipf("%s is not here. On Debian: sudo apt-get install %s", name, debian)
	}
	cmd := exec.Command(name, args...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

func TestComposeReadsTheComposition(t *testing.T) {
	check(t, "docker-compose", "docker-compose", "config", "--quiet")
}

func TestPrometheusReadsItsSettings(t *testing.T) {
	check(t, "promtool", "prometheus", "check", "config", "deploy/prometheus/prometheus.yml")
}

func TestAlarmsGoOffWhenTheyShould(t *testing.T) {
	check(t, "promtool", "prometheus", append([]string{"test", "rules"}, alarmTests(t)...)...)
}

// alarmTests are the files that say when alarms go off, from the root.
func alarmTests(t *testing.T) []string {
	t.Helper()
	files, _ := filepath.Glob("testdata/*_test.yml")
	if len(files) == 0 {
		t.Fatal("nothing says when alarms go off")
	}
	for n, f := range files {
		files[n] = filepath.Join("test/deploy", f)
	}
	return files
}

func TestNATSReadsItsSettings(t *testing.T) {
	o, err := server.ProcessConfigFile(filepath.Join(root, "deploy/nats/nats.conf"))
	if err != nil {
		t.Fatal(err)
	}
	if !o.JetStream || o.StoreDir != "/data" {
		t.Errorf("JetStream %v in %q, want it in /data", o.JetStream, o.StoreDir)
	}
}

type composition struct {
	Services map[string]struct {
		Command     []string
		Environment map[string]string
		Volumes     []string
	}
}

func compose(t *testing.T) composition {
	t.Helper()
	var c composition
	if err := yaml.Unmarshal([]byte(read(t, "docker-compose.yml")), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheCompositionRunsEachServiceOnItsOwn(t *testing.T) {
	c := compose(t)
	for _, stage := range []string{"feed", "caseload", "matcher", "notifier", "desk"} {
		if got, want := c.Services[stage].Command, []string{"serve", stage}; len(got) < 2 || !slices.Equal(got[:2], want) {
			t.Errorf("%s runs %s, want %s, alone", stage, got, want)
		}
		if scraped := read(t, "deploy/prometheus/prometheus.yml"); !strings.Contains(scraped, `"`+stage+`:8082"`) {
			t.Errorf("Prometheus does not look at %s", stage)
		}
	}
	for _, beside := range []string{"nats", "postgres", "migrate", "prometheus", "grafana"} {
		if _, ok := c.Services[beside]; !ok {
			t.Errorf("%s is not in the composition", beside)
		}
	}
	for name, s := range c.Services {
		for _, v := range s.Volumes {
			from, _, _ := strings.Cut(v, ":")
			if !strings.HasPrefix(from, ".") {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, from)); err != nil {
				t.Errorf("%s mounts %s, which is not there", name, from)
			}
		}
	}
}

func TestTheCompositionSetsWhatTheProgramReads(t *testing.T) {
	var source strings.Builder
	for _, f := range sources(t, "cmd/reportable/run") {
		source.WriteString(f)
	}
	for name := range compose(t).Services["feed"].Environment {
		if !strings.Contains(source.String(), `"`+name+`"`) {
			t.Errorf("%s is set, and cmd/reportable/run does not read it", name)
		}
	}
}

// A panel on a metric that nobody counts stays empty and alarms nobody.
func TestWhatIsShownAndWatchedIsMeasured(t *testing.T) {
	declared := map[string]bool{}
	metric := regexp.MustCompile(`"(reportable_[a-z_]+)"`)
	for _, source := range sources(t, "services", "cmd") {
		for _, m := range metric.FindAllStringSubmatch(source, -1) {
			declared[m[1]] = true
		}
	}
	used := regexp.MustCompile(`reportable_[a-z_]+`)
	files, _ := filepath.Glob(filepath.Join(root, "deploy/grafana/dashboards/*.json"))
	if len(files) == 0 {
		t.Fatal("there are no dashboards, so this test proves nothing")
	}
	for _, name := range append(files, filepath.Join(root, "deploy/prometheus/rules.yml"), filepath.Join(root, "deploy/prometheus/follow-up.yml")) {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Ext(name) == ".json" && !json.Valid(content) {
			t.Errorf("%s is not JSON", name)
		}
		for _, m := range used.FindAllString(string(content), -1) {
			base := m
			for _, suffix := range []string{"_bucket", "_count", "_sum"} {
				base = strings.TrimSuffix(base, suffix)
			}
			if !declared[base] {
				t.Errorf("%s speaks of %s, which no package declares",
					filepath.Base(name), m)
			}
		}
	}
}

// Whoever an alarm wakes has to find what to do, and the alarm has to have been
// seen to go off.
func TestEveryAlarmHasARunbook(t *testing.T) {
	alert := regexp.MustCompile(`alert: (\w+)`)
	known := map[string]bool{}
	var tried strings.Builder
	for _, file := range alarmTests(t) {
		tried.WriteString(read(t, file))
	}
	for _, name := range []string{"rules", "follow-up"} {
		for _, m := range alert.FindAllStringSubmatch(read(t, "deploy/prometheus/"+name+".yml"), -1) {
			known[m[1]] = true
			if _, err := os.Stat(filepath.Join(root, "deploy/runbooks", m[1]+".md")); err != nil {
				t.Errorf("%s has no page in deploy/runbooks", m[1])
			}
			if !strings.Contains(tried.String(), "alertname: "+m[1]+"\n        exp_alerts:\n") {
				t.Errorf("%s is not seen to go off in test/deploy/testdata", m[1])
			}
			if !strings.Contains(read(t, "deploy/prometheus/"+name+".yml"), "runbook: deploy/runbooks/"+m[1]+".md\n") {
				t.Errorf("%s does not say where its runbook is", m[1])
			}
		}
	}
	pages, _ := filepath.Glob(filepath.Join(root, "deploy/runbooks/*.md"))
	for _, page := range pages {
		if name := strings.TrimSuffix(filepath.Base(page), ".md"); !known[name] {
			t.Errorf("the runbook %s is of no alarm", name)
		}
	}
}

func TestMakeKnowsItsTargets(t *testing.T) {
	for _, target := range []string{"demo", "test", "bench", "bench-matcher", "assets", "build", "screenshots", "lint"} {
		check(t, "make", "make", "--dry-run", target)
	}
}

func TestTheBuildServerRunsTheTestsThatAreDocumented(t *testing.T) {
	const command = "make test"
	if !strings.Contains(read(t, ".ci/run"), "CI=true "+command+"\n") {
		t.Errorf(".ci/run does not call %q", command)
	}
}

func TestBrowserAssetsLeaveOutWhatIsNotOurs(t *testing.T) {
	styles, _ := filepath.Glob(filepath.Join(root, "services/desk/dist/*.css"))
	if len(styles) == 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("the browser's assets are not built: make assets")
		}
		t.Skip("the browser's assets are not built: make assets")
	}
	for _, name := range styles {
		css, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, theirs := range []string{"@font-face", "GDS Transport", "crest.svg", "sourceMappingURL"} {
			if strings.Contains(string(css), theirs) {
				t.Errorf("%s has %s", filepath.Base(name), theirs)
			}
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// sources are the Go files below some folders, tests left out.
func sources(t *testing.T, folders ...string) []string {
	t.Helper()
	var all []string
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join(root, folder), func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
				return err
			}
			b, err := os.ReadFile(name)
			all = append(all, string(b))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}
