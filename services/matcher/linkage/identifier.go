package linkage

import "math/bits"

// identifiers lists the texts of identifiers of any form, so that those like
// one are found without comparing it with everybody's. It only grows.
type identifiers struct {
	all    []identifier
	listed map[uint32]bool
}

// identifier is a text with what tells it from most others at a glance.
type identifier struct {
	text uint32 // its number
	size uint8
	mask uint64 // which characters occur
}

func (l *identifiers) add(id uint32, text string) {
	if len(text) <= 4 || l.listed[id] { // shorter ones are like none: see alike
		return
	}
	if l.listed == nil {
		l.listed = map[uint32]bool{}
	}
	l.listed[id] = true
	l.all = append(l.all, identifier{text: id, size: uint8(min(len(text), 255)), mask: charactersOf(text)})
}

// charactersOf has a bit for every letter and digit that occurs, and some for the rest.
func charactersOf(s string) (mask uint64) {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z':
			mask |= 1 << (c - 'a')
		case c >= '0' && c <= '9':
			mask |= 1 << (26 + c - '0')
		default:
			mask |= 1 << (36 + c%28)
		}
	}
	return mask
}

// slips is how many edits apart texts of such a length are still taken for one.
func slips(size int) int { return min(1+size/10, 3) }

// alike reports whether one text may be the other mistyped.
func alike(a, b string) bool {
	limit := slips(len(a))
	return len(a) > 4 && len(b) > 4 && edits(a, b, limit) <= limit
}

// near appends the keys of all texts that are like one without being it.
func (l *identifiers) near(into []uint64, text string, of *texts) []uint64 {
	limit := slips(len(text))
	if len(text) <= 4 {
		return into
	}
	size, mask := min(len(text), 255), charactersOf(text)
	for i := range l.all {
		x := &l.all[i]
		// An edit changes two characters of the set at most.
		if bits.OnesCount64(x.mask^mask) > 2*limit || int(x.size)-size > limit || size-int(x.size) > limit {
			continue
		}
		if other := of.text[x.text]; other != text && alike(text, other) {
			into = append(into, uint64(x.text)+1)
		}
	}
	return into
}
