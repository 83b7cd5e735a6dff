package linkage_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
)

// Compilers for other processors fuse x*y + z into one operation that rounds
// once, and amd64's does not. A conversion forbids it: float64(x*y) + z. What
// the library reckons by its own logarithms and powers differs likewise.
func TestNothingIsReckonedThatRoundsOtherwiseOnAnotherMachine(t *testing.T) {
	for _, bad := range []string{"a*b + a", "a - a*b", "-(a * b) + 1", "math.Log2(a)", "math.Pow(a, b)"} {
		src := "package p\nimport \"math\"\nvar a, b = 1.5, 2.5\nvar _ = " + bad
		if len(unlike(t, map[string]string{"p.go": src})) == 0 {
			t.Errorf("%s: got nothing, want it told", bad)
		}
	}
	for _, good := range []string{"float64(a*b) + a", "n*n + n", "(a + b) * b", "math.Sqrt(a)", "uint64(a*4) << 1"} {
		src := "package p\nimport \"math\"\nvar a, b, n = 1.5, 2.5, 3\nvar _ = " + good
		if got := unlike(t, map[string]string{"p.go": src}); len(got) > 0 {
			t.Errorf("%s: got %v, want nothing told", good, got)
		}
	}
	files := map[string]string{}
	all, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		text, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name()] = string(text)
	}
	for _, where := range unlike(t, files) {
		t.Error(where)
	}
}

// shortened are functions of training whose answers are rounded to six digits
// before anything uses them; a difference in the sixteenth does not outlive that.
var shortened = map[string]bool{"temper": true, "ErrorAtMost": true}

// unlike says where a product of fractions is added to something without being
// rounded first, and where the library is asked for what it reckons differently.
func unlike(t *testing.T, files map[string]string) (found []string) {
	t.Helper()
	set := token.NewFileSet()
	var parsed []*ast.File
	for name, text := range files {
		f, err := parser.ParseFile(set, name, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, f)
	}
	// Other packages are not read: what they give counts as a fraction.
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	config := types.Config{Importer: nothing{}, Error: func(error) {}}
	config.Check("p", set, parsed, info)
	whole := func(e ast.Expr) bool {
		kind := info.Types[e].Type
		if kind == nil {
			return false
		}
		basic, ok := kind.Underlying().(*types.Basic)
		return ok && basic.Info()&types.IsInteger != 0
	}
	tell := func(e ast.Node, what string) { found = append(found, set.Position(e.Pos()).String()+": "+what) }
	var product func(e ast.Expr) bool
	product = func(e ast.Expr) bool {
		switch e := e.(type) {
		case *ast.ParenExpr:
			return product(e.X)
		case *ast.UnaryExpr:
			return e.Op == token.SUB && product(e.X)
		case *ast.BinaryExpr:
			return e.Op == token.MUL && !whole(e) && info.Types[e].Value == nil
		}
		return false
	}
	for _, f := range parsed {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				return !shortened[n.Name.Name]
			case *ast.BinaryExpr:
				if (n.Op == token.ADD || n.Op == token.SUB) && (product(n.X) || product(n.Y)) {
					tell(n, "a product is added that is not rounded first")
				}
			case *ast.AssignStmt:
				if (n.Tok == token.ADD_ASSIGN || n.Tok == token.SUB_ASSIGN) && product(n.Rhs[0]) {
					tell(n, "a product is added that is not rounded first")
				}
			case *ast.SelectorExpr:
				if pkg, ok := n.X.(*ast.Ident); ok && pkg.Name == "math" && strings.Contains(" Log Log2 Log10 Log1p Exp Exp2 Pow Cbrt ", " "+n.Sel.Name+" ") {
					tell(n, "math."+n.Sel.Name+" rounds otherwise elsewhere")
				}
			}
			return true
		})
	}
	return found
}

// nothing is an importer that knows of no package.
type nothing struct{}

func (nothing) Import(path string) (*types.Package, error) {
	p := types.NewPackage(path, path[strings.LastIndex(path, "/")+1:])
	p.MarkComplete()
	return p, nil
}

// However many cores normalise, search and learn, the bytes are the same.
func TestAnyNumberOfCoresFindsAndLearnsTheSame(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var first []byte
	for _, cores := range []int{1, 2, 8} {
		runtime.GOMAXPROCS(cores)
		c := crowd{rand.New(rand.NewPCG(3, 3))}
		r := linkage.New(linkage.Default())
		people := c.fill(r, 400)
		var examples []linkage.Example
		for i := range people[:150] {
			examples = append(examples, linkage.Example{Subject: linkage.Subject{Identity: c.heard(people[i])}, Labelled: true, Is: []casework.PersonID{casework.PersonID(i + 1)}})
		}
		learnt, err := linkage.Train(r, examples, linkage.Training{Rounds: 2, Strangers: 1500})
		if err != nil {
			t.Fatal(err)
		}
		said := learnt.Model.JSON()
		for i := range examples {
			b, err := json.Marshal(r.FindSubject(examples[i].Subject, linkage.ReviewThreshold))
			if err != nil {
				t.Fatal(err)
			}
			said = append(said, b...)
		}
		if first == nil {
			first = said
		}
		if !bytes.Equal(said, first) {
			t.Errorf("%d cores say something else than one", cores)
		}
	}
	if len(first) < 100_000 {
		t.Errorf("got %d bytes, want enough to prove something", len(first))
	}
}
