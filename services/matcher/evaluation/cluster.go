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
	a, b int32
	bits float64 // their own evidence
	p    float64 // with that of others
}

func (c couple) compare(o couple) int { return cmp.Or(cmp.Compare(c.a, o.a), cmp.Compare(c.b, o.b)) }

// together makes pairs of what each record found: a pair has the higher of the
// two weights that its records give each other.
func together(found [][]linkage.Score) []couple {
	var pairs []couple
	for i := range found {
		for _, s := range found[i] {
			i, j := int32(i), int32(s.Person)-1
			pairs = append(pairs, couple{a: min(i, j), b: max(i, j), bits: s.Bits, p: s.Probability})
		}
	}
	return distinct(pairs)
}

func distinct(pairs []couple) []couple {
	slices.SortFunc(pairs, func(x, y couple) int {
		return cmp.Or(x.compare(y), cmp.Compare(y.p, x.p))
	})
	return slices.CompactFunc(pairs, func(x, y couple) bool { return x.compare(y) == 0 })
}

// closeOver takes into account that being one person is transitive. For a pair and
// a third record there are five ways to be: all three one person, one pair of
// them alone, or three people; each is as likely as the evidence of its pairs.
// A pair that says little by itself, for want of common fields, is joined by a
// third record that fits both; one that contradicts itself is not.
func closeOver(r *linkage.Register, records []Record, pairs []couple) []couple {
	const worth = .05 // what is less likely leads nowhere
	near := make([][]couple, len(records))
	for _, c := range pairs {
		if c.p >= worth {
			near[c.a] = append(near[c.a], c)
			near[c.b] = append(near[c.b], couple{a: c.b, b: c.a, p: c.p})
		}
	}
	direct := func(i, j int32) (bits float64, ok bool) {
		at, ok := slices.BinarySearchFunc(pairs, couple{a: i, b: j}, couple.compare)
		if !ok {
			return 0, false
		}
		return pairs[at].bits, true
	}
	prior := r.PriorBits()
	out := make([][]couple, len(records))
	inParallel(len(records), nil, func(i int, scores []linkage.Score) []linkage.Score {
		// The likeliest way to each record two steps away, and to each one step away by another.
		self, best := int32(i), map[int32][2]float64{}
		for _, k := range near[i] {
			for _, j := range near[k.b] {
				if j.b <= self {
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
			if _, ok := direct(self, j); !ok {
				unknown = append(unknown, casework.PersonID(j+1))
			}
		}
		slices.Sort(unknown)
		scores = r.ScoresOf(scores[:0], records[i].Subject, unknown)
		weigh := func(j int32, bits float64) {
			via := best[j]
			all := math.Exp2(min(via[0]+via[1]+bits-prior, 500))
			own, one, other := math.Exp2(bits), math.Exp2(via[0]), math.Exp2(via[1])
			p := (all + own) / (1 + all + own + one + other)
			out[i] = append(out[i], couple{a: self, b: j, bits: bits, p: p})
		}
		for _, s := range scores {
			weigh(int32(s.Person)-1, s.Bits)
		}
		for j := range best {
			if bits, ok := direct(self, j); ok {
				weigh(j, bits)
			}
		}
		return scores
	})
	// What a third record says of a pair takes the place of what it says alone.
	all := slices.Concat(out...)
	all = append(all, pairs...)
	slices.SortStableFunc(all, couple.compare)
	return slices.CompactFunc(all, func(x, y couple) bool { return x.compare(y) == 0 })
}

func logit(p float64) float64 { return math.Log2(max(p, 1e-12) / max(1e-12, 1-p)) }
