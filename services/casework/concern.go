package casework

import "time"

// Concern is one incident in so far as it concerns one person on probation:
// everything from which the notifier settles who has to do what. The same person
// may be matched twice in it, as arrested and as victim; the work is one.
type Concern struct {
	Incident IncidentID
	Person   PersonID
	// Report is what police say, in the newest revision that was matched. When its
	// body was erased only what the ledger keeps in the open is filled in.
	Report   Incident
	Revision int
	Erased   bool
	// Involvements is the lasting number of each person of the report.
	Involvements []int
	// Subject is the person on probation of today: merges are followed.
	Subject Person
	// Region is that of the person's PDU, and Rota says that somebody is on its
	// out-of-hours rota now.
	Region string
	Rota   bool
	// Earlier is when each other incident of the person was, of those before this
	// one by a year at most that are not known to be somebody else's.
	Earlier []time.Time
	// PractitionerGone and ManagerGone say that the extract no longer has them.
	PractitionerGone, ManagerGone bool
	Matches                       []MatchStanding
	Actions                       []Action
	// Enquiries are what was asked of police because of it, the oldest first, and
	// Replies the newest revisions of what they told, that they stand by.
	Enquiries []EnquiryStanding
	Replies   []ReplyStanding
	// Decided holds the newest decision for each action that has one.
	Decided map[ActionID]Decision
	// Told are all who had a notice of an action.
	Told map[ActionID][]Owner
}

// MatchStanding is a match as its follow-up needs it.
type MatchStanding struct {
	ID            MatchID
	Involvement   int
	Role          Role
	State         MatchState
	Band          Band
	Probability   float64
	Priority      Priority
	FoundAt       time.Time
	JudgedAt      time.Time
	JudgedBy      string
	TransferredAt time.Time
	Contact       string
}

// Item is one thing to think of, on the checklist of an action.
type Item struct {
	Rule       string
	Why        map[string]string
	Answer     string // done, not_needed, not_known, or empty while nobody has said
	Note       string
	Referral   // of a child: ChildrenReferral alone has it
	AnsweredAt time.Time
	AnsweredBy string // account.subject
}

// Items about children that are more than a box to tick. What children's
// services do not know is an answer to the enquiry, and never to the referral.
const (
	ChildrenEnquiry  = "children_enquiry"
	ChildrenReferral = "children_referral"
)

// Referral is what a referral of a child states, in the practitioner's words.
type Referral struct {
	Concern string // what was seen or heard
	Risk    string // what it may lead to, for whom
	Wanted  string // the action asked of children's services
}

// Part is one statement of a referral, by the name of its field.
type Part struct{ Name, Value string }

// Parts are the statements of a referral, in the order of its form.
func (r Referral) Parts() []Part {
	return []Part{{"concern", r.Concern}, {"risk", r.Risk}, {"wanted", r.Wanted}}
}

// Answers reports whether the item has an answer that may be given to it.
func (i Item) Answers() bool {
	switch i.Answer {
	case "done", "not_needed":
		return true
	case "not_known":
		return i.Rule == ChildrenEnquiry
	}
	return false
}

// Lacking are the fields without which the answer is not taken, in the order of
// the form: concern, risk and wanted of a referral, or a note why there is none.
func (i Item) Lacking() []string {
	if i.Rule != ChildrenReferral {
		return nil
	}
	if i.Answer != "done" {
		if i.Note == "" {
			return []string{"note"}
		}
		return nil
	}
	var lacking []string
	for _, part := range i.Parts() {
		if part.Value == "" {
			lacking = append(lacking, part.Name)
		}
	}
	return lacking
}

// StepKind says what an action is left alone without.
type StepKind string

const (
	Unacknowledged  StepKind = "unacknowledged"
	Undecided       StepKind = "undecided"
	Uncountersigned StepKind = "uncountersigned"
)

// Step is what happens at a time if an action is left alone until then.
type Step struct {
	Action ActionID
	N      int // from 1; never used twice for one action
	Kind   StepKind
	// Target is the part that is told; empty is whoever owns the action by then.
	Target OwnerRole
	DueAt  time.Time
}

// ActionChange is one thing that happens to an action, with the action as it is
// afterwards. An action without an ID is raised by it.
type ActionChange struct {
	Action Action
	// What is the entry of its history: raised, verified, unverified, informed,
	// pressed, reassigned, moved, reopened, done,
	// closed, escalated.
	What string
	By   string         // account.subject; empty for the system
	Note map[string]any // ids, codes and times
	// Kind is what the notices say, when that is more than What.
	Kind string
	// Items are added to the action's checklist, or asked again.
	Items []Item
	// Steps replace those of their kind that are still to come. They are numbered
	// when they are written. An action that is not open any more has none.
	Steps []Step
	// Tell are those who get a notice of it.
	Tell []Owner
	// Flag marks the action's decisions with a reason; empty for none.
	Flag string
	// Step is the one that caused it; zero for none.
	Step Step
}

// SettledActions is what became of actions in one transaction.
type SettledActions struct {
	Changes []ActionChange
	// Milestones were reached for the first time.
	Milestones []Milestone
}

// DueStep is a step whose time has come, with what it depends on.
type DueStep struct {
	Step
	// Last says that no later step of its kind is planned for the action.
	Last   bool
	Action Action
	// Supervisor is who has the case today.
	Supervisor Supervisor
	// ManagerGone says that the extract no longer has the team's manager.
	ManagerGone bool
	// Countersigned says that the action's decision is, or needs not be.
	Countersigned bool
}

// Backlog is how much is open, for one owner's part, priority and PDU.
type Backlog struct {
	Role          OwnerRole
	Priority      Priority
	PDU           string
	Open, Overdue int
	Oldest        time.Time
}

// Same reports whether both are the same part and code, whatever PDU and team go with it.
func (o Owner) Same(p Owner) bool { return o.Role == p.Role && o.Code == p.Code }
