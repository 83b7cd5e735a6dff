package notifier

import (
	"slices"

	"github.com/reportable-incidents/reportable/services/casework"
)

// floored are the shipped rules below which no policy goes: somebody looks at
// every match and decides on it with their manager, children are asked about,
// what was asked of police is chased and what they told is read, victims and
// their staff are thought of, being a victim answers no other
// question, and the dangerous does not wait for the morning.
var floored = []string{
	AcknowledgeMatch, ReviewIncident, "consult_manager", "countersign_decision", "children_enquiry", "children_referral", "tell_victim_staff",
	"support_victim", "consider_enforcement", "disclosure_application", "serious_further_offence", "warn_reception", "withdraw_contact", OutOfHours,
	ChaseEnquiry, ReadReply,
}

// keepFloor refuses what goes below the shipped policy. A condition may be
// widened: the shipped one holds beside the file's own.
func (r *reader) keepFloor(p *Policy) {
	for _, name := range floored {
		i := slices.IndexFunc(r.floor.Rules, func(o Rule) bool { return o.Name == name })
		if i < 0 {
			continue
		}
		shipped := r.floor.Rules[i]
		j := slices.IndexFunc(p.Rules, func(o Rule) bool { return o.Name == name })
		if j < 0 {
			r.refuse(1, "rule %s: may not be left out", name)
			continue
		}
		own := &p.Rules[j]
		switch {
		case shipped.ItemOf != "" && (own.ItemOf == shipped.ItemOf || own.ItemOf == ""): // with an owner and a clock of its own it is more
		case own.ItemOf != "":
			r.refuse(own.line, "rule %s: needs an owner and a clock of its own", name)
		case own.Owner != shipped.Owner:
			r.refuse(own.line, "rule %s: belongs to the %s", name, shipped.Owner)
		case own.Clock != nil && slower(own.Clock, shipped.Clock, p.Calendar) != "":
			r.refuse(own.line, "rule %s: gives more time for %s than may be given", name, slower(own.Clock, shipped.Clock, p.Calendar))
		case !r.ladder(own.Steps, shipped.Steps):
			r.refuse(own.line, "rule %s: escalates later, or to fewer, than it has to", name)
		case own.done != shipped.done || own.Ended != shipped.Ended || shipped.Reasks && !own.Reasks:
			r.refuse(own.line, "rule %s: done, ended and asks_again are as they ship", name)
		}
		if own.When.source != shipped.When.source {
			own.When.also = &shipped.When
		}
	}
}

// ladder reports whether every step that has to be taken is, as early and to
// somebody as high.
func (r *reader) ladder(own, shipped []StepRule) bool {
	for _, s := range shipped {
		if !slices.ContainsFunc(own, func(o StepRule) bool {
			return o.Kind == s.Kind && o.Past <= s.Past && height[o.Target] >= height[s.Target]
		}) {
			return false
		}
	}
	return true
}

var height = map[casework.OwnerRole]int{casework.Manager: 1, casework.HeadOfPDU: 2}
