package linkage

import (
	"fmt"
	"strings"
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
