package desk

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

type timesPage struct {
	Charts    []stageChart
	Times     []casework.ResponseTime
	Places    []postgres.Overseen
	PDU       string
	Team      string
	Priority  string
	Days      int
	From      time.Time
	Uncounted casework.Uncounted
}

// periods are how far back response times can be looked at, in days.
var periods = []int{7, 30, 90, 365}

// times draws how long each stage took, beside by when it should have been
// reached. It counts and names nobody.
func times(v *visit) error {
	p, err := v.readTimes()
	if err != nil {
		return err
	}
	p.Charts = chartsOf(p.Times)
	return v.page(http.StatusOK, "times", p)
}

func (v *visit) readTimes() (timesPage, error) {
	q := v.URL.Query()
	counted, places, err := v.counted(q.Get("pdu"))
	if err != nil {
		return timesPage{}, err
	}
	p := timesPage{Places: places, PDU: q.Get("pdu"), Team: q.Get("team"), Priority: q.Get("priority"), Days: 30}
	if days, err := strconv.Atoi(q.Get("days")); err == nil && slices.Contains(periods, days) {
		p.Days = days
	}
	if p.Team != "" && !slices.ContainsFunc(places, func(o postgres.Overseen) bool {
		return slices.ContainsFunc(o.Teams, func(t postgres.Colleague) bool { return t.Code == p.Team })
	}) {
		return p, casework.ErrNotFound
	}
	p.From = v.now.AddDate(0, 0, -p.Days)
	pdu := p.PDU
	if pdu == "" && len(places) == 1 {
		pdu = places[0].PDU // it may have clocks of its own
	}
	p.Times, p.Uncounted, err = v.DB.ResponseTimes(v.Context(), counted, p.Team, casework.Priority(p.Priority), p.From, v.now.Add(time.Second), v.Targets(pdu))
	v.viewed("times", "", map[string]any{"pdu": p.PDU, "team": p.Team, "days": p.Days})
	return p, err
}

// counted is what the viewer may count: managers and heads their PDUs, without
// whom they may not see, auditors everything. It is casework.ErrNotFound if
// they chose another PDU.
func (v *visit) counted(pdu string) (c postgres.Counted, places []postgres.Overseen, err error) {
	if v.me.Has(casework.Auditor) {
		places, err = v.DB.Everywhere(v.Context())
	} else {
		c.Viewer, c.PDUs = v.me.ID, []string{}
		places, err = v.DB.Overseen(v.Context(), v.me.ID)
		for _, o := range places {
			c.PDUs = append(c.PDUs, o.PDU)
		}
	}
	if err != nil || pdu == "" {
		return c, places, err
	}
	if !slices.ContainsFunc(places, func(o postgres.Overseen) bool { return o.PDU == pdu }) {
		return c, places, casework.ErrNotFound
	}
	c.PDUs = []string{pdu}
	return c, places, nil
}

// stageChart is one stage, as bars by priority on a scale of its own: stages
// take from milliseconds to weeks.
type stageChart struct {
	Stage casework.Stage
	Rows  []chartRow
}

// chartRow has the ends of its bars in hundredths of the width. Words stand above
// each bar, so that they keep their size on a phone.
type chartRow struct {
	casework.ResponseTime
	MedianW, NinetiethW, Mark float64
}

func chartsOf(all []casework.ResponseTime) []stageChart {
	var charts []stageChart
	for _, t := range all {
		if len(charts) == 0 || charts[len(charts)-1].Stage != t.Stage {
			charts = append(charts, stageChart{Stage: t.Stage})
		}
		c := &charts[len(charts)-1]
		c.Rows = append(c.Rows, chartRow{ResponseTime: t})
	}
	for i := range charts {
		longest := time.Duration(1)
		for _, r := range charts[i].Rows {
			longest = max(longest, r.Ninetieth, r.Target)
		}
		x := func(d time.Duration) float64 { return 99 * float64(d) / float64(longest) }
		for n := range charts[i].Rows {
			r := &charts[i].Rows[n]
			r.MedianW, r.NinetiethW, r.Mark = max(0.5, x(r.Median)), max(0.5, x(r.Ninetieth)), x(r.Target)
		}
	}
	return charts
}

// Share is how many of a hundred kept the target.
func share(r casework.ResponseTime) int {
	if r.Reached == 0 {
		return 0
	}
	return 100 * r.InTime / r.Reached
}

// Periods are what there is to choose from.
func (timesPage) Periods() []int { return periods }

// Priorities are what there is to choose from.
func (timesPage) Priorities() []casework.Priority {
	return []casework.Priority{casework.Urgent, casework.High, casework.Standard}
}

// took says how long something took: on the wall clock, or in working time,
// whose day has eight hours. What is over a target has to read as more than it,
// so that from an hour on it is said in two units.
func (w words) took(d time.Duration, elapsed bool) string {
	const workday = 8 * time.Hour
	switch {
	case d == 0 && !elapsed:
		return w.say("took.none")
	case d < time.Second:
		return w.say("took.atonce")
	case d < time.Minute:
		return w.count("span.seconds", int(d.Round(time.Second).Seconds()))
	case d.Round(time.Minute) < time.Hour:
		return w.count("span.minutes", int(d.Round(time.Minute).Minutes()))
	}
	large, long := "span.days", 24*time.Hour
	if !elapsed {
		large, long = "span.workdays", workday
	}
	if d.Round(time.Minute) < 2*long {
		return w.both("span.hours", time.Hour, "span.minutes", time.Minute, d)
	}
	return w.both(large, long, "span.hours", time.Hour, d)
}

// both is a length of time in a large unit and the rest of it in a small one.
func (w words) both(large string, long time.Duration, small string, short, d time.Duration) string {
	d = d.Round(short)
	said := w.count(large, int(d/long))
	if rest := int(d % long / short); rest > 0 {
		said += " " + w.count(small, rest)
	}
	return said
}
