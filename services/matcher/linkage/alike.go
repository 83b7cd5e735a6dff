package linkage

import "math/bits"

// token is a part of a name with what it is compared by.
type token struct {
	text  string
	sound string
	mask  uint32 // which letters occur
	fore  []uint16
	sur   []uint16
}

func tokenOf(s string) token {
	return token{text: s, sound: sound(s), mask: lettersOf(s), fore: forenames[s], sur: surnames[s]}
}

// lettersOf is the set of a text's letters, all that is no letter being one.
func lettersOf(s string) (mask uint32) {
	for i := range len(s) {
		if c := s[i]; c >= 'a' && c <= 'z' {
			mask |= 1 << (c - 'a')
		} else {
			mask |= 1 << 26
		}
	}
	return mask
}

// likeness of two parts of a name, best first.
type likeness uint8

const (
	same likeness = iota
	variant
	initial
	oneEdit
	loose
	unlike
)

// liken compares two parts of names.
func liken(a, b *token, surname bool) likeness {
	if a.text == b.text {
		return same
	}
	if surname {
		if share(a.sur, b.sur) {
			return variant
		}
	} else if share(a.fore, b.fore) {
		return variant
	}
	if len(a.text) == 1 || len(b.text) == 1 {
		if a.text[0] == b.text[0] {
			return initial
		}
		return unlike
	}
	// Each edit changes at most two letters of the set, so most pairs end here.
	apart := bits.OnesCount32(a.mask ^ b.mask)
	if apart > 4 && a.sound != b.sound {
		if !surname && (mistypedVariant(a, b) || mistypedVariant(b, a)) {
			return loose
		}
		return unlike
	}
	short, long := a.text, b.text
	if len(short) > len(long) {
		short, long = long, short
	}
	d := edits(short, long, 2)
	switch {
	case d == 1 && len(short) >= 3:
		return oneEdit
	case a.sound == b.sound && len(a.sound) > 1:
		return oneEdit
	case d == 1, d == 2 && len(short) >= 5:
		return loose
	case len(short) >= 3 && long[:len(short)] == short:
		return loose
	case d == 2 && len(short) == 4 && short[0] == long[0]:
		return loose
	case !surname && (mistypedVariant(a, b) || mistypedVariant(b, a)):
		return loose
	}
	return unlike
}

// edits counts insertions, deletions, substitutions and swaps of neighbours
// between two texts, and gives up beyond limit. It allocates nothing.
func edits(a, b string, limit int) int {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > limit {
		return limit + 1
	}
	for len(a) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	if len(a) == 0 {
		return len(b)
	}
	const most = 48
	if len(b) >= most {
		if a == b {
			return 0
		}
		return limit + 1
	}
	var rows [3][most]uint8
	before, last, row := &rows[0], &rows[1], &rows[2]
	for j := 0; j <= len(b); j++ {
		last[j] = uint8(j)
	}
	for i := 1; i <= len(a); i++ {
		row[0] = uint8(i)
		least := row[0]
		for j := 1; j <= len(b); j++ {
			cost := uint8(1)
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(row[j-1]+1, last[j]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, before[j-2]+1)
			}
			row[j] = d
			least = min(least, d)
		}
		if int(least) > limit {
			return limit + 1
		}
		before, last, row = last, row, before
	}
	return int(last[len(b)])
}

// mistypedVariant reports whether the word is one edit away from a name that
// the other goes by: GZ for Gaz, who is Gareth.
func mistypedVariant(a, b *token) bool {
	if len(a.fore) > 0 || len(a.text) < 2 {
		return false
	}
	for _, g := range b.fore {
		for _, name := range forenameMembers[g] {
			if len(name) > 2 && name[0] == a.text[0] && edits(a.text, name, 1) == 1 {
				return true
			}
		}
	}
	return false
}
