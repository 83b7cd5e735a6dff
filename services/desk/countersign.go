package desk

import (
	"net/http"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

type countersignPage struct {
	postgres.ActionView
	Decision postgres.DecisionView
	Incident incidentView
	Person   personView
	Own      bool
	Agree    string
	Note     string
}

// countersign shows a decision to the manager who is to sign it.
func countersign(v *visit) error {
	p, err := v.readCountersign()
	if err != nil {
		return err
	}
	return v.countersignPage(http.StatusOK, p)
}

func (v *visit) readCountersign() (countersignPage, error) {
	id, err := v.id()
	if err != nil {
		return countersignPage{}, err
	}
	action, err := v.DB.DecisionAction(v.Context(), v.me.ID, id)
	if err != nil {
		return countersignPage{}, err
	}
	a, err := v.DB.Action(v.Context(), v.me.ID, action)
	if err != nil {
		return countersignPage{}, err
	}
	p := countersignPage{ActionView: a, Incident: viewIncident(a.MatchView, v.opened(a.Match)),
		Person: viewPerson(a.MatchView.Person, a.MatchView.Places)}
	for _, d := range a.Decisions {
		if d.ID == id {
			p.Decision, p.Own = d, d.BySubject == v.me.Subject
			return p, nil
		}
	}
	return p, casework.ErrNotFound
}

func (v *visit) countersignPage(status int, p countersignPage, mistakes ...fieldError) error {
	v.viewed("decision", p.Decision.ID, map[string]any{"action": p.ID})
	return v.page(status, "countersign", p, mistakes...)
}

// countersignNow signs a decision, or gives it back to be decided again.
func countersignNow(v *visit) error {
	p, err := v.readCountersign()
	if err != nil {
		return err
	}
	p.Agree, p.Note = v.field("agree"), v.field("note")
	var mistakes []fieldError
	switch {
	case p.Agree != "yes" && p.Agree != "no":
		mistakes = append(mistakes, fieldError{"agree", "countersign.choose"})
	case p.Agree == "no" && p.Note == "":
		mistakes = append(mistakes, fieldError{"note", "countersign.why"})
	case tooLong(p.Note):
		mistakes = append(mistakes, fieldError{"note", "match.reason.long"})
	}
	if len(mistakes) > 0 {
		return v.countersignPage(http.StatusUnprocessableEntity, p, mistakes...)
	}
	reached, err := v.DB.Countersign(v.Context(), postgres.Countersignature{
		Decision: p.Decision.ID, Agree: p.Agree == "yes", Note: p.Note,
		Due: v.Calendar.Add(v.now, 8*time.Hour), By: v.me, Correlation: v.correlation(),
	})
	if err != nil {
		return err
	}
	v.Observe(reached...)
	if p.Agree == "yes" {
		return v.to("/countersign", "countersign.done")
	}
	return v.to("/countersign", "countersign.returned")
}
