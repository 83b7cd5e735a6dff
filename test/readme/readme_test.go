// Package readme tries what README.md tells a newcomer to type.
//
// A block marked sh is run line by line, as it stands; one marked sh serving
// runs while `reportable up` does; one marked sh example names hosts that are
// not here, so its commands are only looked up. make is told to say what it
// would do, since the tests are themselves part of what it does.
package readme

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const root = "../.."

// block is one fenced block of shell.
type block struct {
	mode  string // "", serving or example
	lines []string
}

func TestMain(m *testing.M) {
	code := m.Run()
	os.RemoveAll(bin)
	os.Exit(code)
}

func TestEveryCommandOfTheREADMEWorks(t *testing.T) {
	blocks := read(t)
	dir := t.TempDir()
	build(t, dir)
	sh := &shell{dir: dir, env: map[string]string{
		"REPORTABLE_DATA": filepath.Join(dir, "data"),
		// The README's ports may be taken by an up of somebody at work.
		"DESK_ADDRESS": "127.0.0.1:0", "FEED_ADDRESS": "127.0.0.1:0", "OPERATIONS_ADDRESS": "127.0.0.1:0",
	}}
	for i, b := range blocks {
		switch b.mode {
		case "":
			for _, line := range b.lines {
				t.Run(fmt.Sprintf("block %d/%s", i+1, name(line)), func(t *testing.T) { sh.run(t, line) })
			}
		case "serving":
			t.Run(fmt.Sprintf("block %d", i+1), func(t *testing.T) {
				ports := sh.up(t)
				for _, line := range b.lines {
					sh.run(t, ports.Replace(line))
				}
			})
		case "example":
			for _, line := range b.lines {
				t.Run(fmt.Sprintf("block %d/%s", i+1, name(line)), func(t *testing.T) { sh.exists(t, line) })
			}
		default:
			t.Errorf("README.md has a block marked sh %s; say sh, sh serving or sh example", b.mode)
		}
	}
}

func TestTheREADMENamesEveryCommand(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	build(t, dir)
	out, err := exec.Command(filepath.Join(dir, "bin", "reportable"), "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	_, list, found := strings.Cut(string(out), "Commands:")
	if !found {
		t.Fatal("--help lists no commands")
	}
	for _, m := range regexp.MustCompile(`(?m)^  ([a-z]+)`).FindAllStringSubmatch(list, -1) {
		if !bytes.Contains(text, []byte("`reportable "+m[1])) {
			t.Errorf("README.md does not name %q", "reportable "+m[1])
		}
	}
}

func read(t *testing.T) []block {
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var blocks []block
	var current *block
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		switch {
		case current == nil && strings.HasPrefix(line, "```sh"):
			current = &block{mode: strings.TrimSpace(strings.TrimPrefix(line, "```sh"))}
		case current != nil && line == "```":
			blocks = append(blocks, *current)
			current = nil
		case current != nil:
			current.lines = append(current.lines, line)
		}
	}
	if len(blocks) < 4 {
		t.Fatalf("README.md has %d blocks of commands, want its quick start and its tour", len(blocks))
	}
	return blocks
}

// bin is the folder of the program, which is linked once for all tests.
var bin string

var built = sync.OnceValue(func() (err error) {
	if bin, err = os.MkdirTemp("", "reportable-readme"); err != nil {
		return err
	}
	out, err := exec.Command("go", "build", "-o", bin+"/", root+"/cmd/reportable").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("build: %w\n%s", err, out)
	}
	return err
})

// build puts the program into dir, as make build does.
func build(t *testing.T, dir string) {
	t.Helper()
	err := built()
	if err == nil {
		err = os.Symlink(bin, filepath.Join(dir, "bin"))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// name shortens a command to what a subtest may be called.
func name(line string) string {
	words := strings.Fields(line)
	return strings.Join(words[:min(3, len(words))], " ")
}

// shell runs lines one by one, and remembers what they set.
type shell struct {
	dir string
	env map[string]string
}

func (s *shell) run(t *testing.T, line string) {
	t.Helper()
	switch {
	case strings.HasPrefix(line, "make "):
		line = "make --dry-run -C " + quoted(absolute(t, root)) + " " + strings.TrimPrefix(line, "make ")
	case strings.HasPrefix(line, "docker compose config"):
		if _, err := exec.LookPath("docker-compose"); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal("docker-compose is missing. On Debian: sudo apt-get install docker-compose")
			}
			t.Log("docker-compose is missing, so the composition is not checked. On Debian: sudo apt-get install docker-compose")
			return
		}
		line = "docker-compose -f " + quoted(filepath.Join(absolute(t, root), "docker-compose.yml")) + " config --quiet"
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	state := filepath.Join(s.dir, "state")
	// pipefail, so that a curl that fails before a grep is seen.
	cmd := exec.CommandContext(ctx, "bash", "-e", "-o", "pipefail", "-c", line+"\ndeclare -p KEY PATH REPORTABLE_DATA 2>/dev/null >"+quoted(state)+" || true")
	cmd.Dir = s.dir
	cmd.Env = s.environ()
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s\n%v\n%s", line, err, out)
	}
	s.remember(t, state)
}

var declared = regexp.MustCompile(`(?m)^declare -\S+ (\w+)="(.*)"$`)

func (s *shell) remember(t *testing.T, state string) {
	t.Helper()
	text, err := os.ReadFile(state)
	if err != nil {
		return
	}
	for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
		s.env[m[1]] = m[2]
	}
}

func (s *shell) environ() []string {
	var env []string
	for _, e := range os.Environ() {
		switch key, _, _ := strings.Cut(e, "="); key {
		case "DATABASE_URL", "NATS_URL", "CI", "MAKEFLAGS", "MAKELEVEL":
		default:
			env = append(env, e)
		}
	}
	env = append(env, "PATH="+filepath.Join(s.dir, "bin")+":"+os.Getenv("PATH"))
	for key, value := range s.env {
		env = append(env, key+"="+value)
	}
	return env
}

// up runs everything until the test ends, on ports that are free, and gives
// what turns the README's ports into them.
func (s *shell) up(t *testing.T) *strings.Replacer {
	t.Helper()
	cmd := exec.Command(filepath.Join(s.dir, "bin", "reportable"), "up", "--for", "90s")
	cmd.Dir = s.dir
	cmd.Env = s.environ()
	out, err := os.Create(filepath.Join(s.dir, "up.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGINT)
		if err := <-ended; err != nil {
			t.Errorf("up ended with %v", err)
		}
	})
	feed := regexp.MustCompile(`http://127\.0\.0\.1:(\d+)/v1/incidents`)
	operations := regexp.MustCompile(`http://127\.0\.0\.1:(\d+)/metrics`)
	deadline := time.After(time.Minute)
	for {
		text, err := os.ReadFile(out.Name())
		if err != nil {
			t.Fatal(err)
		}
		f, o := feed.FindSubmatch(text), operations.FindSubmatch(text)
		if f != nil && o != nil {
			return strings.NewReplacer("127.0.0.1:8081", "127.0.0.1:"+string(f[1]), "127.0.0.1:8082", "127.0.0.1:"+string(o[1]))
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("up ended before it served: %v\n%s", err, text)
		case <-deadline:
			t.Fatalf("up did not say where it serves within a minute\n%s", text)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// exists checks a command that names hosts of another network: that there is
// such a command, and such services.
func (s *shell) exists(t *testing.T, line string) {
	t.Helper()
	if command, isOurs := strings.CutPrefix(line, "reportable "); isOurs {
		s.run(t, "reportable "+command+" --help")
	}
}

func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func absolute(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}
