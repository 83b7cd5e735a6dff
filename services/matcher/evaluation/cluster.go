package evaluation

import (
	"cmp"
	"math"
	"slices"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
)

// couple is a pair of records, with the weight and probability that they are
// one person.
type couple struct {
	a, b int
	bits float64 // their own evidence
	p    float64 // with that of others
}

// together makes pairs of what each record found: a pair has the higher of the
// two weights that its records give each other.
func together(found [][]linkage.Score) []couple {
	var pairs []couple
	for i := range found {
		for _, s := range found[i] {
			j := int(s.Person) - 1
			pairs = append(pairs, couple{a: min(i, j), b: max(i, j), bits: s.Bits, p: s.Probability})
		}
	}
	return distinct(pairs)
}

func distinct(pairs []couple) []couple {
	slices.SortFunc(pairs, func(x, y couple) int {
		return cmp.Or(cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b), cmp.Compare(y.p, x.p))
	})
	return slices.CompactFunc(pairs, func(x, y couple) bool { return x.a == y.a && x.b == y.b })
}

// close takes into account that being one person is transitive. For a pair and
// a third record there are five ways to be: all three one person, one pair of
// them alone, or three people; each is as likely as the evidence of its pairs.
// A pair that says little by itself, for want of common fields, is joined by a
// third record that fits both; one that contradicts itself is not.
func closeOver(r *linkage.Register, records []Record, pairs []couple) []couple {
	const worth = .05 // what is less likely leads nowhere
	near := make([][]couple, len(records))
	direct := map[[2]int]float64{}
	for _, c := range pairs {
		direct[[2]int{c.a, c.b}] = c.bits
		if c.p >= worth {
			near[c.a] = append(near[c.a], c)
			near[c.b] = append(near[c.b], couple{a: c.b, b: c.a, p: c.p})
		}
	}
	prior := r.PriorBits()
	out := make([][]couple, len(records))
	inParallel(len(records), nil, func(i int, scores []linkage.Score) []linkage.Score {
		// The likeliest way to each record two steps away, and to each one step away by another.
		best := map[int][2]float64{}
		for _, k := range near[i] {
			for _, j := range near[k.b] {
				if j.b <= i {
					continue
				}
				x, y := logit(k.p), logit(j.p)
				if had, ok := best[j.b]; !ok || min(x, y) > min(had[0], had[1]) {
					best[j.b] = [2]float64{x, y}
				}
			}
		}
		var unknown []casework.PersonID
		for j := range best {
			if _, ok := direct[[2]int{i, j}]; !ok {
				unknown = append(unknown, casework.PersonID(j+1))
			}
		}
		slices.Sort(unknown)
		scores = r.ScoresOf(scores[:0], records[i].Subject, unknown)
		weigh := func(j int, bits float64) {
			via := best[j]
			all := math.Exp2(min(via[0]+via[1]+bits-prior, 500))
			own, one, other := math.Exp2(bits), math.Exp2(via[0]), math.Exp2(via[1])
			p := (all + own) / (1 + all + own + one + other)
			out[i] = append(out[i], couple{a: i, b: j, bits: bits, p: p})
		}
		for _, s := range scores {
			weigh(int(s.Person)-1, s.Bits)
		}
		for j := range best {
			if bits, ok := direct[[2]int{i, j}]; ok {
				weigh(j, bits)
			}
		}
		return scores
	})
	closed := map[[2]int]couple{}
	for _, c := range pairs {
		closed[[2]int{c.a, c.b}] = c
	}
	for i := range out {
		for _, c := range out[i] {
			closed[[2]int{c.a, c.b}] = c
		}
	}
	all := make([]couple, 0, len(closed))
	for _, c := range closed {
		all = append(all, c)
	}
	return distinct(all)
}

func logit(p float64) float64 { return math.Log2(max(p, 1e-12) / max(1e-12, 1-p)) }
