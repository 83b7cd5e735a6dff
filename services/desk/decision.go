package desk

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

// outcomes that a decision may have, in the order of the form.
var outcomes = []casework.Outcome{
	casework.OutcomeReviewRisk, casework.OutcomeHomeVisit, casework.OutcomeSafeguarding, casework.OutcomeSupport,
	casework.OutcomeInformationAsk, casework.OutcomeEnforcement, casework.OutcomeRecall,
	casework.OutcomeNotOurPerson, casework.OutcomeNoChange,
}

// referrals that a decision may say were made, in the order of the form.
var referrals = []string{"children", "adults", "marac", "mappa", "mental_health", "substances", "accommodation", "police"}

// decisionFields are what the form has, for its draft.
var decisionFields = []string{"outcome", "rationale", "risk", "risk_reason", "manager", "referrals",
	"consulted-day", "consulted-month", "consulted-year", "consulted-hour", "consulted-minute"}

type decisionPage struct {
	postgres.ActionView
	Incident incidentView
	Person   personView
	Outcomes []casework.Outcome
	Form     map[string]string
	Drafted  bool
}

// decision is the form in which an owner says what is to be done, and why.
func decision(v *visit) error {
	a, err := v.readAction()
	if err != nil {
		return err
	}
	form, err := v.DB.Draft(v.Context(), v.me.ID, a.ID)
	drafted := err == nil
	if errors.Is(err, casework.ErrNotFound) {
		form, err = map[string]string{}, nil
		if len(a.Managers) > 0 {
			form["manager"] = "" // nobody is assumed to have been consulted
		}
	}
	if err != nil {
		return err
	}
	return v.decisionPage(http.StatusOK, a, form, drafted)
}

func (v *visit) decisionPage(status int, a postgres.ActionView, form map[string]string, drafted bool, mistakes ...fieldError) error {
	if !a.Owns || a.Rule != "review_incident" {
		return casework.ErrNotFound
	}
	if !a.State.Open() {
		return casework.ErrChanged
	}
	v.viewed("action", a.ID, map[string]any{"match": a.Match})
	return v.page(status, "decision", decisionPage{
		ActionView: a,
		Incident:   viewIncident(a.MatchView, v.opened(a.Match)),
		Person:     viewPerson(a.MatchView.Person, a.MatchView.Places),
		Outcomes:   outcomes, Form: form, Drafted: drafted,
	}, mistakes...)
}

// decide records a decision, or keeps a draft of it.
func decide(v *visit) error {
	a, err := v.readAction()
	if err != nil {
		return err
	}
	form := map[string]string{}
	for _, name := range decisionFields {
		form[name] = v.field(name)
	}
	form["referrals"] = strings.Join(v.PostForm["referrals"], ",")
	if v.field("draft") != "" {
		if err := v.keepDraft(a, form); err != nil {
			return err
		}
		return v.to(fmt.Sprintf("/actions/%d/decision", a.ID), "decision.drafted")
	}
	d, mistakes := v.readDecision(a, form)
	if len(mistakes) > 0 {
		return v.decisionPage(http.StatusUnprocessableEntity, a, form, false, mistakes...)
	}
	reached, err := v.DB.Decide(v.Context(), d)
	if err != nil {
		return err
	}
	v.Observe(reached...)
	flash := "decision.done"
	if d.CountersignNeeded {
		flash = "decision.done.countersign"
	}
	return v.to(fmt.Sprintf("/actions/%d", a.ID), flash)
}

// keepDraft keeps what the owner has typed so far.
func (v *visit) keepDraft(a postgres.ActionView, form map[string]string) error {
	if !a.Owns {
		return casework.ErrNotFound
	}
	return v.DB.SaveDraft(v.Context(), v.me.ID, a.ID, form)
}

func (v *visit) readDecision(a postgres.ActionView, form map[string]string) (postgres.NewDecision, []fieldError) {
	d := postgres.NewDecision{
		Action: a.ID, Outcome: casework.Outcome(form["outcome"]), Rationale: form["rationale"],
		RiskChanged: form["risk"] == "yes", RiskReason: form["risk_reason"], ManagerConsulted: form["manager"],
		By: v.me, Correlation: v.correlation(),
	}
	var mistakes []fieldError
	wrong := func(field, key string) { mistakes = append(mistakes, fieldError{field, key}) }
	if !slices.Contains(outcomes, d.Outcome) {
		wrong("outcome", "decision.wrong.outcome")
	}
	switch {
	case d.Rationale == "":
		wrong("rationale", "decision.wrong.rationale")
	case tooLong(d.Rationale):
		wrong("rationale", "match.reason.long")
	}
	switch {
	case form["risk"] != "yes" && form["risk"] != "no":
		wrong("risk", "decision.wrong.risk")
	case d.RiskReason == "":
		wrong("risk_reason", "decision.wrong.riskreason")
	case tooLong(d.RiskReason):
		wrong("risk_reason", "match.reason.long")
	}
	if form["referrals"] != "" {
		d.Referrals = slices.Compact(slices.Sorted(slices.Values(strings.Split(form["referrals"], ","))))
	}
	if slices.ContainsFunc(d.Referrals, func(r string) bool { return !slices.Contains(referrals, r) }) {
		wrong("referrals", "decision.wrong.referrals")
	}
	if d.ManagerConsulted != "" {
		var ok bool
		d.ConsultedAt, ok = v.consultedAt(form)
		switch {
		case !slices.ContainsFunc(a.Managers, func(m postgres.Colleague) bool { return m.Code == d.ManagerConsulted }):
			wrong("manager", "decision.wrong.manager")
		case !ok:
			wrong("consulted-day", "decision.wrong.consulted")
		case d.ConsultedAt.After(v.now):
			wrong("consulted-day", "decision.wrong.future")
		case d.ConsultedAt.Before(a.MatchView.Incident.OccurredFrom) && !a.MatchView.Erased:
			wrong("consulted-day", "decision.wrong.before")
		}
	}
	d.CountersignNeeded = needsCountersignature(a, d)
	// Two working days, after which it goes up to the head of PDU.
	d.CountersignDue = v.Calendar.Add(v.now, 16*time.Hour)
	return d, mistakes
}

// needsCountersignature says which decisions a manager has to look at. It errs
// on the side of looking: what changes somebody's liberty, what does nothing
// about something pressing, what says police mean somebody else, and every
// decision on a case of high risk.
func needsCountersignature(a postgres.ActionView, d postgres.NewDecision) bool {
	switch d.Outcome {
	case casework.OutcomeEnforcement, casework.OutcomeRecall, casework.OutcomeNotOurPerson:
		return true
	case casework.OutcomeNoChange:
		if a.Priority != casework.Standard {
			return true
		}
	}
	return a.RoSH == casework.RoSHHigh || a.RoSH == casework.RoSHVeryHigh || a.Priority == casework.Urgent
}

func (v *visit) consultedAt(form map[string]string) (time.Time, bool) {
	return v.momentIn(form, "consulted")
}

// momentIn reads a time from the five boxes of a form.
func (v *visit) momentIn(form map[string]string, name string) (time.Time, bool) {
	var n [5]int
	for i, part := range []string{"day", "month", "year", "hour", "minute"} {
		value, err := strconv.Atoi(form[name+"-"+part])
		if err != nil || value < 0 {
			return time.Time{}, false
		}
		n[i] = value
	}
	at := time.Date(n[2], time.Month(n[1]), n[0], n[3], n[4], 0, 0, v.Calendar.Zone())
	same := at.Day() == n[0] && int(at.Month()) == n[1] && at.Year() == n[2] && n[3] < 24 && n[4] < 60
	return at, same
}

// Referrals are the boxes of who was asked to help.
func (decisionPage) Referrals() []string { return referrals }

// Referred says of one of them that it is ticked.
func (p decisionPage) Referred(to string) bool {
	return slices.Contains(strings.Split(p.Form["referrals"], ","), to)
}
