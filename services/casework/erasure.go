package casework

import "time"

// Retention says for how long personal data of incidents is kept. The zero
// value of a field is its default.
type Retention struct {
	// Extract is how many working days after its receipt an incident that
	// matches nobody waits for a complete extract to be dated, and to be matched
	// against. Somebody sentenced today still matches yesterday's arrest.
	// Default 3.
	Extract int
	// Hold is how many working days it is held at most when no such extract
	// comes. Default 10.
	Hold int
	// Judged is how long after the last of everything an incident is kept whose
	// matches were all dismissed. Default one year.
	Judged time.Duration
	// Matched is how long after the last of everything any other incident is
	// kept that matched somebody. Default six years.
	Matched time.Duration
}

// WithDefaults fills in what is not set.
func (r Retention) WithDefaults() Retention {
	const year = 365 * 24 * time.Hour
	if r.Extract == 0 {
		r.Extract = 3
	}
	if r.Hold == 0 {
		r.Hold = 10
	}
	if r.Judged == 0 {
		r.Judged = year
	}
	if r.Matched == 0 {
		r.Matched = 6 * year
	}
	return r
}

// HeldUntil says up to which moment incidents must have been received to have
// waited n working days by a day: all that came on days whose n-th working day
// after is that day or earlier.
func (c *Calendar) HeldUntil(day Date, n int) time.Time {
	received := day
	for day.Before(c.WorkingDays(received, n)) {
		t := time.Date(received.Year, received.Month, received.Day-1, 0, 0, 0, 0, time.UTC)
		received = DateOf(t)
	}
	return c.clock(received.next(), 0)
}

// Erased counts incidents whose personal data was erased, by why it was.
type Erased struct {
	Unmatched int // matched nobody, and its hold window has passed
	Withdrawn int // withdrawn before anybody had judged a match
	Discarded int // could not be matched, and somebody let it be
	Retained  int // matched, and its retention has passed
}

// Sum is how many in all.
func (e Erased) Sum() int { return e.Unmatched + e.Withdrawn + e.Discarded + e.Retained }
