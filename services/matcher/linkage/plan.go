package linkage

import "slices"

// A search must not miss anybody who reaches the threshold, and must not look
// at everybody. Each comparison offers tiers: lists of people, each with the
// most that the comparison can bring for whoever stands in it. Looking through
// the lists above a cut leaves only people for whom the comparison brings less
// than the cut. A plan is a cut for every comparison such that even the sum of
// what is left lies below the threshold: then whoever is in no list looked
// through cannot reach it. Of all such plans the cheapest is taken.

// tier is one step of a comparison: who it lists and the most it brings them.
type tier struct {
	most weight
	also weight // for forenames: the most it brings as a middle name besides
	cost int32
	kind tierKind
	word uint32 // the term, for names
	near uint8  // for terms alike: the least likeness in the tier
}

type tierKind uint8

const (
	restTier tierKind = iota // everybody else: cannot be listed
	birthSameTier
	birthNearTier
	birthPartTier
	birthMissingTier
	birthDayMonthTier
	placeSameTier
	placeMistypedTier
	placeSectorTier
	numberSameTier
	numberNearTier
	surnameTier
	forenameTier
	surnameNearTier
	forenameNearTier
	weakSameTier
)

// course is one comparison's tiers, best first, the last of them the rest.
type course struct {
	field field
	least int // cuts below it are not tried: the lists are short, and others profit
	tiers []tier
	rests [16]weight // how much the tiers from each cut on can bring at most
}

func (c *course) finish() {
	most, also := floorWeight, floorWeight
	for i := len(c.tiers) - 1; i >= 0; i-- {
		most, also = max(most, c.tiers[i].most), max(also, c.tiers[i].also)
		c.rests[i] = most + also
	}
}

func (c *course) add(kind tierKind, most weight, cost int) {
	c.tiers = append(c.tiers, tier{kind: kind, most: most, cost: int32(cost)})
}

// rounding is by how much a comparison may lie above the most that was reckoned
// for it, because logarithms are rounded down each for itself.
const rounding weight = 16

// lookup is what it costs to look up one key, in people looked at.
const lookup = 1

// spellings is what it costs to look up every spelling one character away.
const spellings = 60

func (r *Register) plan(s *search, least weight) {
	q := &s.query
	s.courses = s.courses[:0]
	// In the order in which the lists are looked through: who stands in a list looked through before needs no second look.
	for _, f := range []field{pncField, croField, otherField} {
		r.numberCourse(s, f)
	}
	r.placeCourse(s)
	r.birthCourse(s)
	r.nameCourse(s, surnameField)
	r.nameCourse(s, forenameField)
	r.weakCourse(s, townField, q.town, q.townLike)
	r.weakCourse(s, workField, q.work, q.workLike)
	s.elsewhere = q.prior + q.most[formField] + rounding
	r.promise(s)
	s.cheapest = int32(len(r.slots))
	s.planned = false
	for i := range s.courses {
		s.courses[i].finish()
		s.best[i] = uint8(s.courses[i].least)
	}
	s.choose(0, s.elsewhere+s.mostSex, 0, least)
	q.mostNames, q.ceiling = q.most[formField]+rounding, s.elsewhere+s.mostSex
	for i := range s.courses {
		c := &s.courses[i]
		switch c.field {
		case surnameField, forenameField:
			q.mostNames += c.rests[0]
			fallthrough
		case placeField, pncField, croField, otherField, townField, workField:
			q.ceiling += c.rests[0]
		}
	}
}

// choose tries every cut of the courses from i on and keeps the cheapest plan.
func (s *search) choose(i int, sum weight, cost int32, least weight) {
	if cost >= s.cheapest {
		return
	}
	if i == len(s.courses) {
		if sum < least {
			s.cheapest, s.planned = cost, true
			s.best = s.cuts
		}
		return
	}
	c := &s.courses[i]
	for cut := range c.tiers {
		if cut >= c.least {
			s.cuts[i] = uint8(cut)
			s.choose(i+1, sum+c.rests[cut], cost, least)
		}
		cost += c.tiers[cut].cost
	}
}

func (s *search) course(f field) *course {
	if len(s.courses) < cap(s.courses) {
		s.courses = s.courses[:len(s.courses)+1]
	} else {
		s.courses = append(s.courses, course{})
	}
	c := &s.courses[len(s.courses)-1]
	c.field, c.tiers, c.least = f, c.tiers[:0], 0
	return c
}

func (r *Register) birthCourse(s *search) {
	q, w := &s.query, r.model.weights[birthField]
	if q.birth == 0 {
		return
	}
	c := s.course(birthField)
	rest := w[birthUnlike].plain
	if q.birth&511 == 1<<5|1 || q.birth>>5&15 == 0 || q.birth&31 == 0 {
		rest = max(rest, w[birthYearOnly].plain) // everybody of the year
	}
	s.same = r.keys.find(birthKey | uint64(q.birth))
	c.add(birthSameTier, r.model.rare(birthField, birthSame, q.birthLike), lookup+r.keys.many(s.same))
	s.births(r, q.birth)
	count := func(days []day) int {
		n := 0
		for _, d := range days {
			n += lookup + r.keys.many(d.who)
		}
		return n
	}
	c.add(birthNearTier, max(w[birthSwapped].plain, w[birthOneDigit].plain, w[birthNear].plain), count(s.near))
	c.add(birthPartTier, max(w[birthTwoParts].plain, w[birthYearOnly].plain), count(s.part))
	if n := r.without[birthField]; n > 0 {
		c.add(birthMissingTier, 0, n)
	}
	if q.birth&511 != 0 {
		c.add(birthDayMonthTier, w[birthDayMonth].plain, lookup+r.keys.count(birthdayKey|uint64(q.birth&511)))
	}
	c.add(restTier, rest, 0)
}

// day is a date of birth and who has it.
type day struct {
	date, who uint32
}

// births spells out the dates near a date, and those that share two parts.
func (s *search) births(r *Register, birth uint32) {
	s.near, s.part = s.near[:0], s.part[:0]
	year, month, dom := birth>>9, birth>>5&15, birth&31
	add := func(days []day, d uint32) []day {
		if !slices.ContainsFunc(days, func(x day) bool { return x.date == d }) {
			if who := r.keys.find(birthKey | uint64(d)); who != nobody {
				days = append(days, day{date: d, who: who})
			}
		}
		return days
	}
	s.part = add(add(s.part, year<<9), year<<9|month<<5)
	if month == 0 || dom == 0 {
		return
	}
	sort := func(d uint32) {
		if d>>5&15 > 12 || d&31 > 31 || d == birth || d == 0 {
			return
		}
		switch birthLevel(birth, d) {
		case birthSwapped, birthOneDigit, birthNear:
			s.near = add(s.near, d)
		case birthTwoParts, birthYearOnly:
			s.part = add(s.part, d)
		}
	}
	for d := range uint32(31) {
		sort(year<<9 | month<<5 | (d + 1))
	}
	for m := range uint32(12) {
		sort(year<<9 | (m+1)<<5 | dom)
	}
	sort(year<<9 | dom<<5 | month)
	sort(year<<9 | 1<<5 | 1)
	for _, place := range []uint32{1, 10, 100, 1000} {
		digit := year / place % 10
		for d := range uint32(10) {
			sort((year-digit*place+d*place)<<9 | month<<5 | dom)
		}
	}
	for _, by := range []uint32{1, 10} {
		sort((year+by)<<9 | month<<5 | dom)
		sort((year-by)<<9 | month<<5 | dom)
	}
	// Neighbouring digits that changed places, also across the parts.
	digits := [8]uint32{year / 1000, year / 100 % 10, year / 10 % 10, year % 10, month / 10, month % 10, dom / 10, dom % 10}
	for i := range 7 {
		x := digits
		x[i], x[i+1] = x[i+1], x[i]
		m, d := x[4]*10+x[5], x[6]*10+x[7]
		if m >= 1 && m <= 12 && d >= 1 && d <= 31 {
			sort((x[0]*1000+x[1]*100+x[2]*10+x[3])<<9 | m<<5 | d)
		}
	}
}

func (r *Register) placeCourse(s *search) {
	q, w := &s.query, r.model.weights[placeField]
	if len(q.places) == 0 {
		return
	}
	c := s.course(placeField)
	var most weight = floorWeight
	same, near, sector := lookup, lookup, lookup
	rest := max(w[placeDistrict].plain, w[placeArea].plain, w[placeUnlike].plain)
	if q.places[0].street == "" || r.postsAlone > 0 {
		// Where nothing agrees the first pair says how: see comparePlaces.
		rest = max(rest, w[placePostArea].plain, w[placePostUnlike].plain)
	}
	if r.without[placeField] > 0 {
		rest = max(rest, 0)
	}
	for i := range q.places {
		p := &q.places[i]
		often := 1.0
		if p.unit > 0 {
			often = p.unit
		}
		if p.exact > 0 {
			often = min(often, p.exact)
		}
		most = max(most, r.model.rare(placeField, placeSame, often), r.model.rare(placeField, placeSameBefore, often))
		if p.unit > 0 {
			most = max(most, r.model.rare(placeField, placeUnit, p.unit), r.model.rare(placeField, placeUnitBefore, p.unit),
				r.model.rare(placeField, placeNeighbour, p.unit), w[placeAlike].plain)
			same += lookup + r.keys.count(postKey|mix(p.post))
			near += spellings
			if p.sector != 0 {
				sector += r.keys.count(sectorKey | mix(p.sector))
			}
		}
		most = max(most, w[placeElsewhere].plain)
		if p.street != "" {
			if p.streetID != none {
				same += lookup + r.keys.count(addressOfKey(p.house, p.streetID))
			}
			if p.post == 0 || r.streetsAlone > 0 {
				rest = max(rest, w[placeAlike].plain)
			}
		}
	}
	c.least = 1
	c.add(placeSameTier, most, same)
	c.add(placeMistypedTier, max(w[placeAlike].plain, w[placeUnitMistyped].plain), near)
	c.add(placeSectorTier, w[placeSector].plain, sector)
	c.add(restTier, rest, 0)
}

func (r *Register) numberCourse(s *search, f field) {
	q, w := &s.query, r.model.weights[f]
	n, cost, near := 0, 0, 0
	for _, x := range q.numbers {
		if x.of == f {
			n++
			cost += lookup + r.keys.count(numberOfKey(x))
			near += spellings
		}
	}
	if n == 0 {
		return
	}
	c := s.course(f)
	c.least = 1
	if f == otherField {
		s.others, near = s.others[:0], 0
		for _, text := range q.facts.others {
			s.others = r.others.near(s.others, text, &r.texts)
		}
		for _, key := range s.others {
			near += lookup + r.keys.count(numberOfKey(number{of: f, key: key}))
		}
	}
	c.add(numberSameTier, w[numberSame].plain, cost)
	c.add(numberNearTier, w[numberMistyped].plain, near)
	c.add(restTier, max(0, w[numberUnlike].plain), 0)
}

// weakCourse lists whoever has the same town, or the same occupation.
func (r *Register) weakCourse(s *search, f field, text uint32, often float64) {
	if text == 0 {
		return
	}
	w := r.model.weights[f]
	c := s.course(f)
	c.add(weakSameTier, r.model.rare(f, weakSame, often), lookup+r.keys.count(weakKey|uint64(text)))
	c.add(restTier, max(0, w[weakAlike].plain, w[weakUnlike].plain), 0)
}

// nameCourse lists by the parts of the name, then by what is like them.
func (r *Register) nameCourse(s *search, f field) {
	q, m := &s.query, r.model
	if len(q.names) == 0 {
		return
	}
	w := m.weights[f]
	c := s.course(f)
	kind, near := surnameTier, surnameNearTier
	rest := m.weights[surnameField][surnameUnlike].plain
	if f == forenameField {
		kind, near = forenameTier, forenameNearTier
		rest = m.weights[forenameField][forenameUnlike].plain
	} else {
		rest = max(rest, w[surnameUnlikeWoman].plain)
	}
	if r.without[f] > 0 {
		rest = max(rest, 0)
	}
	middles := false
	for i := range q.names {
		if n := &q.names[i]; f == surnameField && len(n.sur) == 0 || f == forenameField && len(n.fore) == 0 {
			rest = max(rest, 0) // nothing is compared with it
		}
		middles = middles || f == forenameField && len(q.names[i].fore) > 1
	}
	wm := m.weights[middleField]
	middleNear, middleRest := weight(0), weight(0)
	if middles {
		middleRest = max(0, wm[middleUnlike].plain)
		middleNear = max(middleRest, wm[middleAlike].plain, wm[middleInitial].plain)
	}
	// From here on the near ones go together by how like they are.
	var nearMost, nearAlso [unlike]weight
	var nearCost [unlike]int32
	given := m.weights[formField][formGiven].plain
	reversed := min(0, (m.weights[formField][formReversed].plain-given)/2)
	add := func(word *queryWord, cost weight) {
		if word.id != none {
			t := &r.names.terms[word.id]
			n := len(t.surnames)
			if f == forenameField {
				n = len(t.forenames)
			}
			most := m.rare(f, surnameSame, r.often(f, t))
			also := weight(0)
			if f == surnameField {
				most = max(most, w[surnamePart].plain)
				if t.joined {
					most = max(most, w[surnameMistyped].plain)
				}
			} else {
				if len(t.text) == 1 {
					most = w[forenameInitial].plain
				}
				if middles {
					also = max(middleNear, m.rare(middleField, middleSame, r.often(forenameField, t)))
				}
			}
			had := false
			for i := range c.tiers {
				if x := &c.tiers[i]; x.word == word.id {
					x.most, x.also, had = max(x.most, most+cost), max(x.also, also), true
				}
			}
			if !had && n > 0 {
				c.tiers = append(c.tiers, tier{kind: kind, most: most + cost, also: also, cost: int32(n), word: word.id})
			}
		}
		for _, x := range r.near.of(&r.names, &word.token, f == surnameField) {
			t := &r.names.terms[x.id]
			most := r.nearMost(f, x.kind)
			n := len(t.surnames)
			if f == forenameField {
				n = len(t.forenames)
			}
			nearMost[x.kind] = max(nearMost[x.kind], most)
			nearAlso[x.kind] = max(nearAlso[x.kind], middleNear)
			nearCost[x.kind] += int32(n)
		}
	}
	for i := range nearMost {
		nearMost[i] = floorWeight
	}
	for i := range q.names {
		n := &q.names[i]
		mine, other := n.sur, n.fore
		if f == forenameField {
			mine, other = n.fore, n.sur
		}
		for j := range mine {
			add(&mine[j], 0)
		}
		if !n.alias {
			for j := range other {
				add(&other[j], reversed)
			}
		}
		// Parts that somebody writes in one word.
		for _, parts := range [2][]queryWord{mine, other} {
			if f == surnameField && len(parts) > 1 {
				joined := ""
				for j := range parts {
					joined += parts[j].text
				}
				if id, ok := r.names.ids[joined]; ok {
					most := max(w[surnameMistyped].plain, w[surnamePart].plain)
					c.tiers = append(c.tiers, tier{kind: kind, most: most, cost: int32(len(r.names.terms[id].surnames)), word: id})
				}
			}
		}
	}
	slices.SortStableFunc(c.tiers, func(a, b tier) int { return int(b.most - a.most) })
	s.tail[f] = s.tail[f][:0]
	if len(c.tiers) > 6 {
		// The rest of a long list of names goes together, by the best of them.
		last := &c.tiers[5]
		s.tail[f] = append(s.tail[f], c.tiers[6:]...)
		for _, t := range c.tiers[6:] {
			last.cost += t.cost
			last.also = max(last.also, t.also)
		}
		c.tiers = c.tiers[:6]
	}
	for kind := variant; kind < unlike; kind++ {
		if nearCost[kind] > 0 {
			c.tiers = append(c.tiers, tier{kind: near, most: nearMost[kind], also: nearAlso[kind], cost: nearCost[kind], near: uint8(kind)})
		}
	}
	c.tiers = append(c.tiers, tier{kind: restTier, most: rest, also: middleRest})
}

// nearMost is the most that a likeness brings.
func (r *Register) nearMost(f field, kind likeness) weight {
	w := r.model.weights[f]
	if f == surnameField {
		switch kind {
		case variant:
			return w[surnameVariant].plain
		case oneEdit:
			return max(w[surnameMistyped].plain, w[surnameAlike].plain)
		case loose:
			return w[surnameLoose].plain
		}
		return max(w[surnameUnlike].plain, w[surnameUnlikeWoman].plain)
	}
	switch kind {
	case variant:
		return w[forenameVariant].plain
	case oneEdit:
		return max(w[forenameMistyped].plain, w[forenameAlike].plain)
	case initial:
		return w[forenameInitial].plain
	}
	return w[forenameLoose].plain
}
