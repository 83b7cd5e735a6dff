package linkage

import (
	"github.com/reportable-incidents/reportable/services/casework"
)

// term is a part of a name as the register knows it: how many people have it,
// and who.
type term struct {
	token
	surnames, forenames []posting // a person stands once in each
	joined              bool      // somebody writes in several words what this writes in one
}

// vocabulary numbers texts.
type vocabulary struct {
	ids    map[string]uint32
	terms  []term
	shapes []shape // of the terms, side by side: all of them are read for a word never seen
}

func (v *vocabulary) id(s string) uint32 {
	if id, ok := v.ids[s]; ok {
		return id
	}
	id := uint32(len(v.terms))
	v.ids[s] = id
	t := tokenOf(s)
	v.terms, v.shapes = append(v.terms, term{token: t}), append(v.shapes, t.shape())
	return id
}

// texts numbers streets, towns and the like, which need no more than their text
// and how many people have them.
type texts struct {
	ids   map[string]uint32
	text  []string
	count []int32
}

func (t *texts) id(s string) uint32 {
	if id, ok := t.ids[s]; ok {
		return id
	}
	id := uint32(len(t.text))
	t.ids[s] = id
	t.text = append(t.text, s)
	t.count = append(t.count, 0)
	return id
}

// record is a person as the register holds them, compact.
type record struct {
	id      casework.PersonID
	names   []uint32 // for each name: how many surnames and forenames, then their terms
	places  []place
	numbers []number
	raw     string // the subject as given, packed
	birth   uint32
	town    uint32 // text and one, 0 when not stated
	work    uint32
	sex     byte
	live    bool
}

type place struct {
	post            uint64
	house           uint32
	street          uint32 // text and one
	from            uint8  // as in placeFacts
	british, before bool
}

// glance is what of a person decides, for most people, that they cannot be the
// query: half a line of the processor's cache.
type glance struct {
	birth uint32
	flags uint8
	count uint8
	parts uint16    // two bits for each of the words: surname, first forename, middle name
	words [6]uint32 // terms of all names, surnames first
}

// Flags of a glance. The sex stands above them, and then which police and court
// numbers are known.
const (
	nameMissing  = 1 << iota // one of the names lacks its surname or forename, or there is no name
	tooMany                  // more words than fit
	severalParts             // a surname of several parts
	otherNames               // more names than one
	sexShift     = iota
	numberShift  = sexShift + 2
)

const (
	surnamePlace = iota
	firstPlace
	middlePlace
)

func (rec *record) glance() glance {
	g := glance{birth: rec.birth}
	switch rec.sex {
	case 'M':
		g.flags |= 1 << sexShift
	case 'F':
		g.flags |= 2 << sexShift
	}
	for _, n := range rec.numbers {
		switch n.of {
		case pncField:
			g.flags |= 1 << numberShift
		case croField:
			g.flags |= 2 << numberShift
		}
	}
	if len(rec.names) == 0 {
		g.flags |= nameMissing
	}
	for w := rec.names; len(w) > 0; {
		ns, nf := int(w[0]&0xff), int(w[0]>>8&0xff)
		if ns == 0 || nf == 0 {
			g.flags |= nameMissing
		}
		if ns > 1 {
			g.flags |= severalParts
		}
		w = w[1+ns+nf:]
		if len(w) > 0 {
			g.flags |= otherNames
		}
	}
	// Surnames first: of those who have many names besides, they are known at least.
	rec.eachPlaced(func(id uint32, place uint16) {
		if place == surnamePlace {
			g.add(id, place)
		}
	})
	rec.eachPlaced(func(id uint32, place uint16) {
		if place != surnamePlace {
			g.add(id, place)
		}
	})
	return g
}

// add keeps a word, once in each place, while there is room.
func (g *glance) add(id uint32, place uint16) {
	for i, had := range g.words[:g.count] {
		if had == id && g.parts>>(2*i)&3 == place {
			return
		}
	}
	if int(g.count) == len(g.words) {
		g.flags |= tooMany
		return
	}
	g.parts |= place << (2 * g.count)
	g.words[g.count] = id
	g.count++
}

// eachPlaced calls do for every part of every name, with its place.
func (rec *record) eachPlaced(do func(id uint32, place uint16)) {
	for w := rec.names; len(w) > 0; {
		ns, nf := int(w[0]&0xff), int(w[0]>>8&0xff)
		for i, id := range w[1 : 1+ns+nf] {
			place := uint16(surnamePlace)
			if i >= ns {
				place = firstPlace + uint16(min(i-ns, 1))
			}
			do(id, place)
		}
		w = w[1+ns+nf:]
	}
}

// posting is somebody in a list, with the year of their birth and a hash of
// their name beside them: most people of a long list are passed over without
// being touched.
type posting struct {
	who  uint32 // the slot, and above it the class of the year
	sign uint32
}

const (
	slotBits = 26 // for 67 million people
	slotMask = 1<<slotBits - 1
)

func (p posting) slot() uint32 { return p.who & slotMask }

// yearOf is the class of a date's year, 0 when there is no date. Years of one
// class are 63 apart.
func yearOf(birth uint32) uint32 {
	if birth == 0 {
		return 0
	}
	return 1 + birth>>9%63
}

// posting is what lists hold of the person.
func (g *glance) posting(slot uint32) posting {
	return posting{who: slot | yearOf(g.birth)<<slotBits, sign: g.sign()}
}

// A sign holds, from the top, eleven bits of the surname and ten each of the
// first forename and the middle name; or, of people with another name besides,
// ten bits of each of two surnames.
const (
	signForenames = 1 << 10
	signMiddles   = 1<<10 - 2 // this one tells of several middle names, the next of none
	signSurnames  = 1<<11 - 2 // this one tells of two surnames
	signUnknown   = 1<<11 - 1 // of a sign that tells nothing
	signTwo       = 1 << 10
)

func (g *glance) sign() uint32 {
	switch flags := g.flags & (1<<sexShift - 1); {
	case flags == 0:
		middle := uint32(signMiddles)
		switch g.count {
		case 2:
			middle++
		case 3:
			middle = g.words[2] % signMiddles
		}
		return g.words[0]%signSurnames<<20 | g.words[1]%signForenames<<10 | middle
	case flags&^tooMany == otherNames:
		if flags&tooMany != 0 && g.parts>>(2*(g.count-1))&3 == surnamePlace {
			break // there may be more of them
		}
		one, other := g.words[0], g.words[0]
		for i, id := range g.words[:g.count] {
			if g.parts>>(2*i)&3 != surnamePlace || id == one || id == other {
				continue
			}
			if one != other {
				return signUnknown << 20
			}
			other = id
		}
		return signSurnames<<20 | one%signTwo<<10 | other%signTwo
	}
	return signUnknown << 20
}

// Keys of the index: the kind in the top byte, the value below it.
const (
	birthKey uint64 = (iota + 1) << 56
	postKey
	sectorKey
	addressKey
	numberKey
	birthdayKey // day and month
	weakKey     // town or occupation, by the number of its text and one
)

const keyMask = 1<<56 - 1

func mix(x uint64) uint64 {
	x ^= x >> 31
	x *= 0x9e3779b97f4a7c15
	x ^= x >> 29
	return x & keyMask
}

func addressOfKey(house, street uint32) uint64 {
	return addressKey | mix(uint64(house)<<32|uint64(street))
}

func numberOfKey(n number) uint64 { return numberKey | mix(n.key^uint64(n.of)<<60) }

// postings holds for each key the people that have it. Most keys have one
// person, whose slot is held in the place of a list.
type postings struct {
	one   table // a slot, or the number of a list with the top bit set
	dates dates // the same for dates of birth and birthdays
	lists [][]posting
	free  []uint32
}

const listBit = 1 << 31

// nobody is found where a key has nobody.
const nobody = ^uint32(0)

// dates holds what stands under the keys of dates, a page to the year, turned
// over so that nothing is nobody. Searches ask for dozens of them.
type dates [lastYear + 1 - firstYear + 2]*[512]uint32

// Dates of birth of these years are compared. Registers of people long dead are
// linked as well; what lies outside is no year.
const (
	firstYear = 1000
	lastYear  = 2200
)

func (d *dates) page(key uint64) int {
	year := int(key&keyMask) >> 9
	switch {
	case key&^keyMask == birthdayKey:
		return 1
	case key == birthKey:
		return 0
	case year < firstYear || year > lastYear:
		return -1
	}
	return year - firstYear + 2
}

// find is what stands under the key: a slot, the number of a list with the top
// bit set, or nobody.
func (p *postings) find(key uint64) uint32 {
	if kind := key &^ keyMask; kind != birthKey && kind != birthdayKey {
		return p.one.find(key)
	}
	if i := p.dates.page(key); i >= 0 && p.dates[i] != nil {
		return p.dates[i][key&511] ^ nobody
	}
	return nobody
}

func (p *postings) set(key uint64, v uint32) {
	if kind := key &^ keyMask; kind != birthKey && kind != birthdayKey {
		p.one.set(key, v)
		return
	}
	i := p.dates.page(key)
	if p.dates[i] == nil {
		p.dates[i] = new([512]uint32)
	}
	p.dates[i][key&511] = v ^ nobody
}

// add lists who under the key, once: a person is listed last when they are
// listed at all. Somebody alone has no sign there.
func (p *postings) add(key uint64, who posting, glances []glance) {
	switch v := p.find(key); {
	case v == nobody:
		p.set(key, who.slot())
	case v&listBit != 0:
		l := v &^ listBit
		p.lists[l] = appendOnce(p.lists[l], who)
	case v != who.slot():
		list := make([]posting, 2, 4)
		list[0], list[1] = glances[v].posting(v), who
		if n := len(p.free); n > 0 {
			l := p.free[n-1]
			p.free = p.free[:n-1]
			p.lists[l] = list
			p.set(key, l|listBit)
			return
		}
		p.set(key, uint32(len(p.lists))|listBit)
		p.lists = append(p.lists, list)
	}
}

func (p *postings) remove(key uint64, slot uint32) {
	v := p.find(key)
	if v == nobody {
		return
	}
	if v&listBit == 0 {
		if v == slot {
			p.set(key, nobody)
		}
		return
	}
	l := v &^ listBit
	list := without(p.lists[l], slot)
	p.lists[l] = list
	if len(list) == 1 {
		p.set(key, list[0].slot())
		p.lists[l] = nil
		p.free = append(p.free, l)
	}
}

// count is how many people have the key.
func (p *postings) count(key uint64) int { return p.many(p.find(key)) }

// many is how many people stand under what was found.
func (p *postings) many(found uint32) int {
	switch {
	case found == nobody:
		return 0
	case found&listBit != 0:
		return len(p.lists[found&^listBit])
	}
	return 1
}

func without(list []posting, slot uint32) []posting {
	for i := range list {
		if list[i].slot() == slot {
			list[i] = list[len(list)-1]
			return list[:len(list)-1]
		}
	}
	return list
}

// eachKey calls do for every key of the record. A key may come twice.
func (rec *record) eachKey(do func(key uint64)) {
	do(birthKey | uint64(rec.birth))
	if rec.birth&511 != 0 {
		do(birthdayKey | uint64(rec.birth&511))
	}
	for _, p := range rec.places {
		if p.post != 0 {
			do(postKey | mix(p.post))
			if p.british {
				do(sectorKey | mix(p.post>>12))
			}
		}
		if p.street != 0 {
			do(addressOfKey(p.house, p.street))
		}
	}
	for _, n := range rec.numbers {
		do(numberOfKey(n))
	}
	for _, text := range [...]uint32{rec.town, rec.work} {
		if text != 0 {
			do(weakKey | uint64(text))
		}
	}
}

// eachName calls do for every part of every name.
func (rec *record) eachName(do func(termID uint32, surname bool)) {
	for w := rec.names; len(w) > 0; {
		ns, nf := int(w[0]&0xff), int(w[0]>>8&0xff)
		for i, id := range w[1 : 1+ns+nf] {
			do(id, i < ns)
		}
		w = w[1+ns+nf:]
	}
}
