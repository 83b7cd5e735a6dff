package linkage

import "slices"

// promise is the most that a term of somebody's name can bring the query,
// wherever it may stand: as surname, first forename and middle name; as surname
// and forename when the names are reversed; as a middle name that is the query's
// first, and as a first that is one of the query's middle names.
type promise struct {
	id                                uint32
	surname, forename, middle         weight
	reversedSurname, reversedForename weight
	called, risen                     weight
}

// promises holds what every term promises one query, and sums of it by the
// hashes that stand in signs. The first promise is that of all other terms.
type promises struct {
	at   []uint16 // by term, the promise
	list []promise
	// What the parts promise at least, whoever they are.
	leastSurname, leastFore, leastMiddle weight
	// What the middle names of somebody with one name promise, when they have some.
	middleUnlike weight
	// What it costs when a middle name is the first, or the names are reversed.
	callCost, reverseCost weight
	// A query's surname is written in several parts by somebody: so much it promises then.
	joined weight
	// The most that anybody's names promise.
	most weight
	// By hash, beyond the least.
	surnames           [signUnknown + 1]weight
	forenames, middles [signForenames]weight
	// The same for one of two surnames, with the best that forenames promise besides.
	either    [signTwo]weight
	forenamed weight
}

const never weight = 1 << 20

// promised gathers what the words of somebody's names promise.
type promised struct {
	surname, forename, middle         weight
	reversedSurname, reversedForename weight
	called                            weight
	middles                           bool // there are some
}

func (p *promises) begin(flags uint8) promised {
	a := promised{surname: p.leastSurname, forename: p.leastFore, middle: -never, reversedSurname: p.leastSurname, reversedForename: p.leastFore, called: -never}
	if flags&severalParts != 0 {
		a.surname, a.reversedSurname = max(a.surname, p.joined), max(a.reversedSurname, p.joined)
	}
	return a
}

func (p *promises) word(a *promised, id uint32, place uint16) {
	a.middles = a.middles || place == middlePlace
	n := p.at[id]
	if n == 0 {
		return
	}
	x := &p.list[n]
	switch place {
	case surnamePlace:
		a.surname, a.reversedSurname = max(a.surname, x.surname), max(a.reversedSurname, x.reversedSurname)
	case firstPlace:
		a.forename, a.reversedForename = max(a.forename, x.forename), max(a.reversedForename, x.reversedForename)
		a.called = max(a.called, x.risen)
	default:
		a.middle, a.called = max(a.middle, x.middle), max(a.called, x.called)
	}
}

func (p *promises) sum(a *promised, flags uint8) weight {
	given := max(a.middle, p.middleUnlike)
	if !a.middles || flags&otherNames != 0 {
		given = max(a.middle, p.leastMiddle)
	}
	// Neither reversed nor called by a middle name need middle names be compared.
	return max(a.surname+a.forename+given, a.surname+a.called+p.callCost,
		a.reversedSurname+a.reversedForename+max(a.middle, p.leastMiddle)+p.reverseCost)
}

// of is the most that somebody's names can bring, by a glance.
func (p *promises) of(g *glance) weight {
	a := p.begin(g.flags)
	parts := g.parts
	for _, id := range g.words[:g.count] {
		p.word(&a, id, parts&3)
		parts >>= 2
	}
	return p.sum(&a, g.flags)
}

// ofMany is the same of somebody who has more names than a glance shows.
func (p *promises) ofMany(g *glance, rec *record) weight {
	a := p.begin(g.flags)
	rec.eachPlaced(func(id uint32, place uint16) { p.word(&a, id, place) })
	return p.sum(&a, g.flags)
}

// put returns the term's promise. Should there be more terms than numbers, the
// last of them share one.
func (p *promises) put(id uint32) *promise {
	if n := p.at[id]; n != 0 {
		return &p.list[n]
	}
	if len(p.list) == 1<<16 {
		p.at[id] = 1<<16 - 1
		return &p.list[1<<16-1]
	}
	p.at[id] = uint16(len(p.list))
	p.list = append(p.list, promise{id: id, surname: -never, forename: -never, middle: -never, reversedSurname: -never, reversedForename: -never, called: -never, risen: -never})
	return &p.list[len(p.list)-1]
}

// promise writes down what every term of the vocabulary promises the query.
func (r *Register) promise(s *search) {
	q, p, w := &s.query, &s.promises, &r.model.weights
	for i := range p.list {
		if i > 0 { // the first is nobody's
			p.at[p.list[i].id] = 0
		}
	}
	// Terms that shared the last number are not in the list.
	if len(p.list) == 1<<16 {
		clear(p.at)
	}
	if n := len(r.names.terms); len(p.at) < n {
		p.at = append(p.at, make([]uint16, n-len(p.at))...)
	}
	p.list = append(p.list[:0], promise{})
	p.leastSurname = max(w[surnameField][surnameUnlike].plain, w[surnameField][surnameUnlikeWoman].plain)
	p.leastFore = w[forenameField][forenameUnlike].plain
	p.leastMiddle = max(0, w[middleField][middleUnlike].plain)
	if !q.whole {
		p.leastSurname, p.leastFore = max(p.leastSurname, 0), max(p.leastFore, 0)
	}
	p.middleUnlike = p.leastMiddle
	if len(q.names) > 0 && !slices.ContainsFunc(q.names, func(n queryName) bool { return len(n.fore) < 2 }) {
		p.middleUnlike = w[middleField][middleUnlike].plain
	}
	forms := w[formField]
	p.callCost = forms[formMiddle].plain - q.most[formField]
	p.reverseCost = forms[formReversed].plain - q.most[formField]
	p.joined = -never
	for i := range q.names {
		n := &q.names[i]
		r.promiseSurnames(p, n.sur, func(x *promise) *weight { return &x.surname })
		r.promiseForenames(p, n.fore, false)
		if !n.alias && len(n.sur) > 0 && len(n.fore) > 0 {
			r.promiseSurnames(p, n.fore, func(x *promise) *weight { return &x.reversedSurname })
			r.promiseForenames(p, n.sur, true)
		}
	}
	p.hash()
}

func (r *Register) promiseSurnames(p *promises, words []queryWord, of func(*promise) *weight) {
	w := r.model.weights[surnameField]
	joined := ""
	for i := range words {
		a := &words[i]
		if a.id != none {
			most := max(r.model.rare(surnameField, surnameSame, r.often(surnameField, &r.names.terms[a.id])), w[surnamePart].plain)
			if r.names.terms[a.id].joined {
				p.joined = max(p.joined, w[surnameMistyped].plain)
			}
			x := of(p.put(a.id))
			*x = max(*x, most)
		}
		for _, near := range r.near.of(&r.names, &a.token, true) {
			x := of(p.put(near.id))
			*x = max(*x, r.nearMost(surnameField, near.kind))
		}
		if len(words) > 1 {
			joined += a.text
		}
	}
	// Parts that somebody writes in one word.
	if id, ok := r.names.ids[joined]; ok && joined != "" {
		if r.names.terms[id].joined {
			p.joined = max(p.joined, w[surnameMistyped].plain)
		}
		x := of(p.put(id))
		*x = max(*x, w[surnameMistyped].plain, w[surnamePart].plain)
	}
}

func (r *Register) promiseForenames(p *promises, words []queryWord, reversed bool) {
	w, wm := r.model.weights[forenameField], r.model.weights[middleField]
	for i := range words {
		a := &words[i]
		if a.id != none {
			t := &r.names.terms[a.id]
			most := r.model.rare(forenameField, forenameSame, r.often(forenameField, t))
			if len(t.text) == 1 {
				most = w[forenameInitial].plain
			}
			x := p.put(a.id)
			switch {
			case reversed:
			case i == 0:
				x.called = max(x.called, most)
			default:
				x.risen = max(x.risen, most)
			}
			if i > 0 {
				x.middle = max(x.middle, r.model.rare(middleField, middleSame, r.often(forenameField, t)))
			} else if reversed {
				x.reversedForename = max(x.reversedForename, most)
			} else {
				x.forename = max(x.forename, most)
			}
		}
		for _, near := range r.near.of(&r.names, &a.token, false) {
			x := p.put(near.id)
			most := r.nearMost(forenameField, near.kind)
			if i > 0 {
				x.middle = max(x.middle, wm[middleAlike].plain, wm[middleInitial].plain)
			} else if reversed {
				x.reversedForename = max(x.reversedForename, most)
			} else {
				x.forename = max(x.forename, most)
			}
		}
	}
}

// hash sums up by the hashes of signs. What a name brings in the best of its
// forms is divided among its parts such that their sum is never less.
func (p *promises) hash() {
	clear(p.surnames[:])
	clear(p.forenames[:])
	clear(p.middles[:])
	clear(p.either[:])
	half := p.reverseCost / 2
	put := func(at *weight, w weight) { *at = max(*at, w) }
	var surname, forename, middle weight
	for i := 1; i < len(p.list); i++ {
		x := &p.list[i]
		sur := max(x.surname, x.reversedSurname+half) - p.leastSurname
		fore := max(x.forename, x.risen+p.callCost, x.reversedForename+half) - p.leastFore
		mid := max(x.middle-p.leastMiddle, x.called+p.callCost-p.leastFore)
		put(&p.surnames[x.id%signSurnames], sur)
		put(&p.either[x.id%signTwo], sur)
		put(&p.forenames[x.id%signForenames], fore)
		put(&p.middles[x.id%signMiddles], mid)
		surname, forename, middle = max(surname, sur), max(forename, fore), max(middle, mid)
	}
	p.forenamed = forename + middle
	// Also for those whose names are missing, or of several parts.
	p.most = max(0, surname+p.leastSurname, p.joined) + max(0, forename+p.leastFore) + middle + p.leastMiddle
	// Two surnames pass the first look, and then have one of their own.
	p.surnames[signSurnames], p.surnames[signUnknown], p.middles[signMiddles] = never, p.most-p.leastSurname-p.leastFore-p.leastMiddle, middle
}
