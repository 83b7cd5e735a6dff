package linkage

// nameScore is one way of laying two names beside each other.
type nameScore struct {
	found [birthField]finding
	total weight
}

// compareNames lays every name of the query beside every name of the person,
// either way round, and keeps the best.
func (r *Register) compareNames(q *query, rec *record, o *outcome) {
	woman := q.sex == 'F' || rec.sex == 'F'
	var best, try nameScore
	has := false
	for i := range q.names {
		mine := &q.names[i]
		for w := rec.names; len(w) > 0; {
			ns, nf := int(w[0]&0xff), int(w[0]>>8&0xff)
			from := uint8(w[0] >> 24)
			alias := mine.alias || w[0]>>16&1 != 0
			sur, fore := w[1:1+ns], w[1+ns:1+ns+nf]
			w = w[1+ns+nf:]
			form := formGiven
			if alias {
				form = formAlias
			}
			r.layBeside(mine.sur, mine.fore, sur, fore, woman, form, &try)
			if !has || try.total > best.total {
				best, has = try, true
				best.mark(mine.from, from)
			}
			// Reversed only where the names as given do not agree, and both are there to reverse.
			if alias || len(mine.sur) == 0 || len(mine.fore) == 0 || ns == 0 || nf == 0 ||
				try.found[surnameField].level <= surnameVariant || try.found[forenameField].level <= forenameVariant {
				continue
			}
			r.layBeside(mine.fore, mine.sur, sur, fore, woman, formReversed, &try)
			if try.total > best.total {
				best = try
				best.mark(mine.from, from)
			}
		}
	}
	if has {
		copy(o.found[:birthField], best.found[:])
	}
}

func (s *nameScore) mark(mine, yours uint8) {
	for f := range s.found {
		s.found[f].mine, s.found[f].yours = mine, yours
	}
}

func (s *nameScore) set(f field, level int, bits, plain weight) {
	s.found[f] = finding{level: uint8(level), known: true, bits: bits, adjusted: bits - plain}
}

func (r *Register) layBeside(sur, fore []queryWord, theirSur, theirFore []uint32, woman bool, form int, s *nameScore) {
	*s = nameScore{}
	m := r.model
	if len(sur) > 0 && len(theirSur) > 0 {
		level, bits := r.compareSurnames(sur, theirSur, woman)
		s.set(surnameField, level, bits, m.weights[surnameField][level].plain)
	}
	if len(fore) > 0 && len(theirFore) > 0 {
		r.compareForenames(fore, theirFore, &form, s)
	}
	if s.found[surnameField].known || s.found[forenameField].known {
		w := m.weights[formField][form].plain
		s.set(formField, form, w, w)
	}
	for f := range s.found {
		s.total += s.found[f].bits
	}
}

// often is how likely a stranger has the term as surname, or as forename.
func (r *Register) often(f field, t *term) float64 {
	if f == forenameField {
		return r.howOften(f, len(t.forenames))
	}
	return r.howOften(f, len(t.surnames))
}

func (r *Register) howOften(f field, count int) float64 {
	return r.frequency(count, r.model.weights[f][surnameSame].u, imaginedNames, rarestName)
}

// frequency is how likely a stranger has a value that count people have.
func (r *Register) frequency(count int, average, imagined, rarest float64) float64 {
	f := (float64(count)/r.model.Copies + float64(imagined*average)) / (float64(len(r.slots))/r.model.Copies + imagined)
	return min(1, max(f, rarest))
}

// Spellings that so few have are taken to be typing errors when one edit away
// from another.
const fewHave = 2

func (r *Register) compareSurnames(mine []queryWord, theirs []uint32, woman bool) (int, weight) {
	m := r.model
	level, bits := surnameUnlike, m.weights[surnameField][surnameUnlike].plain
	if woman {
		level, bits = surnameUnlikeWoman, m.weights[surnameField][surnameUnlikeWoman].plain
	}
	better := func(l int, w weight) {
		if w > bits {
			level, bits = l, w
		}
	}
	if len(mine) == 1 && len(theirs) == 1 {
		b := &r.names.terms[theirs[0]]
		if mine[0].id == theirs[0] {
			return surnameSame, m.rare(surnameField, surnameSame, r.often(surnameField, b))
		}
		l, w := r.nearSurname(&mine[0], theirs[0])
		if l >= 0 {
			better(l, w)
		}
		return level, bits
	}
	// Names of several parts: the parts in common, by the rarest of them.
	shared, rarest := 0, 1.0
	for i := range mine {
		for _, t := range theirs {
			if mine[i].id == t {
				shared++
				rarest = min(rarest, r.often(surnameField, &r.names.terms[t]))
				break
			}
		}
	}
	switch {
	case shared == len(mine) && shared == len(theirs):
		return surnameSame, m.rare(surnameField, surnameSame, rarest)
	case shared > 0:
		better(surnamePart, m.near(surnameField, surnamePart, rarest, rarest))
		return level, bits
	case r.joined(mine, theirs):
		better(surnameMistyped, m.weights[surnameField][surnameMistyped].plain)
		return level, bits
	}
	for i := range mine {
		for _, t := range theirs {
			if l, w := r.nearSurname(&mine[i], t); l >= 0 {
				better(l, w)
			}
		}
	}
	return level, bits
}

// joined reports whether one side writes in one word what the other parts.
func (r *Register) joined(mine []queryWord, theirs []uint32) bool {
	// Byte by byte, for it must not allocate.
	i, j, t := 0, 0, 0
	for w := range mine {
		text := mine[w].text
		for i = range len(text) {
			for t < len(theirs) && j == len(r.names.terms[theirs[t]].text) {
				j, t = 0, t+1
			}
			if t == len(theirs) || r.names.terms[theirs[t]].text[j] != text[i] {
				return false
			}
			j++
		}
	}
	return t == len(theirs)-1 && j == len(r.names.terms[theirs[t]].text)
}

func (r *Register) nearSurname(a *queryWord, t uint32) (int, weight) {
	m, b := r.model, &r.names.terms[t]
	kind := r.liken(a, t, true)
	if kind == unlike {
		return -1, 0
	}
	often := r.often(surnameField, b)
	switch kind {
	case variant:
		return surnameVariant, m.near(surnameField, surnameVariant, often, r.howOften(surnameField, a.surnames))
	case oneEdit:
		if min(a.surnames, len(b.surnames)) <= fewHave {
			return surnameMistyped, m.mistyped(surnameField, surnameMistyped, often)
		}
		return surnameAlike, m.near(surnameField, surnameAlike, often, r.howOften(surnameField, a.surnames))
	case loose:
		return surnameLoose, m.mistyped(surnameField, surnameLoose, often)
	}
	return -1, 0
}

func (r *Register) compareForenames(mine []queryWord, theirs []uint32, form *int, s *nameScore) {
	m := r.model
	level, bits := r.forename(&mine[0], theirs[0])
	middles := true
	if level > forenameVariant && *form == formGiven {
		// A middle name may be what somebody is called by.
		cost := m.weights[formField][formMiddle].plain - m.weights[formField][formGiven].plain
		try := func(a *queryWord, t uint32) {
			if a.id == none || a.id != t {
				return
			}
			if l, w := r.forename(a, t); w+cost > bits {
				level, bits, middles = l, w, false
				*form = formMiddle
			}
		}
		for _, t := range theirs[1:] {
			try(&mine[0], t)
		}
		for i := range mine[1:] {
			try(&mine[1+i], theirs[0])
		}
	}
	s.set(forenameField, level, bits, m.weights[forenameField][level].plain)
	if !middles || len(mine) < 2 || len(theirs) < 2 {
		return
	}
	// The best that any two middle names agree.
	ml, mw := middleUnlike, m.weights[middleField][middleUnlike].plain
	for i := range mine[1:] {
		a := &mine[1+i]
		for _, t := range theirs[1:] {
			b := &r.names.terms[t]
			l, w := middleUnlike, ml2(m)
			switch r.liken(a, t, false) {
			case same:
				l, w = middleSame, m.rare(middleField, middleSame, r.often(forenameField, b))
			case variant, oneEdit, loose:
				l, w = middleAlike, m.mistyped(middleField, middleAlike, r.often(forenameField, b))
			case initial:
				l, w = middleInitial, m.weights[middleField][middleInitial].plain
			}
			if w > mw {
				ml, mw = l, w
			}
		}
	}
	s.set(middleField, ml, mw, m.weights[middleField][ml].plain)
}

func ml2(m *Model) weight { return m.weights[middleField][middleUnlike].plain }

func (r *Register) forename(a *queryWord, t uint32) (int, weight) {
	m, b := r.model, &r.names.terms[t]
	if a.id == t && len(b.text) > 1 {
		return forenameSame, m.rare(forenameField, forenameSame, r.often(forenameField, b))
	}
	worst := m.weights[forenameField][forenameUnlike].plain
	level, bits := forenameUnlike, worst
	kind := r.liken(a, t, false)
	if a.id == t {
		kind = initial // a letter alone, on both sides
	}
	switch kind {
	case variant:
		level, bits = forenameVariant, m.near(forenameField, forenameVariant, r.often(forenameField, b), r.howOften(forenameField, a.forenames))
	case oneEdit:
		if min(a.forenames, len(b.forenames)) <= fewHave {
			level, bits = forenameMistyped, m.mistyped(forenameField, forenameMistyped, r.often(forenameField, b))
		} else {
			level, bits = forenameAlike, m.near(forenameField, forenameAlike, r.often(forenameField, b), r.howOften(forenameField, a.forenames))
		}
	case initial:
		level, bits = forenameInitial, m.weights[forenameField][forenameInitial].plain
	case loose:
		level, bits = forenameLoose, m.mistyped(forenameField, forenameLoose, r.often(forenameField, b))
	}
	if bits < worst {
		return forenameUnlike, worst
	}
	return level, bits
}

// liken likens a word to a term. Where everybody is looked at, who share their
// names by the thousand, it is found out once for every term.
func (r *Register) liken(a *queryWord, t uint32, surname bool) likeness {
	known := a.asForename
	if surname {
		known = a.asSurname
	}
	if known == nil {
		return liken(&a.token, &r.names.terms[t].token, surname)
	}
	if known[t] == 0 {
		known[t] = 1 + liken(&a.token, &r.names.terms[t].token, surname)
	}
	return known[t] - 1
}

// remember makes room to liken each word of the query to every term once.
func (r *Register) remember(q *query) {
	for i := range q.names {
		for _, words := range [2][]queryWord{q.names[i].sur, q.names[i].fore} {
			for j := range words {
				words[j].asSurname = make([]likeness, len(r.names.terms))
				words[j].asForename = make([]likeness, len(r.names.terms))
			}
		}
	}
}
