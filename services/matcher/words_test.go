package matcher_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
)

func TestWhatPeopleWroteAboutAnIncidentIsErasedWithIt(t *testing.T) {
	w := newWorld(t)
	w.supervise("X000001", "Pugh", "1980-02-01")
	w.handle(w.Matcher, w.receive("A1", 1, live, person("suspect", "Pugh", "1980-02-01")))
	w.exec(`insert into judgement (match, verdict, identity_digest, by, reason)
		select id, v, identity_digest, 'somebody', case when v = 'unsure' then 'Canarius' else '' end
		  from match, unnest(array['unsure', 'confirm']) v`)
	w.exec(`update match set state = 'confirmed', state_reason = 'Canarius', judged_at = $1`, w.now)
	w.exec(`insert into action (incident, person, match, rule, owner_role, owner, pdu, priority, state, ack_due, due)
		select incident, person, id, 'review_incident', 'practitioner', 'P1', 'N03SW1', 'standard', 'done', now(), now() from match`)
	w.exec(`insert into decision (action, outcome, rationale, risk_changed, risk_reason, countersign_note, by)
		select id, 'no_action', 'Canarius', true, 'Canarius', 'Canarius', 'somebody' from action`)
	w.exec(`insert into checklist (action, rule, answer, note, answered_at) select id, 'child', 'done', 'Canarius', now() from action`)
	w.exec(`insert into account (subject, name) values ('s', 'x')`)
	w.exec(`insert into draft (action, account, body) select a.id, c.id, '{"rationale": "Canarius"}' from action a, account c`)
	want := "[checklist decision draft judgement match]"
	if got := w.finds("Canarius"); fmt.Sprint(got) != want {
		t.Fatalf("the canary is in %v before, want it in %s", got, want)
	}
	w.now = w.now.Add(6 * 365 * 24 * time.Hour)
	w.extract(casework.DateOf(w.now))
	w.wantErased(casework.Erased{})
	w.now = w.now.Add(2 * 365 * 24 * time.Hour)
	w.wantErased(casework.Erased{Retained: 1})
	if got := w.finds("Canarius"); got != nil {
		t.Errorf("the canary is still in %v", got)
	}
	var kept string
	w.one(&kept, `select d.rationale || ' ' || d.outcome || ' ' || (select string_agg(reason, '/' order by id) from judgement) from decision d`)
	if kept != "[erased] no_action [erased]/" {
		t.Errorf("what stays is %q", kept)
	}
}
