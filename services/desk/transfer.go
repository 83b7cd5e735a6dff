package desk

import (
	"net/http"
	"strings"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

type transferPage struct {
	postgres.MatchView
	Incident  incidentView
	Person    personView
	Pack      casework.Contact
	Automatic casework.TransferState // how far it came by itself; empty where nothing does
	Entered   string
}

// transfer shows the contact as the case record takes it: type C204, Police
// Liaison. It never holds a victim's or a caller's address.
func transfer(v *visit) error {
	m, err := v.readMatch()
	if err != nil {
		return err
	}
	return v.transferPage(http.StatusOK, m)
}

func (v *visit) transferPage(status int, m postgres.MatchView, mistakes ...fieldError) error {
	pack, automatic, err := v.readPack(m)
	if err != nil {
		return err
	}
	if automatic == "" && v.Sends { // it is asked for in a moment
		automatic = casework.TransferQueued
	}
	return v.page(status, "transfer", transferPage{
		MatchView: m, Incident: viewIncident(m, false), Person: viewPerson(m.Person, m.Places),
		Pack: pack, Automatic: automatic, Entered: v.PostFormValue("contact"),
	}, mistakes...)
}

// readPack is the contact of a match that the viewer may transfer, and how far
// it came by itself.
func (v *visit) readPack(m postgres.MatchView) (casework.Contact, casework.TransferState, error) {
	if !m.MayJudge {
		return casework.Contact{}, "", casework.ErrNotFound
	}
	if m.State != casework.MatchConfirmed {
		return casework.Contact{}, "", casework.ErrChanged
	}
	automatic, err := v.DB.TransferState(v.Context(), m.ID)
	v.viewed("match", m.ID, nil)
	return casework.NewContact(m.Incident, m.Position, m.Person, m.Priority), automatic, err
}

// wrongContact says of a contact's number that the case record has none such.
func wrongContact(contact string) bool {
	return len(contact) > 40 || strings.ContainsFunc(contact, func(r rune) bool { return r < ' ' })
}

// transferNow records that the contact was put on the case record.
func transferNow(v *visit) error {
	m, err := v.readMatch()
	if err != nil {
		return err
	}
	contact := v.field("contact")
	if wrongContact(contact) {
		return v.transferPage(http.StatusUnprocessableEntity, m, fieldError{"contact", "transfer.wrong"})
	}
	reached, err := v.DB.Transfer(v.Context(), postgres.Transfer{Match: m.ID, Contact: contact, By: v.me, Correlation: v.correlation()})
	if err != nil {
		return err
	}
	v.Observe(reached...)
	return v.next(m.ID, "transfer.done")
}
