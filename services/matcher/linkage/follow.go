package linkage

// follow sweeps the lists of the plan, course by course. Who stands in a list
// swept before was seen there, so that for whoever is met first in a later list
// the earlier comparisons bring no more than their rest, and the list's own no
// more than its tier. What names, sex and date of birth bring is known of
// everybody without looking closer.
func (r *Register) follow(s *search, least weight) {
	base := s.elsewhere
	born := weight(0)
	for i := range s.courses {
		switch c := &s.courses[i]; {
		case c.field == birthField:
			born = c.rests[0]
		case !c.seen():
			base += c.rests[0]
		}
	}
	s.bornAtMost(born)
	s.unlikeNumbers, s.dated = [4]weight{}, 0
	if !s.planned {
		// No plan is cheaper than everybody; but a glance at each is enough.
		s.left = base
		r.remember(&s.query)
		for slot := range r.glances {
			if r.promising(s, &r.glances[slot], least) {
				r.look(s, uint32(slot), least)
			}
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
			s.bornAtMost(c.rests[cut])
		case cut > 1 && (c.field == pncField || c.field == croField):
			r.numbersDiffer(s, c.field)
			fallthrough
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
		r.sweepBirths(s, s.near, least)
	case birthPartTier:
		r.sweepBirths(s, s.part, least)
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
				eachOneApart(p.post, func(key uint64) { r.hold(s, postKey|mix(key), least) })
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
				eachOneApart(n.key, func(key uint64) { r.hold(s, numberOfKey(number{of: n.of, key: key}), least) })
			}
		}
	case weakSameTier:
		text := q.town
		if c.field == workField {
			text = q.work
		}
		r.sweepKey(s, weakKey|uint64(text), least)
	case surnameTier, forenameTier:
		r.sweepTerm(s, t.word, c.field, least)
	case surnameNearTier, forenameNearTier:
		r.sweepNear(s, c.field, likeness(t.near), least)
	}
	r.sweepHeld(s, least)
	r.glanceAll(s, least)
}

// hold notes a key to sweep.
func (r *Register) hold(s *search, key uint64, least weight) {
	if s.held == len(s.keys) {
		r.sweepHeld(s, least)
	}
	s.keys[s.held] = key
	s.held++
}

// sweepHeld sweeps the keys noted.
func (r *Register) sweepHeld(s *search, least weight) {
	n := s.held
	s.held = 0
	s.read += r.keys.one.findAll(s.keys[:n], s.found[:n])
	for i := range n {
		s.wants[i] = least - s.left - s.mostSex
	}
	r.sweepAll(s, n, &s.years, least)
}

// sweepBirths sweeps everybody born on the days.
func (r *Register) sweepBirths(s *search, days []day, least weight) {
	for len(days) > 0 {
		n := min(len(days), len(s.found))
		for i, d := range days[:n] {
			s.found[i], s.wants[i] = d.who, least-s.left-s.mostSex-r.born(&s.query, d.date)
		}
		r.sweepAll(s, n, &anyYear, least)
		days = days[n:]
	}
}

// sweepAll sweeps the first n of what was found. All lists are fetched before
// any is gone through, as in glanceAll.
func (r *Register) sweepAll(s *search, n int, years *[64]weight, least weight) {
	for i, found := range s.found[:n] {
		s.lists[i] = nil
		if found != nobody && found&listBit != 0 {
			s.lists[i] = r.keys.lists[found&^listBit]
		}
	}
	for _, list := range s.lists[:n] {
		if len(list) > 0 {
			s.read += list[0].sign
		}
	}
	for i, list := range s.lists[:n] {
		if found := s.found[i]; list != nil {
			r.sweep(s, list, s.wants[i], years, least)
		} else if found&listBit == 0 {
			r.mark(s, found, least)
		}
	}
}

// sweepBirth sweeps everybody born on the day.
func (r *Register) sweepBirth(s *search, birth, who uint32, least weight) {
	s.found[0], s.wants[0] = who, least-s.left-s.mostSex-r.born(&s.query, birth)
	r.sweepAll(s, 1, &anyYear, least)
}

func (r *Register) sweepKey(s *search, key uint64, least weight) {
	s.found[0], s.wants[0] = r.keys.find(key), least-s.left-s.mostSex
	r.sweepAll(s, 1, &s.years, least)
}

func (r *Register) sweepTerm(s *search, id uint32, f field, least weight) {
	list := r.names.terms[id].surnames
	if f == forenameField {
		list = r.names.terms[id].forenames
	}
	r.sweep(s, list, least-s.left-s.mostSex, &s.years, least)
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

// sweep marks those of the list whose names and years promise as much as that.
func (r *Register) sweep(s *search, list []posting, most weight, years *[64]weight, least weight) {
	p := &s.promises
	s.swept += len(list)
	most -= p.leastSurname + p.leastFore + p.leastMiddle
	for _, who := range list {
		surname, forename, middle := who.sign>>20&signUnknown, who.sign>>10&(signForenames-1), who.sign&(signForenames-1)
		names := most - years[who.who>>slotBits]
		if p.surnames[surname]+p.forenames[forename]+p.middles[middle] < names {
			continue
		}
		if surname == signSurnames && max(p.either[forename], p.either[middle])+p.forenamed < names {
			continue
		}
		r.mark(s, who.slot(), least)
	}
}

// anyYear is for lists whose people are all born on one day.
var anyYear [64]weight

// bornAtMost says what a date of birth brings at most from here on, whatever
// the year, and reckons it for each class of years.
func (s *search) bornAtMost(most weight) {
	s.born = most
	for class, w := range s.byYear {
		s.years[class] = min(w, most)
	}
}

// boundYears reckons for each class of years the most that a date of birth in
// it brings.
func (r *Register) boundYears(s *search) {
	q, w := &s.query, r.model.weights[birthField]
	if q.birth == 0 {
		s.byYear = [64]weight{}
		return
	}
	far := max(w[birthDayMonth].plain, w[birthUnlike].plain)
	near := max(far, w[birthOneDigit].plain, w[birthNear].plain)
	most := max(near, r.model.rare(birthField, birthSame, q.birthLike))
	for _, l := range w {
		most = max(most, l.plain)
	}
	for class := range s.byYear {
		s.byYear[class] = far
	}
	put := func(year uint32, w weight) {
		class := yearOf(year << 9)
		s.byYear[class] = max(s.byYear[class], w)
	}
	// Years of which a date may be one digit, or two that changed places, from the query's, or a year or ten.
	year := q.birth >> 9
	digits := [4]uint32{1000, 100, 10, 1}
	for i, place := range digits {
		for d := range uint32(10) {
			put(year-year/place%10*place+d*place, near)
		}
		if i+1 < len(digits) {
			next := digits[i+1]
			a, b := year/place%10, year/next%10
			put(year-a*place-b*next+b*place+a*next, near)
		}
	}
	for _, by := range []uint32{1, 10} {
		put(year-by, near)
		put(year+by, near)
	}
	put(year, most)
	s.byYear[0] = 0
}

// mark notes somebody to glance at.
func (r *Register) mark(s *search, slot uint32, least weight) {
	if s.marks == len(s.marked) {
		r.glanceAll(s, least)
	}
	s.marked[s.marks] = slot
	s.marks++
}

// numbersDiffer notes that whoever has one of the query's numbers, or one a
// character away, has been met: from here on, who has a number has another.
func (r *Register) numbersDiffer(s *search, f field) {
	w := &r.model.weights
	loss := func(f field) weight { return w[f][numberUnlike].plain - max(0, w[f][numberUnlike].plain) }
	if f == pncField {
		s.unlikeNumbers[1] += loss(f)
		s.unlikeNumbers[3] += loss(f)
		return
	}
	s.unlikeNumbers[2] += loss(f)
	s.unlikeNumbers[3] += loss(f) * 3 / 8 // the second of two numbers is little news
}

// glanceAll glances at everybody marked. All of them are fetched before any is
// thought about, so that the processor waits for memory once; and so are those
// who are looked at more closely.
func (r *Register) glanceAll(s *search, least weight) {
	marked := s.marked[:s.marks]
	for i, slot := range marked {
		s.fetched[i] = r.glances[slot]
	}
	s.marks, s.closes = 0, 0
	for i, slot := range marked {
		if r.promising(s, &s.fetched[i], least) {
			s.close[s.closes] = slot
			s.closes++
		}
	}
	near := s.close[:s.closes]
	for _, slot := range near {
		s.read += uint32(len(r.people[slot].places))
	}
	for _, slot := range near {
		rec := &r.people[slot]
		if len(rec.names) > 0 {
			s.read += rec.names[0]
		}
		if len(rec.places) > 0 {
			s.read += rec.places[0].house
		}
		if len(rec.numbers) > 0 {
			s.read += uint32(rec.numbers[0].key)
		}
	}
	for _, slot := range near {
		if g := &r.glances[slot]; g.flags&(nameMissing|tooMany) == tooMany && !r.promisingMany(s, g, &r.people[slot], least) {
			continue
		}
		r.look(s, slot, least)
	}
}

// promising reports whether names, sex, date of birth and numbers promise
// enough for a closer look.
func (r *Register) promising(s *search, g *glance, least weight) bool {
	s.glanced++
	sum := s.left + s.sexes[g.flags>>sexShift&3] + s.unlikeNumbers[g.flags>>numberShift]
	names := s.promises.most
	if sum+names+s.born < least {
		return false
	}
	if g.flags&(nameMissing|tooMany) == 0 {
		names = s.promises.of(g)
	}
	if sum+names+s.years[yearOf(g.birth)] < least {
		return false
	}
	return sum+names+r.bornAlike(s, g.birth) >= least
}

// promisingMany is the same with all names of somebody who has many.
func (r *Register) promisingMany(s *search, g *glance, rec *record, least weight) bool {
	sum := s.left + s.sexes[g.flags>>sexShift&3] + s.unlikeNumbers[g.flags>>numberShift]
	return sum+s.promises.ofMany(g, rec)+r.bornAlike(s, g.birth) >= least
}

// bornAlike is born, remembered while people of one day come together.
func (r *Register) bornAlike(s *search, birth uint32) weight {
	if birth == 0 {
		return 0
	}
	if birth != s.dated {
		s.dated, s.datedBits = birth, r.born(&s.query, birth)
	}
	return s.datedBits
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
