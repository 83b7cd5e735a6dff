package desk

import (
	"net/http"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

type personPage struct {
	Person   personView
	Timeline timelineView
	Asked    enquiriesView
}

// person shows one person's incidents from every force in one list.
func person(v *visit) error {
	id, err := v.id()
	if err != nil {
		return err
	}
	p, places, err := v.DB.PersonOnPage(v.Context(), v.me.ID, casework.PersonID(id))
	if err != nil {
		return err
	}
	entries, err := v.DB.Timeline(v.Context(), v.me.ID, p.ID, 200)
	if err != nil {
		return err
	}
	mayAsk := casework.MatchID(0)
	if len(entries) > 0 { // an enquiry belongs to an incident; the newest prompts it
		mayAsk = entries[0].Match
	}
	asked, err := v.enquiriesAbout(p.ID, mayAsk)
	if err != nil {
		return err
	}
	v.viewed("person", p.ID, nil)
	return v.page(http.StatusOK, "person", personPage{viewPerson(p, places), viewTimeline(entries, v.now), asked})
}

// timelineView is a person's incidents, with how often they come.
type timelineView struct {
	Entries                 []postgres.TimelineEntry
	Last30, Last90, Last365 int
	Months                  []month // the last twelve, the oldest first
	Most                    int
	Frequent                bool // the page says how often, too
}

// month is one column of the chart.
type month struct {
	Month       time.Month
	Year, Count int
	Y, H        int
}

func viewTimeline(entries []postgres.TimelineEntry, now time.Time) timelineView {
	v := timelineView{Entries: entries}
	first := time.Date(now.Year(), now.Month()-11, 1, 0, 0, 0, 0, time.UTC)
	for i := range 12 {
		at := first.AddDate(0, i, 0)
		v.Months = append(v.Months, month{Month: at.Month(), Year: at.Year()})
	}
	for _, e := range entries {
		age := now.Sub(e.OccurredAt)
		if age <= 30*24*time.Hour {
			v.Last30++
		}
		if age <= 90*24*time.Hour {
			v.Last90++
		}
		if age <= 365*24*time.Hour {
			v.Last365++
		}
		for i := range v.Months {
			if m := &v.Months[i]; e.OccurredAt.Month() == m.Month && e.OccurredAt.Year() == m.Year {
				m.Count++
				v.Most = max(v.Most, m.Count)
			}
		}
	}
	const height = 60
	for i := range v.Months {
		m := &v.Months[i]
		m.H = m.Count * height / max(v.Most, 1)
		m.Y = height - m.H
	}
	v.Frequent = len(entries) > 0
	return v
}

// Number is 1 for January.
func (m month) Number() int { return int(m.Month) }
