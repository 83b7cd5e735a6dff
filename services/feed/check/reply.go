package check

import (
	"regexp"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
)

// idForm is the number of an enquiry, and of an entry of a watch list.
var idForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// CheckReply is Check for what is no incident. A field of the other kind is
// refused and not dropped: a disclosure's words have no place anywhere.
func (r Rules) CheckReply(p *casework.Reply, f *Findings) {
	switch {
	case p.Force == "":
		f.Add("/force", Missing, "")
	case p.Force != r.Force:
		f.Add("/force", AnotherForce, "")
	}
	p.Reference = canonical(p.Reference)
	switch {
	case p.Reference == "":
		f.Add("/reference", NoReference, "")
	case !GoodReference(p.Reference):
		f.Add("/reference", BadReference, "")
	}
	switch {
	case p.Revision == 0:
		f.Add("/revision", Missing, "")
	case p.Revision < 1 || p.Revision > MaxRevision:
		f.Add("/revision", OutOfRange, "from 1 to 1000000")
	}
	code(string(p.Status), f, "/status", required, "live", "withdrawn")
	code(string(p.Kind), f, "/kind", required, string(casework.KindEnquiryReply), string(casework.KindDisclosureOutcome))
	named(p.Enquiry, f, "/enquiry")
	named(p.Entry, f, "/entry")
	switch p.Kind {
	case casework.KindEnquiryReply:
		if p.Enquiry == "" {
			f.Add("/enquiry", Missing, "")
		}
		code(p.Answer, f, "/answer", required, casework.Answers...)
		text(&p.Text, f, "/text", MaxSummary, p.Answer == "information")
		for n := range p.Incidents {
			if !GoodReference(p.Incidents[n]) {
				f.Add(Pointer("/incidents", n), BadReference, "")
			}
		}
		if len(p.Incidents) == 0 {
			p.Incidents = nil // an empty list and none are the same reply
		}
		r.time(&p.RepliedAt, f, "/repliedAt", required)
		foreign(f, "/entry", p.Entry != "")
		foreign(f, "/outcome", p.Outcome != "")
		foreign(f, "/decidedOn", !p.DecidedOn.IsZero())
		foreign(f, "/decidedBy", p.DecidedBy != "")
	case casework.KindDisclosureOutcome:
		if (p.Enquiry == "") == (p.Entry == "") {
			f.Add("/enquiry", OneOfTwo, "enquiry and entry")
		}
		code(p.Outcome, f, "/outcome", required, casework.Outcomes...)
		code(p.DecidedBy, f, "/decidedBy", required, casework.Deciders...)
		switch d := p.DecidedOn; {
		case d.IsZero():
			f.Add("/decidedOn", Missing, "")
		case !d.Known():
			f.Add("/decidedOn", BadDate, "2026-03-09")
		case d.Time().After(r.Now.Add(24 * time.Hour)):
			f.Add("/decidedOn", InTheFuture, "")
		}
		foreign(f, "/answer", p.Answer != "")
		foreign(f, "/text", p.Text != "")
		foreign(f, "/incidents", len(p.Incidents) > 0)
		foreign(f, "/repliedAt", !p.RepliedAt.IsZero())
	}
}

// named checks an id that we gave.
func named(id string, f *Findings, at string) {
	if id != "" && !idForm.MatchString(id) {
		f.Add(at, BadID, "")
	}
}

// foreign complains of a field that records of this kind have not.
func foreign(f *Findings, at string, given bool) {
	if given {
		f.Add(at, WrongKind, "")
	}
}
