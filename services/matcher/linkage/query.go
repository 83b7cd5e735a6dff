package linkage

import (
	"github.com/reportable-incidents/reportable/services/casework"
)

// queryWord is a part of the query's name, tied to the register's vocabulary.
type queryWord struct {
	token
	id        uint32 // of the term; none when the register does not know it
	surnames  int    // how many people have it as a surname
	forenames int
	// By term, one and how like the word it is: nil where it is not kept.
	asSurname, asForename []likeness
}

const none = ^uint32(0)

type queryName struct {
	sur, fore []queryWord
	alias     bool
	from      uint8
}

type queryPlace struct {
	placeFacts
	streetID uint32 // text and one, none when the register does not know it
	// How likely a stranger shares the postcode, or the address.
	unit, exact float64
}

// query is an identity made ready for comparison with a register as it stands.
type query struct {
	facts              facts
	names              []queryName
	places             []queryPlace
	numbers            []number
	birth              uint32
	sex                byte
	town               uint32
	work               uint32
	townText, workText string

	people    float64 // on the register
	birthLike float64 // how likely a stranger has the same date of birth
	townLike  float64
	workLike  float64
	prior     weight

	// The most that a comparison can bring for this query, of those without lists.
	most [fieldCount]weight
	// The most that all of them together can bring, the date of birth apart.
	ceiling weight
	// Every name of the query has a surname and a forename.
	whole bool
	// The most that the names can bring.
	mostNames weight
}

// How many imagined strangers the model's own average counts for, beside the
// frequency among the people on the register. They keep a small register from
// believing in its own rarities.
const (
	imaginedNames  = 150
	imaginedBirths = 20000
	imaginedPlaces = 1000
	imaginedWeak   = 50
	rarestName     = 1.0 / 8192
	rarestPlace    = 1.0 / 16384
)

// prepare ties the subject to the register. The caller holds the lock.
func (r *Register) prepare(q *query, s Subject) {
	*q = query{facts: factsOf(s), people: float64(len(r.slots))}
	w := &r.model.weights
	q.prior = lg(r.model.Expected / max(q.people, 1))
	q.birth, q.sex, q.numbers = q.facts.birth, q.facts.sex, q.facts.numbers
	for _, n := range q.facts.names {
		q.names = append(q.names, queryName{sur: r.queryWords(n.sur), fore: r.queryWords(n.fore), alias: n.alias, from: n.from})
	}
	q.whole = len(q.names) > 0
	for i := range q.names {
		q.whole = q.whole && len(q.names[i].sur) > 0 && len(q.names[i].fore) > 0
	}
	for _, p := range q.facts.places {
		at := queryPlace{placeFacts: p, streetID: r.texts.find(p.street)}
		if p.post != 0 {
			at.unit = r.frequency(r.keys.count(postKey|mix(p.post)), w[placeField][placeUnit].u, imaginedPlaces, rarestPlace)
		}
		if p.street != "" {
			n := 0
			if at.streetID != none {
				n = r.keys.count(addressOfKey(p.house, at.streetID))
			}
			at.exact = r.frequency(n, w[placeField][placeSame].u, imaginedPlaces, rarestPlace)
		}
		q.places = append(q.places, at)
	}
	for _, o := range q.facts.others {
		key := uint64(r.texts.find(o)) // none is the key of nobody
		q.numbers = append(q.numbers, number{of: otherField, key: key})
	}
	if q.birth != 0 {
		q.birthLike = r.frequency(r.keys.count(birthKey|uint64(q.birth)), w[birthField][birthSame].u, imaginedBirths, 0)
	}
	q.town, q.townText, q.townLike = r.queryText(q, "town ", q.facts.town, w[townField][weakSame].u)
	q.work, q.workText, q.workLike = r.queryText(q, "work ", q.facts.work, w[workField][weakSame].u)
}

func (r *Register) queryText(q *query, kind, s string, average float64) (uint32, string, float64) {
	if s == "" {
		return 0, "", 0
	}
	id, n := r.texts.find(kind+s), 0
	if id != none {
		n = int(r.texts.count[id-1])
	}
	return id, kind + s, r.frequency(n, average, imaginedWeak, 1.0/4096)
}

// find is the text's number and one, none when nobody has it.
func (t *texts) find(s string) uint32 {
	if id, ok := t.ids[s]; ok {
		return id + 1
	}
	return none
}

func (r *Register) queryWords(texts []string) []queryWord {
	out := make([]queryWord, 0, len(texts))
	for _, s := range texts[:min(len(texts), 8)] {
		w := queryWord{id: none}
		if id, ok := r.names.ids[s]; ok {
			t := &r.names.terms[id]
			w.token, w.id, w.surnames, w.forenames = t.token, id, len(t.surnames), len(t.forenames)
		} else {
			w.token = tokenOf(s)
		}
		out = append(out, w)
	}
	return out
}

// Threshold from which a match is worth a person's look.
const ReviewThreshold = 0.10

// Candidate is somebody on the register that the query may be.
type Candidate struct {
	Person      casework.PersonID
	Bits        float64 // log2 odds, with prior, relatives and rivals
	Probability float64
	Band        casework.Band
	Evidence    casework.Evidence
}
