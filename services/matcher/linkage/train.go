package linkage

import (
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Example is something to learn from: a query, and what a person said of it.
type Example struct {
	Subject Subject
	// Self is the query's own number when it stands on the register itself, so that it is not compared with itself.
	Self casework.PersonID
	// Labelled tells that Is is known: empty is nobody on the register.
	Labelled bool
	Is       []casework.PersonID
	// Not is whom it is not, where that is all that is known.
	Not []casework.PersonID
	// Chosen tells that it is an example because it was found and judged: it
	// says nothing of how often a query matches.
	Chosen bool
}

// judged tells that something is known of whom it is about.
func (e *Example) judged() bool { return e.Labelled || len(e.Not) > 0 }

// Training says how to learn.
type Training struct {
	// Rounds of expectation and maximisation. Default 8.
	Rounds int
	// Strangers is how many pairs drawn at random the u of the levels is counted on. Default 400,000.
	Strangers int
	// Belief is for how many true pairs the model's own m counts, so that few examples do not overthrow it. Default 60.
	Belief float64
	// Mistaken is how often a label is taken to be wrong. Default: never; people's verdicts are.
	Mistaken float64
	// Deduplicate tells that the examples are the register's own records.
	Deduplicate bool
}

// Trained is what learning found.
type Trained struct {
	Model    *Model
	Examples int
	Labelled int
	// Matches is how many true pairs are expected among the examples.
	Matches float64
	Rounds  int
}

// ErrNothingToLearn means that there were no examples, or nobody to compare them with.
var ErrNothingToLearn = errors.New("nothing to learn from")

// pair is one comparison's levels, with what its probability is reckoned from.
type pair struct {
	levels [fieldCount]int8 // -1 where not known
	p      float64
}

// Train estimates the weights from examples: u by counting among pairs drawn at
// random, m by expectation and maximisation, or from labels where examples have
// them. The same examples give the same model, on any number of cores.
//
// The register must hold still while it learns; it keeps its own model.
func Train(r *Register, examples []Example, how Training) (Trained, error) {
	if how.Rounds == 0 {
		how.Rounds = 8
	}
	if how.Strangers == 0 {
		how.Strangers = 400_000
	}
	if how.Belief == 0 {
		how.Belief = 60
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if len(examples) == 0 || len(r.slots) < 2 {
		return Trained{}, ErrNothingToLearn
	}
	base := r.model.clone() // with every level, though it be an older one
	t := Trained{Examples: len(examples), Model: base.clone()}
	for _, e := range examples {
		if e.judged() {
			t.Labelled++
		}
	}
	if how.Deduplicate {
		t.Model.Rivals = false
	}
	if err := t.Model.prepare(); err != nil {
		return Trained{}, err
	}
	var met [][]uint32
	for range how.Rounds {
		view := r.with(t.Model)
		if t.Rounds < searches {
			met = view.meet(examples)
		}
		found := view.expect(examples, met, how.Mistaken)
		matches, drawn, among := 0.0, 0.0, 0
		for i := range found {
			one := 0.0
			for j := range found[i] {
				one += found[i][j].p
			}
			matches += one
			if !examples[i].Chosen {
				drawn += one
				among++
			}
		}
		next := t.Model.clone()
		if among > 0 {
			next.Expected = max(drawn, .5) / float64(among)
		}
		if how.Deduplicate {
			next.Copies = 1 + next.Expected
		}
		if t.Rounds < 2 {
			// How strangers agree hardly depends on who is taken for a match: the second count is the last.
			view.countStrangers(next, base, examples, how.Strangers)
		}
		countMatches(next, base, found, how.Belief)
		view.countKin(next, base, examples, how.Belief, how.Mistaken)
		if err := next.prepare(); err != nil {
			return Trained{}, err
		}
		moved := math.Abs(next.Expected-t.Model.Expected) / next.Expected
		t.Model, t.Matches = next, matches
		t.Rounds++
		if moved < .001 && t.Rounds > 2 {
			break
		}
	}
	last := t.Model.clone()
	last.Curve = nil // it was the other model's
	if t.Labelled >= enoughLabels {
		if err := r.calibrate(last, examples, how.Mistaken); err != nil {
			return Trained{}, err
		}
	}
	if err := last.prepare(); err != nil {
		return Trained{}, err
	}
	t.Model = last
	return t, nil
}

func (m *Model) clone() *Model {
	c := *m
	c.Fields, c.Kinship = map[string][]Level{}, cloneKin(m.Kinship)
	for f := range fieldCount {
		c.Fields[fieldNames[f]], _ = levelsOf(f, m.Fields[fieldNames[f]]) // m was sound
	}
	return &c
}

// with is the same register under another model. It shares everything, and is
// good for reading only while the register is locked.
func (r *Register) with(m *Model) *Register {
	v := &Register{model: m, people: r.people, glances: r.glances, near: r.near, slots: r.slots, names: r.names, texts: r.texts, others: r.others, keys: r.keys, without: r.without, streetsAlone: r.streetsAlone, postsAlone: r.postsAlone}
	v.scratch.New = func() any { return &search{} }
	return v
}

// worthLearning is the probability under which a pair teaches nothing about matches.
const worthLearning = .001

// searches is in how many rounds it is searched for pairs. The weights of later
// rounds hardly bring up others, and only weigh these anew.
const searches = 2

// meet finds for every example who may be meant: by slot, or nil where it is
// known.
func (r *Register) meet(examples []Example) [][]uint32 {
	out := make([][]uint32, len(examples))
	inParallel(len(examples), func(s *search, i int) {
		e := &examples[i]
		if e.Labelled {
			return
		}
		r.search(s, e.Subject, worthLearning, false)
		for j := range s.hits {
			out[i] = append(out[i], s.hits[j].slot)
		}
	})
	return out
}

// expect gives for every example the pairs that may be matches, of those met,
// with their probability under the model, or as labelled.
func (r *Register) expect(examples []Example, met [][]uint32, mistaken float64) [][]pair {
	out := make([][]pair, len(examples))
	inParallel(len(examples), func(s *search, i int) {
		e := &examples[i]
		if !e.Labelled {
			r.revisit(s, e.Subject, met[i], worthLearning)
			for j := range s.hits {
				h := &s.hits[j]
				if h.id == e.Self || slices.Contains(e.Not, h.id) {
					continue
				}
				r.compare(&s.query, &r.people[h.slot], floorWeight*16, &s.out)
				out[i] = append(out[i], s.out.pair(h.bits().probability()))
			}
			return
		}
		r.prepare(&s.query, e.Subject)
		for _, id := range e.Is {
			if slot, ok := r.slots[id]; ok {
				r.compare(&s.query, &r.people[slot], floorWeight*16, &s.out)
				p := (s.out.total + r.relatives(&s.query, &s.out)).probability()
				out[i] = append(out[i], s.out.pair(trusted(p, true, mistaken)))
			}
		}
	})
	return out
}

// trusted is the probability of a match that a person has judged, who is
// mistaken that often.
func trusted(p float64, confirmed bool, mistaken float64) float64 {
	is, isNot := 1-mistaken, mistaken
	if !confirmed {
		is, isNot = isNot, is
	}
	meant := float64(is * p)
	return meant / max(meant+float64(isNot*(1-p)), 1e-12)
}

func (o *outcome) pair(p float64) pair {
	one := pair{p: p}
	for f := range fieldCount {
		one.levels[f] = -1
		if got := &o.found[f]; got.known {
			one.levels[f] = int8(got.level)
		}
	}
	return one
}

// inParallel calls do for every number below n, each worker with a workspace.
func inParallel(n int, do func(s *search, i int)) {
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wg.Go(func() {
			s := &search{}
			for i := w; i < n; i += workers {
				do(s, i)
			}
		})
	}
	wg.Wait()
}

// countMatches sets m from the expected matches, leaning on the base model by belief.
func countMatches(next, base *Model, found [][]pair, belief float64) {
	for f := range fieldCount {
		levels := next.Fields[fieldNames[f]]
		count := make([]float64, len(levels))
		total := 0.0
		for i := range found {
			for j := range found[i] {
				if l := found[i][j].levels[f]; l >= 0 {
					count[l] += found[i][j].p
					total += found[i][j].p
				}
			}
		}
		believed := 0.0
		for _, l := range base.Fields[fieldNames[f]] {
			believed += l.M
		}
		for l := range levels {
			m := (count[l] + float64(belief*base.Fields[fieldNames[f]][l].M/believed)) / (total + belief)
			levels[l].M = round(m)
		}
	}
}

// countStrangers sets u from pairs drawn at random, leaving out of each what
// the model takes it to be a match.
func (r *Register) countStrangers(next, base *Model, examples []Example, pairs int) {
	live := make([]uint32, 0, len(r.slots))
	for slot := range r.people {
		if r.people[slot].live {
			live = append(live, uint32(slot))
		}
	}
	each := max(1, min(len(live), pairs/len(examples)))
	step := max(1, len(examples)*each/pairs)
	drawn := make([][]pair, len(examples))
	inParallel(len(examples), func(s *search, i int) {
		if i%step != 0 {
			return
		}
		random := rand.New(rand.NewPCG(uint64(i), 1969))
		r.prepare(&s.query, examples[i].Subject)
		for k := range each {
			slot := live[k]
			if each < len(live) {
				slot = live[random.IntN(len(live))]
			}
			if r.people[slot].id == examples[i].Self {
				continue
			}
			r.compare(&s.query, &r.people[slot], floorWeight*16, &s.out)
			drawn[i] = append(drawn[i], s.out.pair(1-s.out.total.probability()))
		}
	})
	for f := range fieldCount {
		if f == formField {
			continue // the form of the name is no chance agreement: its u is 1
		}
		levels := next.Fields[fieldNames[f]]
		count := make([]float64, len(levels))
		total := 0.0
		for i := range drawn {
			for j := range drawn[i] {
				if l := drawn[i][j].levels[f]; l >= 0 {
					count[l] += drawn[i][j].p
					total += drawn[i][j].p
				}
			}
		}
		// The base model counts for a thousand strangers' pairs; an agreement never seen is not impossible.
		const belief = 1000
		for l := range levels {
			u := (count[l] + float64(belief*base.Fields[fieldNames[f]][l].U)) / (total + belief)
			if f == pncField || f == croField || f == otherField {
				u = max(u, base.Fields[fieldNames[f]][l].U) // pairs drawn at random say nothing of borrowed numbers
			}
			if f == placeField {
				u = max(u, rarestPlace)
			}
			if next.byFrequency(f, l) {
				u *= .5 // the other half is the value's own frequency, added where it is known
			}
			levels[l].U = round(min(1, u))
		}
	}
}

// byFrequency reports whether the level's u has the value's frequency added.
func (m *Model) byFrequency(f field, level int) bool {
	switch f {
	case surnameField:
		return level > surnameSame && level < surnameUnlike
	case forenameField:
		return level > forenameSame && level < forenameUnlike && level != forenameInitial
	}
	return false
}

// round keeps six significant digits, so that a model reads the same wherever it was learnt.
func round(x float64) float64 {
	if x <= 0 {
		return 1e-9
	}
	short, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 6, 64), 64)
	if err != nil {
		return x // infinite, which no share is
	}
	return short
}
