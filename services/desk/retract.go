package desk

import (
	"fmt"
	"net/http"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

type retractPage struct {
	postgres.MatchView
	Person personView
	Reason string
}

// retract asks why a confirmation was wrong, and says what follows.
func retract(v *visit) error {
	m, err := v.readMatch()
	if err != nil {
		return err
	}
	return v.retractPage(http.StatusOK, m)
}

func (v *visit) retractPage(status int, m postgres.MatchView, mistakes ...fieldError) error {
	if !m.MayRetract {
		return casework.ErrNotFound
	}
	if m.State != casework.MatchConfirmed {
		return casework.ErrChanged
	}
	v.viewed("match", m.ID, nil)
	return v.page(status, "retract", retractPage{m, viewPerson(m.Person, m.Places), v.PostFormValue("reason")}, mistakes...)
}

// retractNow takes a confirmation back.
func retractNow(v *visit) error {
	m, err := v.readMatch()
	if err != nil {
		return err
	}
	reason := v.field("reason")
	switch {
	case reason == "":
		return v.retractPage(http.StatusUnprocessableEntity, m, fieldError{"reason", "retract.missing"})
	case tooLong(reason):
		return v.retractPage(http.StatusUnprocessableEntity, m, fieldError{"reason", "match.reason.long"})
	}
	reached, err := v.DB.Judge(v.Context(), postgres.Judgement{
		Match: m.ID, Verdict: casework.VerdictRetract, Reason: reason, By: v.me,
		Seen: v.field("seen"), Correlation: v.correlation(),
	})
	if err != nil {
		return err
	}
	v.Observe(reached...)
	return v.to(fmt.Sprintf("/matches/%d", m.ID), "retract.done")
}
