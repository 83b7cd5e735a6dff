package linkage

// follow sweeps the lists of the plan, course by course. Who stands in a list
// swept before was seen there, so that for whoever is met first in a later list
// the earlier comparisons bring no more than their rest, and the list's own no
// more than its tier. What names, sex and date of birth bring is known of
// everybody without looking closer.
func (r *Register) follow(s *search, least weight) {
	base := s.elsewhere
	s.born = 0
	for i := range s.courses {
		switch c := &s.courses[i]; {
		case c.field == birthField:
			s.born = c.rests[0]
		case !c.seen():
			base += c.rests[0]
		}
	}
	if !s.planned {
		// No plan is cheaper than everybody; but a glance at each is enough.
		s.left = base
		r.remember(&s.query)
		for slot := range r.glances {
			r.glance(s, uint32(slot), &r.glances[slot], least)
		}
		return
	}
	for i := range s.courses {
		c := &s.courses[i]
		cut := int(s.best[i])
		for k := range c.tiers[:cut] {
			s.left = base
			if !c.seen() {
				s.left += c.rests[k] - c.rests[0]
			}
			r.sweepTier(s, c, &c.tiers[k], least)
		}
		// A course cut behind its sixth name sweeps the names put together there.
		if (c.field == surnameField || c.field == forenameField) && cut >= 6 {
			for k := range s.tail[c.field] {
				r.sweepTier(s, c, &s.tail[c.field][k], least)
			}
		}
		switch {
		case c.field == birthField:
			s.born = c.rests[cut]
		case !c.seen():
			base += c.rests[cut] - c.rests[0]
		}
	}
}

// seen tells that a glance shows what the comparison brings.
func (c *course) seen() bool {
	return c.field == surnameField || c.field == forenameField || c.field == birthField
}

func (r *Register) sweepTier(s *search, c *course, t *tier, least weight) {
	q := &s.query
	switch t.kind {
	case birthSameTier:
		r.sweepBirth(s, q.birth, s.same, least)
	case birthNearTier:
		for _, d := range s.near {
			r.sweepBirth(s, d.date, d.who, least)
		}
	case birthPartTier:
		for _, d := range s.part {
			r.sweepBirth(s, d.date, d.who, least)
		}
	case birthDayMonthTier:
		r.sweepKey(s, birthdayKey|uint64(q.birth&511), least)
	case birthMissingTier:
		r.sweepBirth(s, 0, r.keys.find(birthKey), least)
	case placeSameTier:
		for i := range q.places {
			p := &q.places[i]
			if p.post != 0 {
				r.sweepKey(s, postKey|mix(p.post), least)
			}
			if p.street != "" && p.streetID != none {
				r.sweepKey(s, addressOfKey(p.house, p.streetID), least)
			}
		}
	case placeMistypedTier:
		for i := range q.places {
			if p := &q.places[i]; p.post != 0 {
				eachOneApart(p.post, func(key uint64) { r.sweepKey(s, postKey|mix(key), least) })
			}
		}
	case placeSectorTier:
		for i := range q.places {
			if p := &q.places[i]; p.sector != 0 {
				r.sweepKey(s, sectorKey|mix(p.sector), least)
			}
		}
	case numberSameTier:
		for _, n := range q.numbers {
			if n.of == c.field {
				r.sweepKey(s, numberOfKey(n), least)
			}
		}
	case numberNearTier:
		if c.field == otherField {
			for _, key := range s.others {
				r.sweepKey(s, numberOfKey(number{of: otherField, key: key}), least)
			}
			break
		}
		for _, n := range q.numbers {
			if n.of == c.field {
				eachOneApart(n.key, func(key uint64) { r.sweepKey(s, numberOfKey(number{of: n.of, key: key}), least) })
			}
		}
	case surnameTier, forenameTier:
		r.sweepTerm(s, t.word, c.field, least)
	case surnameNearTier, forenameNearTier:
		r.sweepNear(s, c.field, likeness(t.near), least)
	}
	r.glanceAll(s, least)
}

// sweepBirth sweeps everybody born on the day.
func (r *Register) sweepBirth(s *search, birth, who uint32, least weight) {
	born := r.born(&s.query, birth)
	r.sweepFound(s, who, least-s.left-s.mostSex-born, least)
}

func (r *Register) sweepKey(s *search, key uint64, least weight) {
	r.sweepFound(s, r.keys.find(key), least-s.left-s.mostSex-s.born, least)
}

func (r *Register) sweepTerm(s *search, id uint32, f field, least weight) {
	list := r.names.terms[id].surnames
	if f == forenameField {
		list = r.names.terms[id].forenames
	}
	r.sweep(s, list, least-s.left-s.mostSex-s.born, least)
}

func (r *Register) sweepNear(s *search, f field, kind likeness, least weight) {
	for i := range s.query.names {
		n := &s.query.names[i]
		for _, list := range [2][]queryWord{n.sur, n.fore} {
			for j := range list {
				for _, x := range r.near.of(&r.names, &list[j].token, f == surnameField) {
					if x.kind == kind {
						r.sweepTerm(s, x.id, f, least)
					}
				}
			}
		}
	}
}

func (r *Register) sweepFound(s *search, found uint32, names, least weight) {
	switch {
	case found == nobody || s.promises.most < names:
	case found&listBit != 0:
		r.sweep(s, r.keys.lists[found&^listBit], names, least)
	default:
		r.mark(s, found, least)
	}
}

// sweep marks those of the list whose names promise as much as that.
func (r *Register) sweep(s *search, list []posting, names, least weight) {
	p := &s.promises
	if p.most < names {
		return
	}
	names -= p.leastSurname + p.leastFore + p.leastMiddle
	for _, who := range list {
		surname, forename, middle := who.sign>>20&signUnknown, who.sign>>10&(signForenames-1), who.sign&(signForenames-1)
		if p.surnames[surname]+p.forenames[forename]+p.middles[middle] < names {
			continue
		}
		if surname == signSurnames && max(p.either[forename], p.either[middle])+p.forenamed < names {
			continue
		}
		r.mark(s, who.slot, least)
	}
}

// mark notes somebody to glance at.
func (r *Register) mark(s *search, slot uint32, least weight) {
	if s.marks == len(s.marked) {
		r.glanceAll(s, least)
	}
	s.marked[s.marks] = slot
	s.marks++
}

// glanceAll glances at everybody marked. All of them are fetched before any is
// thought about, so that the processor waits for memory once.
func (r *Register) glanceAll(s *search, least weight) {
	marked := s.marked[:s.marks]
	for i, slot := range marked {
		s.fetched[i] = r.glances[slot]
	}
	for i, slot := range marked {
		r.glance(s, slot, &s.fetched[i], least)
	}
	s.marks = 0
}

// glance looks at a person more closely only when their names, sex and date of
// birth promise enough.
func (r *Register) glance(s *search, slot uint32, g *glance, least weight) {
	s.glanced++
	sum := s.left + s.sexes[g.flags>>sexShift&3]
	names := s.promises.most
	if sum+names+s.born < least {
		return
	}
	if g.flags&(nameMissing|tooMany) == 0 {
		names = s.promises.of(g)
	}
	if sum+names+r.born(&s.query, g.birth) < least {
		return
	}
	r.look(s, slot, least)
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
