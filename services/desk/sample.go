package desk

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

type samplePage struct {
	postgres.SampleLine
	Open      []postgres.SampleItem // what the viewer may open
	Questions []answered
	Feedback  []feedback
}

// answered is how often one question was found how.
type answered struct {
	Question                  string
	Pass, Partial, Fail, None int
}

// feedback is what was found of one practitioner's work. Only their manager
// reads it.
type feedback struct {
	Name                string
	Pass, Partial, Fail int
	Items               []postgres.SampleItem
}

// sample shows a draw: to who drew it the work to look at, to the head what was
// found, and to a manager what to tell each of their practitioners.
func sample(v *visit) error {
	p, err := v.readSample()
	if err != nil {
		return err
	}
	return v.page(http.StatusOK, "sample", p)
}

func (v *visit) readSample() (samplePage, error) {
	id, err := v.id()
	if err != nil {
		return samplePage{}, err
	}
	line, items, err := v.DB.Sample(v.Context(), v.me.ID, id)
	if err != nil {
		return samplePage{}, err
	}
	p := samplePage{SampleLine: line, Questions: answersOf(items), Feedback: feedbackOf(items)}
	var shown []casework.ActionID
	for _, it := range items {
		if it.Mine || it.Manages {
			p.Open = append(p.Open, it)
			shown = append(shown, it.Action)
		}
	}
	v.viewed("sample", id, map[string]any{"actions": shown})
	return p, nil
}

func answersOf(items []postgres.SampleItem) []answered {
	var all []answered
	for _, question := range casework.SampleQuestions {
		a := answered{Question: question}
		for _, it := range items {
			if it.JudgedAt == nil {
				continue
			}
			switch it.Answers[question] {
			case casework.FindingPass:
				a.Pass++
			case casework.FindingPartial:
				a.Partial++
			case casework.FindingFail:
				a.Fail++
			default:
				a.None++
			}
		}
		all = append(all, a)
	}
	return all
}

func feedbackOf(items []postgres.SampleItem) []feedback {
	of := map[string]*feedback{}
	for _, it := range items {
		if !it.Manages || it.JudgedAt == nil {
			continue
		}
		f := of[it.Practitioner]
		if f == nil {
			f = &feedback{Name: it.Name}
			of[it.Practitioner] = f
		}
		f.Items = append(f.Items, it)
		switch it.Verdict {
		case casework.FindingPass:
			f.Pass++
		case casework.FindingPartial:
			f.Partial++
		default:
			f.Fail++
		}
	}
	var all []feedback
	for _, f := range of {
		all = append(all, *f)
	}
	slices.SortFunc(all, func(a, b feedback) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// LastDay is the last day of the period, which is included.
func (p samplePage) LastDay() any { return p.To.AddDate(0, 0, -1) }

// Left is how much is still to be judged.
func (p samplePage) Left() int { return p.Items - p.Judged }
