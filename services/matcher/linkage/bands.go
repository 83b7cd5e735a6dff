package linkage

import (
	"cmp"
	"slices"
)

// leastCertain is the probability below which nothing is certain: an expected
// error of more than 1 in 1,000.
const leastCertain = .999

// fitBands sets where the bands begin from labelled examples: certain above
// every answer that was wrong, and no lower than its meaning; probable as low
// as 99 in 100 of the answers above are right. With fewer than 500 labels, or
// none, the model's own bands stay.
func (r *Register) fitBands(m *Model, examples []Example) {
	type top struct {
		p     float64
		right bool
	}
	tops := make([]top, len(examples))
	labelled := 0
	for i := range examples {
		if examples[i].Labelled {
			labelled++
		}
	}
	if labelled < 500 {
		return
	}
	inParallel(len(examples), func(s *search, i int) {
		e := &examples[i]
		if !e.Labelled {
			return
		}
		r.search(s, e.Subject, ReviewThreshold, false)
		for j := range s.hits {
			if h := &s.hits[j]; h.id != e.Self {
				tops[i] = top{p: h.bits().probability(), right: slices.Contains(e.Is, h.id)}
				return
			}
		}
	})
	slices.SortStableFunc(tops, func(a, b top) int { return cmp.Compare(b.p, a.p) })
	right, wrong := 0, 0
	certain, probable := leastCertain, .95
	for _, t := range tops {
		if t.p < .5 {
			break
		}
		if t.right {
			right++
		} else {
			wrong++
			if wrong*1000 > right {
				certain = max(certain, t.p)
			}
		}
		if wrong*100 <= right+wrong {
			probable = min(probable, t.p)
		}
	}
	m.Certain, m.Probable = round(min(certain, .99999)), round(max(probable, .5))
}
