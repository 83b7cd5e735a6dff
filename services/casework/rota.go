package casework

import (
	"slices"
	"time"
)

// Shift is a time for which somebody takes what is urgent out of hours.
type Shift struct {
	Region string    `json:"region"`
	Staff  string    `json:"staff,omitempty"`
	Starts time.Time `json:"starts"`
	Ends   time.Time `json:"ends"`
}

// Unstaffed are the parts of nights, weekends and bank holidays between two
// times for which nobody has a shift.
func (c *Calendar) Unstaffed(from, to time.Time, shifts []Shift) []Shift {
	shifts = slices.Clone(shifts)
	slices.SortFunc(shifts, func(a, b Shift) int { return a.Starts.Compare(b.Starts) })
	var gaps []Shift
	for at := from; at.Before(to); {
		opens := c.NextOpening(at)
		if opens.Equal(at) { // the office is open: the night begins when it closes
			_, at = c.window(c.Day(at))
			continue
		}
		night := opens
		if to.Before(night) {
			night = to
		}
		for _, s := range shifts {
			if s.Ends.After(at) && s.Starts.Before(night) {
				if s.Starts.After(at) {
					gaps = append(gaps, Shift{Starts: at, Ends: s.Starts})
				}
				at = s.Ends
			}
			if !at.Before(night) {
				break
			}
		}
		if at.Before(night) {
			gaps = append(gaps, Shift{Starts: at, Ends: night})
			at = night
		}
	}
	return gaps
}
