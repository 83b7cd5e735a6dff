package matcher_test

import (
	"context"
	"strings"
	"testing"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher/evaluation"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
)

// saw judges the matches of an incident as somebody who had both identities before them.
func (w *world) saw(reference string, verdict casework.Verdict, state casework.MatchState, reason string) {
	w.Helper()
	w.exec(`insert into judgement (match, verdict, identity_digest, by, reason, shown)
		select m.id, $2, m.identity_digest, 'somebody', $3, jsonb_build_object('personDigest', p.identity_digest)
		  from match m join person p on p.id = m.person join incident i on i.id = m.incident where i.reference = $1`, reference, verdict, reason)
	w.exec(`update match set state = $2, judged_at = now() where incident = (select id from incident where reference = $1)`, reference, state)
}

func TestOnlyWhatSomebodySaidOfThesePeopleIsLearntFrom(t *testing.T) {
	w := newWorld(t)
	w.supervise("X000001", "Pugh", "1980-02-01")
	jones, pugh := person("victim", "Jones", "1990-01-01"), person("suspect", "Pugh", "1980-02-01")
	for _, reference := range []string{"YES", "NO", "FOLLOWED", "UNDONE", "CHANGED", "UNSURE", "NOBODY", "ANOTHER"} {
		w.handle(w.Matcher, w.receive(reference, 1, live, jones, pugh))
	}
	w.saw("YES", casework.VerdictConfirm, casework.MatchConfirmed, "")
	w.saw("NO", casework.VerdictDismiss, casework.MatchDismissed, "another man")
	w.saw("FOLLOWED", casework.VerdictDismiss, casework.MatchDismissed, "another_candidate")
	w.saw("UNDONE", casework.VerdictDismiss, casework.MatchDismissed, "another man")
	w.exec(`update match set state = 'open', judged_at = null where incident = (select id from incident where reference = 'UNDONE')`)
	w.saw("UNSURE", casework.VerdictUnsure, casework.MatchUnsure, "cannot tell")
	w.saw("CHANGED", casework.VerdictConfirm, casework.MatchConfirmed, "")
	w.exec(`update judgement set shown = '{"personDigest": "as it was then"}' where match = (select m.id from match m join incident i on i.id = m.incident where reference = 'CHANGED')`)

	seen := map[int]int{} // position's surname → persons
	confirmed, dismissed := 0, 0
	if err := w.db.Seen(context.Background(), 100, func(s casework.Seen) error {
		seen[len(s.Identity.Surname)]++
		confirmed += len(s.Confirmed)
		dismissed += len(s.Dismissed)
		if len(s.Confirmed)+len(s.Dismissed) > 0 && s.Identity.Surname != "Pugh" {
			t.Error("a verdict is laid to somebody else in the incident")
		}
		if !s.Whole {
			t.Error("nothing was erased, and yet somebody may be missing")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if confirmed != 1 || dismissed != 1 || seen[5] != 8 || seen[4] != 8 {
		t.Errorf("got %d confirmed and %d dismissed among %v, want one of each among 8 and 8", confirmed, dismissed, seen)
	}
	verdicts, err := evaluation.ReadVerdicts(context.Background(), w.db)
	if err != nil || verdicts.Confirmed != 1 || verdicts.Dismissed != 1 || verdicts.Enough() {
		t.Errorf("got %+v, %v; want one of each, which is not enough", verdicts, err)
	}
	against := verdicts.Compare(linkage.Default(), expecting(t, 2)).Against
	if len(against) == 0 || !strings.Contains(against[0], "too little is labelled") {
		t.Errorf("got %v against a model that nothing can be said of", against)
	}

	// When somebody who was not found has been erased, what is left of that time is no sample.
	w.exec(`update revision set disposition = 'unmatched', erased_at = now(), body = null
		where incident = (select id from incident where reference = 'NOBODY')`)
	whole := 0
	if err := w.db.Seen(context.Background(), 100, func(s casework.Seen) error {
		if s.Whole {
			whole++
		}
		return nil
	}); err != nil || whole != 0 {
		t.Errorf("%d persons of that time pass for a sample, %v", whole, err)
	}
}
