package desk_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

func TestAMatchPageShowsTheIncidentBesideThePerson(t *testing.T) {
	w := open(t)
	p := w.Person(scene.Case{})
	m := w.Match(scene.Report{Person: p})
	page := w.as(t, "administrator").get(path("/matches/%d", m.Match)).status(http.StatusOK)
	page.sees("h1", "Is this the same person?").
		sees("section[aria-labelledby=incident-heading]", "Rhys Testor").
		sees("section[aria-labelledby=person-heading]", "Rhys Tester").
		sees(".desk-unverified", "Unverified: do not act against the person").
		count(".desk-evidence tbody tr", 7).
		sees(".desk-evidence--against", "against").
		sees(".desk-evidence--sum", "+12.25").
		count(".desk-waterfall rect", 7).
		count("form.desk-verdict", 1).
		count(".desk-evidence--absent", 0).count(".desk-decisive", 0)

	// What one side does not state is no evidence, and has to be seen all the same.
	pgtest.Exec(t, w.DB, `update match set evidence = evidence #- '{steps,2}' || '{"decisive": "forename"}' where id = $1`, m.Match)
	pgtest.Exec(t, w.DB, `update person set date_of_birth = '' where id = $1`, p)
	w.as(t, "administrator").get(path("/matches/%d", m.Match)).
		sees(".desk-evidence--absent", "Date of birth").sees(".desk-evidence--absent", "9 March 1985").sees(".desk-evidence--absent", "cannot be compared").
		sees(".desk-decisive", "Forename")
}

func TestConfirmingIsOneEffectHoweverOftenItIsSent(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	admin := w.as(t, "administrator")
	page := admin.get(path("/matches/%d", m.Match))
	for range 2 {
		page.submit("form.desk-verdict", "verdict", "confirm").status(http.StatusOK).sees("h1", "Transfer to the case record")
	}
	for what, got := range map[string]int{
		"judgements":       w.rows(`judgement where match = $1 and verdict = 'confirm'`, m.Match),
		"events":           w.rows(`event where subject = 'matches.confirmed'`),
		"acknowledgements": w.rows(`event where subject = 'actions.acknowledged'`),
		"milestones":       w.rows(`milestone where stage = 'acknowledgement'`),
		"audit lines":      w.rows(`audit where what = 'MATCH_CONFIRMED'`),
		"history lines":    w.rows(`action_history where action = $1 and what = 'acknowledged'`, m.Administrator),
	} {
		if got != 1 {
			t.Errorf("got %d %s, want 1", got, what)
		}
	}
	if got := w.rows(`step where action = $1 and kind = 'unacknowledged' and cancelled_at is not null`, m.Administrator); got != 1 {
		t.Errorf("the step that chases the acknowledgement was not cancelled")
	}
}

func TestAReasonIsNeededUnlessTheMatchIsConfirmed(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	page := w.as(t, "administrator").get(path("/matches/%d", m.Match))
	page.submit("form.desk-verdict").status(http.StatusUnprocessableEntity).sees(".govuk-error-summary", "Choose whether this is the same person")
	for _, verdict := range []string{"dismiss", "unsure"} {
		again := page.submit("form.desk-verdict", "verdict", verdict).status(http.StatusUnprocessableEntity)
		again.sees(".govuk-error-summary a[href='#reason']", "Enter a reason").count("input[value="+verdict+"][checked]", 1)
	}
	if w.rows("judgement") != 0 {
		t.Error("a verdict without its reason was recorded")
	}
}

func TestTheNextMatchFollowsAVerdict(t *testing.T) {
	w := open(t)
	p := w.Person(scene.Case{})
	first := w.Match(scene.Report{Person: p, Due: time.Hour})
	second := w.Match(scene.Report{Person: p, Due: 2 * time.Hour})
	admin := w.as(t, "administrator")
	next := admin.get(path("/matches/%d", first.Match)).submit("form.desk-verdict", "verdict", "dismiss", "reason", "another man")
	if want := path("/matches/%d", second.Match); next.request != want {
		t.Errorf("got to %s, want %s", next.request, want)
	}
	next.sees(".govuk-notification-banner", "Recorded as not this person")
	// Who cannot tell asks the force, and the next one follows then.
	ask := next.submit("form.desk-verdict", "verdict", "unsure", "reason", "What is his date of birth?")
	if want := path("/matches/%d/ask", second.Match); ask.request != want {
		t.Errorf("got to %s, want %s", ask.request, want)
	}
	ask.sees(".govuk-notification-banner", "Now ask the force").sees("#question", "What is his date of birth?").
		count("input[name=purpose][value=identity][checked]", 1)
	last := ask.submit("main form", "force", "62", "purpose", "identity", "question", "What is his date of birth?",
		"from-day", "1", "from-month", "1", "from-year", "2026", "to-day", "2", "to-month", "1", "to-year", "2026").status(http.StatusOK)
	if last.request != "/matches" {
		t.Errorf("got to %s, want the queue", last.request)
	}
	last.sees("tr[data-match]", "Asked the force").sees(".govuk-notification-banner", "The force has been asked")
	if w.rows("enquiry where purpose = 'identity'") != 1 {
		t.Error("the force was not asked")
	}
	if w.rows("event where subject = 'matches.dismissed'") != 1 {
		t.Error("nobody is told of the dismissal")
	}
}

func TestTwoPeopleOnOneMatchAreToldOfEachOther(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	at := path("/matches/%d", m.Match)
	first := w.as(t, "administrator").get(at)
	other := w.as(t, "second administrator").get(at)
	other.sees(".desk-held", "Ada Administrator has this open").count("form", 1) // signing out is all they may do
	other.user.post(at+"/verdict", "verdict", "confirm", "seen", first.value("form.desk-verdict input[name=seen]")).status(http.StatusConflict)
	other.user.post(at + "/take").status(http.StatusForbidden)
	// A supervisor takes it over, so the first one's verdict comes too late.
	head := w.as(t, "head").get(at).submit(".desk-held form").status(http.StatusOK)
	late := first.submit("form.desk-verdict", "verdict", "dismiss", "reason", "Born in another year").status(http.StatusConflict).
		sees("h1", "This has changed since you opened it").sees("main a", "Look at it again").sees(".desk-typed", "Born in another year")
	first.user.get(late.Find("main a").First().AttrOr("href", "")).status(http.StatusOK).sees(".desk-held", "Hedd Head has this open")
	head.submit("form.desk-verdict", "verdict", "confirm").status(http.StatusOK)
	first.submit("form.desk-verdict", "verdict", "dismiss", "reason", "no").status(http.StatusConflict)
	if got := w.read("select state from match where id = $1", m.Match); got != "confirmed" {
		t.Errorf("got state %s, want confirmed", got)
	}
}

func TestAMatchThatChangedWhileOpenIsNotJudgedAsItWas(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	page := w.as(t, "administrator").get(path("/matches/%d", m.Match))
	pgtest.Exec(t, w.DB, "update match set bits = bits - 5, identity_digest = 'another' where id = $1", m.Match)
	page.submit("form.desk-verdict", "verdict", "confirm").status(http.StatusConflict)
	// As the matcher leaves a dismissal of which new facts came.
	pgtest.Exec(t, w.DB, "update match set state_reason = $2 where id = $1", m.Match, casework.FactsChanged)
	page.user.get(path("/matches/%d", m.Match)).sees(".desk-again", "judged this match before").count("form.desk-verdict", 1)
	again := page.user.get(path("/matches/%d", m.Match))
	pgtest.Exec(t, w.DB, "update match set state = 'superseded' where id = $1", m.Match)
	late := again.submit("form.desk-verdict", "verdict", "dismiss", "reason", "Too tall").status(http.StatusConflict).sees(".desk-typed", "Too tall")
	late.user.get(late.Find("main a").First().AttrOr("href", "")).sees(".govuk-inset-text", "no longer gives this match").count("form.desk-verdict", 0)
	if w.rows("judgement") != 0 {
		t.Error("what had changed was judged unseen")
	}
}

// Every form is answered with the way to a page, so that going back meets what
// is on the record now, and sending the old form again changes nothing.
func TestGoingBackMeetsWhatIsOnTheRecordNow(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{RoSH: casework.RoSHLow})})
	at := path("/matches/%d", m.Match)
	admin := w.as(t, "administrator")
	page := admin.get(at)
	if got := page.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("got Cache-Control %q: a browser that goes back would show the page as it was", got)
	}
	page.submit("form.desk-verdict", "verdict", "dismiss", "reason", "Another man")
	admin.get(at).count("form.desk-verdict", 0).sees(".desk-judged", "Not this person")
	page.submit("form.desk-verdict", "verdict", "dismiss", "reason", "Another man").status(http.StatusOK)
	if got := w.rows("judgement"); got != 1 {
		t.Errorf("got %d judgements, want 1", got)
	}
}

// A form that came back is at an address that nobody can read.
func TestTheSwitchOfLanguageAfterAMistakeLeadsToThePageOfTheForm(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	at := path("/matches/%d", m.Match)
	page := w.as(t, "administrator").get(at).submit("form.desk-verdict").status(http.StatusUnprocessableEntity)
	if got := page.user.get(page.Find(".desk-languages a").AttrOr("href", "")).status(http.StatusOK).request; got != at {
		t.Errorf("got to %s, want %s", got, at)
	}
}

func TestConfirmingOneCandidateDismissesTheOthersAndRetractingBringsThemBack(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	rival := w.Match(scene.Report{Person: w.Person(scene.Case{}), Incident: m.Incident})
	w.Judge("administrator", m.Match, casework.VerdictConfirm)
	state := func() string { return w.read("select state from match where id = $1", rival.Match) }
	if got := state(); got != "dismissed" {
		t.Errorf("the other candidate is %s, want dismissed", got)
	}
	if w.rows("event where subject = 'matches.dismissed'") != 1 {
		t.Error("the dismissal of the other candidate is no event")
	}
	w.as(t, "administrator").get(path("/matches/%d", rival.Match)).sees(".desk-judged", "Another candidate was confirmed")
	w.Judge("manager", m.Match, casework.VerdictRetract)
	if got := state(); got != "open" {
		t.Errorf("after the retraction the other candidate is %s, want open", got)
	}
}

func TestAGraveDismissalGetsASecondPairOfEyes(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{RoSH: casework.RoSHVeryHigh})})
	mild := w.Match(scene.Report{Person: w.Person(scene.Case{RoSH: casework.RoSHLow})})
	w.Judge("administrator", m.Match, casework.VerdictDismiss)
	w.Judge("administrator", mild.Match, casework.VerdictDismiss)
	at := path("/matches/%d", m.Match)
	w.as(t, "administrator").get(at).count("form.desk-verdict", 0) // not by the same eyes
	second := w.as(t, "second administrator")
	second.get(path("/matches/%d", mild.Match)).count("form.desk-verdict", 0)
	second.get(at).sees("form.desk-verdict", "Second look").submit("form.desk-verdict", "verdict", "dismiss", "reason", "agreed").status(http.StatusOK)
	second.get(at).count("form.desk-verdict", 0)
	if got := w.rows("judgement where match = $1 and verdict = 'dismiss'", m.Match); got != 2 {
		t.Errorf("got %d dismissals, want 2", got)
	}
}

func TestAFormThatComesBackIsOnTheTrailAsItsPageIs(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	w.as(t, "administrator").post(path("/matches/%d/verdict", m.Match), "verdict", "no such").status(http.StatusUnprocessableEntity)
	if w.rows("audit where subject_type = 'match' and subject_id = $1::text and actor = 'persona:administrator'", fmt.Sprint(m.Match)) != 1 {
		t.Error("a match was shown, and the trail does not say to whom")
	}
}

func TestWhatNoTextMayHoldIsLeftOutOfAReason(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	page := w.as(t, "administrator").get(path("/matches/%d", m.Match))
	page.submit("main form.desk-verdict", "verdict", "dismiss", "reason", "not\x00 him\xff").status(http.StatusOK)
	if got := w.read("select reason from judgement"); got != "not him\uFFFD" {
		t.Errorf("got %q", got)
	}
}
