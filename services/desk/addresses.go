package desk

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/reportable-incidents/reportable/services/postgres"
)

// reasons for which somebody may see where a victim or a caller lives. They are
// codes, so that the trail holds no words that might name somebody.
var reasons = []string{"safeguarding", "exclusion", "welfare", "referral", "mistaken"}

type addressesPage struct {
	At        string // the page that they are asked from
	Action    bool
	Reference string
	Reasons   []string
}

// addresses asks why somebody needs to see the addresses that are masked: of a
// match or, for those who have something to do and read no matches, of an action.
func addresses(v *visit) error { return v.addressesPage(http.StatusOK) }

func (v *visit) addressesPage(status int, mistakes ...fieldError) error {
	m, at, err := v.masking()
	if err != nil {
		return err
	}
	return v.page(status, "addresses", addressesPage{at, strings.HasPrefix(at, "/actions/"), m.Incident.Reference, reasons}, mistakes...)
}

// masking is the match whose addresses are asked for, and the page that it is on.
func (v *visit) masking() (postgres.MatchView, string, error) {
	if !strings.HasPrefix(strings.TrimPrefix(v.URL.Path, "/v1"), "/actions/") {
		m, err := v.readMatch()
		return m, fmt.Sprintf("/matches/%d", m.ID), err
	}
	a, err := v.readAction()
	return a.MatchView, fmt.Sprintf("/actions/%d", a.ID), err
}

// openAddresses shows them for a quarter of an hour, and writes on the trail who
// asked and why before anything is shown.
func openAddresses(v *visit) error {
	reason := v.field("reason")
	if !slices.Contains(reasons, reason) {
		return v.addressesPage(http.StatusUnprocessableEntity, fieldError{"reason", "addresses.missing"})
	}
	m, at, err := v.masking()
	if err != nil {
		return err
	}
	if err := v.openedAddresses(m, reason); err != nil {
		return err
	}
	v.openFor(fmt.Sprint(m.ID))
	return v.to(at, "addresses.done")
}

// openedAddresses writes on the trail who saw a match's addresses, and why.
func (v *visit) openedAddresses(m postgres.MatchView, reason string) error {
	return v.DB.Record(v.Context(), postgres.Audit{
		Actor: v.me.Subject, What: "ADDRESSES_OPENED", Service: "desk", SubjectType: "match", SubjectID: fmt.Sprint(m.ID),
		Correlation: v.correlation(), Details: map[string]any{"reason": reason, "incident": m.IncidentID},
	})
}
