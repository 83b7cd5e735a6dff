package casework

import (
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

func london(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.ParseInLocation("2006-01-02 15:04", s, EnglandAndWales().Zone())
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestWorkingTimeIsAddedOverNightsWeekendsAndHolidays(t *testing.T) {
	for _, c := range []struct {
		what, from string
		add        time.Duration
		want       string
	}{
		{"within a day", "2026-11-18 10:00", 2 * time.Hour, "2026-11-18 12:00"},
		{"to the closing, not the next opening", "2026-11-20 16:00", time.Hour, "2026-11-20 17:00"},
		{"over a weekend", "2026-11-20 16:00", 2 * time.Hour, "2026-11-23 10:00"},
		{"from a night", "2026-11-18 03:12", time.Hour, "2026-11-18 10:00"},
		{"from a Sunday", "2026-11-22 12:00", 8 * time.Hour, "2026-11-23 17:00"},
		{"over Easter", "2026-04-02 16:00", 2 * time.Hour, "2026-04-07 10:00"},
		{"over Christmas with a substitute day", "2026-12-24 15:00", 4 * time.Hour, "2026-12-29 11:00"},
		{"over the clock going forward", "2026-03-27 16:30", time.Hour, "2026-03-30 09:30"},
		{"over the clock going back", "2026-10-23 16:30", time.Hour, "2026-10-26 09:30"},
		{"nothing", "2026-11-22 12:00", 0, "2026-11-22 12:00"},
	} {
		got := EnglandAndWales().Add(london(t, c.from), c.add)
		if want := london(t, c.want); !got.Equal(want) {
			t.Errorf("%s: %s and %s: got %s, want %s", c.what, c.from, c.add, got, want)
		}
	}
}

func TestWorkingTimeBetweenTwoInstants(t *testing.T) {
	for _, c := range []struct {
		from, to string
		want     time.Duration
	}{
		{"2026-11-18 10:00", "2026-11-18 12:00", 2 * time.Hour},
		{"2026-11-18 12:00", "2026-11-18 10:00", 0},
		{"2026-11-20 16:00", "2026-11-23 10:00", 2 * time.Hour},
		{"2026-11-21 00:00", "2026-11-23 00:00", 0},
		{"2026-04-02 00:00", "2026-04-08 00:00", 16 * time.Hour},
		{"2026-03-28 00:00", "2026-03-30 12:00", 3 * time.Hour},
	} {
		if got := EnglandAndWales().Between(london(t, c.from), london(t, c.to)); got != c.want {
			t.Errorf("%s to %s: got %s, want %s", c.from, c.to, got, c.want)
		}
	}
}

func TestAnOfficeThatIsOpenWhileTheClockChangesCountsRealTime(t *testing.T) {
	// Good Friday apart, no bank holiday meets a clock change; the changes are on
	// Sundays, so a calendar without weekends is needed to see one.
	c := *EnglandAndWales()
	c.hours = Hours{Close: 24 * time.Hour}
	for d, want := range map[string]time.Duration{"2026-03-27": 24 * time.Hour, "2026-10-23": 24 * time.Hour} {
		day, _ := ParseDate(d)
		open, shut := c.window(day)
		if got := shut.Sub(open); got != want {
			t.Errorf("%s: got %s, want %s", d, got, want)
		}
	}
	for d, want := range map[string]time.Duration{"2026-03-29": 23 * time.Hour, "2026-10-25": 25 * time.Hour} {
		day, _ := ParseDate(d)
		open, shut := c.window(day)
		if got := shut.Sub(open); got != want {
			t.Errorf("%s: got %s, want %s", d, got, want)
		}
	}
}

func TestTheNextOpening(t *testing.T) {
	for from, want := range map[string]string{
		"2026-11-18 10:00": "2026-11-18 10:00",
		"2026-11-18 09:00": "2026-11-18 09:00",
		"2026-11-18 17:00": "2026-11-19 09:00",
		"2026-11-20 17:30": "2026-11-23 09:00",
		"2026-12-25 08:00": "2026-12-29 09:00",
	} {
		got := EnglandAndWales().NextOpening(london(t, from))
		if !got.Equal(london(t, want)) {
			t.Errorf("%s: got %s, want %s", from, got, want)
		}
		if !EnglandAndWales().IsWorking(got) {
			t.Errorf("%s: the opening %s is not working time", from, got)
		}
	}
}

func TestWorkingDaysAfterADay(t *testing.T) {
	for _, c := range []struct {
		from string
		n    int
		want string
	}{
		{"2026-11-20", 0, "2026-11-20"},
		{"2026-11-20", 1, "2026-11-23"},
		{"2026-04-01", 3, "2026-04-08"}, // Thursday, then Tuesday and Wednesday: Easter does not break it
		{"2026-12-24", 1, "2026-12-29"},
	} {
		from, _ := ParseDate(c.from)
		if got := EnglandAndWales().WorkingDays(from, c.n).String(); got != c.want {
			t.Errorf("%d after %s: got %s, want %s", c.n, c.from, got, c.want)
		}
	}
}

func TestTheEmbeddedHolidaysReachFarEnough(t *testing.T) {
	from, until := EnglandAndWales().Covers()
	if from.String() != "2019-01-01" || until.String() != "2028-12-31" {
		t.Errorf("got holidays for %s to %s", from, until)
	}
}

func TestHolidaysOfAnotherShapeAreRefused(t *testing.T) {
	for what, s := range map[string]string{
		"not JSON":     `[`,
		"no division":  `{"scotland":{"events":[{"date":"2026-01-02"}]}}`,
		"no events":    `{"england-and-wales":{"events":[]}}`,
		"a lesser day": `{"england-and-wales":{"events":[{"date":"2026-01"}]}}`,
		"no such day":  `{"england-and-wales":{"events":[{"date":"2026-02-31"}]}}`,
	} {
		if _, err := ReadCalendar(strings.NewReader(s)); err == nil {
			t.Errorf("%s was read", what)
		}
	}
}

func TestHoursThatNeverOpenAreRefused(t *testing.T) {
	for _, h := range []Hours{{}, {Open: 17 * time.Hour, Close: 9 * time.Hour}, {Open: -1, Close: 1}, {Open: 9 * time.Hour, Close: 25 * time.Hour}} {
		if _, err := EnglandAndWales().With(h); err == nil {
			t.Errorf("hours %v were taken", h)
		}
	}
}

// The oracle knows nothing of the calendar's way: it walks through ten years
// minute by minute, asks of each minute what a wall clock in London shows, and
// counts. Its clock change is the statute's (last Sunday of March and of October
// at 01:00 UTC), not the zone database's; its holidays are rules, not the file.
type oracle struct {
	start  time.Time
	worked []int32 // worked[i]: working minutes before minute i
	at     []int32 // at[k]: the minute after which k+1 working minutes have passed
}

func newOracle(from, until int) *oracle {
	start := time.Date(from, time.January, 1, 0, 0, 0, 0, time.UTC)
	minutes := int(time.Date(until+1, time.January, 1, 0, 0, 0, 0, time.UTC).Sub(start) / time.Minute)
	o := &oracle{start: start, worked: make([]int32, minutes+1)}
	base := start.Unix() / 60
	var n int32
	var year int
	var forward, back int64
	var day int64 = -1
	var works bool
	for i := range minutes {
		m := base + int64(i)
		if i == 0 || m >= time.Date(year+1, 1, 1, 0, 0, 0, 0, time.UTC).Unix()/60 {
			year = time.Unix(m*60, 0).UTC().Year()
			forward, back = lastSunday(year, time.March), lastSunday(year, time.October)
		}
		wall := m
		if m >= forward && m < back {
			wall += 60
		}
		if d := wall / (24 * 60); d != day {
			day = d
			works = oracleWorks(time.Unix(d*86400, 0).UTC())
		}
		if minute := wall % (24 * 60); works && minute >= 9*60 && minute < 17*60 {
			n++
			o.at = append(o.at, int32(i+1))
		}
		o.worked[i+1] = n
	}
	return o
}

// lastSunday is the minute, since 1970, of 01:00 UTC on it.
func lastSunday(year int, month time.Month) int64 {
	for day := 31; ; day-- {
		if t := time.Date(year, month, day, 1, 0, 0, 0, time.UTC); t.Weekday() == time.Sunday {
			return t.Unix() / 60
		}
	}
}

// oracleWorks knows the bank holidays by their rules, and the few proclaimed ones.
func oracleWorks(t time.Time) bool {
	y, m, d := t.Date()
	wd := t.Weekday()
	if wd == time.Saturday || wd == time.Sunday {
		return false
	}
	day := t.Format(time.DateOnly)
	switch day {
	case "2020-05-08", "2022-06-02", "2022-06-03", "2022-09-19", "2023-05-08":
		return false
	case "2020-05-04", "2022-05-30": // moved to the days above
		return true
	}
	easter := easterSunday(y)
	switch int(t.Sub(easter) / (24 * time.Hour)) {
	case -2, 1:
		return false
	}
	switch {
	case m == time.January && (d == 1 || wd == time.Monday && d <= 3):
		return false
	case m == time.May && wd == time.Monday && (d <= 7 || d >= 25):
		return false
	case m == time.August && wd == time.Monday && d >= 25:
		return false
	case m == time.December && (d == 25 || d == 26):
		return false
	case m == time.December && d == 27 && (wd == time.Monday || wd == time.Tuesday):
		return false // Christmas Day on Saturday or on Sunday
	case m == time.December && d == 28 && (wd == time.Monday || wd == time.Tuesday):
		return false // Boxing Day on Saturday, or behind Christmas Day's substitute
	}
	return true
}

// easterSunday counts as Oudin's form of the Gregorian rule does (1940).
func easterSunday(y int) time.Time {
	g, c := y%19, y/100
	h := (c - c/4 - (8*c+13)/25 + 19*g + 15) % 30
	i := h - (h/28)*(1-(29/(h+1))*((21-g)/11))
	j := (y + y/4 + i + 2 - c + c/4) % 7
	l := i - j
	m := 3 + (l+40)/44
	return time.Date(y, time.Month(m), l+28-31*(m/4), 0, 0, 0, 0, time.UTC)
}

// disagreements of a calendar with the oracle, about minutes from one to another
// in steps, each asked with other spans.
func (o *oracle) disagreements(t *testing.T, c *Calendar, from, to, step int, spans func(i int) int32) {
	wrong := 0
	disagree := func(format string, args ...any) {
		if wrong++; wrong <= 10 {
			t.Errorf(format, args...)
		}
	}
	for i := from; i < to; i += step {
		at := o.start.Add(time.Duration(i) * time.Minute)
		if got, want := c.IsWorking(at), o.worked[i+1] > o.worked[i]; got != want {
			disagree("%s is working: got %t, want %t", at, got, want)
		}
		add := spans(i)
		k := int(o.worked[i] + add)
		if add < 1 || k > len(o.at) {
			continue // beyond the ten years
		}
		got, want := c.Add(at, time.Duration(add)*time.Minute), o.start.Add(time.Duration(o.at[k-1])*time.Minute)
		if !got.Equal(want) {
			disagree("%s and %d working minutes: got %s, want %s", at, add, got, want)
		}
		if b := c.Between(at, want); b != time.Duration(add)*time.Minute {
			disagree("%s to %s: got %s of working time, want %d minutes", at, want, b, add)
		}
	}
	if wrong > 0 {
		t.Errorf("%d disagreements, want 0", wrong)
	}
}

// Every minute of ten years. The spans differ from minute to minute: each of up to
// two working weeks comes with a thousand other minutes.
func TestTheCalendarAgreesWithTheOracleOnEveryMinuteOfTenYears(t *testing.T) {
	o := newOracle(2019, 2028)
	c := EnglandAndWales()
	minutes := len(o.worked) - 1
	var wait sync.WaitGroup
	const parts = 4
	for part := range parts {
		wait.Go(func() {
			o.disagreements(t, c, part*minutes/parts, (part+1)*minutes/parts, 1, func(i int) int32 { return 1 + int32(i*7919%4799) })
		})
	}
	// One that walks from day to day, as any does before and after the holidays
	// that are loaded, at an hour of each day and around what happens.
	walking := *c
	walking.counted = nil
	o.disagreements(t, &walking, 0, minutes, 1439, func(i int) int32 { return 1 + int32(i*7919%2399) })
	for _, day := range []string{"2019-03-31", "2020-05-08", "2022-09-19", "2023-05-08", "2026-12-28", "2027-10-31"} {
		d, _ := ParseDate(day)
		mid := int(d.Time().Sub(o.start) / time.Minute)
		o.disagreements(t, &walking, mid-24*60, mid+24*60, 7, func(i int) int32 { return 1 + int32(i%960) })
	}
	random := rand.New(rand.NewPCG(2019, 2028))
	for range 3000 {
		a := random.IntN(minutes)
		b := min(minutes-1, a+random.IntN(400*24*60))
		from, to := o.start.Add(time.Duration(a)*time.Minute), o.start.Add(time.Duration(b)*time.Minute)
		if got, want := c.Between(from, to), time.Duration(o.worked[b]-o.worked[a])*time.Minute; got != want {
			t.Errorf("%s to %s: got %s, want %s", from, to, got, want)
		}
	}
	wait.Wait()
}

// Before and after the holidays that are loaded only weekends are known; a span
// that ends beyond them goes on.
func TestACalendarGoesOnBeyondItsHolidays(t *testing.T) {
	c := EnglandAndWales()
	walking := *c
	walking.counted = nil
	for _, from := range []string{"2018-12-31 16:00", "2019-01-01 00:00", "2028-12-29 12:00", "2028-12-31 23:59", "2029-01-01 00:00", "2029-03-01 12:00"} {
		for _, add := range []time.Duration{time.Minute, 5 * time.Hour, 8 * time.Hour, 100 * time.Hour} {
			at := london(t, from)
			got, want := c.Add(at, add), walking.Add(at, add)
			if !got.Equal(want) {
				t.Errorf("%s and %s: got %s, want %s", from, add, got, want)
			}
			if c.IsWorking(got) != walking.IsWorking(got) || c.Between(at, got) != walking.Between(at, got) || c.Between(at, got) != add {
				t.Errorf("%s to %s: got %s of working time", from, got, c.Between(at, got))
			}
		}
	}
	if got := c.Between(time.Time{}, time.Time{}.Add(time.Hour)); got != walking.Between(time.Time{}, time.Time{}.Add(time.Hour)) {
		t.Errorf("got %s in the year one", got)
	}
}

func BenchmarkAddTwoWorkingDays(b *testing.B) {
	c := EnglandAndWales()
	t := time.Date(2026, 11, 20, 15, 4, 5, 0, time.UTC)
	for b.Loop() {
		c.Add(t, 16*time.Hour)
	}
}
