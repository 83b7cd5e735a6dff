package desk

import (
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The boxes of a day and of a moment, and the two ends of a period, as forms
// name them: from-day, from-month, from-year.
var (
	dayParts  = []string{"day", "month", "year"}
	timeParts = []string{"day", "month", "year", "hour", "minute"}
	dayEnds   = []string{"from", "to"}
)

// setDay fills in the three boxes of a day.
func setDay(form map[string]string, end string, at time.Time) {
	form[end+"-day"], form[end+"-month"], form[end+"-year"] = strconv.Itoa(at.Day()), strconv.Itoa(int(at.Month())), strconv.Itoa(at.Year())
}

// askedDay reads one end of a period from an address: from its three boxes, as
// a form sends them, or as a whole, as links and programs have it. The boxes are
// filled in either way. A day that is none stays as it was typed; asked says
// whether there was anything.
func (v *visit) askedDay(form map[string]string, end string) (day time.Time, asked, ok bool) {
	q := v.URL.Query()
	if whole := strings.TrimSpace(q.Get(end)); whole != "" && !boxed(q, end) {
		parts := append(strings.SplitN(whole, "-", 3), "", "")
		form[end+"-year"], form[end+"-month"], form[end+"-day"] = parts[0], strings.TrimPrefix(parts[1], "0"), strings.TrimPrefix(parts[2], "0")
		day, err := time.ParseInLocation(time.DateOnly, whole, v.Calendar.Zone())
		return day, true, err == nil
	}
	for _, part := range dayParts {
		typed := strings.TrimSpace(q.Get(end + "-" + part))
		form[end+"-"+part] = typed
		asked = asked || typed != ""
	}
	day, ok = v.dayOf(form, end)
	return day, asked, ok
}

// boxed says that a form was sent with boxes for a day, full or empty.
func boxed(q url.Values, end string) bool {
	return q.Has(end+"-day") || q.Has(end+"-month") || q.Has(end+"-year")
}
