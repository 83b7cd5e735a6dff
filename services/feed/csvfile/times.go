package csvfile

import (
	"slices"
	"strings"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/feed/check"
)

// moments gives the instants at which a clock in zone showed the wall time:
// none when the clocks went forward over it, two when they went back.
func moments(wall time.Time, zone *time.Location) []time.Time {
	var all []time.Time
	for _, near := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		_, offset := wall.Add(near).In(zone).Zone()
		t := wall.Add(-time.Duration(offset) * time.Second)
		if _, there := t.In(zone).Zone(); there != offset {
			continue
		}
		if !slices.ContainsFunc(all, t.Equal) {
			all = append(all, t)
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return all
}

// read gives the instant that a cell stands for, and the later one when its
// wall time happened twice.
func (t *Times) read(cell string) (at, again time.Time, code check.Code) {
	parsed, err := time.Parse(t.layout, cell)
	if err != nil || parsed.IsZero() {
		return at, again, check.BadTime
	}
	if hasOffset(t.layout) {
		return parsed, again, ""
	}
	switch all := moments(parsed, t.zone); len(all) {
	case 1:
		return all[0], again, ""
	case 2:
		switch t.Ambiguous {
		case "first":
			return all[0], all[1], ""
		case "second":
			return all[1], again, ""
		}
		return at, again, check.TwoSuchTimes
	}
	if t.Nonexistent == "forward" {
		// The sender's clock was not put forward, so it still ran by the offset of before.
		_, offset := parsed.Add(-24 * time.Hour).In(t.zone).Zone()
		return parsed.Add(-time.Duration(offset) * time.Second), again, ""
	}
	return at, again, check.NoSuchLocalTime
}

func hasOffset(layout string) bool { return strings.Contains(layout, "Z07:00") }

// inOrder picks, of times that happened twice, those that put an incident's
// end after its start and its report after both, where the mapping left it open.
func inOrder(i *casework.Incident, toAgain, reportedAgain time.Time) {
	if !toAgain.IsZero() && i.OccurredTo.Before(i.OccurredFrom) {
		i.OccurredTo = toAgain
	}
	if !reportedAgain.IsZero() && i.ReportedAt.Before(i.OccurredFrom) {
		i.ReportedAt = reportedAgain
	}
}
