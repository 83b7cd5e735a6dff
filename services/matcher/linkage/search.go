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
	cuts     [8]uint8
	best     [8]uint8
	cheapest int32
	planned  bool
	near     []uint32
	part     []uint32
	tail     [fieldCount][]tier
	hits     []hit
	out      outcome
	looked   int
	promises promises
	// The most that comparisons bring which have no lists.
	elsewhere weight
	// The most that is left for whoever is met for the first time in the list looked through: see follow.
	left weight
	// What names bring that promise nothing.
	leastSurname, leastFore int32
	lone                    [1]uint32
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
	s.hits, s.looked = s.hits[:0], 0
	r.prepare(&s.query, subject)
	if len(r.slots) == 0 {
		return
	}
	// Rivals are those who are likelier than not on their own evidence. They are always looked for, so that the same person scores the same at every threshold.
	least := min(weightOf(threshold), 0)
	r.bound(&s.query)
	if everybody {
		s.query.mostNames, s.query.ceiling = 1<<24, 1<<24
		for slot := range r.people {
			r.look(s, uint32(slot), least)
		}
	} else {
		r.plan(s, least)
		r.follow(s, least)
	}
	slices.SortFunc(s.hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(b.own, a.own), cmp.Compare(a.id, b.id))
	})
	s.hits = slices.CompactFunc(s.hits, func(a, b hit) bool { return a.id == b.id })
	r.rival(s)
}

// bound sets the most that the comparisons without lists can bring.
func (r *Register) bound(q *query) {
	w := &r.model.weights
	if q.sex != 0 {
		q.most[sexField] = max(0, w[sexField][sexSame].plain, w[sexField][sexUnlike].plain)
	}
	if q.town != 0 {
		q.most[townField] = max(0, r.model.rare(townField, weakSame, q.townLike), w[townField][weakAlike].plain, w[townField][weakUnlike].plain)
	}
	if q.work != 0 {
		q.most[workField] = max(0, r.model.rare(workField, weakSame, q.workLike), w[workField][weakAlike].plain, w[workField][weakUnlike].plain)
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

// follow looks at everybody in the lists of the plan, course by course. Who
// stands in a list of an earlier course has been looked at, so that for whoever
// is met first in a later one the earlier comparisons bring no more than their
// rest.
func (r *Register) follow(s *search, least weight) {
	q := &s.query
	s.left = s.elsewhere
	for i := range s.courses {
		if f := s.courses[i].field; f != birthField && f != surnameField && f != forenameField {
			s.left += s.courses[i].rests[0]
		}
	}
	w := &r.model.weights
	s.leastSurname = int32(max(w[surnameField][surnameUnlike].plain, w[surnameField][surnameUnlikeWoman].plain))
	s.leastFore = int32(w[forenameField][forenameUnlike].plain)
	if !q.whole {
		s.leastSurname, s.leastFore = max(s.leastSurname, 0), max(s.leastFore, 0)
	}
	glancing := false
	for i := range s.courses {
		c := &s.courses[i]
		cut := int(s.best[i])
		switch c.field {
		case surnameField, forenameField, birthField:
			glancing = true
		}
		for _, t := range c.tiers[:cut] {
			switch t.kind {
			case birthSameTier:
				r.glanceBirth(s, q.birth, least)
			case birthNearTier:
				for _, d := range s.near {
					r.glanceBirth(s, d, least)
				}
			case birthPartTier:
				for _, d := range s.part {
					r.glanceBirth(s, d, least)
				}
			case birthDayMonthTier:
				r.glanceKey(s, birthdayKey|uint64(q.birth&511), least)
			case birthMissingTier:
				r.glanceBirth(s, 0, least)
			case placeSameTier:
				for i := range q.places {
					p := &q.places[i]
					if p.post != 0 {
						r.lookKey(s, postKey|mix(p.post), least)
					}
					if p.street != "" && p.streetID != none {
						r.lookKey(s, addressOfKey(p.house, p.streetID), least)
					}
				}
			case placeMistypedTier:
				for i := range q.places {
					if p := &q.places[i]; p.post != 0 {
						eachOneApart(p.post, func(key uint64) { r.lookKey(s, postKey|mix(key), least) })
					}
				}
			case placeSectorTier:
				for i := range q.places {
					if p := &q.places[i]; p.sector != 0 {
						r.glanceKey(s, sectorKey|mix(p.sector), least)
					}
				}
			case numberSameTier:
				for _, n := range q.numbers {
					if n.of == c.field {
						r.lookKey(s, numberOfKey(n), least)
					}
				}
			case numberNearTier:
				for _, n := range q.numbers {
					if n.of == c.field {
						eachOneApart(n.key, func(key uint64) { r.lookKey(s, numberOfKey(number{of: n.of, key: key}), least) })
					}
				}
			case surnameTier, forenameTier:
				r.glanceTerm(s, t.word, c.field, least)
			case surnameNearTier, forenameNearTier:
				r.glanceNear(s, c.field, likeness(t.near), least)
			}
		}
		// A course cut behind its sixth name looks through the names put together there.
		if (c.field == surnameField || c.field == forenameField) && cut >= 6 {
			for _, t := range s.tail[c.field] {
				r.glanceTerm(s, t.word, c.field, least)
			}
		}
		if !glancing {
			s.left += c.rests[cut] - c.rests[0]
		}
	}
	if !s.planned {
		// No plan is cheaper than everybody; but a glance at each is enough.
		for slot := range r.glances {
			r.glance(s, uint32(slot), least)
		}
	}
}

// born is what a date of birth brings.
func (r *Register) born(q *query, birth uint32) weight {
	if q.birth == 0 || birth == 0 {
		return 0
	}
	if level := birthLevel(q.birth, birth); level != birthSame {
		return r.model.weights[birthField][level].plain
	}
	return r.model.rare(birthField, birthSame, q.birthLike)
}

// glance looks at a person more closely only when their names and date of birth
// promise enough.
func (r *Register) glance(s *search, slot uint32, least weight) {
	g := &r.glances[slot]
	sum := s.left + r.born(&s.query, g.birth)
	if sum+s.query.mostNames < least || g.flags == 0 && sum+s.promised(g) < least {
		return
	}
	r.look(s, slot, least)
}

// promised is the most that somebody's names can bring.
func (s *search) promised(g *glance) weight {
	surname, fore, middle := s.leastSurname, s.leastFore, int32(0)
	for _, id := range g.words[:g.count] {
		if p := s.promises.at(id); p != nil {
			surname, fore, middle = max(surname, p.surname), max(fore, p.fore), max(middle, p.middle)
		}
	}
	return weight(surname + fore + middle)
}

// glanceBirth glances at everybody born on the day.
func (r *Register) glanceBirth(s *search, birth uint32, least weight) {
	v, ok := r.keys.one[birthKey|uint64(birth)]
	if !ok {
		return
	}
	least2 := least - s.left - r.born(&s.query, birth)
	if s.query.mostNames < least2 {
		return
	}
	s.lone[0] = v
	slots := s.lone[:]
	if v&listBit != 0 {
		slots = r.keys.lists[v&^listBit]
	}
	for _, slot := range slots {
		if g := &r.glances[slot]; g.flags != 0 || s.promised(g) >= least2 {
			r.look(s, slot, least)
		}
	}
}

func (r *Register) glanceAll(s *search, slots []uint32, least weight) {
	for _, slot := range slots {
		r.glance(s, slot, least)
	}
}

func (r *Register) glanceKey(s *search, key uint64, least weight) {
	v, ok := r.keys.one[key]
	switch {
	case !ok:
	case v&listBit != 0:
		r.glanceAll(s, r.keys.lists[v&^listBit], least)
	default:
		r.glance(s, v, least)
	}
}

func (r *Register) lookKey(s *search, key uint64, least weight) {
	v, ok := r.keys.one[key]
	switch {
	case !ok:
	case v&listBit != 0:
		for _, slot := range r.keys.lists[v&^listBit] {
			r.look(s, slot, least)
		}
	default:
		r.look(s, v, least)
	}
}

func (r *Register) glanceTerm(s *search, id uint32, f field, least weight) {
	t := &r.names.terms[id]
	if f == forenameField {
		r.glanceAll(s, t.forenames, least)
		return
	}
	r.glanceAll(s, t.surnames, least)
}

func (r *Register) glanceNear(s *search, f field, kind likeness, least weight) {
	for i := range s.query.names {
		n := &s.query.names[i]
		for _, list := range [2][]queryWord{n.sur, n.fore} {
			for j := range list {
				for _, x := range r.near.of(&r.names, &list[j].token, f == surnameField) {
					if x.kind == kind {
						r.glanceTerm(s, x.id, f, least)
					}
				}
			}
		}
	}
}

// eachOneApart spells out the packed texts that differ from key by one
// character or by two neighbours changing places.
func eachOneApart(key uint64, do func(uint64)) {
	n := 0
	for key>>(6*n) != 0 && n < 10 {
		n++
	}
	for i := range n {
		had := key >> (6 * i) & 63
		from, to := uint64(1), uint64(10)
		if had > 10 {
			from, to = 11, 36
		}
		for c := from; c <= to; c++ {
			if c != had {
				do(key&^(63<<(6*i)) | c<<(6*i))
			}
		}
		if i+1 < n {
			next := key >> (6 * (i + 1)) & 63
			if next != had {
				do(key&^(63<<(6*i))&^(63<<(6*(i+1))) | next<<(6*i) | had<<(6*(i+1)))
			}
		}
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

// PriorBits is the weight of a match before anything is compared.
func (r *Register) PriorBits() float64 {
	return lg(r.model.Expected / max(float64(r.Len()), 1)).bits()
}
