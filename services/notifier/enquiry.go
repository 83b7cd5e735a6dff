package notifier

import (
	"github.com/reportable-incidents/reportable/services/casework"
)

// asked are the enquiries that wait for their answer, the oldest first.
func (v *view) asked() []casework.EnquiryStanding {
	var all []casework.EnquiryStanding
	for _, e := range v.Enquiries {
		if e.Waits() {
			all = append(all, e)
		}
	}
	return all
}

// unread are what police told that nobody has read.
func (v *view) unread() []casework.ReplyStanding {
	var all []casework.ReplyStanding
	for _, r := range v.Replies {
		if r.ReadAt.IsZero() {
			all = append(all, r)
		}
	}
	return all
}

// disclosed: police said what became of a disclosure, and have no more to say.
func (v *view) disclosed() bool {
	for _, r := range v.Replies {
		if r.Kind == casework.KindDisclosureOutcome && r.Final {
			return true
		}
	}
	return false
}

// answered: nothing that was asked waits any more.
func answered(v *view) (string, bool) { return "", len(v.Enquiries) > 0 && len(v.asked()) == 0 }

// haveRead: somebody has read all that police told.
func haveRead(v *view) (string, bool) {
	by := ""
	for _, r := range v.Replies {
		by = r.ReadBy
	}
	return by, len(v.Replies) > 0 && len(v.unread()) == 0
}

// outcomeKnown: police said what became of the disclosure, or the owner did,
// where police tell it in another way.
func outcomeKnown(v *view) (string, bool) {
	for _, a := range v.actions {
		if a.Rule == DisclosureApplication && a.State == casework.ActionDone && a.DoneBy != "" {
			return a.DoneBy, true
		}
	}
	return "", v.disclosed()
}

// ownerOf is who has the work of a rule. What follows from an enquiry is for
// whoever plays the part in which it was asked; only what police tell of a case
// is for the practitioner, unless an administrator asked in order to tell whose
// it is.
func (v *view) ownerOf(r Rule) casework.Owner {
	if r.Owner != asker {
		return v.owner(r.Owner)
	}
	role := casework.Practitioner
	if r.Name == ReadReply {
		if all := v.unread(); len(all) > 0 && all[0].AskedRole == casework.Administrator {
			role = casework.Administrator
		}
	} else if all := v.asked(); len(all) > 0 {
		role = all[0].AskedRole
	}
	return v.owner(role)
}

// known says of an action that follows from what somebody did themselves that
// they know of it: there is nothing to acknowledge.
func (v *view) known(r Rule, act *casework.Action) {
	if r.Name != ChaseEnquiry {
		return
	}
	if all := v.asked(); len(all) > 0 {
		act.State, act.AckedAt, act.AckedBy = casework.ActionAcknowledged, v.now, all[0].AskedBy
	}
}

// kindsOf are the kinds of steps that an action may need.
func kindsOf(act casework.Action) []casework.StepKind {
	if !act.AckedAt.IsZero() {
		return []casework.StepKind{casework.Undecided}
	}
	return []casework.StepKind{casework.Unacknowledged, casework.Undecided}
}
