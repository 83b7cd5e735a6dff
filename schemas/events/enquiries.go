package events

// Enquiry names an enquiry to a force, and the incident and the person whose
// work it is a part of.
type Enquiry struct {
	EnquiryID  int64  `json:"enquiryId"`
	Force      string `json:"force"`
	MatchID    int64  `json:"matchId"`
	IncidentID int64  `json:"incidentId"`
	PersonID   int64  `json:"personId"`
}

// Disclosure names what a force told of a disclosure. It does not say what
// became of it: that is opened with a reason. Without a match it is nobody's
// work yet.
type Disclosure struct {
	ReplyID    int64  `json:"replyId"`
	Force      string `json:"force"`
	EnquiryID  int64  `json:"enquiryId,omitzero"`
	MatchID    int64  `json:"matchId,omitzero"`
	IncidentID int64  `json:"incidentId,omitzero"`
	PersonID   int64  `json:"personId"`
}

// What can happen to an enquiry, and what else police tell.
type (
	// EnquiryAsked: somebody asks a force about a person on probation.
	EnquiryAsked Enquiry
	// EnquiryAnswered: the force replied, for good or for the time being, or took
	// a reply back.
	EnquiryAnswered Enquiry
	// DisclosureReceived: the force said what became of a disclosure.
	DisclosureReceived Disclosure
)

func (EnquiryAsked) Subject() string       { return "enquiries.asked" }
func (EnquiryAnswered) Subject() string    { return "enquiries.answered" }
func (DisclosureReceived) Subject() string { return "disclosures.received" }

func (EnquiryAsked) EventType() string       { return "reportable.enquiry.asked" }
func (EnquiryAnswered) EventType() string    { return "reportable.enquiry.answered" }
func (DisclosureReceived) EventType() string { return "reportable.disclosure.received" }
