package layout

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/reportable-incidents/reportable"

var stages = []string{"services/feed", "services/caseload", "services/matcher", "services/notifier", "services/desk"}

// rule says who may import what. Folders are meant with all below them.
type rule struct {
	imports string   // what is imported: a path within the module, or another module's
	only    []string // who may; nobody else
	except  []string // packages under imports that the rule is not about
	why     string
}

// Only production code is judged, unless a rule is about tests too.
var rules = []rule{
	{
		imports: "github.com/nats-io",
		only:    []string{"services/stream", "test"},
		why:     "only stream speaks NATS, so that the transport can be looked over, and replaced, in one place",
	}, {
		imports: "github.com/jackc",
		only:    []string{"services/postgres", "test"},
		why:     "only postgres speaks pgx: SQL sits in the method of the noun it is about, and stages declare what they need of the store",
	}, {
		imports: "database/sql",
		only:    []string{"services/postgres", "test"},
		why:     "only postgres speaks to the database",
	}, {
		imports: "github.com/pressly/goose",
		only:    []string{"services/postgres"},
		why:     "migrations run in one place, under one lock",
	}, {
		imports: "github.com/riverqueue/river/riverdriver",
		only:    []string{"services/postgres", "test"},
		why:     "the job queue's driver is pgx, which is postgres's alone; a worker imports river's root package",
	}, {
		imports: "test",
		only:    []string{"test"},
		except:  []string{"test/caserecord"},
		why:     "what is under test/ serves tests and must not ship",
	}, {
		imports: "test/caserecord",
		only:    []string{"test", "cmd/reportable/run"},
		why:     "the case record's stand-in is for tests and for the demo, which run starts",
	}, {
		imports: "testing",
		only:    []string{"test"},
		why:     "the testing package belongs in tests",
	}, {
		imports: "github.com/testcontainers",
		only:    []string{"test"},
		why:     "containers are for tests",
	}, {
		imports: "github.com/chromedp",
		only:    []string{"test"},
		why:     "the browser is for tests",
	}, {
		imports: "cmd/reportable/run",
		only:    []string{"cmd/reportable", "test"},
		why:     "run wires the services together; none of them may know of it",
	},
}

func TestImportsKeepToTheRules(t *testing.T) {
	for _, f := range production(t) {
		for _, imported := range f.imports {
			for _, r := range rules {
				if within(imported, r.imports) && !slices.ContainsFunc(r.only, func(who string) bool { return within(f.pkg, who) }) &&
					!slices.ContainsFunc(r.except, func(it string) bool { return within(imported, it) }) {
					t.Errorf("%s imports %s: %s", f.path, imported, r.why)
				}
			}
		}
	}
}

func TestStagesNeverImportEachOther(t *testing.T) {
	for _, f := range production(t) {
		for _, own := range stages {
			if !within(f.pkg, own) {
				continue
			}
			for _, other := range stages {
				for _, imported := range f.imports {
					if other != own && within(imported, other) {
						t.Errorf("%s imports %s: stages meet on the stream and in the tables, never in each other's code, "+
							"so that each can run, fail and be deployed alone", f.path, imported)
					}
				}
			}
		}
	}
}

// closed packages import the standard library and what is listed, nothing else.
var closed = []struct {
	pkg  string
	may  []string
	ours bool // the list is about our own packages; any other module may be imported
	why  string
}{
	{pkg: "services/casework", may: []string{"services/casework", "golang.org/x/text"},
		why: "casework is the vocabulary that everything imports, so it must not depend on any part"},
	{pkg: "services/matcher/linkage", may: []string{"services/matcher/linkage", "services/casework", "golang.org/x/text"},
		why: "linkage is the pure core: it can be judged, and used, without the rest"},
	{pkg: "services/postgres", may: []string{"services/postgres", "services/casework", "schemas"}, ours: true,
		why: "the store knows nouns and tables; what a stage thinks about them is the stage's business"},
	{pkg: "schemas", may: []string{"schemas"}, ours: true,
		why: "schemas say what moves, what is offered and what rests; outsiders read them, so they depend on no service"},
}

func TestTheCoreDependsOnNothingAbove(t *testing.T) {
	for _, f := range production(t) {
		for _, c := range closed {
			if !within(f.pkg, c.pkg) {
				continue
			}
			for _, imported := range f.imports {
				mine := topLevel(imported)
				if standard(imported) || c.ours && !mine || slices.ContainsFunc(c.may, func(it string) bool { return within(imported, it) }) {
					continue
				}
				t.Errorf("%s imports %s: %s", f.path, imported, c.why)
			}
		}
	}
}

func TestTheEnvironmentIsReadInRunAlone(t *testing.T) {
	for _, f := range production(t) {
		if within(f.pkg, "cmd/reportable/run") || within(f.pkg, "test") {
			continue
		}
		for _, name := range []string{"os.Getenv", "os.LookupEnv", "os.Environ", "os.ExpandEnv", "os.Setenv", "syscall.Getenv"} {
			if f.uses(name) {
				t.Errorf("%s uses %s: settings are read in cmd/reportable/run and handed on as fields, so that one page lists them all", f.path, name)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	documented := map[string]bool{}
	for _, f := range production(t) {
		documented[f.pkg] = documented[f.pkg] || f.doc
	}
	for pkg, ok := range documented {
		if !ok {
			t.Errorf("%s has no package comment: say what it is for and where it stands", pkg)
		}
	}
}

func TestNoPackageIsADrawerForOddments(t *testing.T) {
	for _, f := range production(t) {
		switch path.Base(f.pkg) {
		case "util", "utils", "common", "models", "model", "types", "helpers", "helper", "misc", "shared", "lib", "base":
			t.Errorf("%s: a package is named for what it provides, not for being used by many", f.pkg)
		}
	}
}

func TestFilesCanBeReadAtOneSitting(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.lines > 500 {
			t.Errorf("%s has %d lines, want at most 500: it holds more than one thing", f.path, f.lines)
		}
	}
}

func TestTheTopLevelIsFixed(t *testing.T) {
	fixed := []string{"cmd", "services", "schemas", "deploy", "test", "go.mod", "go.sum", "docker-compose.yml", "README.md", "LICENSE", "Makefile",
		"bin", "screenshots"} // the last two are made by make, and not committed
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(fixed, e.Name()) {
			t.Errorf("%s at the top level: everything has its room in %v", e.Name(), fixed[:5])
		}
	}
}

// Where a package is downloaded from is each machine's own affair: a build
// behind a mirror or without a network must not be sent elsewhere.
func TestNoDownloadAddressIsWrittenDown(t *testing.T) {
	hosts := []string{"registry." + "npmjs", "registry." + "yarnpkg", "proxy." + "golang.org", "sum." + "golang.org", "deb." + "debian.org", "jsdelivr" + ".net", "unpkg" + ".com", "cdnjs" + "."}
	everyFile(t, func(name string, content []byte) {
		for _, host := range hosts {
			if strings.Contains(string(content), host) {
				t.Errorf("%s names %s…", name, host)
			}
		}
		if path.Base(name) == "package-lock.json" && strings.Contains(string(content), `"resolved"`) {
			t.Errorf(`%s has "resolved" addresses; make it again with omit-lockfile-registry-resolved=true in .npmrc`, name)
		}
	})
}

// file is a Go file as far as the rules are about it.
type file struct {
	path    string // from the top of the repository
	pkg     string // its folder
	test    bool
	doc     bool
	lines   int
	imports []string // our own without the module's path
	syntax  *ast.File
}

// uses reports a selector such as os.Getenv, whatever the import is called.
func (f file) uses(name string) bool {
	pkg, what, _ := strings.Cut(name, ".")
	local := ""
	for _, i := range f.syntax.Imports {
		if p, _ := strconv.Unquote(i.Path.Value); p == pkg {
			if local = pkg; i.Name != nil {
				local = i.Name.Name
			}
		}
	}
	found := false
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == what {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == local {
				found = true
			}
		}
		return !found
	})
	return found
}

func production(t *testing.T) []file {
	t.Helper()
	return slices.DeleteFunc(goFiles(t), func(f file) bool { return f.test })
}

const root = "../.."

func goFiles(t *testing.T) []file {
	t.Helper()
	var all []file
	everyFile(t, func(name string, content []byte) {
		if path.Ext(name) != ".go" {
			return
		}
		if ok, err := build.Default.MatchFile(filepath.Join(root, path.Dir(name)), path.Base(name)); err != nil || !ok {
			return // for another system, or for no build at all
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), name, content, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		f := file{path: name, pkg: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), syntax: syntax,
			doc: syntax.Doc != nil, lines: strings.Count(string(content), "\n")}
		for _, i := range syntax.Imports {
			imported, _ := strconv.Unquote(i.Path.Value)
			f.imports = append(f.imports, strings.TrimPrefix(imported, module+"/"))
		}
		all = append(all, f)
	})
	if len(all) < 10 {
		t.Fatalf("only %d Go files found, so this test proves nothing", len(all))
	}
	return all
}

// everyFile gives what we wrote: not what was fetched, built or made at run time.
func everyFile(t *testing.T, see func(name string, content []byte)) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() {
			switch {
			case name == root:
				return nil
			case base == ".git", base == "node_modules", base == "dist", base == "testdata", base == "bin", base == ".reportable", base == "screenshots":
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		see(filepath.ToSlash(rel), content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func within(pkg, folder string) bool { return pkg == folder || strings.HasPrefix(pkg, folder+"/") }

func topLevel(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return slices.Contains([]string{"cmd", "services", "schemas", "test"}, first)
}

func standard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !topLevel(imported) && !strings.Contains(first, ".")
}
