package linkage_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reportable-incidents/reportable/services/matcher/linkage"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A change of weights is seen in review: two hundred explanations of the pilot,
// by levels and bits, without the values.
func TestTwoHundredExplanationsAreAsTheyWere(t *testing.T) {
	p, r := readPilot(t)
	var b strings.Builder
	fmt.Fprintf(&b, "model %s\n", r.Model().Hash())
	n := 0
	for _, q := range p.queries {
		found := r.Find(q.identity, linkage.ReviewThreshold)
		if len(found) == 0 {
			continue
		}
		e := found[0].Evidence
		fmt.Fprintf(&b, "\n%s %s person %d: %d found, %s %.6f\n  %+.3f prior\n", q.force, q.reference, q.person, len(found), found[0].Band, e.Probability, e.Prior)
		for _, s := range e.Steps {
			fmt.Fprintf(&b, "  %+.3f %s: %s\n", s.Bits, s.Field, s.Level)
		}
		fmt.Fprintf(&b, "  %+.3f bits, margin %.3f, decided by %q\n", e.Bits, e.Margin, e.Decisive)
		if n++; n == 200 {
			break
		}
	}
	golden := filepath.Join("testdata", "explanations.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.String(); got != string(want) {
		g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
		differ := 0
		for i := range min(len(g), len(w)) {
			if g[i] != w[i] {
				if differ++; differ <= 10 {
					t.Errorf("line %d: got %q, want %q", i+1, g[i], w[i])
				}
			}
		}
		t.Errorf("%d lines differ; if that is meant, run this test with -update", differ)
	}
}
