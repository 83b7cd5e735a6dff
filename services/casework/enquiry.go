package casework

import "time"

// EnquiryID is the ledger's number for an enquiry, and ReplyID for a reply.
type (
	EnquiryID int64
	ReplyID   int64
)

// Purpose is why police are asked. Each has a basis in law, which is said to the
// force in words with the enquiry.
type Purpose string

const (
	PurposeRisk         Purpose = "risk"         // assess and manage risk under supervision
	PurposeSafeguarding Purpose = "safeguarding" // protect a child or an adult at risk
	PurposeEnforcement  Purpose = "enforcement"  // breach or recall
	PurposeIdentity     Purpose = "identity"     // tell whether an incident concerns the person
	PurposeDisclosure   Purpose = "disclosure"   // apply under the disclosure scheme
)

// Purposes in the order of the form, with their basis as the force is told it: a
// sensible start, not legal advice.
var Purposes = []struct {
	Purpose Purpose
	Basis   string
}{
	{PurposeRisk, "Offender Management Act 2007, section 14: sharing for supervision and the protection of the public"},
	{PurposeSafeguarding, "Children Act 2004, section 28, and Social Services and Well-being (Wales) Act 2014, part 7: safeguarding"},
	{PurposeEnforcement, "Offender Management Act 2007, section 14: enforcement of an order or a licence"},
	{PurposeIdentity, "Offender Management Act 2007, section 14, and accuracy under the Data Protection Act 2018, section 38"},
	{PurposeDisclosure, "Domestic Violence Disclosure Scheme, right to ask: Domestic Abuse Act 2021, section 77"},
}

// Basis is that of a purpose; empty for none that is known.
func (p Purpose) Basis() string {
	for _, one := range Purposes {
		if one.Purpose == p {
			return one.Basis
		}
	}
	return ""
}

// EnquiryState is where an enquiry stands.
type EnquiryState string

const (
	EnquiryAsked    EnquiryState = "asked"    // the force has not said that it has it
	EnquiryTaken    EnquiryState = "taken"    // it has
	EnquiryAnswered EnquiryState = "answered" // for good
	EnquiryEnded    EnquiryState = "ended"    // nothing is asked any more: the match is none
)

// EnquiryStanding is an enquiry as its follow-up needs it.
type EnquiryStanding struct {
	ID         EnquiryID
	AskedBy    string // account.subject
	AskedRole  OwnerRole
	AskedAt    time.Time
	AnsweredAt time.Time
	EndedAt    time.Time
}

// Waits reports whether it is still to be answered.
func (e EnquiryStanding) Waits() bool { return e.AnsweredAt.IsZero() && e.EndedAt.IsZero() }

// ReplyStanding is a reply, the newest of its reference, as its follow-up needs it.
type ReplyStanding struct {
	ID     ReplyID
	Kind   Kind
	Final  bool
	ReadAt time.Time
	ReadBy string
	// AskedRole is whose enquiry it answers; empty where none was asked.
	AskedRole OwnerRole
}

// EnquiryOut is an enquiry as the force is given it.
type EnquiryOut struct {
	ID      string  `json:"id"`
	Purpose Purpose `json:"purpose"`
	// Basis is in law, in words.
	Basis    string     `json:"basis"`
	From     Date       `json:"from"`
	To       Date       `json:"to"`
	Question string     `json:"question,omitempty"`
	AskedAt  time.Time  `json:"askedAt"`
	AnswerBy *time.Time `json:"answerBy,omitempty"`
	TakenAt  *time.Time `json:"takenAt,omitempty"`
	// Incident is the force's own reference of the incident that prompted it.
	Incident string `json:"incident,omitempty"`
	// Person has the fields that policy lets the force know.
	Person map[string]any `json:"person"`
}

// String keeps whom it is about out of error texts and test output.
func (e EnquiryOut) String() string { return "enquiry " + e.ID }

// EnquiryCount is how many enquiries to a force stand how.
type EnquiryCount struct {
	Force                   string
	Open, Overdue, Unrouted int
	Unread                  int
}
