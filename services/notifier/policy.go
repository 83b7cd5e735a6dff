package notifier

import (
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Policy says what a match asks of whom, and by when.
type Policy struct {
	Rules []Rule
	// Calendar counts the working time of the clocks.
	Calendar *casework.Calendar
}

// Rule raises one action for one concern.
type Rule struct {
	// Name is kept on the action; with incident and person it is its key.
	Name  string
	Owner casework.OwnerRole
	// When says whether the concern asks for it, and which values made it so.
	When func(*view) (bool, map[string]string)
	// Done says that nothing is left to do, and by whom it was done.
	Done func(*view) (by string, done bool)
	// Ended rules look at concerns of which no match is live; the others at live ones.
	Ended bool
	// Reasks asks again when the facts change after the decision.
	Reasks bool
	Clock  map[casework.Priority]Clock
	// Steps are what happens when the action is left alone.
	Steps []StepRule
}

// Clock is how long an action may take.
type Clock struct {
	Acknowledge Span
	Decide      Span
}

// Span is a length of time, in working time unless Elapsed.
type Span struct {
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

// The names of the rules that the notifier itself depends on.
const (
	AcknowledgeMatch = "acknowledge_match"
	TransferMatch    = "transfer_match"
	ReviewIncident   = "review_incident"
	WithdrawContact  = "withdraw_contact"
)

// after is the instant at which some part or multiple of the span has passed.
func (p *Policy) after(t time.Time, s Span, times float64) time.Time {
	d := time.Duration(float64(s.For) * times)
	if s.Elapsed {
		return t.Add(d)
	}
	return p.Calendar.Add(t, d)
}

func (p *Policy) rule(name string) (Rule, bool) {
	for _, r := range p.Rules {
		if r.Name == name {
			return r, true
		}
	}
	return Rule{}, false
}

// Default is the policy that ships: a sensible start, not legal advice.
func Default() *Policy {
	working := func(d time.Duration) Span { return Span{For: d} }
	const day = 8 * time.Hour
	// Left alone, an action comes back to its owner, then goes up. To acknowledge
	// is not to decide, so each has its own clock.
	ladder := []StepRule{
		{Kind: casework.Unacknowledged},
		{Kind: casework.Unacknowledged, Target: casework.Manager, Past: 0.5},
		{Kind: casework.Unacknowledged, Target: casework.HeadOfPDU, Past: 1},
		{Kind: casework.Undecided},
		{Kind: casework.Undecided, Target: casework.Manager, Past: 0.25},
		{Kind: casework.Undecided, Target: casework.HeadOfPDU, Past: 0.5},
	}
	return &Policy{
		Calendar: casework.EnglandAndWales(),
		Rules: []Rule{
			{
				Name:  AcknowledgeMatch,
				Owner: casework.Administrator,
				When:  always,
				Done:  judged,
				Clock: map[casework.Priority]Clock{
					casework.Urgent:   {working(30 * time.Minute), working(time.Hour)},
					casework.High:     {working(2 * time.Hour), working(4 * time.Hour)},
					casework.Standard: {working(4 * time.Hour), working(day)},
				},
				Steps: ladder,
			},
			{
				Name:   ReviewIncident,
				Owner:  casework.Practitioner,
				When:   sureEnough,
				Reasks: true,
				Clock: map[casework.Priority]Clock{
					casework.Urgent:   {working(time.Hour), working(4 * time.Hour)},
					casework.High:     {working(4 * time.Hour), working(day)},
					casework.Standard: {working(day), working(3 * day)},
				},
				Steps: ladder,
			},
			{
				Name:  TransferMatch,
				Owner: casework.Administrator,
				When:  confirmed,
				Done:  transferred,
				Clock: map[casework.Priority]Clock{
					casework.Urgent:   {working(time.Hour), working(2 * time.Hour)},
					casework.High:     {working(4 * time.Hour), working(day)},
					casework.Standard: {working(day), working(2 * day)},
				},
				Steps: ladder,
			},
			{
				Name:  WithdrawContact,
				Owner: casework.Administrator,
				When:  wronglyTransferred,
				Ended: true,
				Clock: map[casework.Priority]Clock{
					casework.Urgent:   {working(time.Hour), working(4 * time.Hour)},
					casework.High:     {working(time.Hour), working(4 * time.Hour)},
					casework.Standard: {working(time.Hour), working(4 * time.Hour)},
				},
				Steps: ladder,
			},
		},
	}
}

func always(v *view) (bool, map[string]string) {
	return true, map[string]string{"band": string(v.lead.Band)}
}

// sureEnough: what is certain goes to the practitioner at once, what is not
// waits for somebody to look at it.
func sureEnough(v *view) (bool, map[string]string) {
	for _, f := range v.live {
		switch {
		case f.State == casework.MatchConfirmed:
			return true, map[string]string{"match": "confirmed"}
		case f.Band == casework.Certain:
			return true, map[string]string{"match": "certain"}
		}
	}
	return false, nil
}

func confirmed(v *view) (bool, map[string]string) {
	return v.confirmed, map[string]string{"match": "confirmed"}
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

func transferred(v *view) (string, bool) {
	for _, f := range v.live {
		if f.State == casework.MatchConfirmed && f.TransferredAt.IsZero() {
			return "", false
		}
	}
	return "", v.confirmed
}

// wronglyTransferred: what is in the case record has to come out of it again.
func wronglyTransferred(v *view) (bool, map[string]string) {
	for _, f := range v.Matches {
		if !f.TransferredAt.IsZero() && (f.State == casework.MatchRetracted || f.State == casework.MatchDismissed) {
			return true, map[string]string{"match": string(f.State)}
		}
	}
	return false, nil
}
