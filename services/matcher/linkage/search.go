package linkage

import (
	"cmp"
	"slices"

	"github.com/reportable-incidents/reportable/services/casework"
)

// search is the workspace of one query. It is used again, so that a search
// allocates little and a comparison nothing.
type search struct {
	query    query
	courses  []course
	cuts     [fieldCount]uint8
	best     [fieldCount]uint8
	cheapest int32
	planned  bool
	same     uint32 // who has the date of birth itself
	near     []day
	others   []uint64 // identifiers like the query's
	part     []day
	tail     [fieldCount][]tier
	hits     []hit
	out      outcome
	beside   outcome // the runner-up's
	looked   int
	glanced  int
	swept    int
	promises promises
	// The most that comparisons bring which have no lists.
	elsewhere weight
	// The most that is left for whoever is met for the first time in the list swept, birth, sex and names apart: see follow.
	left weight
	// Whom to glance at next, and what is seen.
	marked  [64]uint32
	fetched [64]glance
	marks   int
	// Keys to sweep, what stands under them, and the lists of those.
	keys  [64]uint64
	found [64]uint32
	lists [64][]posting
	wants [64]weight // what the names of each list must promise
	held  int
	read  uint32 // of what was fetched ahead of its use; it means nothing
	// The most that a date of birth still brings.
	born weight
	// The same by the class of the year, from here on and from the start.
	years, byYear [64]weight
	// What each sex brings, by the flags of a glance.
	sexes   [4]weight
	mostSex weight
	// What is known to be lost by the numbers a person has, none of which is the query's, by the flags of a glance.
	unlikeNumbers [4]weight
	// The date of birth weighed last.
	dated     uint32
	datedBits weight
	// Whom to look at next.
	close  [64]uint32
	closes int
}

type hit struct {
	slot   uint32
	id     casework.PersonID
	own    weight // with relatives, before rivals
	adjust weight // what relatives took
	rivals weight // what rivals took
}

func (h *hit) bits() weight { return h.own + h.rivals }

// Find returns everybody on the register whom the identity may be, with at
// least the probability given, most probable first and by number among equals.
// It is the same answer that comparing with everybody would give.
func (r *Register) Find(identity casework.Identity, threshold float64) []Candidate {
	return r.FindSubject(Subject{Identity: identity}, threshold)
}

// FindSubject is Find with the weaker facts.
func (r *Register) FindSubject(subject Subject, threshold float64) []Candidate {
	s := r.scratch.Get().(*search)
	defer r.scratch.Put(s)
	r.mu.RLock()
	defer r.mu.RUnlock()
	r.search(s, subject, threshold, false)
	least := weightOf(threshold)
	var out []Candidate
	for i := range s.hits {
		if s.hits[i].bits() < least {
			continue
		}
		evidence := r.explain(s, i)
		out = append(out, Candidate{
			Person:      s.hits[i].id,
			Bits:        evidence.Bits,
			Probability: evidence.Probability,
			Band:        evidence.Band,
			Evidence:    evidence,
		})
	}
	return out
}

// Score is a candidate without the evidence.
type Score struct {
	Person      casework.PersonID
	Bits        float64
	Probability float64
}

// Scores appends to into what Find would find, without explaining it.
func (r *Register) Scores(into []Score, subject Subject, threshold float64) []Score {
	return r.scores(into, subject, threshold, false)
}

// ScoresOfEverybody is Scores without the index: everybody is compared with.
// It gives the same answer, slowly, and is the yardstick of tests and benchmarks.
func (r *Register) ScoresOfEverybody(into []Score, subject Subject, threshold float64) []Score {
	return r.scores(into, subject, threshold, true)
}

func (r *Register) scores(into []Score, subject Subject, threshold float64, everybody bool) []Score {
	s := r.scratch.Get().(*search)
	defer r.scratch.Put(s)
	r.mu.RLock()
	defer r.mu.RUnlock()
	r.search(s, subject, threshold, everybody)
	least := weightOf(threshold)
	for i := range s.hits {
		if w := s.hits[i].bits(); w >= least {
			into = append(into, Score{Person: s.hits[i].id, Bits: w.bits(), Probability: w.probability()})
		}
	}
	return into
}

// search fills s.hits with everybody who reaches the threshold on their own
// evidence, sorted. The caller holds the lock.
func (r *Register) search(s *search, subject Subject, threshold float64, everybody bool) {
	s.hits, s.looked, s.glanced, s.swept = s.hits[:0], 0, 0, 0
	r.prepare(&s.query, subject)
	if len(r.slots) == 0 {
		return
	}
	// Rivals are those who are likelier than not on their own evidence. They are always looked for, so that the same person scores the same at every threshold.
	least := min(weightOf(threshold), 0)
	r.bound(s)
	if everybody {
		s.query.mostNames, s.query.ceiling = 1<<24, 1<<24
		r.remember(&s.query)
		for slot := range r.people {
			r.look(s, uint32(slot), least)
		}
	} else {
		r.plan(s, least)
		r.boundYears(s)
		r.follow(s, least)
	}
	r.rank(s)
}

// revisit is search among the people given alone.
func (r *Register) revisit(s *search, subject Subject, slots []uint32, threshold float64) {
	s.hits = s.hits[:0]
	r.prepare(&s.query, subject)
	s.query.mostNames, s.query.ceiling = 1<<24, 1<<24
	for _, slot := range slots {
		r.look(s, slot, weightOf(threshold))
	}
	r.rank(s)
}

// rank sorts the hits, and takes from each what its rivals are worth.
func (r *Register) rank(s *search) {
	slices.SortFunc(s.hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(b.own, a.own), cmp.Compare(a.id, b.id))
	})
	s.hits = slices.CompactFunc(s.hits, func(a, b hit) bool { return a.id == b.id })
	r.rival(s)
}

// bound sets the most that the comparisons without lists can bring.
func (r *Register) bound(s *search) {
	q, w := &s.query, &r.model.weights
	s.mostSex, s.sexes = 0, [4]weight{}
	if q.sex != 0 {
		same, unlike := w[sexField][sexSame].plain, w[sexField][sexUnlike].plain
		s.mostSex = max(0, same, unlike)
		s.sexes[1], s.sexes[2] = same, unlike
		if q.sex == 'F' {
			s.sexes[1], s.sexes[2] = unlike, same
		}
	}
	if len(q.names) > 0 {
		for _, l := range w[formField] {
			q.most[formField] = max(q.most[formField], l.plain)
		}
	}
}

// look compares with one person.
func (r *Register) look(s *search, slot uint32, least weight) {
	rec := &r.people[slot]
	if !rec.live {
		return
	}
	s.looked++
	if !r.compare(&s.query, rec, least, &s.out) {
		return
	}
	adjust := r.relatives(&s.query, &s.out)
	if own := s.out.total + adjust; own >= least {
		s.hits = append(s.hits, hit{slot: slot, id: rec.id, own: own, adjust: adjust})
	}
}

// ScoresOf appends to into what each of the people given scores, whatever it
// is, without rivals.
func (r *Register) ScoresOf(into []Score, subject Subject, people []casework.PersonID) []Score {
	s := r.scratch.Get().(*search)
	defer r.scratch.Put(s)
	r.mu.RLock()
	defer r.mu.RUnlock()
	r.prepare(&s.query, subject)
	for _, id := range people {
		slot, ok := r.slots[id]
		if !ok {
			continue
		}
		r.compare(&s.query, &r.people[slot], floorWeight*16, &s.out)
		w := s.out.total + r.relatives(&s.query, &s.out)
		into = append(into, Score{Person: id, Bits: w.bits(), Probability: w.probability()})
	}
	return into
}

// Effort is what a search took, in counts that no other work on the machine
// changes.
type Effort struct {
	Listed   int // people gone through in lists, by a hash of their names
	Glanced  int // people glanced at
	Compared int // people compared with
}

// Effort searches and tells what it took.
func (r *Register) Effort(subject Subject, threshold float64) Effort {
	s := r.scratch.Get().(*search)
	defer r.scratch.Put(s)
	r.mu.RLock()
	defer r.mu.RUnlock()
	r.search(s, subject, threshold, false)
	return Effort{Listed: s.swept, Glanced: s.glanced, Compared: s.looked}
}

// PriorBits is the weight of a match before anything is compared.
func (r *Register) PriorBits() float64 {
	return lg(r.model.Expected / max(float64(r.Len()), 1)).bits()
}
