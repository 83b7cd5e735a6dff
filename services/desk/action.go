package desk

import (
	"fmt"
	"net/http"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

type actionPage struct {
	postgres.ActionView
	Why          []reason
	Incident     incidentView
	Person       personView
	Timeline     timelineView
	Asked        enquiriesView
	IncidentOnly bool // victim staff and duty officers see the incident, not the case
	MayDecide    bool
	MayComplete  bool // done by saying so
	MayReassign  bool
	MayTelephone bool   // say that somebody took it by telephone
	Back         string // the list that it is on, and what that is called
	BackKey      string
	Checklist    []casework.Item
	Typed        casework.Item // an answer that was not taken, as it was typed
	Elsewhere    string        // where the action is done, if it is not here
}

// action shows what is to be done about whom, and why. Opening it does not
// acknowledge it: a button does.
func action(v *visit) error {
	return v.action(http.StatusOK, casework.Item{})
}

func (v *visit) action(status int, typed casework.Item, mistakes ...fieldError) error {
	a, err := v.readAction()
	if err != nil {
		return err
	}
	p := actionPage{
		ActionView: a,
		Typed:      typed,
		Why:        reasonsOf(a.Why),
		Incident:   viewIncident(a.MatchView, v.opened(a.Match)),
		Person:     viewPerson(a.MatchView.Person, a.MatchView.Places),
	}
	p.Incident.OpenHref = fmt.Sprintf("/actions/%d/addresses", a.ID)
	p.Back, p.BackKey = "/actions", "back.actions"
	switch {
	case v.me.Has(casework.DutyOfficer) && a.OwnerRole == casework.DutyOfficer:
		p.Back, p.BackKey = "/duty", "back.duty"
	case v.victimStaffOnly():
		p.Back, p.BackKey = "/victims", "back.victims"
	}
	switch a.Rule {
	case "acknowledge_match":
		p.Elsewhere = fmt.Sprintf("/matches/%d", a.Match)
	case "transfer_match":
		p.Elsewhere = fmt.Sprintf("/matches/%d/transfer", a.Match)
	case "countersign_decision":
		p.Elsewhere = "/countersign"
	case "review_incident":
		p.MayDecide = a.Owns && a.State.Open()
	case "chase_enquiry", "read_reply":
		// Done by police's answer, and by reading it.
	default:
		p.MayComplete = a.Owns && a.State.Open()
	}
	p.MayReassign = a.Oversees && a.State.Open() && (a.OwnerRole == casework.Practitioner || a.OwnerRole == casework.Manager)
	p.MayTelephone = access.RecordCalls.Allows(&v.me) && a.State.Open()
	if p.Checklist, err = v.DB.Checklist(v.Context(), a.ID); err != nil {
		return err
	}
	p.IncidentOnly = !a.Case
	if !p.IncidentOnly {
		entries, err := v.DB.Timeline(v.Context(), v.me.ID, a.Person, 50)
		if err != nil {
			return err
		}
		p.Timeline = viewTimeline(entries, v.now)
		mayAsk := casework.MatchID(0)
		if a.MatchView.State.Live() {
			mayAsk = a.Match
		}
		if p.Asked, err = v.enquiriesAbout(a.Person, mayAsk); err != nil {
			return err
		}
	}
	if err := v.DB.NoticesRead(v.Context(), v.me, a.Match); err != nil {
		return err
	}
	v.viewed("action", a.ID, map[string]any{"match": a.Match, "person": a.Person})
	return v.page(status, "action", p, mistakes...)
}

func (v *visit) readAction() (postgres.ActionView, error) {
	id, err := v.id()
	if err != nil {
		return postgres.ActionView{}, err
	}
	return v.DB.Action(v.Context(), v.me.ID, casework.ActionID(id))
}

// acknowledge records that the owner has seen an action.
func acknowledge(v *visit) error {
	id, err := v.id()
	if err != nil {
		return err
	}
	reached, err := v.DB.Acknowledge(v.Context(), v.me, casework.ActionID(id), v.correlation())
	if err != nil {
		return err
	}
	v.Observe(reached...)
	return v.to(fmt.Sprintf("/actions/%d", id), "action.done.acknowledged")
}

// complete records that an action is done which asks for no decision.
func complete(v *visit) error {
	id, err := v.id()
	if err != nil {
		return err
	}
	if err := v.DB.Complete(v.Context(), v.me, casework.ActionID(id), v.correlation()); err != nil {
		return err
	}
	return v.to(fmt.Sprintf("/actions/%d", id), "action.done.done")
}

// answer records what the owner says of one item of the checklist.
func answer(v *visit) error {
	id, err := v.id()
	if err != nil {
		return err
	}
	item := casework.Item{Rule: v.field("rule"), Answer: v.field("answer"), Note: v.field("note"),
		Referral: casework.Referral{Concern: v.field("concern"), Risk: v.field("risk"), Wanted: v.field("wanted")}}
	if !item.Answers() || longItem(item) {
		return casework.ErrNotFound // the page offers nothing else
	}
	if lacking := item.Lacking(); len(lacking) > 0 {
		var mistakes []fieldError
		for _, field := range lacking {
			mistakes = append(mistakes, fieldError{field, "checklist.wrong." + field})
		}
		return v.action(http.StatusUnprocessableEntity, item, mistakes...)
	}
	if err := v.DB.AnswerItem(v.Context(), v.me, casework.ActionID(id), item, v.correlation()); err != nil {
		return err
	}
	return v.to(fmt.Sprintf("/actions/%d#checklist", id), "")
}

func longItem(i casework.Item) bool {
	return tooLong(i.Note) || tooLong(i.Concern) || tooLong(i.Risk) || tooLong(i.Wanted)
}
