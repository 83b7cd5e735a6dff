package notifier

import (
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
)

// comesBack is how long after its last step an undecided action comes back to
// those who were told last. It goes on for as long as nobody decides: what was
// acknowledged and left alone must not fall silent.
var comesBack = Span{Days: 1}

// Escalate says what a step that is due leads to; nothing if what it waited for
// has happened.
func (p *Policy) Escalate(d casework.DueStep, now time.Time) (casework.ActionChange, bool) {
	act := d.Action
	switch d.Kind {
	case casework.Unacknowledged:
		if !act.State.Open() || !act.AckedAt.IsZero() {
			return casework.ActionChange{}, false
		}
	case casework.Undecided:
		if !act.State.Open() {
			return casework.ActionChange{}, false
		}
	case casework.Uncountersigned:
		if d.Countersigned || act.ClosedReason != "" {
			return casework.ActionChange{}, false
		}
	}
	to := target(d)
	act.Level++
	c := casework.ActionChange{
		Action: act,
		What:   "escalated",
		Note: map[string]any{
			"step": d.N, "kind": d.Kind, "toRole": to.Role, "to": to.Code,
			"due": d.DueAt.UTC(), "late": now.Sub(d.DueAt).Round(time.Second).String(),
		},
		Tell: []casework.Owner{to},
		Step: d.Step,
	}
	if d.Last {
		c.Steps = p.next(d, now)
	}
	return c, true
}

// next are the steps that follow one that is taken.
func (p *Policy) next(d casework.DueStep, now time.Time) []casework.Step {
	rules, calendar := p.in(d.Supervisor.PDU)
	for _, r := range rules {
		if r.Name == d.Action.Rule {
			if steps := r.next(d.Action, d.Kind, d.DueAt, calendar); len(steps) > 0 {
				return steps
			}
		}
	}
	if d.Kind == casework.Unacknowledged {
		return nil // who has not acknowledged has not decided either, and that clock goes on
	}
	return []casework.Step{{Kind: d.Kind, Target: d.Target, DueAt: comesBack.after(calendar, now, 1)}}
}

// target is who is told. Where nobody plays the part it is the next level at
// once; so it is when the manager would be told of their own work.
func target(d casework.DueStep) casework.Owner {
	s := d.Supervisor
	to := casework.Owner{Role: d.Target, PDU: s.PDU, Team: s.Team}
	if d.Target == "" {
		to = d.Action.Owner
	}
	own := d.Target != "" && d.Action.Owner.Role == casework.Manager && d.Action.Owner.Code == s.Manager
	if to.Role == casework.Manager && d.Target != "" && (s.Manager == "" || d.ManagerGone || own) {
		to.Role = casework.HeadOfPDU
	}
	switch {
	case d.Target == "":
	case to.Role == casework.Practitioner:
		to.Code = s.Practitioner
	case to.Role == casework.Manager:
		to.Code = s.Manager
	default:
		to.Code = s.PDU
	}
	return to
}
