package notifier

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
)

// view is a concern with what follows from it.
type view struct {
	*casework.Concern
	// actions are those of the concern as they are being made to agree.
	actions  []casework.Action
	now      time.Time
	priority casework.Priority
	live     []casework.MatchStanding
	// lead is the match that the work is about: a confirmed one before a more
	// probable one. When none is live it is the one that ended last.
	lead      casework.MatchStanding
	confirmed bool
	// ending says how the last live match ended; empty while one lives.
	ending string
	facts  map[string]string
	// rules and calendar are those of the person's PDU.
	rules    []Rule
	calendar *casework.Calendar
	bound    map[string]any
}

func (v *view) rule(name string) (Rule, bool) {
	for _, r := range v.rules {
		if r.Name == name {
			return r, true
		}
	}
	return Rule{}, false
}

func (p *Policy) view(c *casework.Concern, now time.Time) *view {
	v := &view{Concern: c, actions: slices.Clone(c.Actions), now: now, facts: factsOf(c), priority: casework.Standard}
	v.rules, v.calendar = p.in(c.Subject.PDU)
	ended := c.Matches[0]
	for _, f := range c.Matches {
		if f.Priority.Above(v.priority) {
			v.priority = f.Priority
		}
		if !f.State.Live() {
			if endings[f.State] > endings[ended.State] || ended.State.Live() {
				ended = f
			}
			continue
		}
		v.confirmed = v.confirmed || f.State == casework.MatchConfirmed
		if len(v.live) == 0 || better(f, v.lead) {
			v.lead = f
		}
		v.live = append(v.live, f)
	}
	if !c.Erased {
		v.priority = casework.PriorityOf(&c.Report, &c.Subject)
	}
	if len(v.live) == 0 {
		v.lead, v.ending = ended, string(ended.State)
	}
	return v
}

// endings by how much they matter to those who were told: a mistake of ours
// before a change of the force's mind.
var endings = map[casework.MatchState]int{
	casework.MatchRetracted: 4, casework.MatchWithdrawn: 3, casework.MatchDismissed: 2, casework.MatchSuperseded: 1,
}

func better(a, b casework.MatchStanding) bool {
	if (a.State == casework.MatchConfirmed) != (b.State == casework.MatchConfirmed) {
		return a.State == casework.MatchConfirmed
	}
	return a.Probability > b.Probability
}

// factsOf are what a decision rests on, without names: a later revision that
// changes one of them asks the question again. Disposals are police's own words,
// so only their digest is kept.
func factsOf(c *casework.Concern) map[string]string {
	r := c.Report
	facts := map[string]string{
		"kind":          string(r.Kind),
		"dash":          string(r.DASH),
		"domesticAbuse": fmt.Sprint(r.DomesticAbuse),
		"children":      fmt.Sprint(r.InvolvesChildren()),
	}
	if c.Erased {
		return facts
	}
	var disposals, parties []string
	for i, p := range r.Persons {
		number := i + 1
		if i < len(c.Involvements) {
			number = c.Involvements[i]
		}
		parties = append(parties, fmt.Sprintf("%d %s", number, p.Role))
		if p.Arrest != nil {
			disposals = append(disposals, fmt.Sprintf("%d %s", number, p.Arrest.Disposal))
		}
	}
	sort.Strings(parties)
	sort.Strings(disposals)
	facts["parties"] = strings.Join(parties, ", ")
	if len(disposals) > 0 {
		sum := sha256.Sum256([]byte(strings.Join(disposals, "\n")))
		facts["disposals"] = hex.EncodeToString(sum[:8])
	}
	return facts
}

// newFacts names the facts that an action was not raised on.
func (v *view) newFacts(a casework.Action) []string {
	if v.Erased || len(a.Facts) == 0 {
		return nil
	}
	var changed []string
	for name := range v.facts {
		if v.facts[name] != a.Facts[name] {
			changed = append(changed, name)
		}
	}
	for name := range a.Facts {
		if _, still := v.facts[name]; !still {
			changed = append(changed, name)
		}
	}
	sort.Strings(changed)
	return changed
}

// owner is who plays the part in this case today. Work is never left to nobody:
// without a practitioner it is the manager's, without a manager the head's.
func (v *view) owner(role casework.OwnerRole) casework.Owner {
	s := v.Subject.Supervisor
	o := casework.Owner{Role: role, PDU: s.PDU, Team: s.Team}
	if role == casework.DutyOfficer && !v.Rota {
		o.Role = casework.HeadOfPDU
	}
	if role == casework.Practitioner && (s.Practitioner == "" || v.PractitionerGone) {
		o.Role = casework.Manager
	}
	if o.Role == casework.Manager && (s.Manager == "" || v.ManagerGone) {
		o.Role = casework.HeadOfPDU
	}
	switch o.Role {
	case casework.Practitioner:
		o.Code = s.Practitioner
	case casework.Manager:
		o.Code = s.Manager
	case casework.DutyOfficer:
		o.Code = v.Region
	default:
		o.Code = s.PDU
	}
	return o
}
