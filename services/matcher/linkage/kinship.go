package linkage

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Kin is a way of being related to somebody on the register, and what it makes
// of the comparisons. Brothers and sisters, twins, and those who carry a
// parent's name are told from strangers and from the person.
type Kin struct {
	Kind  string  `json:"kind"`
	Share float64 `json:"share"` // of all relatives
	// Levels holds by field how likely each of its levels is, in their order.
	// What is not there is as among people who are one.
	Levels map[string][]float64 `json:"levels"`
}

// kinFields are those that kinship makes something of.
var kinFields = []field{surnameField, forenameField, birthField, middleField, placeField, sexField}

var (
	familyName  = []float64{.80, .01, .06, .02, .02, .01, .08, .08}
	anotherName = []float64{.006, .004, .0015, .0015, .01, .008, .969}
	sameName    = []float64{.80, .08, .06, .01, .01, .01, .03}
	sameMiddle  = []float64{.55, .03, .02, .40}
	eitherSex   = []float64{.6, .4}
	sameSex     = []float64{.99, .01}
	oneHouse    = []float64{.80, .03, .04, .04, .02, .005, .02, .005, .01, .01, .01, .01, .01, .01}
)

// believedKin is what kinship is taken for where nothing was learnt of it: the
// shares and likenesses of households.
var believedKin = []Kin{
	{Kind: "brother or sister", Share: .55, Levels: map[string][]float64{
		fieldNames[surnameField]: familyName, fieldNames[forenameField]: anotherName, fieldNames[placeField]: oneHouse, fieldNames[sexField]: eitherSex,
		fieldNames[birthField]: {.0003, .0002, .004, .003, .008, .001, .004, .98}}},
	{Kind: "twin", Share: .2, Levels: map[string][]float64{
		fieldNames[surnameField]: familyName, fieldNames[forenameField]: anotherName, fieldNames[placeField]: oneHouse, fieldNames[sexField]: eitherSex,
		fieldNames[birthField]: {.90, .01, .035, .01, .005, .004, .002, .03}}},
	{Kind: "parent or child of the same name", Share: .25, Levels: map[string][]float64{
		fieldNames[surnameField]: familyName, fieldNames[forenameField]: sameName, fieldNames[middleField]: sameMiddle, fieldNames[placeField]: oneHouse, fieldNames[sexField]: sameSex,
		fieldNames[birthField]: {.0003, .0003, .02, .01, .008, .001, .30, .66}}},
}

// kinship is what a model holds of it, or what is believed.
func (m *Model) kinship() []Kin {
	if m.Kinship == nil {
		return believedKin
	}
	return m.Kinship
}

func cloneKin(all []Kin) []Kin {
	out := slices.Clone(all)
	for i := range out {
		out[i].Levels = maps.Clone(out[i].Levels)
		for f, levels := range out[i].Levels {
			out[i].Levels[f] = slices.Clone(levels)
		}
	}
	return out
}

// kinWeight is a Kin ready to be weighed: how much likelier than between records of one person.
type kinWeight struct {
	often  weight // how many of the kind there are to a match
	levels [fieldCount][]weight
}

func (m *Model) prepareKin() error {
	m.kin = m.kin[:0:0]
	for _, k := range m.kinship() {
		if !(k.Share > 0 && k.Share <= 1) {
			return errors.New("model: the shares of kinship must lie above 0 and not above 1")
		}
		w := kinWeight{often: lg(m.Relatives * k.Share)}
		for _, f := range kinFields {
			levels := k.Levels[fieldNames[f]]
			if levels == nil {
				continue
			}
			if len(levels) != len(levelNames[f]) {
				return fmt.Errorf("model: kinship %q has %d levels of %q, want %d", k.Kind, len(levels), fieldNames[f], len(levelNames[f]))
			}
			for i, p := range levels {
				if !(p > 0 && p <= 1) {
					return fmt.Errorf("model: kinship %q: the levels of %q must lie above 0 and not above 1", k.Kind, fieldNames[f])
				}
				w.levels[f] = append(w.levels[f], m.scaled(lg(p)-m.weights[f][i].lgM))
			}
		}
		m.kin = append(m.kin, w)
	}
	return nil
}

// kinOdds is how likely the evidence is among the relatives of one kind,
// beside strangers.
func (q *query) kinOdds(k *kinWeight, o *outcome) float64 {
	w := q.prior + k.often + o.found[formField].bits
	for _, f := range kinFields {
		if got := &o.found[f]; got.known && k.levels[f] != nil {
			w += got.bits + k.levels[f][got.level]
		}
	}
	return w.odds()
}

// relatives is what the possibility takes from a score that the query is not
// the person but a relative of theirs: log2 of how much likelier the evidence
// becomes among those who are not a match. It is never positive.
func (r *Register) relatives(q *query, o *outcome) weight {
	if r.model.Relatives == 0 || !o.found[surnameField].known {
		return 0
	}
	more := 0.0
	for i := range r.model.kin {
		more += q.kinOdds(&r.model.kin[i], o)
	}
	return -lg(1 + more)
}

// household is what was seen of a kind of kinship at one address.
type household struct {
	matches float64
	kin     []float64
	levels  [][fieldCount][]float64
}

func newHousehold(kinds int) household {
	h := household{kin: make([]float64, kinds), levels: make([][fieldCount][]float64, kinds)}
	for k := range h.levels {
		for _, f := range kinFields {
			h.levels[k][f] = make([]float64, len(levelNames[f]))
		}
	}
	return h
}

// mostInHousehold is how many people at an address still make a household.
const mostInHousehold = 12

// countKin learns of relatives from those who live at a query's address and
// have its surname, or one like it: whoever of them is not the person is a
// relative or a stranger. They are found by their address, whatever else
// agrees, so that the ones who are least like the person count as well.
func (r *Register) countKin(next, base *Model, examples []Example, belief, mistaken float64) {
	if r.model.Relatives == 0 {
		return
	}
	each := make([]*household, len(examples))
	inParallel(len(examples), func(s *search, i int) {
		e := &examples[i]
		r.prepare(&s.query, e.Subject)
		q := &s.query
		for _, p := range q.places {
			if p.street == "" || p.streetID == none || p.house == 0 || p.before {
				continue
			}
			found := r.keys.find(addressOfKey(p.house, p.streetID))
			if n := r.keys.many(found); n == 0 || n > mostInHousehold {
				continue
			}
			if found&listBit == 0 {
				r.household(s, e, found, mistaken, &each[i])
				continue
			}
			for _, who := range r.keys.lists[found&^listBit] {
				r.household(s, e, who.slot(), mistaken, &each[i])
			}
		}
	})
	all := newHousehold(len(r.model.kin))
	for _, h := range each { // in the order of examples, so that the sums are the same on any number of cores
		if h == nil {
			continue
		}
		all.matches += h.matches
		for k := range h.kin {
			all.kin[k] += h.kin[k]
			for _, f := range kinFields {
				for l := range h.levels[k][f] {
					all.levels[k][f][l] += h.levels[k][f][l]
				}
			}
		}
	}
	next.learnKin(base, &all, belief)
}

// household adds what somebody at the query's address may be to it.
func (r *Register) household(s *search, e *Example, slot uint32, mistaken float64, into **household) {
	rec, o := &r.people[slot], &s.out
	if !rec.live || rec.id == e.Self {
		return
	}
	r.compare(&s.query, rec, floorWeight*16, o)
	if at := &o.found[placeField]; !at.known || at.level != placeSame {
		return
	}
	if name := &o.found[surnameField]; !name.known || name.level > surnameLoose {
		return
	}
	match := o.total.odds()
	switch {
	case slices.Contains(e.Is, rec.id):
		match *= (1 - mistaken) / max(mistaken, 1e-9)
	case e.Labelled || slices.Contains(e.Not, rec.id):
		match *= mistaken / (1 - mistaken) // who was dismissed by mistake is no relative
	}
	sum := 1 + match
	kinds := r.model.kin
	odds := make([]float64, len(kinds))
	for k := range kinds {
		odds[k] = s.query.kinOdds(&kinds[k], o)
		sum += odds[k]
	}
	if *into == nil {
		h := newHousehold(len(kinds))
		*into = &h
	}
	h := *into
	h.matches += match / sum
	for k := range kinds {
		p := odds[k] / sum
		h.kin[k] += p
		for _, f := range kinFields {
			if got := &o.found[f]; got.known {
				h.levels[k][f][got.level] += p
			}
		}
	}
}

// learnKin sets how many relatives there are, of which kinds, and how alike.
// The address and the surname are what they were found by, and teach nothing.
func (m *Model) learnKin(base *Model, seen *household, belief float64) {
	kinds := base.kinship()
	m.Kinship = cloneKin(kinds)
	kin := 0.0
	for _, n := range seen.kin {
		kin += n
	}
	// Of how many relatives, and of how many matches, the address and the surname agree so.
	agree := func(surname, place []float64) float64 {
		sum, all := 0.0, 0.0
		for l, p := range surname {
			all += p
			if l <= surnameLoose {
				sum += p
			}
		}
		return max(.01, sum/all*place[placeSame])
	}
	var surname, place []float64
	for _, l := range m.Fields[fieldNames[surnameField]] {
		surname = append(surname, l.M)
	}
	for _, l := range m.Fields[fieldNames[placeField]] {
		place = append(place, l.M)
	}
	matches, relatives := seen.matches/agree(surname, place), kin/agree(familyName, oneHouse)
	m.Relatives = round((relatives + float64(belief*base.Relatives)) / (matches + belief))
	for k := range kinds {
		m.Kinship[k].Share = round((seen.kin[k] + float64(belief*kinds[k].Share)) / (kin + belief))
		for _, f := range []field{forenameField, birthField, middleField, sexField} {
			levels := m.Kinship[k].Levels[fieldNames[f]]
			total, believed := 0.0, 0.0
			for l := range levels {
				total += seen.levels[k][f][l]
				believed += kinds[k].Levels[fieldNames[f]][l]
			}
			for l := range levels {
				levels[l] = round((seen.levels[k][f][l] + float64(belief*kinds[k].Levels[fieldNames[f]][l]/believed)) / (total + belief))
			}
		}
	}
}
