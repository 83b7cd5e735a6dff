package linkage

// ScoresOfEverybody is Scores without the index, for tests to compare with.
func (r *Register) ScoresOfEverybody(into []Score, subject Subject, threshold float64) []Score {
	return r.scores(into, subject, threshold, true)
}

// LookedAt is how many people a search compares with.
func (r *Register) LookedAt(subject Subject, threshold float64) int {
	s := &search{}
	r.mu.RLock()
	defer r.mu.RUnlock()
	r.search(s, subject, threshold, false)
	return s.looked
}
