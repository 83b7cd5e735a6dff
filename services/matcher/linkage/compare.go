package linkage

// finding is the outcome of one comparison.
type finding struct {
	level    uint8
	known    bool
	bits     weight
	adjusted weight // the part of bits that rarity or correlation contributed
	mine     uint8  // which of the query's values it was about
	yours    uint8  // which of the register's
}

// outcome is a whole comparison. It lives on the stack of whoever compares.
type outcome struct {
	found [fieldCount]finding
	total weight
}

func (o *outcome) set(f field, level int, bits, plain weight) {
	o.found[f] = finding{level: uint8(level), known: true, bits: bits, adjusted: bits - plain}
}

// plain sets a level whose weight depends on no value.
func (o *outcome) plain(f field, level int, m *Model) {
	w := m.weights[f][level].plain
	o.set(f, level, w, w)
}

// rare is the weight of a level when strangers agree on the value this often.
func (m *Model) rare(f field, level int, often float64) weight {
	return m.scaled(m.weights[f][level].lgM - lg(often))
}

// mistyped is the weight of a near-miss of which one spelling is hardly anybody's:
// strangers of the name are mistyped as often. The near miss may itself be
// chance, which bounds it: a misspelling earns no more than that.
func (m *Model) mistyped(f field, level int, often float64) weight {
	w := &m.weights[f][level]
	return m.scaled(w.lgM - lg(w.u+float64(w.m*often)))
}

// near is the weight of two values alike that strangers bear too: as rare as
// the rarer of them, and bounded likewise.
func (m *Model) near(f field, level int, often, too float64) weight {
	w := &m.weights[f][level]
	return m.scaled(w.lgM - lg(w.u+min(often, too)))
}

// compare weighs one person against the query. It fills o and reports whether
// the total, before relatives and rivals, reaches least. It allocates nothing.
// What it skips, it skips because the rest cannot reach least.
func (r *Register) compare(q *query, rec *record, least weight, o *outcome) bool {
	*o = outcome{}
	m := r.model
	r.compareBirth(q, rec, o)
	if q.ceiling+o.found[birthField].bits < least {
		return false
	}
	r.compareNumbers(q, rec, o)
	r.comparePlaces(q, rec, o)
	if q.sex != 0 && rec.sex != 0 {
		if q.sex == rec.sex {
			o.plain(sexField, sexSame, m)
		} else {
			o.plain(sexField, sexUnlike, m)
		}
	}
	r.compareText(q.town, q.townText, q.townLike, rec.town, townField, o)
	r.moved(o)
	r.compareText(q.work, q.workText, q.workLike, rec.work, workField, o)
	sum := q.prior
	for f := birthField; f < fieldCount; f++ {
		sum += o.found[f].bits
	}
	if sum+q.mostNames < least {
		return false
	}
	r.compareNames(q, rec, o)
	o.total = sum
	for f := range birthField {
		o.total += o.found[f].bits
	}
	return o.total >= least
}

func (r *Register) compareBirth(q *query, rec *record, o *outcome) {
	if q.birth == 0 || rec.birth == 0 {
		return
	}
	level := birthLevel(q.birth, rec.birth)
	if level == birthSame {
		bits := r.model.rare(birthField, birthSame, q.birthLike)
		o.set(birthField, level, bits, r.model.weights[birthField][birthSame].plain)
		return
	}
	o.plain(birthField, level, r.model)
}

// birthLevel compares two packed dates, neither of which is zero.
func birthLevel(a, b uint32) int {
	ay, am, ad := a>>9, a>>5&15, a&31
	by, bm, bd := b>>9, b>>5&15, b&31
	partial := am == 0 || bm == 0 || ad == 0 || bd == 0
	if a == b && !partial {
		return birthSame
	}
	if partial {
		if ay == by && (am == 0 || bm == 0 || am == bm) {
			return birthYearOnly
		}
		return birthUnlike
	}
	if ay == by && am == bd && ad == bm {
		return birthSwapped
	}
	apart := func(x, y uint32) uint32 { return max(x, y) - min(x, y) }
	digits, neighbours := digitsApart(a, b)
	// A generation apart is a parent's birthday sooner than a typing error.
	if digits == 1 && apart(ay, by) <= 10 || (digits == 2 && neighbours) {
		return birthOneDigit
	}
	if am == bm && ad == bd && (apart(ay, by) == 1 || apart(ay, by) == 10) ||
		ay == by && am == bm && apart(ad, bd) == 1 || ay == by && ad == bd && apart(am, bm) == 1 {
		return birthNear
	}
	if ay == by && (am == 1 && ad == 1 || bm == 1 && bd == 1) {
		return birthYearOnly
	}
	if ay == by && (am == bm || ad == bd) {
		return birthTwoParts
	}
	if am == bm && ad == bd {
		return birthDayMonth
	}
	return birthUnlike
}

// digitsApart counts the digits of YYYYMMDD that differ, and tells whether two
// that differ are neighbours which changed places.
func digitsApart(a, b uint32) (n int, swapped bool) {
	var x, y [8]uint32
	spell := func(d uint32, into *[8]uint32) {
		year, month, day := d>>9, d>>5&15, d&31
		into[0], into[1], into[2], into[3] = year/1000, year/100%10, year/10%10, year%10
		into[4], into[5], into[6], into[7] = month/10, month%10, day/10, day%10
	}
	spell(a, &x)
	spell(b, &y)
	first := -1
	for i := range 8 {
		if x[i] != y[i] {
			n++
			if first < 0 {
				first = i
			} else if n == 2 && i == first+1 && x[i] == y[first] && x[first] == y[i] {
				swapped = true
			}
		}
	}
	return n, swapped
}

func (r *Register) compareNumbers(q *query, rec *record, o *outcome) {
	for i := range q.numbers {
		a := &q.numbers[i]
		for j := range rec.numbers {
			b := &rec.numbers[j]
			if a.of != b.of {
				continue
			}
			level := numberUnlike
			switch {
			case a.key == b.key:
				level = numberSame
			case a.of == otherField:
				if r.alikeTexts(q, i, b.key) {
					level = numberMistyped
				}
			case oneApart(a.key, b.key):
				level = numberMistyped
			}
			if had := &o.found[a.of]; !had.known || level < int(had.level) {
				o.plain(a.of, level, r.model)
				had.mine, had.yours = uint8(i), uint8(j)
			}
		}
	}
	// Police and courts give both numbers together: the second is little news.
	pnc, cro := &o.found[pncField], &o.found[croField]
	if pnc.known && cro.known && (pnc.bits > 0) == (cro.bits > 0) {
		less := cro.bits * 5 / 8
		if pnc.bits > 0 {
			less = min(pnc.bits, cro.bits) * 5 / 8
		}
		cro.bits -= less
		cro.adjusted -= less
	}
}

// alikeTexts compares identifiers that are texts of any form.
func (r *Register) alikeTexts(q *query, i int, key uint64) bool {
	return alike(q.facts.others[i-len(q.facts.numbers)], r.texts.text[key-1])
}

func (r *Register) compareText(id uint32, text string, often float64, theirs uint32, f field, o *outcome) {
	if id == 0 || theirs == 0 {
		return
	}
	switch {
	case id == theirs:
		o.set(f, weakSame, r.model.rare(f, weakSame, often), r.model.weights[f][weakSame].plain)
	case edits(text, r.texts.text[theirs-1], 2) <= min(2, (len(text)-5)/3): // five are the kind's mark
		o.plain(f, weakAlike, r.model)
	default:
		o.plain(f, weakUnlike, r.model)
	}
}

// moved spares whoever lives elsewhere from being told so twice: most of those who
// have another town have it for they moved, which their address says already.
// Among them it is that much commoner.
func (r *Register) moved(o *outcome) {
	place, town := &o.found[placeField], &o.found[townField]
	if !place.known || place.level < placeSector || !town.known || town.level != weakUnlike || town.bits >= 0 {
		return
	}
	less := max(town.bits, r.model.moving)
	town.bits -= less
	town.adjusted -= less
}

func (r *Register) comparePlaces(q *query, rec *record, o *outcome) {
	m, had := r.model, &o.found[placeField]
	for i := range q.places {
		a := &q.places[i]
		for j := range rec.places {
			b := &rec.places[j]
			level, ok := r.placeLevel(a, b)
			if !ok {
				continue
			}
			var bits weight
			switch level {
			case placeSame, placeSameBefore:
				often := a.exact
				if a.unit > 0 && a.unit < often {
					often = a.unit // strangers at one address share its postcode
				}
				bits = m.rare(placeField, level, often)
			case placeUnit, placeUnitBefore, placeNeighbour:
				bits = m.rare(placeField, level, a.unit)
			default:
				bits = m.weights[placeField][level].plain
			}
			// Where nothing agrees, where they live now differing says most: the first pair.
			if nothing := level >= placeArea; !had.known || !nothing && (bits > had.bits || had.level >= placeArea) {
				o.set(placeField, level, bits, m.weights[placeField][level].plain)
				had.mine, had.yours = a.from, b.from
			}
		}
	}
}

// placeLevel compares two places by what both of them state.
func (r *Register) placeLevel(a *queryPlace, b *place) (level int, ok bool) {
	posts := a.post != 0 && b.post != 0
	streets := a.street != "" && b.street != 0
	if !posts && !streets {
		return 0, false
	}
	before := a.before || b.before
	unit := posts && a.post == b.post
	mistyped := posts && !unit && oneApart(a.post, b.post)
	sector := posts && a.sector != 0 && b.british && a.sector == b.post>>12
	house := a.house == b.house
	street := streets && a.streetID == b.street
	alike := streets && !street && house && (!posts || unit || mistyped) && len(a.street) > 4 && edits(a.street, r.texts.text[b.street-1], 2) <= 2
	switch {
	case street && house && (!posts || unit || mistyped || sector):
		if before {
			return placeSameBefore, true
		}
		return placeSame, true
	case alike, street && unit && (a.house == 0 || b.house == 0):
		return placeAlike, true
	case unit && !streets:
		if before {
			return placeUnitBefore, true
		}
		return placeUnit, true
	case unit:
		return placeNeighbour, true
	case mistyped:
		return placeUnitMistyped, true
	case street && house:
		return placeElsewhere, true
	case sector:
		return placeSector, true
	case posts && a.sector != 0 && b.british && a.sector>>6 == b.post>>18:
		return placeDistrict, true
	}
	area := posts && a.sector != 0 && b.british && areaOf(a.post) == areaOf(b.post)
	switch {
	case area && streets:
		return placeArea, true
	case area:
		return placePostArea, true
	case !streets:
		return placePostUnlike, true
	}
	return placeUnlike, true
}

// areaOf is the letters that a packed British postcode begins with: as much of
// it as people stay within who move house.
func areaOf(post uint64) uint64 {
	for post>>12 != 0 {
		post >>= 6
	}
	if post&63 <= 10 { // the second is a digit
		post >>= 6
	}
	return post
}
