package desk_test

import (
	"net/http"
	"testing"

	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

func TestAReferralStatesConcernRiskAndTheActionWanted(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	pgtest.Exec(t, w.DB, "insert into checklist (action, rule) values ($1, 'children_enquiry'), ($1, 'children_referral')", m.Practitioner)
	u := w.as(t, "practitioner")
	at := path("/actions/%d", m.Practitioner)
	form := ".desk-checklist form:has(#concern)"
	answered := func(rule string) string {
		return pgtest.One[string](t, w.DB, "select answer from checklist where action = $1 and rule = $2", m.Practitioner, rule)
	}

	// What is not known to children's services is not known; the referral stays.
	u.get(at).submit(".desk-checklist form:has(#note-children_enquiry)", "answer", "not_known").status(http.StatusOK).
		sees(".desk-checklist__answer", "Not known to them")
	u.post(at+"/checklist", "rule", "children_referral", "answer", "not_known", "note", "not known to them").status(http.StatusNotFound)
	if got := answered("children_referral"); got != "" {
		t.Fatalf("the referral is answered with %q", got)
	}

	// Nothing that was typed is lost where something lacks.
	short := u.get(at).submit(form, "answer", "done", "concern", "Shouting at night", "risk", "").status(http.StatusUnprocessableEntity)
	short.sees(".govuk-error-summary a[href='#risk']", "Say what the risk is").sees(".govuk-error-summary a[href='#wanted']", "Say what children's services").
		sees("#concern", "Shouting at night")
	u.get(at).submit(form, "answer", "not_needed").status(http.StatusUnprocessableEntity).sees("#note-error", "Say why no referral is needed")
	if got := answered("children_referral"); got != "" {
		t.Fatalf("the referral is answered with %q", got)
	}

	short.submit(form, "answer", "done", "concern", "Shouting at night", "risk", "The baby may be hurt", "wanted", "A visit this week").status(http.StatusOK).
		sees(".desk-checklist", "A visit this week").sees(".desk-checklist", "The baby may be hurt").seesNot(".desk-checklist form", "children")
	if got := answered("children_referral"); got != "done" {
		t.Errorf("the referral is answered with %q, want done", got)
	}
}
