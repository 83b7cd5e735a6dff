package linkage

import (
	"fmt"
	"strings"

	"github.com/reportable-incidents/reportable/services/casework"
)

// LookedAt is how many people a search compares with.
func (r *Register) LookedAt(subject Subject, threshold float64) int {
	s := &search{}
	r.mu.RLock()
	defer r.mu.RUnlock()
	r.search(s, subject, threshold, false)
	return s.looked
}

// Plan tells what a search would look through.
func (r *Register) Plan(subject Subject, threshold float64) string {
	s := &search{}
	r.prepare(&s.query, subject)
	r.bound(s)
	least := min(weightOf(threshold), 0)
	r.plan(s, least)
	out := fmt.Sprintf("least %.1f prior %.1f middle %.1f sex %.1f planned %v cost %d\n", least.bits(), s.query.prior.bits(), s.query.mostNames.bits(), s.mostSex.bits(), s.planned, s.cheapest)
	for i, c := range s.courses {
		out += fmt.Sprintf("   %-12s cut %d:", fieldNames[c.field], s.best[i])
		for _, t := range c.tiers {
			out += fmt.Sprintf(" [%d %.1f x%d]", t.kind, t.most.bits(), t.cost)
		}
		out += "\n"
	}
	return out
}

// Unseen tells of two parts of a name that are alike though their shapes say
// that they cannot be.
func Unseen(a, b string) bool {
	x, y := tokenOf(a), tokenOf(b)
	others := variantsOf(&x)
	for _, surname := range []bool{true, false} {
		kind := liken(&x, &y, surname)
		if kind != unlike && kind != same && !mayBeLike(x.shape(), y.shape(), surname, &others) {
			return true
		}
	}
	return false
}

// KnownNames are the names that custom makes variants of others.
func KnownNames() []string { return strings.Fields(fold(forenameGroups + surnameGroups)) }

// CurveOf is the curve of best candidates with these probabilities, best first.
func CurveOf(m *Model, probabilities []float64, right []bool, positives int) []CurvePoint {
	all := make([]top, len(probabilities))
	for i := range all {
		all[i] = top{probabilities[i], right[i]}
	}
	return curve(all, positives, m.Certain, m.Probable)
}

// WithCurve is the model with another curve.
func (m *Model) WithCurve(points []CurvePoint) *Model {
	c := m.clone()
	c.Curve = points
	return c
}

// Bands are the bands of the best candidate if each of its fields that weighs
// anything were not stated, with how much it weighs; and how many came near.
func (r *Register) Bands(subject Subject) (without map[string]casework.Band, weighs map[string]float64, near int) {
	s := &search{}
	r.mu.RLock()
	defer r.mu.RUnlock()
	r.search(s, subject, ReviewThreshold, false)
	other := -1
	if len(s.hits) > 1 {
		other = 1
		r.compare(&s.query, &r.people[s.hits[1].slot], floorWeight*16, &s.beside)
	}
	r.compare(&s.query, &r.people[s.hits[0].slot], floorWeight*16, &s.out)
	without, weighs = map[string]casework.Band{}, map[string]float64{}
	for f := range fieldCount {
		if got := &s.out.found[f]; got.known && got.bits != 0 {
			without[fieldNames[f]], weighs[fieldNames[f]] = r.bandWithout(s, 0, other, f), got.bits.bits()
		}
	}
	return without, weighs, len(s.hits)
}
