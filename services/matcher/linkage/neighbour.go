package linkage

import (
	"math/bits"
	"sync"
)

// neighbour is a term that is like a word without being it.
type neighbour struct {
	id   uint32
	kind likeness
}

// neighbours remembers for words which terms of the vocabulary are like them,
// as surnames and as forenames. A vocabulary only grows, so that what is
// remembered is never wrong: it is continued where it ended.
type neighbours struct {
	mu    sync.RWMutex
	known [2]map[string]*neighbourhood
}

type neighbourhood struct {
	near []neighbour
	seen int // terms looked at so far
}

// mostRemembered words are kept for each of the two; then memory begins anew.
const mostRemembered = 20_000

// of lists the terms like the word, in the order of the vocabulary.
func (n *neighbours) of(v *vocabulary, word *token, surname bool) []neighbour {
	side := 0
	if surname {
		side = 1
	}
	n.mu.RLock()
	has := n.known[side][word.text]
	n.mu.RUnlock()
	if has != nil && has.seen == len(v.terms) {
		return has.near
	}
	next := &neighbourhood{seen: len(v.terms)}
	from := 0
	if has != nil {
		next.near, from = append(next.near, has.near...), has.seen
	}
	mine, others := word.shape(), variantsOf(word)
	for id := from; id < len(v.terms); id++ {
		if !mayBeLike(mine, v.shapes[id], surname, &others) {
			continue
		}
		if kind := liken(word, &v.terms[id].token, surname); kind != unlike && kind != same {
			next.near = append(next.near, neighbour{id: uint32(id), kind: kind})
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known[side] == nil || len(n.known[side]) >= mostRemembered {
		n.known[side] = map[string]*neighbourhood{}
	}
	n.known[side][word.text] = next
	return next.near
}

// shape is what of a token tells, mostly, that another is not like it: from the
// lowest bit the letters that occur, whether it is one letter, has forename
// groups, has surname groups, its length, its first letter, a hash of its sound.
type shape uint64

const (
	shapeLetters        = 1<<27 - 1
	shapeSingle   shape = 1 << 27
	shapeForename shape = 1 << 28
	shapeSurname  shape = 1 << 29
	shapeLength         = 30
	shapeFirst          = 35
	shapeSound          = 40
)

func (t *token) shape() shape {
	s := shape(t.mask) | shape(min(len(t.text), 31))<<shapeLength
	if len(t.text) == 1 {
		s |= shapeSingle
	}
	if len(t.fore) > 0 {
		s |= shapeForename
	}
	if len(t.sur) > 0 {
		s |= shapeSurname
	}
	s |= shape(firstOf(t.text)) << shapeFirst
	hash := uint64(len(t.sound))
	for i := range len(t.sound) {
		hash = (hash ^ uint64(t.sound[i])) * 0x9e3779b97f4a7c15
		hash ^= hash >> 29
	}
	return s | shape(hash)<<shapeSound
}

// firstOf is the class of a text's first letter.
func firstOf(s string) uint8 {
	if len(s) == 0 || s[0] < 'a' || s[0] > 'z' {
		return 26
	}
	return s[0] - 'a'
}

func (s shape) letters() uint32 { return uint32(s) & shapeLetters }
func (s shape) length() int     { return int(s >> shapeLength & 31) }
func (s shape) first() int      { return int(s >> shapeFirst & 31) }

// variants are the names by which a forename goes too, by their first letters:
// somebody may be one edit away from one of them.
type variants [27][]shape

func variantsOf(word *token) (v variants) {
	for _, g := range word.fore {
		for _, name := range forenameMembers[g] {
			t := token{text: name, mask: lettersOf(name)}
			first := firstOf(name)
			v[first] = append(v[first], t.shape())
		}
	}
	return v
}

// mayBeLike reports whether liken may find the two alike. It errs that way only.
func mayBeLike(a, b shape, surname bool, others *variants) bool {
	if a>>shapeSound == b>>shapeSound {
		return true
	}
	if surname && a&b&shapeSurname != 0 || !surname && b&shapeForename != 0 {
		return true // by custom, or one edit away from what is
	}
	if (a|b)&shapeSingle != 0 {
		return a.first() == b.first()
	}
	apart := bits.OnesCount32(a.letters() ^ b.letters())
	short, long := a, b
	if short.length() > long.length() {
		short, long = long, short
	}
	// An edit changes two letters of the set where it puts one for another, else one. Two edits are alike in longer words alone.
	longer := long.length() - short.length()
	one, two := 2-longer, 4-longer
	if short.length() < 4 || short.length() == 4 && a.first() != b.first() {
		two = one
	}
	if longer < 2 && apart <= max(one, two) || longer == 2 && apart <= two && two > one {
		return true
	}
	if a.first() == b.first() && short.letters()&^long.letters() == 0 {
		return true // perhaps the beginning of it
	}
	if surname {
		return false
	}
	for _, v := range others[b.first()] {
		if bits.OnesCount32(b.letters()^v.letters()) <= 2 {
			return true
		}
	}
	return false
}
