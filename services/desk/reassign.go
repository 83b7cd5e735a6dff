package desk

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

type reassignPage struct {
	postgres.ActionView
	Person     personView
	Colleagues []postgres.Colleague
}

// reassign asks to whom an action is to be given.
func reassign(v *visit) error { return v.reassignPage(http.StatusOK) }

func (v *visit) reassignPage(status int, mistakes ...fieldError) error {
	a, err := v.readAction()
	if err != nil {
		return err
	}
	switch {
	case !a.Oversees || a.OwnerRole != casework.Practitioner && a.OwnerRole != casework.Manager:
		return casework.ErrNotFound
	case !a.State.Open():
		return casework.ErrChanged
	}
	p := reassignPage{ActionView: a, Person: viewPerson(a.MatchView.Person, a.MatchView.Places)}
	if p.Colleagues, err = v.DB.Colleagues(v.Context(), v.me.ID); err != nil {
		return err
	}
	v.viewed("action", a.ID, nil)
	return v.page(status, "reassign", p, mistakes...)
}

// reassignNow gives it to them.
func reassignNow(v *visit) error {
	id, err := v.id()
	if err != nil {
		return err
	}
	to := v.field("to")
	if to == "" {
		return v.reassignPage(http.StatusUnprocessableEntity, fieldError{"to", "reassign.missing"})
	}
	err = v.reassignTo(casework.ActionID(id), to)
	if errors.Is(err, casework.ErrUnseen) {
		return v.reassignPage(http.StatusUnprocessableEntity, fieldError{"to", "reassign.unseen"})
	}
	if err != nil {
		return err
	}
	return v.to(fmt.Sprintf("/actions/%d", id), "reassign.done")
}

// reassignTo gives somebody half a working day to see what they were given.
func (v *visit) reassignTo(id casework.ActionID, to string) error {
	return v.DB.Reassign(v.Context(), postgres.Reassignment{Action: id, To: to,
		AckDue: v.Calendar.Add(v.now, 4*time.Hour), By: v.me, Correlation: v.correlation()})
}
