package linkage

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

const (
	// leastCertain is the probability below which nothing is certain: an
	// expected error of more than 1 in 1,000.
	leastCertain = .999
	// enoughLabels is from how many judged examples bands are read and
	// probabilities calibrated. With fewer, the model's own stay.
	enoughLabels = 500
	// telling is by how many bits the labels must get likelier before a number
	// that no count gives is changed for their sake: less is chance.
	telling = 4
)

// CurvePoint is what labelled data said of the answers from a probability up,
// counting the best candidate of each query.
type CurvePoint struct {
	Probability float64 `json:"probability"`
	Answers     int     `json:"answers"`
	Right       int     `json:"right"`
	Precision   float64 `json:"precision"`
	// Recall is the share of the queries whose person is known to be on the register.
	Recall float64 `json:"recall"`
	// Expected is the share of wrong answers that the probabilities themselves expect.
	Expected float64 `json:"expectedError"`
	// AtMost is the share of wrong answers that is not exceeded, with 95 %
	// confidence: what so many answers prove.
	AtMost float64 `json:"errorAtMost,omitempty"`
}

// published are the probabilities of a curve, beside those where bands begin.
var published = []float64{.1, .2, .3, .4, .5, .6, .7, .8, .9, .95, .98, .99, .995, .998, .999, .9995, .9999}

// top is the best candidate of a query whose truth is known.
type top struct {
	p     float64
	right bool
}

// tops answers every judged example, and says how many have somebody to find.
// An answer that nobody has judged is left out. They come best first.
func (r *Register) tops(examples []Example) (all []top, positives int) {
	found := make([]top, len(examples))
	inParallel(len(examples), func(s *search, i int) {
		e := &examples[i]
		if !e.judged() {
			return
		}
		r.search(s, e.Subject, ReviewThreshold, false)
		for j := range s.hits {
			h := &s.hits[j]
			if h.id == e.Self {
				continue
			}
			if e.Labelled || slices.Contains(e.Not, h.id) {
				found[i] = top{p: h.bits().probability(), right: slices.Contains(e.Is, h.id)}
			}
			return
		}
	})
	for i := range examples {
		if len(examples[i].Is) > 0 {
			positives++
		}
		if found[i].p > 0 {
			all = append(all, found[i])
		}
	}
	slices.SortStableFunc(all, func(a, b top) int { return cmp.Compare(b.p, a.p) })
	return all, positives
}

// Curve is what judged examples say of the register's answers.
func (r *Register) Curve(examples []Example) []CurvePoint {
	r.mu.RLock()
	defer r.mu.RUnlock()
	all, positives := r.tops(examples)
	return curve(all, positives, r.model.Certain, r.model.Probable)
}

func curve(all []top, positives int, bands ...float64) []CurvePoint {
	at := slices.Concat(published, bands)
	slices.Sort(at)
	points := make([]CurvePoint, 0, len(at))
	for _, p := range slices.Compact(at) {
		one := CurvePoint{Probability: p}
		expected := 0.0
		for _, t := range all {
			if t.p < p {
				break
			}
			one.Answers++
			expected += 1 - t.p
			if t.right {
				one.Right++
			}
		}
		if one.Answers > 0 {
			one.Precision = round(float64(one.Right) / float64(one.Answers))
			one.Expected = round(expected / float64(one.Answers))
			one.AtMost = round(ErrorAtMost(one.Answers-one.Right, one.Answers))
		}
		if positives > 0 {
			one.Recall = round(float64(one.Right) / float64(positives))
		}
		points = append(points, one)
	}
	return points
}

// calibrate reads off labelled examples what counting levels cannot teach: how
// many relatives there are to a match, by how much the evidence overstates
// itself, and where the bands begin.
func (r *Register) calibrate(m *Model, examples []Example, mistaken float64) error {
	try := func(change func(*Model)) (float64, error) {
		c := m.clone()
		change(c)
		if err := c.prepare(); err != nil {
			return 0, err
		}
		all, positives := r.with(c).tops(examples)
		return loss(all, positives, mistaken), nil
	}
	best, err := try(func(*Model) {})
	if err != nil {
		return fmt.Errorf("calibrate: %w", err)
	}
	for _, relatives := range []float64{m.Relatives / 3, m.Relatives / 2, m.Relatives * .7, m.Relatives * 1.4, m.Relatives * 2, m.Relatives * 3} {
		got, err := try(func(c *Model) { c.Relatives = round(relatives) })
		if err != nil {
			return fmt.Errorf("calibrate: %w", err)
		}
		if got < best-telling {
			best, m.Relatives = got, round(relatives)
		}
	}
	if err := m.prepare(); err != nil {
		return fmt.Errorf("calibrate: %w", err)
	}
	slope, shift := 1.0, 0.0
	if mistaken == 0 {
		// Labels that may be mistaken cannot tell .99 from .9999.
		before, _ := r.with(m).tops(examples)
		slope, shift = temper(before, mistaken)
	}
	got, err := try(func(c *Model) { c.temper(slope, shift, len(r.slots)) })
	if err != nil {
		return fmt.Errorf("calibrate: %w", err)
	}
	if got < best {
		m.temper(slope, shift, len(r.slots))
	}
	if err := m.prepare(); err != nil {
		return fmt.Errorf("calibrate: %w", err)
	}
	all, positives := r.with(m).tops(examples)
	m.Certain, m.Probable = bandsOf(all, mistaken)
	// As far from the runner-up as from being nobody on the register.
	m.Margin = weightOf(m.Certain).bits()
	m.Curve = curve(all, positives, m.Certain, m.Probable)
	return nil
}

// shrink is how firmly it is held that evidence neither over- nor understates
// itself, as the precision of two normal distributions. Of 1, 10 and 50 it was
// the best in five folds of the pilot's even half, by the logarithmic loss.
const shrink = 10

// temper fits log-odds as slope times what they are and shift to what was
// right, by Newton's method (Platt 1999), held back by shrink. A label that is
// sometimes mistaken counts as far as it is to be trusted.
func temper(all []top, mistaken float64) (slope, shift float64) {
	const most = 12 // in nats: what is surer says nothing of the slope
	slope = 1
	for range 100 {
		// The gradient and the curvature of the logarithm of the likelihood.
		gs, gb := (1-slope)*shrink, -shift*shrink
		ss, sb, bb := float64(shrink), 0.0, float64(shrink)
		for _, t := range all {
			x := max(-most, min(most, math.Log(t.p/max(1-t.p, 1e-9))))
			p := 1 / (1 + math.Exp(-slope*x-shift))
			off := trusted(p, t.right, mistaken) - p
			if mistaken == 0 && t.right {
				off = 1 - p
			}
			w := p * (1 - p)
			gs, gb = gs+off*x, gb+off
			ss, sb, bb = ss+w*x*x, sb+w*x, bb+w
		}
		d := ss*bb - sb*sb
		ds, db := (bb*gs-sb*gb)/d, (ss*gb-sb*gs)/d
		slope, shift = max(.5, min(2, slope+ds)), shift+db
		if math.Abs(ds)+math.Abs(db) < 1e-9 {
			break
		}
	}
	return slope, shift
}

// temper lets the evidence and what is expected before it say slope times as
// much and shift more, so that the waterfall needs no step for it.
func (m *Model) temper(slope, shift float64, people int) {
	n := float64(max(people, 1))
	prior := slope*math.Log(m.Expected/n) + shift
	m.Expected = round(n * math.Exp(prior))
	m.Scale = round(min(2, max(.5, m.Scale*slope)))
}

// loss is the logarithmic one, in bits: it is least when probabilities mean
// what they say. Who is not found at all counts as found at the threshold.
func loss(all []top, positives int, mistaken float64) float64 {
	const surest = 1e-6 // one slip of a judge's pen must not outweigh everything
	sum := 0            // of weights, which are whole, so that it is the same on any machine
	for _, t := range all {
		if t.right {
			positives--
			sum -= int(lg(max(t.p, surest)))
		} else {
			sum -= int(lg(max(1-t.p, surest)))
		}
	}
	return float64(sum-max(positives, 0)*int(lg(ReviewThreshold))) / unit
}

// Confidence is that of [ErrorAtMost].
const Confidence = .95

// ErrorAtMost is the share of errors that is not exceeded with 95 % confidence
// when so many of so many were wrong: the one-sided bound of Clopper and
// Pearson (1934). Nothing wrong of 2,995 is what proves 1 in 1,000.
func ErrorAtMost(wrong, of int) float64 {
	if wrong >= of {
		return 1
	}
	low, high := float64(wrong)/float64(of), 1.0
	for range 60 {
		p := (low + high) / 2
		// The chance of no more errors than that, if p were the share.
		odds := math.Log(p / (1 - p))
		term := float64(of) * math.Log1p(-p)
		sum := math.Exp(term)
		for k := range wrong {
			term += odds + math.Log(float64(of-k)/float64(k+1))
			sum += math.Exp(term)
		}
		if sum > 1-Confidence {
			low = p
		} else {
			high = p
		}
	}
	return high
}

// bandsOf says where the bands begin: certain above what was wrong more often
// than one time in 1,000, and no lower than its meaning; probable as low as 99
// in 100 of the answers above are right.
//
// Where labels are mistaken now and then, so many wrong answers are expected
// that are right, and as many more as chance adds but rarely.
func bandsOf(all []top, mistaken float64) (certain, probable float64) {
	right, wrong, seen := 0, 0, 0
	certain, probable = leastCertain, .95
	for i, t := range all {
		if t.p < .5 {
			break
		}
		if t.right {
			right++
		} else {
			wrong++
		}
		if i+1 < len(all) && all[i+1].p == t.p {
			continue // a band cannot part equals
		}
		excused := float64(mistaken * float64(right+wrong))
		if mistaken > 0 {
			excused += float64(3*math.Sqrt(excused)) + 3 // it is asked at every wrong answer, and once in a while chance has its way
		}
		if wrong > seen && (float64(wrong)-excused)*1000 > float64(right) {
			certain = max(certain, t.p)
		}
		if (float64(wrong)-excused)*100 <= float64(right+wrong) {
			probable = min(probable, t.p)
		}
		seen = wrong
	}
	return round(min(certain, .99999)), round(max(probable, .5))
}
