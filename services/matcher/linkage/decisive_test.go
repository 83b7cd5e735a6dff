package linkage_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
)

// unstated takes a field out of what was written down. Names are not among
// them: without a part, what is left is laid beside others otherwise.
var unstated = map[string]func(*casework.Identity){
	"date of birth": func(i *casework.Identity) { i.DateOfBirth = casework.Date{} },
	"sex":           func(i *casework.Identity) { i.Sex = "" },
	"address":       func(i *casework.Identity) { i.Place = casework.Place{} },
	"PNC":           func(i *casework.Identity) { i.PNCs = nil },
	"CRO":           func(i *casework.Identity) { i.CROs = nil },
}

// The field that a candidate's evidence says decided is not merely said to:
// without it the band is another, when it is really not stated too; nothing that
// weighs more decides as well; and where none is named, none decides.
func TestTheFieldThatIsSaidToDecideChangesTheBand(t *testing.T) {
	build := crowd{rand.New(rand.NewPCG(70, 71))}
	r := linkage.New(linkage.Default())
	people := build.fill(r, 1500)
	named, left := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		c := crowd{rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 7))}
		query := c.heard(people[c.r.IntN(len(people))])
		if c.r.IntN(3) == 0 {
			query = c.heard(c.relative(query))
		}
		found := r.Find(query, linkage.ReviewThreshold)
		if len(found) == 0 {
			return
		}
		e := found[0].Evidence
		without, weighs, near := r.Bands(linkage.Subject{Identity: query})
		if e.Decisive != "" && without[e.Decisive] == e.Band {
			t.Fatalf("%s is said to decide, and without it the band stays %q", e.Decisive, e.Band)
		}
		for field, band := range without {
			if band != e.Band && (e.Decisive == "" || math.Abs(weighs[field]) > math.Abs(weighs[e.Decisive])) {
				t.Fatalf("%q is said to decide, and %s, which weighs %.2f bits, changes %q to %q", e.Decisive, field, weighs[field], e.Band, band)
			}
		}
		if e.Decisive == "" {
			return
		}
		named++
		// What speaks against the candidate speaks against others too, who come near without it.
		if leave := unstated[e.Decisive]; leave != nil && weighs[e.Decisive] > 0 && near <= 2 {
			left++
			leave(&query)
			again, ok := r.Explain(query, found[0].Person)
			if !ok || again.Band == e.Band {
				t.Fatalf("without %s, which is said to decide, the band stays %q", e.Decisive, e.Band)
			}
		}
	})
	if named == 0 || left == 0 {
		t.Errorf("got %d fields named and %d left out, want some of each", named, left)
	}
}
