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
	cost int32
	kind tierKind
	word uint32 // the term, for names
}

type tierKind uint8

const (
	restTier tierKind = iota // everybody else: cannot be listed
	birthSameTier
	birthNearTier
	birthPartTier
	birthMissingTier
	placeSameTier
	placeNearTier
	numberSameTier
	numberNearTier
	surnameTier
	forenameTier
	surnameVariantTier
	forenameVariantTier
)

// course is one comparison's tiers, best first, the last of them the rest.
type course struct {
	field field
	tiers []tier
}

// rest is how much the tiers from cut on can bring at most.
func (c *course) rest(cut int) weight {
	most := c.tiers[cut].most
	for _, t := range c.tiers[cut+1:] {
		most = max(most, t.most)
	}
	return most
}

func (c *course) add(kind tierKind, most weight, cost int) {
	c.tiers = append(c.tiers, tier{kind: kind, most: most, cost: int32(cost)})
}

// lookup is what it costs to look up one key, in people looked at.
const lookup = 1

func (r *Register) plan(s *search, least weight) bool {
	q := &s.query
	s.courses = s.courses[:0]
	r.birthCourse(s)
	r.placeCourse(s)
	for _, f := range []field{pncField, croField, otherField} {
		r.numberCourse(s, f)
	}
	r.nameCourse(s, surnameField)
	r.nameCourse(s, forenameField)
	base := q.prior + q.most[middleField] + q.most[sexField] + q.most[townField] + q.most[workField]
	s.cheapest = int32(len(r.slots))
	s.planned = false
	s.choose(0, base, 0, least)
	for i := range s.courses {
		q.most[s.courses[i].field] = s.courses[i].rest(0)
	}
	q.ceiling = q.prior
	for f := range fieldCount {
		if f != birthField {
			q.ceiling += max(0, q.most[f])
		}
	}
	return s.planned
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
		s.cuts[i] = uint8(cut)
		s.choose(i+1, sum+c.rest(cut), cost, least)
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
	c.field, c.tiers = f, c.tiers[:0]
	return c
}

func (r *Register) birthCourse(s *search) {
	q, w := &s.query, r.model.weights[birthField]
	if q.birth == 0 {
		return
	}
	c := s.course(birthField)
	rest := max(w[birthDayMonth].plain, w[birthUnlike].plain)
	if q.birth&511 == 1<<5|1 || q.birth>>5&15 == 0 || q.birth&31 == 0 {
		rest = max(rest, w[birthYearOnly].plain) // everybody of the year
	}
	c.add(birthSameTier, r.model.rare(birthField, birthSame, q.birthLike), lookup+r.keys.count(birthKey|uint64(q.birth)))
	s.births(r, q.birth)
	count := func(dates []uint32) int {
		n := lookup * len(dates)
		for _, d := range dates {
			n += r.keys.count(birthKey | uint64(d))
		}
		return n
	}
	c.add(birthNearTier, max(w[birthSwapped].plain, w[birthOneDigit].plain, w[birthNear].plain), count(s.near))
	c.add(birthPartTier, max(w[birthTwoParts].plain, w[birthYearOnly].plain), count(s.part))
	if n := r.without[birthField]; n > 0 {
		c.add(birthMissingTier, 0, n)
	}
	c.add(restTier, rest, 0)
}

// births spells out the dates near a date, and those that share two parts.
func (s *search) births(r *Register, birth uint32) {
	s.near, s.part = s.near[:0], s.part[:0]
	year, month, day := birth>>9, birth>>5&15, birth&31
	s.part = append(s.part, year<<9, year<<9|month<<5)
	if month == 0 || day == 0 {
		return
	}
	sort := func(d uint32) {
		if d>>5&15 > 12 || d&31 > 31 || d == birth || d == 0 {
			return
		}
		switch birthLevel(birth, d) {
		case birthSwapped, birthOneDigit, birthNear:
			if !slices.Contains(s.near, d) {
				s.near = append(s.near, d)
			}
		case birthTwoParts, birthYearOnly:
			if !slices.Contains(s.part, d) {
				s.part = append(s.part, d)
			}
		}
	}
	for d := range uint32(31) {
		sort(year<<9 | month<<5 | (d + 1))
	}
	for m := range uint32(12) {
		sort(year<<9 | (m+1)<<5 | day)
	}
	sort(year<<9 | day<<5 | month)
	sort(year<<9 | 1<<5 | 1)
	for _, place := range []uint32{1, 10, 100, 1000} {
		digit := year / place % 10
		for d := range uint32(10) {
			sort((year-digit*place+d*place)<<9 | month<<5 | day)
		}
	}
	for _, by := range []uint32{1, 10} {
		sort((year+by)<<9 | month<<5 | day)
		sort((year-by)<<9 | month<<5 | day)
	}
	// Neighbouring digits that changed places, also across the parts.
	digits := [8]uint32{year / 1000, year / 100 % 10, year / 10 % 10, year % 10, month / 10, month % 10, day / 10, day % 10}
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
	same, near := lookup, lookup
	rest := max(w[placeDistrict].plain, w[placeUnlike].plain, w[placePostUnlike].plain)
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
			near += 300 // spellings of the postcode one character apart
			if p.sector != 0 {
				near += r.keys.count(sectorKey | mix(p.sector))
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
	c.add(placeSameTier, most, same)
	c.add(placeNearTier, max(w[placeAlike].plain, w[placeUnitMistyped].plain, w[placeSector].plain), near)
	c.add(restTier, rest, 0)
}

func (r *Register) numberCourse(s *search, f field) {
	q, w := &s.query, r.model.weights[f]
	n, cost, near := 0, 0, 0
	for _, x := range q.numbers {
		if x.of == f {
			n++
			cost += lookup + r.keys.count(numberOfKey(x))
			near += 300
		}
	}
	if n == 0 {
		return
	}
	c := s.course(f)
	c.add(numberSameTier, w[numberSame].plain, cost)
	if f != otherField {
		c.add(numberNearTier, w[numberMistyped].plain, near)
		c.add(restTier, 0, 0)
		return
	}
	c.add(restTier, max(0, w[numberMistyped].plain), 0)
}

// nameCourse lists by the parts of the name, rarest first, then by variants.
func (r *Register) nameCourse(s *search, f field) {
	q, m := &s.query, r.model
	if len(q.names) == 0 {
		return
	}
	w := m.weights[f]
	c := s.course(f)
	kind, variants := surnameTier, surnameVariantTier
	rest := max(0, w[surnameMistyped].plain, w[surnameAlike].plain, w[surnameLoose].plain)
	part := floorWeight
	if f == forenameField {
		kind, variants = forenameTier, forenameVariantTier
		rest = max(0, w[forenameMistyped].plain, w[forenameAlike].plain, w[forenameInitial].plain, w[forenameLoose].plain)
	} else {
		part = w[surnamePart].plain
	}
	given := m.weights[formField][formGiven].plain
	half := func(form int) weight { return (m.weights[formField][form].plain - given) / 2 }
	middle := floorWeight
	add := func(word *queryWord, cost weight) {
		if word.id == none {
			return
		}
		t := &r.names.terms[word.id]
		n := len(t.surnames)
		if f == forenameField {
			n = len(t.forenames)
		}
		if n == 0 {
			return
		}
		most := max(m.rare(f, surnameSame, r.often(f, t)), part) + cost
		if f == forenameField && len(t.text) == 1 {
			most = w[forenameInitial].plain
		}
		for i := range c.tiers {
			if had := &c.tiers[i]; had.word == word.id {
				had.most = max(had.most, most)
				return
			}
		}
		c.tiers = append(c.tiers, tier{kind: kind, most: most, cost: int32(n), word: word.id})
	}
	alternatives := 0
	for i := range q.names {
		n := &q.names[i]
		mine, other := n.sur, n.fore
		if f == forenameField {
			mine, other = n.fore, n.sur
		}
		for j := range mine {
			add(&mine[j], 0)
			if f == forenameField && len(mine) > 1 && mine[j].id != none {
				middle = max(middle, m.rare(middleField, middleSame, r.often(forenameField, &r.names.terms[mine[j].id])))
			}
			alternatives += s.variantCost(r, &mine[j], f)
		}
		if !n.alias {
			for j := range other {
				add(&other[j], max(half(formReversed), half(formGiven)))
				alternatives += s.variantCost(r, &other[j], f)
			}
		}
	}
	if f == forenameField {
		wm := m.weights[middleField]
		q.most[middleField] = max(0, middle, wm[middleAlike].plain, wm[middleInitial].plain)
	}
	slices.SortStableFunc(c.tiers, func(a, b tier) int { return int(b.most - a.most) })
	if len(c.tiers) > 6 {
		// The rest of a long list of names goes together, by the best of them.
		last := &c.tiers[5]
		for _, t := range c.tiers[6:] {
			last.cost += t.cost
		}
		s.tail[f] = append(s.tail[f][:0], c.tiers[5:]...)
		c.tiers = c.tiers[:6]
	} else {
		s.tail[f] = s.tail[f][:0]
	}
	c.add(variants, w[surnameVariant].plain, alternatives)
	c.add(restTier, rest, 0)
}
