package desk_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

// follow goes where the first link at the selector leads.
func (p *page) follow(selector string) *page {
	p.Helper()
	at, ok := p.Find(selector).First().Attr("href")
	if !ok {
		p.Fatalf("%s: no link at %q", p.request, selector)
	}
	return p.user.get(at)
}

func TestAPractitionerAsksTheForceAndNotTwice(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	pgtest.Exec(t, w.DB, `insert into watch_list (force, fields) values ('93', '{}')`) // nothing is agreed with it
	u := w.as(t, "practitioner")
	form := u.get(path("/actions/%d", m.Practitioner)).sees("#enquiries", "Nothing has been asked").
		follow("#enquiries a").status(http.StatusOK).sees("option[selected]", "South Wales Police").count("option[value='93']", 0)
	day := func(prefix string) []string {
		var all []string
		for _, part := range []string{"day", "month", "year"} {
			all = append(all, prefix+"-"+part, form.value("#"+prefix+"-"+part))
		}
		return all
	}
	boxes := append(day("from"), day("to")...)
	send := func(more ...string) *page { return form.submit("main form", append(more, boxes...)...) }

	send("force", "93", "purpose", "curiosity").status(http.StatusUnprocessableEntity).
		sees(".govuk-error-summary", "Choose the force").sees(".govuk-error-summary", "Choose why you ask").sees(".govuk-error-summary", "Say what you want to know")
	send("force", "61", "purpose", "risk", "question", "Any call-outs?", "from-year", "2199").status(http.StatusUnprocessableEntity).
		sees(".govuk-error-summary", "must not be before")
	// The incident itself came from this force in this time.
	send("force", "62", "purpose", "risk", "question", "Any call-outs?").status(http.StatusUnprocessableEntity).
		sees("#onfile", "Violence and sexual offences").sees(".govuk-error-summary", "say why you ask all the same").
		sees("#question", "Any call-outs?") // nothing that was typed is lost

	done := send("force", "62", "purpose", "risk", "question", "Any call-outs?", "justification", "To hear of others who live there.").
		status(http.StatusOK).sees(".govuk-notification-banner", "has been asked").sees("main", "not yet taken").sees("main", "Priya Practice").
		sees("main", "Offender Management Act")
	send("force", "62", "purpose", "risk", "question", "And again?", "justification", "So there.").status(http.StatusUnprocessableEntity).
		sees(".govuk-error-summary", "waits for its answer").sees("#onfile a", "To assess and manage risk")
	for what, n := range map[string]int{
		"enquiries":          w.rows("enquiry where asked_role = 'practitioner' and on_file = 1"),
		"events":             w.rows("event where subject = 'enquiries.asked'"),
		"lines on the trail": w.rows("audit where what = 'ENQUIRY_ASKED' and details::text not like '%call-outs%'"),
	} {
		if n != 1 {
			t.Errorf("got %d %s, want 1", n, what)
		}
	}
	u.get(path("/people/%d", pgtest.One[int64](t, w.DB, `select person from match where id = $1`, m.Match))).sees("#enquiries", "To assess and manage risk")
	w.as(t, "gwent administrator").get(done.request).status(http.StatusNotFound)
	w.as(t, "victim staff").get(done.request).status(http.StatusForbidden)

	// Nothing is asked about somebody whom the incident does not concern.
	w.Judge("administrator", m.Match, casework.VerdictDismiss)
	u.get(path("/matches/%d/ask", m.Match)).status(http.StatusConflict)
}

func TestNobodySeesAnEnquiryAboutSomebodyHiddenFromThem(t *testing.T) {
	w := open(t)
	p := w.Person(scene.Case{Restricted: true})
	m := w.Match(scene.Report{Person: p})
	id := w.Ask("practitioner", m.Match, casework.PurposeRisk)
	reply := w.Told(id)
	for _, at := range []string{fmt.Sprintf("/enquiries/%d", id), fmt.Sprintf("/replies/%d", reply), fmt.Sprintf("/matches/%d/ask", m.Match),
		fmt.Sprintf("/v1/enquiries/%d", id), fmt.Sprintf("/v1/replies/%d", reply), fmt.Sprintf("/v1/people/%d/enquiries", p)} {
		w.as(t, "practitioner").get(at).status(http.StatusOK)
		w.as(t, "administrator").get(at).status(http.StatusNotFound) // works in the PDU, and is not cleared
	}
	for _, at := range []string{"open", "read"} {
		if got := w.as(t, "administrator").post(fmt.Sprintf("/replies/%d/%s", reply, at), "reason", "safeguarding").code; got != http.StatusNotFound {
			t.Errorf("%s: got %d", at, got)
		}
	}
	// To the force go identifiers alone.
	out, err := w.DB.EnquiriesFor(t.Context(), "62", true, 10, "")
	if err != nil || len(out) != 0 {
		t.Errorf("answered, and given: %d, %v", len(out), err)
	}
	other := w.Ask("practitioner", m.Match, casework.PurposeEnforcement)
	out, err = w.DB.EnquiriesFor(t.Context(), "62", true, 10, "")
	if err != nil || len(out) != 1 || len(out[0].Person) != 1 || out[0].Person["pncs"] == nil {
		t.Errorf("of enquiry %d the force is given %d fields, %v; want identifiers alone", other, len(out[0].Person), err)
	}
}
