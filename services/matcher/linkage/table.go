package linkage

// table is a map from keys to what stands under them, in which many keys can be
// found at once: those that are not in the processor's cache are then fetched
// together. Its parts grow each for itself, so that no change waits for the whole.
type table struct {
	parts [1 << partBits]tablePart
}

const partBits = 10

type tablePart struct {
	entries []tableEntry
	used    int
}

// tableEntry is twelve bytes, so that five share a line of the cache.
type tableEntry struct {
	low, high uint32 // of the key
	turned    uint32 // what stands there, turned over: nothing is nobody
}

func (e *tableEntry) is(key uint64) bool { return uint64(e.high)<<32|uint64(e.low) == key }

// part is which part holds the key, and a hash of where in it.
func (t *table) part(key uint64) (*tablePart, uint32) {
	h := key * 0x9e3779b97f4a7c15
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	return &t.parts[h>>(64-partBits)], uint32(h >> (64 - partBits - 32))
}

// home is where an entry of that hash is looked for first.
func (p *tablePart) home(hash uint32) int { return int(uint64(hash) * uint64(len(p.entries)) >> 32) }

func (p *tablePart) next(i int) int {
	if i++; i < len(p.entries) {
		return i
	}
	return 0
}

// at is where the key stands, or where it would.
func (p *tablePart) at(key uint64, hash uint32) int {
	i := p.home(hash)
	for p.entries[i].turned != 0 && !p.entries[i].is(key) {
		i = p.next(i)
	}
	return i
}

// find is what stands under the key, or nobody.
func (t *table) find(key uint64) uint32 {
	p, hash := t.part(key)
	if p.used == 0 {
		return nobody
	}
	return p.entries[p.at(key, hash)].turned ^ nobody
}

// findAll finds many keys at once. What it returns means nothing, and is to be
// kept, so that no compiler leaves out the reading.
func (t *table) findAll(keys []uint64, found []uint32) (read uint32) {
	for _, key := range keys {
		if p, hash := t.part(key); p.used > 0 {
			read += p.entries[p.home(hash)].low
		}
	}
	for i, key := range keys {
		found[i] = t.find(key)
	}
	return read
}

// set puts v under the key; nobody takes the key out.
func (t *table) set(key uint64, v uint32) {
	p, hash := t.part(key)
	if v == nobody {
		t.remove(p, key, hash)
		return
	}
	if (p.used+1)*4 > len(p.entries)*3 {
		t.grow(p)
	}
	e := &p.entries[p.at(key, hash)]
	if e.turned == 0 {
		p.used++
	}
	*e = tableEntry{low: uint32(key), high: uint32(key >> 32), turned: v ^ nobody}
}

// grow makes a part larger by a quarter: it is memory that is short, not time.
func (t *table) grow(p *tablePart) {
	old := p.entries
	p.entries = make([]tableEntry, len(old)+len(old)/4+4)
	for _, e := range old {
		if e.turned != 0 {
			key := uint64(e.high)<<32 | uint64(e.low)
			_, hash := t.part(key)
			p.entries[p.at(key, hash)] = e
		}
	}
}

// remove closes the gap, so that whoever was put behind it is found as before.
func (t *table) remove(p *tablePart, key uint64, hash uint32) {
	if p.used == 0 {
		return
	}
	gap := p.at(key, hash)
	if p.entries[gap].turned == 0 {
		return
	}
	n := len(p.entries)
	for i := p.next(gap); p.entries[i].turned != 0; i = p.next(i) {
		e := &p.entries[i]
		_, hash := t.part(uint64(e.high)<<32 | uint64(e.low))
		// Only those move whose home does not lie behind the gap.
		if (i-p.home(hash)+n)%n >= (i-gap+n)%n {
			p.entries[gap] = *e
			gap = i
		}
	}
	p.entries[gap] = tableEntry{}
	p.used--
}
