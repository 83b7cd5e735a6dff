package notifier

import (
	"slices"
	"strings"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Agree says what has to happen so that the actions of a concern agree with its
// matches as they are now. It only looks; asked again of the outcome, it has
// nothing more to say. So a nudge may come late, twice or out of order.
func (p *Policy) Agree(c *casework.Concern, now time.Time) (casework.Priority, []casework.ActionChange) {
	v := p.view(c, now)
	a := &agreeing{view: v}
	if len(v.live) == 0 {
		a.end()
	} else {
		a.pursue()
	}
	return v.priority, a.changes
}

type agreeing struct {
	*view
	changes []casework.ActionChange
}

func (a *agreeing) byRule(name string) *casework.Action {
	for i := range a.actions {
		if a.actions[i].Rule == name {
			return &a.actions[i]
		}
	}
	return nil
}

func (a *agreeing) change(c casework.ActionChange) { a.changes = append(a.changes, c) }

// pursue is for a concern with a live match: what the rules ask for is raised,
// what had been closed is opened again, and what is open is kept true.
func (a *agreeing) pursue() {
	for _, r := range a.rules {
		if r.Ended || r.ItemOf != "" {
			continue
		}
		act := a.byRule(r.Name)
		if act != nil && act.State.Open() {
			continue // whatever raised it: what is open is kept
		}
		asked, why := r.When.asks(a.view)
		switch {
		case !asked:
		case act == nil:
			a.raise(r, why)
		case act.ClosedReason != "":
			a.reopen(r, act, "live again", nil)
		default:
			a.reask(r, act)
		}
	}
	for i := range a.actions {
		act := &a.actions[i]
		if r, ok := a.rule(act.Rule); ok && r.Ended {
			if act.State.Open() {
				a.close(act, "live again", nil)
			}
			continue
		}
		if act.State.Open() {
			a.maintain(act)
		}
	}
}

func (a *agreeing) raise(r Rule, why map[string]string) {
	act := casework.Action{
		Incident: a.Incident, Person: a.Person, Match: a.lead.ID, Rule: r.Name, Why: why,
		Owner: a.ownerOf(r), Practitioner: a.Subject.Practitioner, Facts: a.facts,
		Priority: a.priorityOf(r), State: casework.ActionOpen, Unverified: !a.confirmed && !r.Ended, RaisedAt: a.now,
	}
	a.start(r, &act)
	a.known(r, &act)
	c := casework.ActionChange{
		What:  "raised",
		Note:  map[string]any{"match": a.lead.ID, "owner": act.Owner.Code},
		Items: a.items(r, nil),
		Steps: a.plan(r, act, kindsOf(act)...),
		Tell:  []casework.Owner{act.Owner},
	}
	if !act.AckedAt.IsZero() {
		c.Tell = nil // it is their own doing
	}
	if r.Done != nil {
		// A judgement that was carried over from an earlier revision leaves nothing to do.
		if by, done := r.Done(a.view); done {
			act.State, act.DoneAt, act.DoneBy = casework.ActionDone, a.now, by
			c.Steps, c.Tell, c.Items = nil, nil, nil
		}
	}
	c.Action = act
	a.change(c)
}

// items are the things to think of for the rule's action that are not on its
// checklist yet.
func (a *agreeing) items(r Rule, there []casework.Item) []casework.Item {
	var items []casework.Item
	for _, i := range a.rules {
		if i.ItemOf != r.Name || slices.ContainsFunc(there, func(t casework.Item) bool { return t.Rule == i.Name }) {
			continue
		}
		if asked, why := i.When.asks(a.view); asked {
			items = append(items, casework.Item{Rule: i.Name, Why: why})
		}
	}
	return items
}

// start sets the clocks of an action going.
func (a *agreeing) start(r Rule, act *casework.Action) {
	clock := r.Clock[act.Priority]
	act.AckDue = clock.Acknowledge.after(a.calendar, a.now, 1)
	act.Due = clock.Decide.after(a.calendar, a.now, 1)
}

// plan are the first steps of an action, of the kinds that are given. The later
// ones are planned when the earlier are taken: few are.
func (a *agreeing) plan(r Rule, act casework.Action, kinds ...casework.StepKind) []casework.Step {
	var steps []casework.Step
	for _, kind := range kinds {
		steps = append(steps, r.next(act, kind, time.Time{}, a.calendar)...)
	}
	slices.SortStableFunc(steps, func(s, t casework.Step) int { return s.DueAt.Compare(t.DueAt) })
	return steps
}

// next are the rule's steps of a kind that are due first after a time.
func (r Rule) next(act casework.Action, kind casework.StepKind, after time.Time, c *casework.Calendar) []casework.Step {
	from, span := act.AckDue, r.Clock[act.Priority].Acknowledge
	if kind == casework.Undecided {
		from, span = act.Due, r.Clock[act.Priority].Decide
	}
	var steps []casework.Step
	for _, s := range r.Steps {
		if s.Kind != kind {
			continue
		}
		step := casework.Step{Kind: kind, Target: s.Target, DueAt: span.after(c, from, s.Past)}
		switch {
		case !step.DueAt.After(after):
		case len(steps) == 0 || step.DueAt.Before(steps[0].DueAt):
			steps = []casework.Step{step}
		case step.DueAt.Equal(steps[0].DueAt):
			steps = append(steps, step)
		}
	}
	return steps
}

// reask opens a question again that was answered on other facts.
func (a *agreeing) reask(r Rule, act *casework.Action) {
	if r.Done != nil {
		// Done because there was nothing left to do; now there is.
		if _, done := r.Done(a.view); !done {
			a.reopen(r, act, "not done any more", nil)
		}
		return
	}
	if changed := a.newFacts(*act); r.Reasks && len(changed) > 0 {
		a.reopen(r, act, "new facts", changed)
	}
}

func (a *agreeing) reopen(r Rule, act *casework.Action, why string, facts []string) {
	if r.Done != nil {
		if _, done := r.Done(a.view); done {
			// Live again, and already done: a judgement was carried over.
			if act.ClosedReason != "" {
				act.ClosedReason, act.State = "", casework.ActionDone
				a.change(casework.ActionChange{Action: *act, What: "done", Note: map[string]any{"why": why}})
			}
			return
		}
	}
	told := a.toldOf(*act)
	a.bound = nil // a decision that is asked for again is none
	act.State, act.ClosedReason, act.Match = casework.ActionOpen, "", a.lead.ID
	act.AckedAt, act.AckedBy, act.DoneAt, act.DoneBy = time.Time{}, "", time.Time{}, ""
	act.Owner, act.Practitioner = a.ownerOf(r), a.Subject.Practitioner
	act.Unverified, act.Facts, act.Priority = !a.confirmed, a.facts, a.priorityOf(r)
	a.start(r, act)
	a.known(r, act)
	steps := a.plan(r, *act, kindsOf(*act)...)
	note := map[string]any{"why": why}
	flag := ""
	if len(facts) > 0 {
		note["facts"] = facts
		flag = "the facts have changed: " + strings.Join(facts, ", ")
	}
	act.Items = a.items(r, nil) // each is asked again: it was answered on other facts
	a.change(casework.ActionChange{Action: *act, What: "reopened", Note: note, Items: act.Items, Steps: steps, Tell: everyone(told, act.Owner), Flag: flag})
}

// maintain keeps an open action true: what it is about, whose it is, how sure
// and how pressing.
func (a *agreeing) maintain(act *casework.Action) {
	rule, known := a.rule(act.Rule)
	if known && rule.OnDecision && !a.decided() {
		// The decision that it was about is open again; another will raise it anew.
		a.close(act, "not decided", nil)
		return
	}
	if known && rule.Done != nil {
		if by, done := rule.Done(a.view); done {
			if act.AckedAt.IsZero() {
				act.AckedAt, act.AckedBy = a.now, by
			}
			act.State, act.DoneAt, act.DoneBy = casework.ActionDone, a.now, by
			a.change(casework.ActionChange{Action: *act, What: "done", By: by})
			return
		}
	}
	a.aim(act)
	a.verify(act)
	if act.Rule == AcknowledgeMatch && act.AckedAt.IsZero() && !a.lead.JudgedAt.IsZero() {
		// Looked at, and not told apart: seen, but not done.
		act.State, act.AckedAt, act.AckedBy = casework.ActionAcknowledged, a.lead.JudgedAt, a.lead.JudgedBy
		a.change(casework.ActionChange{Action: *act, What: "acknowledged", By: act.AckedBy})
	}
	if known {
		a.inform(rule, act)
		a.press(rule, act)
		a.rehome(rule, act)
	}
}

// aim points the action at a match that is live.
func (a *agreeing) aim(act *casework.Action) {
	for _, f := range a.live {
		if f.ID == act.Match {
			return
		}
	}
	was := act.Match
	act.Match = a.lead.ID
	a.change(casework.ActionChange{Action: *act, What: "moved", Note: map[string]any{"from": was, "match": act.Match}})
}

func (a *agreeing) verify(act *casework.Action) {
	if act.Unverified != a.confirmed {
		return
	}
	act.Unverified = !a.confirmed
	what := "verified"
	if act.Unverified {
		what = "unverified"
	}
	c := casework.ActionChange{Action: *act, What: what, Note: map[string]any{"match": a.lead.ID}}
	if act.Owner.Role != casework.Administrator { // who confirmed it knows
		c.Tell = []casework.Owner{act.Owner}
	}
	a.change(c)
}

// inform tells the owner that the facts have changed while the action is open,
// and what there is to think of besides.
func (a *agreeing) inform(r Rule, act *casework.Action) {
	changed, items := a.newFacts(*act), a.items(r, act.Items)
	if len(changed) == 0 && len(items) == 0 {
		return
	}
	note := map[string]any{"revision": a.Revision}
	if len(changed) > 0 {
		act.Facts, note["facts"] = a.facts, changed
	}
	if len(items) > 0 {
		names := make([]string, len(items))
		for i, item := range items {
			names[i] = item.Rule
		}
		note["items"] = names
		act.Items = append(act.Items, items...)
	}
	a.change(casework.ActionChange{Action: *act, What: "informed", Note: note, Items: items, Tell: []casework.Owner{act.Owner}})
}

// press shortens the clocks of an action whose concern has become more
// pressing. A deadline that was set is never put off.
func (a *agreeing) press(r Rule, act *casework.Action) {
	pressing := a.priorityOf(r)
	if !pressing.Above(act.Priority) {
		return
	}
	ackDue, due, from := act.AckDue, act.Due, act.Priority
	act.Priority = pressing
	a.start(r, act)
	act.AckDue, act.Due = earlier(act.AckDue, ackDue), earlier(act.Due, due)
	steps := a.plan(r, *act, kindsOf(*act)...)
	a.change(casework.ActionChange{Action: *act, What: "pressed", Note: map[string]any{"from": from, "to": act.Priority}, Steps: steps, Tell: []casework.Owner{act.Owner}})
}

// rehome gives the action to whoever has the case now. A manager's own
// reassignment stands for as long as the case does not move.
func (a *agreeing) rehome(r Rule, act *casework.Action) {
	s := a.Subject.Supervisor
	gone := act.OwnerGone || act.Owner.Role == casework.Practitioner && act.Owner.Code == s.Practitioner && a.PractitionerGone ||
		act.Owner.Role == casework.Manager && (act.Owner.Code == s.Manager && a.ManagerGone || s.Manager != "" && act.Owner.Code != s.Manager && !act.Given)
	if act.Practitioner == s.Practitioner && act.Owner.PDU == s.PDU && act.Owner.Team == s.Team && !gone {
		return
	}
	was := act.Owner
	act.Owner, act.Practitioner = a.ownerOf(r), s.Practitioner
	note := map[string]any{"from": was.Code, "to": act.Owner.Code, "fromRole": was.Role, "toRole": act.Owner.Role}
	if was.Same(act.Owner) {
		// The same person in another team: nothing changes for them.
		a.change(casework.ActionChange{Action: *act, What: "reassigned", Note: note})
		return
	}
	// The new owner has not seen it, so that clock begins anew; the decision's does not.
	act.State, act.AckedAt, act.AckedBy = casework.ActionOpen, time.Time{}, ""
	act.AckDue = r.Clock[act.Priority].Acknowledge.after(a.calendar, a.now, 1)
	steps := a.plan(r, *act, casework.Unacknowledged)
	a.change(casework.ActionChange{Action: *act, What: "reassigned", Note: note, Steps: steps, Tell: []casework.Owner{act.Owner, was}})
}

// end is for a concern of which no match is live any more. Nothing is closed
// silently: whoever was told is told again, and decisions that rest on the match
// are flagged.
func (a *agreeing) end() {
	for i := range a.actions {
		act := &a.actions[i]
		r, known := a.rule(act.Rule)
		if known && r.Ended || act.ClosedReason == a.ending {
			continue
		}
		a.close(act, a.ending, &r)
	}
	for _, r := range a.rules {
		if !r.Ended {
			continue
		}
		asked, why := r.When.asks(a.view)
		if act := a.byRule(r.Name); asked && act == nil {
			a.raise(r, why)
		} else if asked && act.ClosedReason != "" {
			a.reopen(r, act, a.ending, nil)
		}
	}
}

func (a *agreeing) close(act *casework.Action, reason string, r *Rule) {
	wasOpen := act.State.Open()
	act.ClosedReason = reason
	c := casework.ActionChange{What: "closed", Kind: reason, Note: map[string]any{"reason": reason, "match": a.lead.ID}}
	switch {
	case r != nil && r.Name == AcknowledgeMatch && reason == string(casework.MatchDismissed):
		// The administrator's own answer: it was their work, and it is done.
		c.What, c.Kind, c.By = "done", "", a.lead.JudgedBy
		if wasOpen {
			act.State, act.DoneAt, act.DoneBy = casework.ActionDone, a.now, a.lead.JudgedBy
			if act.AckedAt.IsZero() {
				act.AckedAt, act.AckedBy = a.now, a.lead.JudgedBy
			}
		}
	case wasOpen, reason == string(casework.MatchRetracted), reason == string(casework.MatchDismissed):
		act.State = casework.ActionClosed
		c.Tell = everyone(a.toldOf(*act), act.Owner)
	default: // done, and the incident is gone: the decision stands, with a flag
		c.Tell = everyone(a.toldOf(*act), act.Owner)
	}
	if _, decided := a.Decided[act.ID]; decided {
		c.Flag = "the match is " + reason
	}
	c.Action = *act
	a.change(c)
}

func (a *agreeing) toldOf(act casework.Action) []casework.Owner { return a.Told[act.ID] }

// everyone is each of them once.
func everyone(told []casework.Owner, more ...casework.Owner) []casework.Owner {
	all := slices.Clone(told)
	for _, o := range more {
		if !slices.ContainsFunc(all, o.Same) {
			all = append(all, o)
		}
	}
	return all
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
