package casework

import (
	"testing"
	"time"
)

func TestTheHoldWindowEndsWithItsLastWorkingDayWhateverTheHolidays(t *testing.T) {
	c := EnglandAndWales()
	for day := (Date{2025, 12, 1}); day.Before(Date{2026, 6, 1}); day = day.next() {
		for _, n := range []int{3, 10} {
			until := c.HeldUntil(day, n)
			last, next := c.Day(until.Add(-time.Second)), c.Day(until)
			if day.Before(c.WorkingDays(last, n)) {
				t.Errorf("on %s somebody who came on %s has not waited %d working days", day, last, n)
			}
			if !day.Before(c.WorkingDays(next, n)) {
				t.Errorf("on %s somebody who came on %s has waited %d working days and is held", day, next, n)
			}
		}
	}
}

func TestEasterDoesNotShortenTheHoldWindow(t *testing.T) {
	c := EnglandAndWales()
	// Good Friday 2026 is 3 April, Easter Monday the 6th: three working days
	// after Thursday the 2nd is Thursday the 9th.
	received := time.Date(2026, 4, 2, 16, 0, 0, 0, c.Zone())
	if c.HeldUntil(Date{2026, 4, 8}, 3).After(received) {
		t.Error("let go on 8 April")
	}
	if !c.HeldUntil(Date{2026, 4, 9}, 3).After(received) {
		t.Error("still held on 9 April")
	}
}
