package desk

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// reason is one value that made a rule of the policy true.
type reason struct{ Name, Value string }

// reasonsOf puts the rule's values in an order that does not change.
func reasonsOf(why map[string]any) []reason {
	var all []reason
	for name, value := range why {
		text := fmt.Sprint(value)
		if list, ok := value.([]any); ok {
			parts := make([]string, len(list))
			for i, p := range list {
				parts[i] = fmt.Sprint(p)
			}
			text = strings.Join(parts, ", ")
		}
		all = append(all, reason{name, text})
	}
	slices.SortFunc(all, func(a, b reason) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// areasOfFacts are where the words for the values of a fact stand.
var areasOfFacts = map[string]string{
	"priority": "priority", "incident.force": "force", "incident.kind": "kind", "incident.dash": "dash", "incident.factors": "factor",
	"person.rosh": "rosh", "person.registers": "register", "person.orderType": "order", "person.victimContact": "victims.staff",
	"person.scheme": "standing", "involvement.role": "role", "involvement.roles": "role", "match.band": "band", "match.state": "state",
	"match.ending": "state", "decision.outcome": "outcome",
}

// fact is what a condition looked at, in words. One of somebody's own policy is
// shown as the policy names it.
func (w words) fact(name string) string {
	if days, ok := strings.CutPrefix(name, "person.incidents("); ok {
		return w.say("why.person.incidents", "n", strings.TrimSuffix(days, ")"))
	}
	return w.either("why", name)
}

// factValue is what it found there, in words.
func (w words) factValue(r reason) string {
	switch r.Value {
	case "":
		return w.say("why.none")
	case "true":
		return w.say("yes")
	case "false":
		return w.say("no")
	case "as police gave it":
		return w.say("why.given")
	}
	area, ok := areasOfFacts[r.Name]
	if !ok {
		return r.Value
	}
	said := strings.Split(r.Value, ", ")
	for n, value := range said {
		said[n] = w.either(area, value)
	}
	return strings.Join(said, ", ")
}

// flag is why a decision is looked at again.
func (w words) flag(why string) string {
	switch {
	case strings.HasPrefix(why, "the facts have changed"):
		why = "changed"
	case strings.HasPrefix(why, "the match is "):
		why = strings.TrimPrefix(why, "the match is ")
	}
	return w.either("flagged", why)
}

// rule is what a rule of the policy asks for. A rule of somebody's own policy
// is shown by its name.
func (w words) rule(name string) string {
	if text, ok := w.text["rule."+name]; ok {
		return text
	}
	words := strings.ReplaceAll(strings.ReplaceAll(name, "_", " "), "-", " ")
	first, size := utf8.DecodeRuneInString(words)
	return string(unicode.ToUpper(first)) + words[size:]
}
