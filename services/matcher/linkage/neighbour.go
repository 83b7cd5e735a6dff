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
	for id := from; id < len(v.terms); id++ {
		t := &v.terms[id].token
		// Most terms have too many other letters to be like the word, unless by sound or by custom.
		if bits.OnesCount32(t.mask^word.mask) > 4 && t.sound != word.sound && len(t.text) > 1 && len(word.text) > 1 {
			if surname && (len(t.sur) == 0 || len(word.sur) == 0) || !surname && len(t.fore) == 0 && len(word.fore) == 0 {
				continue
			}
		}
		if kind := liken(word, t, surname); kind != unlike && kind != same {
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
