package desk

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

type askPage struct {
	postgres.MatchView
	Person   personView
	Forces   []string
	Purposes []casework.Purpose
	Form     map[string]string
	OnFile   postgres.OnFile
	Later    bool // an administrator could not tell, and may leave it for now
}

// askedOf are the fields of the form.
var askedOf = []string{"force", "purpose", "question", "justification",
	"from-day", "from-month", "from-year", "to-day", "to-month", "to-year"}

// ask is the form in which somebody asks a force about the person of a match.
func ask(v *visit) error {
	m, err := v.askable()
	if err != nil {
		return err
	}
	form := map[string]string{"force": m.Incident.Force}
	if m.State != casework.MatchConfirmed {
		form["purpose"] = string(casework.PurposeIdentity)
	}
	if m.State == casework.MatchUnsure {
		form["question"] = doubt(m, v.me.Subject)
	}
	// What is usually asked: the last three months.
	for prefix, day := range map[string]casework.Date{"from": casework.DateOf(v.now.AddDate(0, -3, 0)), "to": casework.DateOf(v.now)} {
		form[prefix+"-day"], form[prefix+"-month"], form[prefix+"-year"] = fmt.Sprint(day.Day), fmt.Sprint(int(day.Month)), fmt.Sprint(day.Year)
	}
	return v.askPage(http.StatusOK, askPage{MatchView: m, Form: form})
}

// askable is the match that the path names, if anything can be asked about it.
func (v *visit) askable() (postgres.MatchView, error) {
	m, err := v.readMatch()
	if err == nil && !m.State.Live() {
		err = casework.ErrChanged
	}
	return m, err
}

func (v *visit) askPage(status int, p askPage, mistakes ...fieldError) error {
	var err error
	if p.Forces, err = v.DB.ForcesToAsk(v.Context()); err != nil {
		return err
	}
	p.Later = p.State == casework.MatchUnsure && p.MayJudge
	p.Person = viewPerson(p.MatchView.Person, p.MatchView.Places)
	for _, one := range casework.Purposes {
		p.Purposes = append(p.Purposes, one.Purpose)
	}
	v.viewed("match", p.ID, map[string]any{"person": p.MatchView.Person.ID})
	return v.page(status, "ask", p, mistakes...)
}

// askNow puts the enquiry to the force. What is on file already is shown, and
// has to be spoken to, before it is asked again.
func askNow(v *visit) error {
	m, err := v.askable()
	if err != nil {
		return err
	}
	form := map[string]string{}
	for _, name := range askedOf {
		form[name] = v.field(name)
	}
	n, onFile, mistakes, err := v.readEnquiry(m, form)
	if err != nil {
		return err
	}
	if len(mistakes) > 0 {
		return v.askPage(http.StatusUnprocessableEntity, askPage{MatchView: m, Form: form, OnFile: onFile}, mistakes...)
	}
	id, err := v.DB.Ask(v.Context(), n)
	if errors.Is(err, postgres.ErrAskedAlready) {
		return v.askPage(http.StatusUnprocessableEntity, askPage{MatchView: m, Form: form, OnFile: onFile}, fieldError{"force", "ask.wrong.already"})
	}
	if err != nil {
		return err
	}
	if m.State == casework.MatchUnsure && m.MayJudge {
		return v.next(m.ID, "ask.done") // the next match follows, as after any verdict
	}
	return v.to(fmt.Sprintf("/enquiries/%d", id), "ask.done")
}

// doubt is what somebody wrote when they could not tell: it is usually what the
// force is to be asked. What another person wrote is not put into their mouth.
func doubt(m postgres.MatchView, subject string) string {
	var said string
	var at time.Time
	for _, j := range m.Judged {
		if j.Verdict == casework.VerdictUnsure && j.Subject == subject && !j.At.Before(at) {
			said, at = j.Reason, j.At
		}
	}
	return said
}

// readEnquiry reads the form, with what is on file about what it asks.
func (v *visit) readEnquiry(m postgres.MatchView, form map[string]string) (postgres.NewEnquiry, postgres.OnFile, []fieldError, error) {
	n := postgres.NewEnquiry{Match: m.ID, Force: form["force"], Purpose: casework.Purpose(form["purpose"]), Question: form["question"],
		Justification: form["justification"], By: v.me, Correlation: v.correlation()}
	var mistakes []fieldError
	var onFile postgres.OnFile
	wrong := func(field, key string) { mistakes = append(mistakes, fieldError{field, key}) }
	forces, err := v.DB.ForcesToAsk(v.Context())
	if err != nil {
		return n, onFile, nil, err
	}
	if !slices.Contains(forces, n.Force) {
		wrong("force", "ask.wrong.force")
	}
	if n.Purpose.Basis() == "" {
		wrong("purpose", "ask.wrong.purpose")
	}
	from, fromOK := v.dayOf(form, "from")
	to, toOK := v.dayOf(form, "to")
	switch {
	case !fromOK:
		wrong("from-day", "ask.wrong.day")
	case !toOK:
		wrong("to-day", "ask.wrong.day")
	case to.Before(from):
		wrong("to-day", "ask.wrong.order")
	case to.After(v.now):
		wrong("to-day", "ask.wrong.future")
	}
	switch {
	case n.Question == "":
		wrong("question", "ask.wrong.question")
	case len(n.Question) > longest:
		wrong("question", "match.reason.long")
	}
	if len(n.Justification) > longest {
		wrong("justification", "match.reason.long")
	}
	if len(mistakes) > 0 {
		return n, onFile, mistakes, nil
	}
	n.From, n.To = casework.DateOf(from), casework.DateOf(to)
	if onFile, err = v.DB.OnFile(v.Context(), v.me.ID, m.Person.ID, n.Force, n.From, n.To); err != nil {
		return n, onFile, nil, err
	}
	if n.OnFile = onFile.Count(); n.OnFile > 0 && n.Justification == "" {
		wrong("justification", "ask.wrong.justify")
	}
	return n, onFile, mistakes, nil
}
