package desk

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

type telephonePage struct {
	postgres.ActionView
	Callees []postgres.Colleague
	Form    map[string]string
}

// telephone asks who took an action by telephone, and when: at night the page
// is on nobody's screen.
func telephone(v *visit) error {
	a, err := v.readAction()
	if err != nil {
		return err
	}
	if !a.State.Open() {
		return casework.ErrChanged
	}
	callees, err := v.DB.Callees(v.Context(), a.ID, v.now)
	if err != nil {
		return err
	}
	form := map[string]string{}
	at := v.now.In(v.Calendar.Zone())
	for name, n := range map[string]int{"day": at.Day(), "month": int(at.Month()), "year": at.Year(), "hour": at.Hour(), "minute": at.Minute()} {
		form["spoke-"+name] = fmt.Sprint(n)
	}
	if len(callees) > 0 {
		form["to"] = callees[0].Code
	}
	return v.telephonePage(http.StatusOK, telephonePage{a, callees, form})
}

func (v *visit) telephonePage(status int, p telephonePage, mistakes ...fieldError) error {
	v.viewed("action", p.ID, map[string]any{"match": p.Match, "person": p.Person})
	return v.page(status, "telephone", p, mistakes...)
}

// telephoned records the call, which stops the clock as an acknowledgement does.
func telephoned(v *visit) error {
	a, err := v.readAction()
	if err != nil {
		return err
	}
	callees, err := v.DB.Callees(v.Context(), a.ID, v.now)
	if err != nil {
		return err
	}
	form := map[string]string{"to": v.field("to")}
	for _, part := range timeParts {
		form["spoke-"+part] = v.field("spoke-" + part)
	}
	mistakes, err := v.recordCall(telephonePage{a, callees, form})
	if err != nil {
		return err
	}
	if len(mistakes) > 0 {
		return v.telephonePage(http.StatusUnprocessableEntity, telephonePage{a, callees, form}, mistakes...)
	}
	return v.to(fmt.Sprintf("/actions/%d", a.ID), "telephone.done")
}

// recordCall records the call that a form tells of, or says what is wrong with it.
func (v *visit) recordCall(p telephonePage) ([]fieldError, error) {
	a, callees, form := p.ActionView, p.Callees, p.Form
	var mistakes []fieldError
	if !slices.ContainsFunc(callees, func(c postgres.Colleague) bool { return c.Code == form["to"] }) {
		mistakes = append(mistakes, fieldError{"to", "telephone.wrong.to"})
	}
	at, ok := v.momentIn(form, "spoke")
	switch {
	case !ok:
		mistakes = append(mistakes, fieldError{"spoke-day", "telephone.wrong.time"})
	case at.After(v.now):
		mistakes = append(mistakes, fieldError{"spoke-day", "telephone.wrong.future"})
	case at.Before(a.RaisedAt.Truncate(time.Minute)): // the boxes have no seconds
		mistakes = append(mistakes, fieldError{"spoke-day", "telephone.wrong.before"})
	}
	if len(mistakes) > 0 {
		return mistakes, nil
	}
	reached, err := v.DB.AcknowledgeByTelephone(v.Context(), postgres.Call{
		Action: a.ID, To: form["to"], At: at, By: v.me, Correlation: v.correlation()})
	if err != nil {
		return nil, err
	}
	v.Observe(reached...)
	return nil, nil
}
