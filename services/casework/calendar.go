package casework

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
	_ "time/tzdata" // a machine without zone files must not shift a deadline
)

//go:embed holidays.json
var holidays []byte

// Hours is the working day on the clock of the place, in time since midnight.
type Hours struct {
	Open, Close time.Duration
}

// OfficeHours are those of a probation office, unless its PDU says otherwise.
var OfficeHours = Hours{Open: 9 * time.Hour, Close: 17 * time.Hour}

// Calendar counts working time: the hours of Monday to Friday, without bank
// holidays, on the clock of one place. It is never changed once made, so many
// may use it at once.
type Calendar struct {
	zone     *time.Location
	hours    Hours
	holidays map[Date]bool
	from     Date
	until    Date
	// counted is nil in one that walks from day to day wherever it is asked.
	counted *workdays
}

// EnglandAndWales is the calendar of the embedded bank holidays and office hours.
var EnglandAndWales = sync.OnceValue(func() *Calendar {
	c, err := ReadCalendar(bytes.NewReader(holidays))
	if err != nil {
		panic("casework: the embedded bank holidays: " + err.Error()) // a test reads them
	}
	return c
})

// ReadCalendar reads bank holidays in the shape of
// https://www.gov.uk/bank-holidays.json and gives the calendar of England and
// Wales with office hours.
func ReadCalendar(r io.Reader) (*Calendar, error) {
	var divisions map[string]struct {
		Events []struct {
			Date Date `json:"date"`
		} `json:"events"`
	}
	if err := json.NewDecoder(r).Decode(&divisions); err != nil {
		return nil, fmt.Errorf("read bank holidays: %w", err)
	}
	events := divisions["england-and-wales"].Events
	if len(events) == 0 {
		return nil, fmt.Errorf("read bank holidays: no events of the division england-and-wales")
	}
	zone, err := time.LoadLocation("Europe/London")
	if err != nil {
		return nil, fmt.Errorf("read bank holidays: %w", err)
	}
	c := &Calendar{zone: zone, hours: OfficeHours, holidays: make(map[Date]bool, len(events))}
	for _, e := range events {
		if !e.Date.Known() {
			return nil, fmt.Errorf("read bank holidays: an event of england-and-wales has no whole date")
		}
		c.holidays[e.Date] = true
		if c.from.IsZero() || e.Date.Before(c.from) {
			c.from = e.Date
		}
		if c.until.Before(e.Date) {
			c.until = e.Date
		}
	}
	// GOV.UK publishes whole years: the last one has all of its holidays.
	c.from = Date{Year: c.from.Year, Month: time.January, Day: 1}
	c.until = Date{Year: c.until.Year, Month: time.December, Day: 31}
	c.counted = c.workdays()
	return c, nil
}

// With is the same calendar with the hours of one office. An office that never
// opens would never reach a deadline, so such hours are refused.
func (c *Calendar) With(h Hours) (*Calendar, error) {
	if h.Open < 0 || h.Close > 24*time.Hour || h.Close <= h.Open {
		return nil, fmt.Errorf("working hours from %s to %s: want an opening before a closing, both within one day", h.Open, h.Close)
	}
	d := *c
	d.hours = h
	d.counted = d.workdays()
	return &d, nil
}

// Covers gives the first and last day for which bank holidays are loaded.
// Outside them only weekends are known.
func (c *Calendar) Covers() (from, until Date) { return c.from, c.until }

// Day is the calendar day of an instant on the clock of the place.
func (c *Calendar) Day(t time.Time) Date { return DateOf(t.In(c.zone)) }

// DayLength is how long the office is open on a day without a clock change.
func (c *Calendar) DayLength() time.Duration { return c.hours.Close - c.hours.Open }

// Zone is the clock that the hours are read on.
func (c *Calendar) Zone() *time.Location { return c.zone }

// IsWorkingDay reports whether work is done on the day at all.
func (c *Calendar) IsWorkingDay(d Date) bool {
	switch d.Time().Weekday() {
	case time.Saturday, time.Sunday:
		return false
	}
	return !c.holidays[d]
}

// WorkingDays is the n-th working day after from; from itself when n is zero.
func (c *Calendar) WorkingDays(from Date, n int) Date {
	for n > 0 {
		from = from.next()
		if c.IsWorkingDay(from) {
			n--
		}
	}
	return from
}

// IsWorking reports whether t is within working time: opening included,
// closing not.
func (c *Calendar) IsWorking(t time.Time) bool {
	if at, ok := c.counted.at(t); ok {
		i := c.counted.next(at)
		return i < len(c.counted.days) && at >= c.counted.days[i].open
	}
	d := c.Day(t)
	if !c.IsWorkingDay(d) {
		return false
	}
	open, shut := c.window(d)
	return !t.Before(open) && t.Before(shut)
}

// NextOpening is the earliest working instant at or after t: t itself within
// working time, else the next opening.
func (c *Calendar) NextOpening(t time.Time) time.Time {
	for d := c.Day(t); ; d = d.next() {
		if !c.IsWorkingDay(d) {
			continue
		}
		open, shut := c.window(d)
		if t.Before(open) {
			return open
		}
		if t.Before(shut) {
			return t
		}
	}
}

// Add is the earliest instant by which the working time has passed since t. So
// an hour from Friday at 16:00 is Friday at 17:00, two hours is Monday at
// 10:00, and none at all is t.
func (c *Calendar) Add(t time.Time, working time.Duration) time.Time {
	if working <= 0 {
		return t
	}
	if at, ok := c.counted.at(t); ok {
		if then, ok := c.counted.add(at, working); ok {
			return time.Unix(0, then).In(c.zone)
		}
	}
	for d := c.Day(t); ; d = d.next() {
		if !c.IsWorkingDay(d) {
			continue
		}
		open, shut := c.window(d)
		if open.Before(t) {
			open = t
		}
		there := shut.Sub(open)
		if there <= 0 {
			continue
		}
		if working <= there {
			return open.Add(working)
		}
		working -= there
	}
}

// Between is the working time from a to b; zero when b is not after a.
func (c *Calendar) Between(a, b time.Time) time.Duration {
	if !b.After(a) {
		return 0
	}
	if from, ok := c.counted.at(a); ok {
		if to, ok := c.counted.at(b); ok {
			return c.counted.worked(to) - c.counted.worked(from)
		}
	}
	var sum time.Duration
	last := c.Day(b)
	for d := c.Day(a); !last.Before(d); d = d.next() {
		if !c.IsWorkingDay(d) {
			continue
		}
		open, shut := c.window(d)
		if open.Before(a) {
			open = a
		}
		if b.Before(shut) {
			shut = b
		}
		if shut.After(open) {
			sum += shut.Sub(open)
		}
	}
	return sum
}

// window is opening and closing as instants. The clock is read for each, and
// not the one counted from the other, so that a day on which it changes is
// right too.
func (c *Calendar) window(d Date) (open, shut time.Time) {
	return c.clock(d, c.hours.Open), c.clock(d, c.hours.Close)
}

// clock is the instant at which the clock of the place shows the time of day.
func (c *Calendar) clock(d Date, since time.Duration) time.Time {
	return time.Date(d.Year, d.Month, d.Day, int(since/time.Hour), int(since/time.Minute%60), int(since/time.Second%60), int(since%time.Second), c.zone)
}

func (d Date) next() Date {
	t := time.Date(d.Year, d.Month, d.Day+1, 0, 0, 0, 0, time.UTC)
	return Date{Year: t.Year(), Month: t.Month(), Day: t.Day()}
}
