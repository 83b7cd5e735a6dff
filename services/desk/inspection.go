package desk

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/services/report"
)

type inspectionPage struct {
	Areas     []inspectedArea
	Places    []postgres.Overseen
	Form      map[string]string
	Uncounted casework.Uncounted
	Hides     bool // cases that the viewer may not see are not counted
}

type inspectedArea struct {
	casework.InspectedArea
	Questions []report.Question
}

// inspection answers the inspectorate's questions from the record, as
// "reportable report inspection" does: from the same query, for the PDUs that
// the viewer oversees.
func inspection(v *visit) error {
	form := v.inspectionForm()
	counted, places, err := v.counted(form["pdu"])
	if err != nil {
		return err
	}
	p := inspectionPage{Places: places, Form: form, Hides: counted.Viewer != 0}
	from, to, mistakes := v.inspectionPeriod(form)
	if len(mistakes) > 0 {
		return v.page(http.StatusUnprocessableEntity, "inspection", p, mistakes...)
	}
	answers, err := v.inspect(counted, from, to)
	if err != nil {
		return err
	}
	for _, a := range answers.Areas {
		p.Areas = append(p.Areas, inspectedArea{a, report.Questions(a)})
	}
	p.Uncounted = answers.Uncounted
	v.viewed("inspection", "", map[string]any{"from": form["from"], "to": form["to"], "pdu": form["pdu"]})
	return v.page(http.StatusOK, "inspection", p)
}

// inspect reads the answers; of one PDU alone there is no need for a sum.
func (v *visit) inspect(counted postgres.Counted, from, to time.Time) (casework.Inspection, error) {
	answers, err := v.DB.InspectFor(v.Context(), counted, from, to.AddDate(0, 0, 1), v.now)
	if err != nil {
		return answers, err
	}
	answers.To = to
	if len(answers.Areas) == 2 {
		answers.Areas = answers.Areas[1:]
	}
	return answers, nil
}

// inspectionForm is what is asked for: by default the last month, everywhere.
// The days stand in it whole, and in their boxes.
func (v *visit) inspectionForm() map[string]string {
	today := v.now.In(v.Calendar.Zone())
	form := map[string]string{"pdu": v.URL.Query().Get("pdu")}
	for end, at := range map[string]time.Time{"from": today.AddDate(0, -1, 0), "to": today} {
		if q := v.URL.Query(); !q.Has(end) && !boxed(q, end) {
			setDay(form, end, at)
			form[end] = at.Format(time.DateOnly)
		} else if day, _, ok := v.askedDay(form, end); ok {
			form[end] = day.Format(time.DateOnly)
		}
	}
	return form
}

func (v *visit) inspectionPeriod(form map[string]string) (from, to time.Time, mistakes []fieldError) {
	from, err := time.ParseInLocation(time.DateOnly, form["from"], v.Calendar.Zone())
	if err != nil {
		mistakes = append(mistakes, fieldError{"from-day", "period.wrong.from"})
	}
	to, wrong := time.ParseInLocation(time.DateOnly, form["to"], v.Calendar.Zone())
	if wrong != nil || err == nil && to.Before(from) {
		mistakes = append(mistakes, fieldError{"to-day", "period.wrong.to"})
	}
	return from, to, mistakes
}

// downloadInspection gives the same answers as a file, in the viewer's language
// where it has words.
func downloadInspection(format string) func(*visit) error {
	return func(v *visit) error {
		form := v.inspectionForm()
		counted, _, err := v.counted(form["pdu"])
		if err != nil {
			return err
		}
		from, to, mistakes := v.inspectionPeriod(form)
		if len(mistakes) > 0 {
			return casework.ErrNotFound // the page offers no such thing
		}
		answers, err := v.inspect(counted, from, to)
		if err != nil {
			return err
		}
		var out bytes.Buffer
		kind := "application/json"
		if format == "csv" {
			kind = "text/csv; charset=utf-8"
			w := v.languages[v.lang]
			err = report.CSV(&out, answers, func(key, english string) string { return w.either("inspection", key) })
		} else {
			err = report.JSON(&out, answers)
		}
		if err != nil {
			return err
		}
		v.viewed("inspection", "", map[string]any{"from": form["from"], "to": form["to"], "pdu": form["pdu"], "format": format})
		if err := v.record(); err != nil {
			return err
		}
		v.w.Header().Set("Content-Type", kind)
		v.w.Header().Set("Content-Language", v.lang)
		v.w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="inspection-%s-%s.%s"`, form["from"], form["to"], format))
		_, err = v.w.Write(out.Bytes())
		return err
	}
}

// Download is where the same answers are a file.
func (p inspectionPage) Download(format string) string {
	return "/inspection." + format + "?" + url.Values{"from": {p.Form["from"]}, "to": {p.Form["to"]}, "pdu": {p.Form["pdu"]}}.Encode()
}

// Several says that the report is of more than one area, so that it has contents.
func (p inspectionPage) Several() bool { return len(p.Areas) > 1 }

// Counts are an area's, by the keys of their words.
func (a inspectedArea) Counts() []struct {
	Key string
	N   int
} {
	type count = struct {
		Key string
		N   int
	}
	return []count{{"found", a.Found}, {"confirmed", a.Confirmed}, {"unjudged", a.Unjudged}, {"dismissed", a.Dismissed},
		{"escalated", a.Escalated}, {"flagged", a.Flagged}, {"open", a.Open}, {"overdue", a.Overdue}}
}

// percentOf is how much of it was done, of a hundred.
func percentOf(q report.Question) int {
	if q.Of == 0 {
		return 0
	}
	return min(100, int(100*float64(q.Done)/float64(q.Of)+0.5))
}
