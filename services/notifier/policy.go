package notifier

import (
	"slices"
	"time"

	"cel.dev/cel-go/cel"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Policy says what a match asks of whom, and by when. It is read from a file;
// see [ReadPolicy]. It is never changed once read, so many may use it at once.
type Policy struct {
	Rules []Rule
	// Calendar counts working time where a PDU has no hours of its own.
	Calendar *casework.Calendar
	// PDUs are those with hours, clocks or rules of their own.
	PDUs map[string]*Local
	// Digest tells one policy from another.
	Digest string
}

// Local is what one PDU adds to the policy or tightens in it.
type Local struct {
	Calendar *casework.Calendar
	// Clocks replace a rule's where they are shorter.
	Clocks map[string]map[casework.Priority]Clock
	Rules  []Rule
}

// Rule raises one action for one concern, or one item on another rule's.
type Rule struct {
	// Name is kept on the action; with incident and person it is its key.
	Name string
	// Title says in words what is to be done.
	Title string
	Owner casework.OwnerRole
	// ItemOf makes it an item on the checklist of that rule's action, without a
	// clock of its own: one match is one list with few clocks, not a dozen alarms.
	ItemOf string
	When   condition
	// Least is the priority that its action has at least; empty for that of the
	// concern, whatever it is.
	Least casework.Priority
	// Done says that nothing is left to do, and by whom it was done; nil for
	// what somebody has to say.
	Done func(*view) (by string, done bool)
	// Ended rules look at concerns of which no match is live; the others at live ones.
	Ended bool
	// Reasks asks again when the facts change after the decision.
	Reasks bool
	// OnDecision rules look at a decision that was recorded, and wait while it is
	// asked again.
	OnDecision bool
	Clock      map[casework.Priority]Clock
	// Steps are what happen when the action is left alone.
	Steps []StepRule
	line  int
	done  string // the name of Done
}

// Clock is how long an action may take.
type Clock struct {
	Acknowledge Span
	Decide      Span
}

// Span is a length of time: working days, and a duration in working time unless
// Elapsed.
type Span struct {
	Days    int // working days, each as long as the office is open
	For     time.Duration
	Elapsed bool
}

// StepRule plans one step.
type StepRule struct {
	Kind casework.StepKind
	// Target is told; empty is whoever owns the action by then.
	Target casework.OwnerRole
	// Past is how much of the clock's span has passed since its deadline: 0 is
	// the deadline itself.
	Past float64
}

// condition is a rule's when, compiled.
type condition struct {
	source string
	line   int
	run    cel.Program
	// values are the facts that it looks at, each on its own: why an action exists.
	values []value
	// also is the shipped condition, where a policy has one of its own beside it.
	also *condition
}

type value struct {
	source string
	run    cel.Program
}

// The names of the rules that the notifier itself depends on.
const (
	AcknowledgeMatch = "acknowledge_match"
	ReviewIncident   = "review_incident"
	OutOfHours       = "out_of_hours"
	ChaseEnquiry     = "chase_enquiry"
	ReadReply        = "read_reply"
	// DisclosureApplication is done by the outcome that police tell.
	DisclosureApplication = "disclosure_application"
)

// asker owns what follows from an enquiry: whoever asked, in the part in which
// they asked. It is a word of the policy, and nobody's part.
const asker casework.OwnerRole = "asker"

// length of the span in time on the calendar; days count as its working days.
func (s Span) length(c *casework.Calendar) time.Duration {
	return time.Duration(s.Days)*c.DayLength() + s.For
}

// after is the instant at which some part or multiple of the span has passed.
func (s Span) after(c *casework.Calendar, t time.Time, times float64) time.Time {
	d := time.Duration(float64(s.length(c)) * times)
	if s.Elapsed {
		return t.Add(d)
	}
	return c.Add(t, d)
}

// noLongerThan reports whether s gives no more time than t, whenever it begins.
// Elapsed time is never longer than the same working time.
func (s Span) noLongerThan(t Span, c *casework.Calendar) bool {
	return s.length(c) <= t.length(c) && (s.Elapsed || !t.Elapsed)
}

// in is the policy as one PDU has it.
func (p *Policy) in(pdu string) (rules []Rule, calendar *casework.Calendar) {
	local := p.PDUs[pdu]
	if local == nil {
		return p.Rules, p.Calendar
	}
	rules = p.Rules
	if len(local.Clocks) > 0 {
		rules = slices.Clone(rules)
		for i, r := range rules {
			if clock, ok := local.Clocks[r.Name]; ok {
				rules[i].Clock = clock
			}
		}
	}
	return append(rules[:len(rules):len(rules)], local.Rules...), local.Calendar
}

// Hours are those of one PDU.
func (p *Policy) Hours(pdu string) *casework.Calendar {
	_, hours := p.in(pdu)
	return hours
}

// night says whether nobody works now, and which PDUs' own hours say otherwise.
func (p *Policy) night(now time.Time) (night bool, otherwise []string) {
	night = !p.Calendar.IsWorking(now)
	for pdu := range p.PDUs {
		if _, own := p.in(pdu); !own.IsWorking(now) != night {
			otherwise = append(otherwise, pdu)
		}
	}
	return night, otherwise
}

// done are the ways in which an action is done without anybody saying so.
var done = map[string]func(*view) (string, bool){
	"judged":        judged,
	"transferred":   transferred,
	"countersigned": countersigned,
	"attended":      attended,
	"answered":      answered,
	"read":          haveRead,
	"disclosed":     outcomeKnown,
}

// judged: somebody has said of each match what it is. A match that somebody
// could not tell stays with them.
func judged(v *view) (string, bool) {
	by := ""
	for _, f := range v.live {
		if f.State != casework.MatchConfirmed {
			return "", false
		}
		by = f.JudgedBy
	}
	return by, true
}

// transferred: every confirmed match is in the case record.
func transferred(v *view) (string, bool) {
	for _, f := range v.live {
		if f.State == casework.MatchConfirmed && f.TransferredAt.IsZero() {
			return "", false
		}
	}
	return "", v.confirmed
}

// countersigned: a decision that stands has a manager's signature.
func countersigned(v *view) (string, bool) {
	d, ok := v.decision()
	return d.CountersignedBy, ok && d.CountersignedBy != ""
}

// attended: somebody whose work it is has it, and the night's is over.
func attended(v *view) (string, bool) { return "", !v.unattended() }

// decision is the newest that was recorded on the review.
func (v *view) decision() (casework.Decision, bool) {
	for _, a := range v.actions {
		if a.Rule == ReviewIncident && a.State == casework.ActionDone {
			d, ok := v.Decided[a.ID]
			return d, ok
		}
	}
	return casework.Decision{}, false
}

// priorityOf is how pressing a rule's action is.
func (v *view) priorityOf(r Rule) casework.Priority {
	if r.Least.Above(v.priority) {
		return r.Least
	}
	return v.priority
}

func (v *view) decided() bool {
	_, ok := v.decision()
	return ok
}
