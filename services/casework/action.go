package casework

import "time"

// ActionID is the ledger's number for an action.
type ActionID int64

// OwnerRole is the part in which somebody owns an action.
type OwnerRole string

const (
	Administrator OwnerRole = "administrator" // owner is a PDU code
	Practitioner  OwnerRole = "practitioner"  // owner is a staff code
	Manager       OwnerRole = "manager"       // owner is a staff code
	HeadOfPDU     OwnerRole = "head"          // owner is a PDU code
	VictimStaff   OwnerRole = "victim_staff"  // owner is a PDU code
	DutyOfficer   OwnerRole = "duty_officer"  // owner is a region code
)

// Priority orders the work.
type Priority string

const (
	Urgent   Priority = "urgent"
	High     Priority = "high"
	Standard Priority = "standard"
)

// ActionState says how far an action has come. Acknowledging is not deciding.
type ActionState string

const (
	ActionOpen         ActionState = "open"
	ActionAcknowledged ActionState = "acknowledged"
	ActionDone         ActionState = "done"
	ActionClosed       ActionState = "closed" // nothing is left to do: dismissed, withdrawn, retracted, superseded
)

// Open reports whether the action still asks something of its owner.
func (s ActionState) Open() bool { return s == ActionOpen || s == ActionAcknowledged }

// Owner is who has to act.
type Owner struct {
	Role OwnerRole
	Code string // a staff code or a PDU code, by role
	PDU  string
	Team string
}

// Action is one thing that somebody has to do about a match, by a time.
type Action struct {
	ID       ActionID
	Incident IncidentID
	Person   PersonID
	Match    MatchID
	Rule     string            // the policy's name for it
	Why      map[string]string // the values that made the rule true, without names
	Owner    Owner
	// Practitioner is who had the case when the owner was last settled.
	Practitioner string
	// OwnerGone says that the owner is a member of staff who has left, and Given
	// that somebody gave the action to its owner. Both are read, never written.
	OwnerGone, Given bool
	// Facts are what it was raised on, without names; a change asks the question again.
	Facts        map[string]string
	Priority     Priority
	State        ActionState
	Unverified   bool // the match is not confirmed: do not act against the person
	RaisedAt     time.Time
	AckDue       time.Time
	Due          time.Time
	AckedAt      time.Time
	AckedBy      string // account.subject
	DoneAt       time.Time
	DoneBy       string
	Level        int    // how often it has escalated
	Items        []Item // its checklist
	ClosedReason string // how its match ended: dismissed, retracted, withdrawn, superseded
}

// Outcome is what a practitioner decided to do.
type Outcome string

const (
	OutcomeNoChange       Outcome = "no_change"
	OutcomeReviewRisk     Outcome = "review_risk"
	OutcomeEnforcement    Outcome = "enforcement"
	OutcomeRecall         Outcome = "recall"
	OutcomeSafeguarding   Outcome = "safeguarding"
	OutcomeSupport        Outcome = "support"
	OutcomeHomeVisit      Outcome = "home_visit"
	OutcomeNotOurPerson   Outcome = "not_our_person"
	OutcomeInformationAsk Outcome = "information_requested"
)

// Decision is what was decided, why, and with whom.
type Decision struct {
	Action            ActionID
	Outcome           Outcome
	Rationale         string
	RiskChanged       bool
	ManagerConsulted  string // staff code, or empty
	ConsultedAt       time.Time
	By                string
	At                time.Time
	CountersignNeeded bool
	CountersignedBy   string
	CountersignedAt   time.Time
}

// Stage is a step on the way from the incident to the countersignature, whose
// time is measured. What ends it gives it its name; the incident itself, from
// which the first one runs, is the tenth.
type Stage string

const (
	StageReport           Stage = "report"           // occurred → reported by police
	StageReceipt          Stage = "receipt"          // reported by police → accepted here
	StageMatch            Stage = "match"            // accepted → matched
	StageAcknowledgement  Stage = "acknowledgement"  // matched → administrator acknowledged
	StageTransfer         Stage = "transfer"         // matched → in the case record
	StageFirstAction      Stage = "first_action"     // matched → practitioner first acted
	StageConsultation     Stage = "consultation"     // matched → manager consulted
	StageDecision         Stage = "decision"         // matched → decision recorded
	StageCountersignature Stage = "countersignature" // decision → countersigned
)

// Stages are all of them, in the order in which a match comes to them.
var Stages = []Stage{
	StageReport, StageReceipt, StageMatch, StageAcknowledgement, StageTransfer,
	StageFirstAction, StageConsultation, StageDecision, StageCountersignature,
}
