package casework

import "time"

// workdays are the working days that the bank holidays are loaded for, with the
// working time before each: so a span is a difference and not a walk from day to
// day. Times are nanoseconds since 1970.
type workdays struct {
	from, until int64 // what is asked about has to lie between
	days        []workday
	// first[k] is the first day that is not over k times 24 hours after from.
	first []int32
}

type workday struct {
	open, shut int64
	before     time.Duration // working time of all days before it
}

const slot = int64(24 * time.Hour)

func (c *Calendar) workdays() *workdays {
	w := &workdays{from: c.clock(c.from, 0).UnixNano(), until: c.clock(c.until.next(), 0).UnixNano()}
	var sum time.Duration
	for d := c.from; !c.until.Before(d); d = d.next() {
		if !c.IsWorkingDay(d) {
			continue
		}
		open, shut := c.window(d)
		w.days = append(w.days, workday{open.UnixNano(), shut.UnixNano(), sum})
		sum += shut.Sub(open)
	}
	i := 0
	for at := w.from; at <= w.until; at += slot {
		for i < len(w.days) && w.days[i].shut <= at {
			i++
		}
		w.first = append(w.first, int32(i))
	}
	return w
}

// at gives an instant as a number, if it lies within; w may be nil.
func (w *workdays) at(t time.Time) (int64, bool) {
	if w == nil {
		return 0, false
	}
	if s := t.Unix(); s < 0 || s > 1<<32 { // far from any day, where a number may have no room for it
		return 0, false
	}
	n := t.UnixNano()
	return n, n >= w.from && n < w.until
}

// next is the first working day that is not over.
func (w *workdays) next(at int64) int {
	i := int(w.first[(at-w.from)/slot])
	for i < len(w.days) && w.days[i].shut <= at {
		i++
	}
	return i
}

// worked is the working time from the first day on.
func (w *workdays) worked(at int64) time.Duration {
	i := w.next(at)
	if i == len(w.days) {
		last := w.days[i-1]
		return last.before + time.Duration(last.shut-last.open)
	}
	d := w.days[i]
	return d.before + time.Duration(max(0, at-d.open))
}

// add is the earliest instant by which the working time has passed, if it lies
// within the days.
func (w *workdays) add(at int64, working time.Duration) (int64, bool) {
	i := w.next(at)
	if i == len(w.days) {
		return 0, false
	}
	target := w.days[i].before + time.Duration(max(0, at-w.days[i].open)) + working
	for ; i < len(w.days); i++ {
		if d := w.days[i]; target <= d.before+time.Duration(d.shut-d.open) {
			return d.open + int64(target-d.before), true
		}
	}
	return 0, false
}
