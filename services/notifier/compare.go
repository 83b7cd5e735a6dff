package notifier

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Difference is what two policies would have done differently by one rule.
type Difference struct {
	Rule string `json:"rule"`
	// Item says that it is on a checklist, without a clock of its own.
	Item bool `json:"item,omitempty"`
	// Now and Then are how often the running policy and the other ask for it.
	Now  int `json:"now"`
	Then int `json:"then"`
	// More and Fewer are how many concerns only the other, or only the running
	// policy asks it of; the numbers of up to five of their incidents are given.
	More     int                   `json:"more"`
	Fewer    int                   `json:"fewer"`
	Sooner   int                   `json:"sooner"` // another deadline, that comes before
	Later    int                   `json:"later"`
	Owners   int                   `json:"owners"` // another owner
	Examples []casework.IncidentID `json:"examples,omitempty"`
}

// Comparison gathers what two policies ask of the same concerns.
type Comparison struct {
	Running, Other *Policy
	byRule         map[string]*Difference
}

// Look takes one concern into the comparison.
func (c *Comparison) Look(concern *casework.Concern) {
	if c.byRule == nil {
		c.byRule = map[string]*Difference{}
	}
	now, then := c.Running.asked(concern), c.Other.asked(concern)
	for rule, a := range now {
		d := c.of(rule, a.item)
		d.Now++
		b, still := then[rule]
		switch {
		case !still:
			d.Fewer++
			d.example(concern)
		case b.owner != a.owner:
			d.Owners++
			d.example(concern)
		case b.due.Before(a.due):
			d.Sooner++
		case b.due.After(a.due):
			d.Later++
		}
	}
	for rule, b := range then {
		d := c.of(rule, b.item)
		d.Then++
		if _, before := now[rule]; !before {
			d.More++
			d.example(concern)
		}
	}
}

func (c *Comparison) of(rule string, item bool) *Difference {
	d := c.byRule[rule]
	if d == nil {
		d = &Difference{Rule: rule, Item: item}
		c.byRule[rule] = d
	}
	return d
}

func (d *Difference) example(c *casework.Concern) {
	if len(d.Examples) < 5 {
		d.Examples = append(d.Examples, c.Incident)
	}
}

// Differs reports whether the rule would do anything differently.
func (d Difference) Differs() bool { return d.More+d.Fewer+d.Sooner+d.Later+d.Owners > 0 }

// String says it in words.
func (d Difference) String() string {
	s := fmt.Sprintf("%-26s asked %d times, would be %d times", d.Rule, d.Now, d.Then)
	for _, part := range []struct {
		n    int
		what string
	}{{d.More, "more"}, {d.Fewer, "fewer"}, {d.Sooner, "due sooner"}, {d.Later, "due later"}, {d.Owners, "somebody else's"}} {
		if part.n > 0 {
			s += fmt.Sprintf("; %d %s", part.n, part.what)
		}
	}
	return s
}

// Differences are the rules that asked for anything, by name.
func (c *Comparison) Differences() []Difference {
	all := make([]Difference, 0, len(c.byRule))
	for _, d := range c.byRule {
		all = append(all, *d)
	}
	slices.SortFunc(all, func(a, b Difference) int { return cmp.Compare(a.Rule, b.Rule) })
	return all
}

type question struct {
	item  bool
	owner casework.OwnerRole
	due   time.Time
}

// asked are the rules that ask something of a concern, as if it were found just
// then, with what they ask.
func (p *Policy) asked(c *casework.Concern) map[string]question {
	v := p.view(c, c.Matches[0].FoundAt)
	all := map[string]question{}
	for _, r := range v.rules {
		if r.Ended != (len(v.live) == 0) {
			continue
		}
		if _, on := all[r.ItemOf]; r.ItemOf != "" && !on {
			continue
		}
		if asks, _ := r.When.asks(v); !asks {
			continue
		}
		q := question{item: r.ItemOf != ""}
		if !q.item {
			q.owner = v.owner(r.Owner).Role
			q.due = r.Clock[v.priorityOf(r)].Decide.after(v.calendar, v.now, 1)
		}
		all[r.Name] = q
	}
	return all
}
