package canonical

import (
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/feed/check"
)

// reply takes a reply out of a tree. Which of its fields belong to its kind is
// for the rules to say.
func (d *decoder) reply(v value, r *casework.Reply) {
	d.object(v, nil, func(key string, v value, at *path) bool {
		switch key {
		case "force":
			r.Force = d.text(v, at)
		case "reference":
			r.Reference = d.text(v, at)
		case "revision":
			r.Revision = d.whole(v, at)
		case "status":
			r.Status = casework.Status(d.text(v, at))
		case "kind":
			r.Kind = casework.Kind(d.text(v, at))
		case "enquiry":
			r.Enquiry = d.text(v, at)
		case "entry":
			r.Entry = d.text(v, at)
		case "answer":
			r.Answer = d.text(v, at)
		case "text":
			r.Text = d.text(v, at)
		case "incidents":
			d.list(v, at, check.MaxList, func(v value, at *path) {
				r.Incidents = append(r.Incidents, d.text(v, at))
			})
		case "repliedAt":
			r.RepliedAt = d.time(v, at)
		case "outcome":
			r.Outcome = d.text(v, at)
		case "decidedOn":
			r.DecidedOn = d.date(v, at)
		case "decidedBy":
			r.DecidedBy = d.text(v, at)
		default:
			return false
		}
		return true
	})
}
