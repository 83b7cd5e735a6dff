package desk

import (
	"fmt"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

// openedFor is how long addresses stay open after a reason was given.
const openedFor = 15 * time.Minute

// heldFor is how long a match belongs to whoever opened it to judge it.
const heldFor = 10 * time.Minute

// longest is how much somebody may write as a reason or a rationale.
const longest = 4000

// tooLong says of what somebody wrote that it is longer than a form takes: in
// characters, as people count, and not in bytes.
func tooLong(text string) bool { return utf8.RuneCountInString(text) > longest }

type matchPage struct {
	postgres.MatchView
	Involved   string // the name police gave
	Incident   incidentView
	Person     personView
	Evidence   evidenceView
	Timeline   timelineView
	Unverified bool
	Waiting    bool             // for a verdict
	Restore    bool             // retracted, and may be confirmed again
	SecondLook bool             // dismissed, and grave enough for a second pair of eyes
	Again      bool             // it was judged before, of other facts
	Newer      bool             // a newer revision came, and the match is not yet scored with it
	HeldBy     *postgres.Holder // somebody else has it open
	MayTake    bool
	Asked      enquiriesView
	Verdict    string
	Reason     string
}

// match shows an incident beside a person, and asks whether they are the same.
func match(v *visit) error {
	m, err := v.readMatch()
	if err != nil {
		return err
	}
	if err := v.DB.NoticesRead(v.Context(), v.me, m.ID); err != nil {
		return err
	}
	return v.matchPage(http.StatusOK, m)
}

func (v *visit) readMatch() (postgres.MatchView, error) {
	id, err := v.id()
	if err != nil {
		return postgres.MatchView{}, err
	}
	return v.DB.Match(v.Context(), v.me.ID, casework.MatchID(id))
}

func (v *visit) matchPage(status int, m postgres.MatchView, mistakes ...fieldError) error {
	p := matchPage{
		MatchView: m,
		Incident:  viewIncident(m, v.opened(m.ID)),
		Person:    viewPerson(m.Person, m.Places),
		Again:     m.State == casework.MatchOpen && m.StateReason == casework.FactsChanged,
		Newer:     m.Head > m.Revision,
		Verdict:   v.PostFormValue("verdict"),
		Reason:    v.PostFormValue("reason"),
	}
	p.Waiting, p.SecondLook, p.Restore = v.awaits(m)
	p.Unverified = m.State != casework.MatchConfirmed
	if p.Waiting || p.SecondLook || p.Restore {
		holder, err := v.DB.Hold(v.Context(), v.me.ID, m.ID, v.now.Add(heldFor), false)
		if err != nil {
			return err
		}
		if holder.Account != v.me.ID {
			p.HeldBy, p.MayTake = &holder, access.TakeMatches.Allows(&v.me)
		}
	}
	if n := m.Position - 1; n >= 0 && n < len(m.Incident.Persons) {
		police := m.Incident.Persons[n]
		p.Involved = police.Forenames + " " + police.Surname
		p.Evidence = viewEvidence(m.Evidence, police.Identity(), m.Person.Identity)
	} else { // erased: the evidence is left, with what it compared
		p.Evidence = viewEvidence(m.Evidence, casework.Identity{}, casework.Identity{})
	}
	entries, err := v.DB.Timeline(v.Context(), v.me.ID, m.Person.ID, 6)
	if err != nil {
		return err
	}
	mayAsk := casework.MatchID(0)
	if m.State.Live() {
		mayAsk = m.ID
	}
	if p.Asked, err = v.enquiriesAbout(m.Person.ID, mayAsk); err != nil {
		return err
	}
	p.Timeline = viewTimeline(slices.DeleteFunc(entries, func(e postgres.TimelineEntry) bool { return e.Match == m.ID }), v.now)
	p.Timeline.Frequent = false // of the last few nothing can be said of how often
	v.viewed("match", m.ID, map[string]any{"incident": m.IncidentID, "revision": m.Revision, "person": m.Person.ID, "seen": m.Seen})
	return v.page(status, "match", p, mistakes...)
}

// needsSecondLook says of a dismissal that one pair of eyes is too few: the
// match was strong, or a mistake would be grave.
func needsSecondLook(m postgres.MatchView) bool {
	if m.State != casework.MatchDismissed || m.StateReason == "another_candidate" {
		return false
	}
	dismissals := map[string]bool{}
	for _, j := range m.Judged {
		if j.Verdict == casework.VerdictDismiss {
			dismissals[j.Subject] = true
		}
	}
	grave := m.Band == casework.Certain || m.Priority == casework.Urgent ||
		m.Person.RoSH == casework.RoSHHigh || m.Person.RoSH == casework.RoSHVeryHigh
	return grave && len(dismissals) < 2
}

func judgedBy(m postgres.MatchView, subject string) bool {
	return slices.ContainsFunc(m.Judged, func(j postgres.Judged) bool { return j.Subject == subject })
}

// judge records what an administrator says of a match and leads on to the next.
func judge(v *visit) error {
	m, err := v.readMatch()
	if err != nil {
		return err
	}
	verdict, reason := casework.Verdict(v.field("verdict")), v.field("reason")
	var mistakes []fieldError
	switch verdict {
	case casework.VerdictConfirm:
		if m.State == casework.MatchRetracted && reason == "" {
			mistakes = append(mistakes, fieldError{"reason", "match.reason.missing"})
		}
	case casework.VerdictDismiss, casework.VerdictUnsure:
		if reason == "" {
			mistakes = append(mistakes, fieldError{"reason", "match.reason.missing"})
		}
	default:
		mistakes = append(mistakes, fieldError{"verdict", "match.verdict.missing"})
	}
	if tooLong(reason) {
		mistakes = append(mistakes, fieldError{"reason", "match.reason.long"})
	}
	if len(mistakes) > 0 {
		return v.matchPage(http.StatusUnprocessableEntity, m, mistakes...)
	}
	reached, err := v.DB.Judge(v.Context(), postgres.Judgement{
		Match: m.ID, Verdict: verdict, Reason: reason, By: v.me,
		Seen: v.field("seen"), Correlation: v.correlation(),
	})
	if err != nil {
		return err
	}
	v.Observe(reached...)
	switch verdict {
	case casework.VerdictConfirm:
		if v.Sends {
			return v.next(m.ID, "match.done.sent")
		}
		return v.to(fmt.Sprintf("/matches/%d/transfer", m.ID), "match.done.confirm")
	case casework.VerdictUnsure:
		return v.to(fmt.Sprintf("/matches/%d/ask", m.ID), "match.done.unsure")
	}
	return v.next(m.ID, "match.done."+string(verdict))
}

// next leads to the match that waits next under the viewer's filter, or to the
// empty queue.
func (v *visit) next(after casework.MatchID, flash string) error {
	kept, err := v.keptFilter()
	if err != nil {
		return err
	}
	f := v.queueFilter(kept)
	if f.State == casework.MatchConfirmed {
		return v.to("/matches", flash)
	}
	f.State = casework.MatchOpen // what was asked of the force waits for its answer
	id, err := v.DB.NextInQueue(v.Context(), v.me.ID, f, after)
	if err != nil {
		return err
	}
	if id == 0 {
		return v.to("/matches", flash)
	}
	return v.to(fmt.Sprintf("/matches/%d", id), flash)
}

// opened reports whether the viewer gave a reason to see a match's addresses, lately.
func (v *visit) opened(id casework.MatchID) bool {
	return v.openedLately(fmt.Sprint(id)) || v.openedByToken("ADDRESSES_OPENED", "match", fmt.Sprint(id))
}

// openedByToken reports whether somebody without a session opened something
// lately: the trail remembers it for them. What cannot be looked up is shut.
func (v *visit) openedByToken(what, kind, id string) bool {
	if !v.token {
		return false
	}
	found, err := v.DB.Recorded(v.Context(), postgres.Audit{Actor: v.me.Subject, What: what, SubjectType: kind, SubjectID: id}, v.now.Add(-openedFor))
	if err != nil {
		v.Log.ErrorContext(v.Context(), "api", "route", v.route.pattern, "error", err)
	}
	return err == nil && found
}

func (v *visit) openedLately(what string) bool {
	at := v.sessions.GetInt64(v.Context(), v.openedKey(what))
	return at != 0 && v.now.Sub(time.Unix(at, 0)) < openedFor
}

// openFor opens something to the viewer, who gave a reason.
func (v *visit) openFor(what string) {
	v.sessions.Put(v.Context(), v.openedKey(what), v.now.Unix())
}

// openedKey names the viewer too: a reason is one person's, and a program that
// keeps cookies sends them with whosever token it uses next.
func (v *visit) openedKey(what string) string {
	return fmt.Sprintf("%s%d:%s", sessionOpened, v.me.ID, what)
}

// take gives a match that somebody else has open to a supervisor.
func take(v *visit) error {
	id, _, err := v.takeNow()
	if err != nil {
		return err
	}
	return v.to(fmt.Sprintf("/matches/%d", id), "match.taken")
}

func (v *visit) takeNow() (casework.MatchID, postgres.Holder, error) {
	m, err := v.readMatch()
	if err != nil {
		return 0, postgres.Holder{}, err
	}
	if !m.MayJudge {
		return 0, postgres.Holder{}, casework.ErrNotFound
	}
	holder, err := v.DB.Hold(v.Context(), v.me.ID, m.ID, v.now.Add(heldFor), true)
	if err != nil {
		return 0, holder, err
	}
	return m.ID, holder, v.DB.Record(v.Context(), postgres.Audit{Actor: v.me.Subject, What: "MATCH_TAKEN", Service: "desk",
		SubjectType: "match", SubjectID: fmt.Sprint(m.ID), Correlation: v.correlation()})
}

// awaits reports whether a match waits for the viewer to judge it, and whether
// that would be a second look or a confirmation of one that was retracted.
func (v *visit) awaits(m postgres.MatchView) (waiting, second, restore bool) {
	return m.MayJudge && (m.State == casework.MatchOpen || m.State == casework.MatchUnsure),
		m.MayJudge && (m.SecondLook || needsSecondLook(m)) && !judgedBy(m, v.me.Subject),
		m.MayJudge && m.State == casework.MatchRetracted
}
