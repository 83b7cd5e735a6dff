package linkage

import (
	"slices"
	"strings"

	"github.com/reportable-incidents/reportable/services/casework"
)

// rival takes from every hit what the others who fit as well are worth: the
// query is one person at most.
func (r *Register) rival(s *search) {
	if !r.model.Rivals {
		return
	}
	for i := range s.hits {
		sum := 1.0
		for j := range s.hits {
			if j != i && s.hits[j].own >= 0 {
				sum += s.hits[j].own.odds()
			}
		}
		s.hits[i].rivals = -lg(sum)
	}
}

// explain writes the evidence for a hit, by the code that scored it.
func (r *Register) explain(s *search, i int) casework.Evidence {
	q, h := &s.query, &s.hits[i]
	rec := &r.people[h.slot]
	r.compare(q, rec, floorWeight*16, &s.out)
	o := &s.out
	e := casework.Evidence{
		Model:           r.model.hash,
		RegisterVersion: r.version.Load(),
		Prior:           q.prior.bits(),
		Bits:            h.bits().bits(),
		Probability:     h.bits().probability(),
	}
	theirs := rec.subject()
	for f := range fieldCount {
		got := &o.found[f]
		if !got.known || (f == formField && got.level == formGiven && got.bits == 0) {
			continue
		}
		e.Steps = append(e.Steps, casework.EvidenceStep{
			Field:      fieldNames[f],
			Level:      levelNames[f][got.level],
			Bits:       got.bits.bits(),
			Adjustment: got.adjusted.bits(),
			Incident:   shown(f, &q.facts.given, got.mine),
			Register:   shown(f, &theirs, got.yours),
		})
	}
	if h.adjust != 0 {
		e.Steps = append(e.Steps, casework.EvidenceStep{Field: "relatives", Level: "could be a relative of theirs", Bits: h.adjust.bits(), Adjustment: h.adjust.bits()})
	}
	if h.rivals != 0 {
		e.Steps = append(e.Steps, casework.EvidenceStep{Field: "rivals", Level: "others on the register fit too", Bits: h.rivals.bits(), Adjustment: h.rivals.bits()})
	}
	other := -1
	for j := range s.hits {
		if j != i {
			other = j
			break
		}
	}
	margin := -floorWeight
	if other >= 0 {
		margin = h.own - s.hits[other].own
		e.RunnerUp, e.Margin = s.hits[other].id, margin.bits()
	}
	e.Band = r.model.band(o, h.bits(), margin)
	if other >= 0 {
		r.compare(q, &r.people[s.hits[other].slot], floorWeight*16, &s.beside)
	}
	e.Decisive = r.decisive(s, i, other, e.Band)
	return e
}

// band says how sure a score is. Certain asks for more than probability: for
// two independent kinds of fact that agree, and a margin over the runner-up.
func (m *Model) band(o *outcome, w, margin weight) casework.Band {
	p := w.probability()
	switch {
	case p >= m.Certain && margin >= fromBits(m.Margin) && o.corroborated():
		return casework.Certain
	case p >= m.Probable:
		return casework.Probable
	case p >= ReviewThreshold:
		return casework.Possible
	}
	return casework.None
}

// speaks is from how many bits a kind of fact counts as agreeing.
const speaks = 3 * unit

// corroborated reports whether more than one kind of fact speaks for the match:
// name, birth, place, numbers. People give someone else's details, and a number
// alone is one detail.
func (o *outcome) corroborated() bool {
	n := 0
	for _, w := range [...]weight{
		o.found[surnameField].bits + o.found[forenameField].bits + o.found[middleField].bits + o.found[formField].bits,
		o.found[birthField].bits,
		o.found[placeField].bits,
		o.found[pncField].bits + o.found[croField].bits + o.found[otherField].bits,
	} {
		if w >= speaks {
			n++
		}
	}
	return n >= 2
}

// decisive names the one field without which the band would be another. Of
// several, the one that weighs most. Without it means that it is taken out of
// this comparison and of the runner-up's, and the rest stands, relatives and
// rivals weighed anew.
func (r *Register) decisive(s *search, i, other int, band casework.Band) string {
	best, heaviest := "", weight(0)
	for f := range fieldCount {
		got := &s.out.found[f]
		if got.known && got.bits != 0 && max(got.bits, -got.bits) > heaviest && r.bandWithout(s, i, other, f) != band {
			best, heaviest = fieldNames[f], max(got.bits, -got.bits)
		}
	}
	return best
}

// bandWithout is the band of a hit, compared in s.out and the runner-up in
// s.beside, if a field were not stated.
func (r *Register) bandWithout(s *search, i, other int, f field) casework.Band {
	less, own := r.lacking(&s.query, &s.out, f)
	w, margin := own, -floorWeight
	theirs := weight(0)
	if other >= 0 {
		_, theirs = r.lacking(&s.query, &s.beside, f)
		margin = own - theirs
	}
	if r.model.Rivals {
		sum := 1.0
		for j := range s.hits {
			rival := s.hits[j].own
			if j == other {
				rival = theirs
			}
			if j != i && rival >= 0 {
				sum += rival.odds()
			}
		}
		w -= lg(sum)
	}
	return r.model.band(&less, w, margin)
}

// lacking is a comparison without one of its fields, and what it scores then,
// relatives included.
func (r *Register) lacking(q *query, o *outcome, f field) (outcome, weight) {
	less := *o
	less.total -= less.found[f].bits
	less.found[f] = finding{}
	alone := func(g field) { // what was little news beside the other counts whole
		got := &less.found[g]
		less.total -= got.adjusted
		got.bits, got.adjusted = got.bits-got.adjusted, 0
	}
	switch {
	case f == pncField && less.found[croField].known:
		alone(croField)
	case f == placeField && less.found[townField].known && less.found[townField].level == weakUnlike:
		alone(townField)
	}
	return less, less.total + r.relatives(q, &less)
}

// Explain gives the evidence for one person, whatever they score. It reports
// false when they are not on the register.
func (r *Register) Explain(identity casework.Identity, id casework.PersonID) (casework.Evidence, bool) {
	return r.ExplainSubject(Subject{Identity: identity}, id)
}

// ExplainSubject is Explain with the weaker facts.
func (r *Register) ExplainSubject(subject Subject, id casework.PersonID) (casework.Evidence, bool) {
	s := r.scratch.Get().(*search)
	defer r.scratch.Put(s)
	r.mu.RLock()
	defer r.mu.RUnlock()
	slot, ok := r.slots[id]
	if !ok {
		return casework.Evidence{}, false
	}
	r.search(s, subject, ReviewThreshold, false)
	i := slices.IndexFunc(s.hits, func(h hit) bool { return h.id == id })
	if i < 0 {
		r.look(s, slot, floorWeight*16)
		i = len(s.hits) - 1
		r.rival(s)
	}
	return r.explain(s, i), true
}

// Compare weighs two identities with no register behind them: rarities are the
// model's averages, and the prior is that of a register of one.
func Compare(model *Model, a, b casework.Identity) casework.Evidence {
	r := New(model)
	r.Put(1, b)
	e, _ := r.Explain(a, 1)
	return e
}

// shown is the value of a field as it was given.
func shown(f field, s *Subject, which uint8) string {
	switch f {
	case surnameField, forenameField, middleField, formField:
		if which > 0 {
			return s.Aliases[which-1]
		}
		switch f {
		case surnameField:
			return s.Surname
		case forenameField, middleField:
			return s.Forenames
		}
		return strings.TrimSpace(s.Forenames + " " + s.Surname)
	case birthField:
		return s.DateOfBirth.String()
	case sexField:
		return string(s.Sex)
	case placeField:
		p := s.Place
		if which > 0 {
			p = s.Previous[which-1]
		}
		return strings.Trim(p.Address+", "+p.Postcode, ", ")
	case pncField:
		return strings.Join(s.PNCs, ", ")
	case croField:
		return strings.Join(s.CROs, ", ")
	case otherField:
		return strings.Trim(s.NOMS+", "+strings.Join(s.Others, ", "), ", ")
	case townField:
		return s.Town
	}
	return s.Occupation
}
