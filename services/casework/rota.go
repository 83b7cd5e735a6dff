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
	// Telephone is where they are called.
	Telephone string `json:"telephone,omitempty"`
}

// Gaps are the times in the coming days when nobody would be told, by region.
func (c *Calendar) Gaps(regions []string, shifts []Shift, now time.Time, days int) []Shift {
	gaps := []Shift{}
	for _, region := range regions {
		own := slices.DeleteFunc(slices.Clone(shifts), func(s Shift) bool { return s.Region != region })
		for _, gap := range c.Unstaffed(now, now.AddDate(0, 0, days), own) {
			gap.Region = region
			gaps = append(gaps, gap)
		}
	}
	return gaps
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
