package desk

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/reportable-incidents/reportable/services/postgres"
)

// reasons for which somebody may see where a victim or a caller lives. They are
// codes, so that the trail holds no words that might name somebody.
var reasons = []string{"safeguarding", "exclusion", "welfare", "referral", "mistaken"}

type addressesPage struct {
	ID        int64
	Reference string
	Reasons   []string
}

// addresses asks why somebody needs to see the addresses that are masked.
func addresses(v *visit) error { return v.addressesPage(http.StatusOK) }

func (v *visit) addressesPage(status int, mistakes ...fieldError) error {
	m, err := v.readMatch()
	if err != nil {
		return err
	}
	return v.page(status, "addresses", addressesPage{int64(m.ID), m.Incident.Reference, reasons}, mistakes...)
}

// openAddresses shows them for a quarter of an hour, and writes on the trail who
// asked and why before anything is shown.
func openAddresses(v *visit) error {
	reason := v.field("reason")
	if !slices.Contains(reasons, reason) {
		return v.addressesPage(http.StatusUnprocessableEntity, fieldError{"reason", "addresses.missing"})
	}
	m, err := v.readMatch()
	if err != nil {
		return err
	}
	if err := v.openedAddresses(m, reason); err != nil {
		return err
	}
	v.openFor(fmt.Sprint(m.ID))
	return v.to(fmt.Sprintf("/matches/%d", m.ID), "addresses.done")
}

// openedAddresses writes on the trail who saw a match's addresses, and why.
func (v *visit) openedAddresses(m postgres.MatchView, reason string) error {
	return v.DB.Record(v.Context(), postgres.Audit{
		Actor: v.me.Subject, What: "ADDRESSES_OPENED", Service: "desk", SubjectType: "match", SubjectID: fmt.Sprint(m.ID),
		Correlation: v.correlation(), Details: map[string]any{"reason": reason, "incident": m.IncidentID},
	})
}
