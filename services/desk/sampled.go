package desk

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

type sampledPage struct {
	postgres.ActionView
	Item     postgres.SampleItem
	Decision postgres.DecisionView
	Incident incidentView
	Person   personView
	Form     map[string]string
	Own      bool // the viewer has a hand in it
}

// sampled shows one piece of closed work, and asks what is to be thought of it.
func sampled(v *visit) error {
	p, err := v.readSampled()
	if err != nil {
		return err
	}
	p.Form = map[string]string{"verdict": p.Item.Verdict, "notes": p.Item.Notes}
	for question, answer := range p.Item.Answers {
		p.Form["answer-"+question] = answer
	}
	return v.sampledPage(http.StatusOK, p)
}

func (v *visit) readSampled() (sampledPage, error) {
	var p sampledPage
	id, err := v.id()
	if err != nil {
		return p, err
	}
	if p.Item, err = v.DB.Sampled(v.Context(), v.me.ID, id); err != nil {
		return p, err
	}
	if p.ActionView, err = v.DB.Action(v.Context(), v.me.ID, p.Item.Action); err != nil {
		return p, err
	}
	p.Incident, p.Person = viewIncident(p.MatchView, v.opened(p.Match)), viewPerson(p.MatchView.Person, p.MatchView.Places)
	p.Own = p.Item.Own
	for _, d := range p.Decisions {
		if d.ID == p.Item.Decision {
			p.Decision = d
		}
	}
	return p, nil
}

func (v *visit) sampledPage(status int, p sampledPage, mistakes ...fieldError) error {
	v.viewed("sampled", p.Item.ID, map[string]any{"action": p.ID, "sample": p.Item.Sample})
	return v.page(status, "sampled", p, mistakes...)
}

// judgeSampled records what was found, or keeps what there is of it for later.
func judgeSampled(v *visit) error {
	p, err := v.readSampled()
	if err != nil {
		return err
	}
	p.Form = map[string]string{"verdict": v.field("verdict"), "notes": v.field("notes")}
	for _, question := range casework.SampleQuestions {
		p.Form["answer-"+question] = v.field("answer-" + question)
	}
	done := v.field("save") == ""
	mistakes, err := v.find(p, done)
	if err != nil {
		return err
	}
	if len(mistakes) > 0 {
		return v.sampledPage(http.StatusUnprocessableEntity, p, mistakes...)
	}
	back := fmt.Sprintf("/samples/%d", p.Item.Sample)
	if !done {
		return v.to(back, "sample.saved")
	}
	return v.to(back, "sample.judged")
}

// find records what the form of a page says was found, or says what is wrong with it.
func (v *visit) find(p sampledPage, done bool) ([]fieldError, error) {
	f := postgres.Finding{Item: p.Item.ID, Answers: map[string]string{}, Verdict: p.Form["verdict"], Notes: p.Form["notes"],
		Done: done, By: v.me, Correlation: v.correlation()}
	var mistakes []fieldError
	for _, question := range casework.SampleQuestions {
		answer := p.Form["answer-"+question]
		switch {
		case casework.ValidFinding(answer, false):
			f.Answers[question] = answer
		case f.Done || answer != "":
			mistakes = append(mistakes, fieldError{"answer-" + question, "sample.wrong.answer." + question})
		}
	}
	switch {
	case !casework.ValidFinding(f.Verdict, true) && (f.Done || f.Verdict != ""):
		mistakes = append(mistakes, fieldError{"verdict", "sample.wrong.verdict"})
	case f.Done && f.Verdict != casework.FindingPass && f.Notes == "":
		mistakes = append(mistakes, fieldError{"notes", "sample.wrong.notes"})
	case len(f.Notes) > longest:
		mistakes = append(mistakes, fieldError{"notes", "match.reason.long"})
	}
	if p.Own {
		mistakes = []fieldError{{"verdict", "sample.wrong.own"}}
	}
	if len(mistakes) > 0 {
		return mistakes, nil
	}
	first, err := v.DB.Find(v.Context(), f)
	if errors.Is(err, casework.ErrOwnDecision) { // by now
		return []fieldError{{"verdict", "sample.wrong.own"}}, nil
	}
	if err == nil && first != "" {
		v.metrics.sampled.WithLabelValues(first, f.Verdict).Inc()
	}
	return nil, err
}

// Questions are those that are asked of each piece of work.
func (sampledPage) Questions() []string { return casework.SampleQuestions }

// Answers are how a question can be answered.
func (sampledPage) Answers() []string {
	return []string{casework.FindingPass, casework.FindingPartial, casework.FindingFail, casework.FindingNone}
}

// Verdicts are how the work as a whole can be found.
func (sampledPage) Verdicts() []string {
	return []string{casework.FindingPass, casework.FindingPartial, casework.FindingFail}
}
