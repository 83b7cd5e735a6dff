package main

import (
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/reportable-incidents/reportable/test/natstest"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"reportable": main})
}

// Each script is a session at the command line. DATABASE_URL is a fresh, empty
// database; a script that sets it to nothing gets a private one in its folder.
func TestTheCommandLine(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	nats := natstest.URL(t)
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			env.Setenv("DATABASE_URL", pgtest.Empty(t))
			env.Setenv("TAKEN", taken.Addr().String())
			env.Setenv("TEST_NATS", nats)
			// The race detector has a program wait for a second before it ends, and
			// there are some two hundred here.
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"get": get},
	})
}

var address = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

// get FILE PATH prints what is served under the path, at the first address in
// the file.
func get(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: get FILE PATH")
	}
	answer, err := http.Get(address.FindString(ts.ReadFile(args[0])) + args[1])
	ts.Check(err)
	defer answer.Body.Close()
	_, err = io.Copy(ts.Stdout(), answer.Body)
	ts.Check(err)
}

var example = regexp.MustCompile(`Example:\n  .*reportable `)

func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	parser, err := kong.New(&commands{}, kong.Vars{"services": ""})
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range parser.Model.Leaves(true) {
		if !example.MatchString(leaf.Detail) {
			t.Errorf("reportable %s --help shows no example", leaf.Path())
		}
	}
}
