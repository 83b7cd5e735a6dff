package main

import (
	"net"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/rogpeppe/go-internal/testscript"

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
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			env.Setenv("DATABASE_URL", pgtest.Empty(t))
			env.Setenv("TAKEN", taken.Addr().String())
			return nil
		},
	})
}

var example = regexp.MustCompile(`Example:\n  .*reportable `)

func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	parser, err := kong.New(&commands{})
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range parser.Model.Leaves(true) {
		if !example.MatchString(leaf.Detail) {
			t.Errorf("reportable %s --help shows no example", leaf.Path())
		}
	}
}
