package linkage

import (
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Register holds people and finds the one that a query may be. Any number of
// readers use it at once; a change is seen by the next query.
type Register struct {
	model   *Model
	version atomic.Int64
	scratch sync.Pool

	mu           sync.RWMutex
	people       []record
	glances      []glance
	slots        map[casework.PersonID]uint32
	free         []uint32
	names        vocabulary
	near         *neighbours
	texts        texts
	others       identifiers
	keys         postings
	without      [fieldCount]int // people of whom the field is not known
	streetsAlone int             // places known without a postcode
	postsAlone   int             // people whose first place is a postcode without an address
}

// New is an empty register that weighs by the model.
func New(model *Model) *Register {
	r := &Register{
		model: model,
		slots: map[casework.PersonID]uint32{},
		near:  &neighbours{},
		names: vocabulary{ids: map[string]uint32{}},
		texts: texts{ids: map[string]uint32{}},
	}
	r.scratch.New = func() any { return &search{} }
	return r
}

// Model is what the register weighs by.
func (r *Register) Model() *Model {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.model
}

// SetModel changes what the register weighs by, from the next query on. Nothing
// that it holds of people depends on the model.
func (r *Register) SetModel(m *Model) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.model = m
}

// SetVersion says which version of the register of people this is. It is
// written into the evidence.
func (r *Register) SetVersion(v int64) { r.version.Store(v) }

// Version is what SetVersion said last.
func (r *Register) Version() int64 { return r.version.Load() }

// Len is how many people the register holds.
func (r *Register) Len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.slots)
}

// Put adds a person, or replaces what is known of them.
func (r *Register) Put(id casework.PersonID, identity casework.Identity) {
	r.PutSubject(id, Subject{Identity: identity})
}

// PutSubject is Put with the weaker facts.
func (r *Register) PutSubject(id casework.PersonID, s Subject) {
	f, raw := factsOf(s), packSubject(s)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remove(id)
	r.insert(id, f, raw)
}

// Remove takes a person out. It does nothing when they are not there.
func (r *Register) Remove(id casework.PersonID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remove(id)
}

// PutAll adds many people at once, normalising on every core.
func (r *Register) PutAll(people iter.Seq2[casework.PersonID, casework.Identity]) {
	r.PutSubjects(func(yield func(casework.PersonID, Subject) bool) {
		for id, i := range people {
			if !yield(id, Subject{Identity: i}) {
				return
			}
		}
	})
}

// PutSubjects is PutAll with the weaker facts.
func (r *Register) PutSubjects(people iter.Seq2[casework.PersonID, Subject]) {
	type one struct {
		id    casework.PersonID
		s     Subject
		facts facts
		raw   string
	}
	const size = 512
	type batch struct {
		people []one
		done   chan struct{}
	}
	workers := runtime.GOMAXPROCS(0)
	work := make(chan *batch, workers)
	ordered := make(chan *batch, 2*workers)
	for range workers {
		go func() {
			for b := range work {
				for i := range b.people {
					b.people[i].facts = factsOf(b.people[i].s)
					b.people[i].raw = packSubject(b.people[i].s)
				}
				close(b.done)
			}
		}()
	}
	go func() {
		b := &batch{done: make(chan struct{})}
		send := func() {
			work <- b
			ordered <- b
			b = &batch{done: make(chan struct{})}
		}
		for id, s := range people {
			b.people = append(b.people, one{id: id, s: s})
			if len(b.people) == size {
				send()
			}
		}
		send()
		close(work)
		close(ordered)
	}()
	// In the order given, so that the register's insides are the same on any number of cores.
	for b := range ordered {
		<-b.done
		r.mu.Lock()
		for _, p := range b.people {
			r.remove(p.id)
			r.insert(p.id, p.facts, p.raw)
		}
		r.mu.Unlock()
	}
}

func (r *Register) insert(id casework.PersonID, f facts, raw string) {
	rec := record{id: id, birth: f.birth, sex: f.sex, raw: raw, live: true}
	n := 0
	for _, name := range f.names {
		n += 1 + len(name.sur) + len(name.fore)
	}
	rec.names = make([]uint32, 0, n)
	for _, name := range f.names {
		sur, fore := name.sur[:min(len(name.sur), 8)], name.fore[:min(len(name.fore), 8)]
		head := uint32(len(sur)) | uint32(len(fore))<<8
		if name.alias {
			head |= 1 << 16
		}
		head |= uint32(name.from) << 24
		rec.names = append(rec.names, head)
		for _, s := range sur {
			rec.names = append(rec.names, r.names.id(s))
		}
		for _, s := range fore {
			rec.names = append(rec.names, r.names.id(s))
		}
	}
	rec.places = make([]place, 0, len(f.places))
	for _, p := range f.places {
		at := place{post: p.post, house: p.house, british: p.sector != 0, before: p.before, from: p.from}
		if p.street != "" {
			at.street = r.texts.id(p.street) + 1
		}
		rec.places = append(rec.places, at)
	}
	rec.numbers = make([]number, 0, len(f.numbers)+len(f.others))
	rec.numbers = append(rec.numbers, f.numbers...)
	for _, o := range f.others {
		id := r.texts.id(o)
		r.others.add(id, o)
		rec.numbers = append(rec.numbers, number{of: otherField, key: uint64(id) + 1})
	}
	if f.town != "" {
		rec.town = r.texts.id("town "+f.town) + 1
		r.texts.count[rec.town-1]++
	}
	if f.work != "" {
		rec.work = r.texts.id("work "+f.work) + 1
		r.texts.count[rec.work-1]++
	}
	g := rec.glance()
	slot := uint32(len(r.people))
	if k := len(r.free); k > 0 {
		slot = r.free[k-1]
		r.free = r.free[:k-1]
		r.people[slot], r.glances[slot] = rec, g
	} else {
		if slot > slotMask {
			panic("linkage: a register of more than 67 million people")
		}
		r.people = append(r.people, rec)
		r.glances = append(r.glances, g)
	}
	who := g.posting(slot)
	r.slots[id] = slot
	rec.eachKey(func(key uint64) { r.keys.add(key, who, r.glances) })
	rec.eachName(func(t uint32, surname bool) {
		term := &r.names.terms[t]
		if surname {
			term.surnames = appendOnce(term.surnames, who)
		} else {
			term.forenames = appendOnce(term.forenames, who)
		}
	})
	r.eachJoined(&rec, func(id uint32) {
		t := &r.names.terms[id]
		t.joined = true
		t.surnames = appendOnce(t.surnames, who)
	})
	r.lacks(&rec, 1)
}

func (r *Register) remove(id casework.PersonID) {
	slot, ok := r.slots[id]
	if !ok {
		return
	}
	rec := r.people[slot]
	rec.eachKey(func(key uint64) { r.keys.remove(key, slot) })
	rec.eachName(func(t uint32, surname bool) {
		term := &r.names.terms[t]
		if surname {
			term.surnames = without(term.surnames, slot)
		} else {
			term.forenames = without(term.forenames, slot)
		}
	})
	r.eachJoined(&rec, func(id uint32) {
		t := &r.names.terms[id]
		t.surnames = without(t.surnames, slot)
	})
	if rec.town != 0 {
		r.texts.count[rec.town-1]--
	}
	if rec.work != 0 {
		r.texts.count[rec.work-1]--
	}
	r.lacks(&rec, -1)
	delete(r.slots, id)
	r.people[slot], r.glances[slot] = record{}, glance{}
	r.free = append(r.free, slot)
}

// eachJoined calls do for the terms that surnames of several parts make when
// written in one word.
func (r *Register) eachJoined(rec *record, do func(id uint32)) {
	for w := rec.names; len(w) > 0; {
		ns, nf := int(w[0]&0xff), int(w[0]>>8&0xff)
		if ns > 1 {
			do(r.names.id(r.join(w[1 : 1+ns])))
		}
		w = w[1+ns+nf:]
	}
}

func (r *Register) join(terms []uint32) string {
	var b []byte
	for _, t := range terms {
		b = append(b, r.names.terms[t].text...)
	}
	return string(b)
}

// lacks keeps count of what is not known of how many, which bounds what a
// search may leave out.
func (r *Register) lacks(rec *record, by int) {
	if len(rec.places) == 0 {
		r.without[placeField] += by
	}
	for i, p := range rec.places {
		if p.post == 0 {
			r.streetsAlone += by
		}
		if i == 0 && p.street == 0 {
			r.postsAlone += by
		}
	}
	if rec.birth == 0 {
		r.without[birthField] += by
	}
	var has [fieldCount]bool
	for _, n := range rec.numbers {
		has[n.of] = true
	}
	for _, f := range []field{pncField, croField, otherField} {
		if !has[f] {
			r.without[f] += by
		}
	}
	// Of somebody with an alias, a single name that lacks a part is enough.
	sur, fore := len(rec.names) > 0, len(rec.names) > 0
	for w := rec.names; len(w) > 0; {
		ns, nf := int(w[0]&0xff), int(w[0]>>8&0xff)
		sur, fore = sur && ns > 0, fore && nf > 0
		w = w[1+ns+nf:]
	}
	if !sur {
		r.without[surnameField] += by
	}
	if !fore {
		r.without[forenameField] += by
	}
}

func appendOnce(list []posting, who posting) []posting {
	if n := len(list); n > 0 && list[n-1].who == who.who {
		return list
	}
	return append(list, who)
}

// Separators of a packed subject. Control characters in what was given are
// taken out, so that they part nothing else.
const (
	fieldMark = "\x1f"
	valueMark = "\x1e"
)

var unmarked = strings.NewReplacer(fieldMark, " ", valueMark, " ")

// packSubject keeps what was given in one string: a fifth of the memory that
// the struct and its slices take. It is opened only to explain.
func packSubject(s Subject) string {
	list := func(values []string) string {
		for i, v := range values {
			if strings.ContainsAny(v, fieldMark+valueMark) {
				values = slices.Clone(values)
				values[i] = unmarked.Replace(v)
			}
		}
		return strings.Join(values, valueMark)
	}
	previous := make([]string, 0, 2*len(s.Previous))
	for _, p := range s.Previous {
		previous = append(previous, p.Address, p.Postcode)
	}
	fields := []string{
		s.Forenames, s.Surname, s.DateOfBirth.String(), string(s.Sex), s.NOMS, s.Address, s.Postcode, s.Town, s.Occupation,
		list(s.Aliases), list(s.PNCs), list(s.CROs), list(previous), list(s.Others),
	}
	for i, f := range fields[:9] {
		if strings.ContainsAny(f, fieldMark+valueMark) {
			fields[i] = unmarked.Replace(f)
		}
	}
	return strings.TrimRight(strings.Join(fields, fieldMark), fieldMark)
}

// subject opens what packSubject packed.
func (rec *record) subject() Subject {
	fields := strings.Split(rec.raw, fieldMark)
	for len(fields) < 14 {
		fields = append(fields, "")
	}
	list := func(s string) []string {
		if s == "" {
			return nil
		}
		return strings.Split(s, valueMark)
	}
	var s Subject
	s.Forenames, s.Surname, s.Sex, s.NOMS = fields[0], fields[1], casework.Sex(fields[3]), fields[4]
	s.DateOfBirth, _ = casework.ParseDate(fields[2]) // a date that no calendar has is not shown
	s.Address, s.Postcode, s.Town, s.Occupation = fields[5], fields[6], fields[7], fields[8]
	s.Aliases, s.PNCs, s.CROs, s.Others = list(fields[9]), list(fields[10]), list(fields[11]), list(fields[13])
	if fields[12] != "" {
		parts := strings.Split(fields[12], valueMark)
		for i := 0; i+1 < len(parts); i += 2 {
			s.Previous = append(s.Previous, casework.Place{Address: parts[i], Postcode: parts[i+1]})
		}
	}
	return s
}
