package notifier_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/deploy"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/notifier"
)

// usual and night are the ladders of the shipped policy, as the table has them.
const (
	usual = "unacknowledged: owner, manager at 50%, head at 100%; undecided: owner, manager at 25%, head at 50%"
	night = "unacknowledged: owner, head at 100%; undecided: head"
	chase = "unacknowledged: owner, manager at 50%, head at 100%; undecided: owner, manager at 40%, head at 100%"
)

// Each rule that ships, by name: whose it is, how pressing, by when and what
// happens when it is left alone. Asked on a Wednesday at 10:00.
func TestEachShippedRuleHasItsOwnerItsPriorityItsDeadlinesAndItsEscalation(t *testing.T) {
	shipped, named := map[string]notifier.Rule{}, map[string]bool{}
	for _, r := range notifier.Default().Rules {
		if r.ItemOf == "" {
			shipped[r.Name] = r
		}
	}
	arrested := func(c *casework.Concern) { c.Report.Persons[0].Arrest = &casework.Arrest{Disposal: "charged"} }
	for _, c := range []struct {
		rule     string
		change   func(*casework.Concern)
		at       string
		owner    casework.OwnerRole
		code     string
		priority casework.Priority
		ack, due string
		steps    string
	}{
		{"acknowledge_match", nil, "", casework.Administrator, "N03SW1", casework.Standard, "2026-11-18 14:00", "2026-11-19 10:00", usual},
		{"acknowledge_match", urgently, "", casework.Administrator, "N03SW1", casework.Urgent, "2026-11-18 10:30", "2026-11-18 11:00", usual},
		{"review_incident", nil, "", casework.Practitioner, "P1", casework.Standard, "2026-11-19 10:00", "2026-11-23 10:00", usual},
		{"review_incident", func(c *casework.Concern) { c.Report.DomesticAbuse = true }, "", casework.Practitioner, "P1", casework.High, "2026-11-18 14:00", "2026-11-19 10:00", usual},
		{"review_incident", urgently, "", casework.Practitioner, "P1", casework.Urgent, "2026-11-18 11:00", "2026-11-18 14:00", usual},
		{"transfer_match", func(c *casework.Concern) { c.Matches[0].State = casework.MatchConfirmed }, "", casework.Administrator, "N03SW1", casework.Standard, "2026-11-19 10:00", "2026-11-20 10:00", usual},
		{"countersign_decision", decided(func(c *casework.Concern) { c.Subject.RoSH = casework.RoSHVeryHigh }), "", casework.Manager, "M1", casework.High, "2026-11-19 10:00", "2026-11-20 10:00", usual},
		{"withdraw_contact", func(c *casework.Concern) {
			c.Matches[0].State, c.Matches[0].TransferredAt = casework.MatchRetracted, london("2026-11-17 10:00")
		}, "", casework.Administrator, "N03SW1", casework.Standard, "2026-11-18 14:00", "2026-11-19 10:00", usual},
		{"out_of_hours", func(c *casework.Concern) { urgently(c); c.Rota, c.Region = true, "N03" }, "2026-11-21 23:30", casework.DutyOfficer, "N03", casework.Urgent, "2026-11-21 23:45", "2026-11-22 00:30", night},
		{"out_of_hours", urgently, "2026-11-21 23:30", casework.HeadOfPDU, "N03SW1", casework.Urgent, "2026-11-21 23:45", "2026-11-22 00:30", night},
		{"tell_victim_staff", func(c *casework.Concern) { c.Subject.VictimContact = "vlo" }, "", casework.VictimStaff, "N03SW1", casework.Standard, "2026-11-19 10:00", "2026-11-23 10:00", usual},
		{"tell_victim_staff", func(c *casework.Concern) { c.Subject.VictimContact, c.Report.DomesticAbuse = "daso", true }, "", casework.VictimStaff, "N03SW1", casework.High, "2026-11-18 14:00", "2026-11-19 10:00", usual},
		{"warn_reception", func(c *casework.Concern) { c.Report.Factors = []string{"weapon"} }, "", casework.Administrator, "N03SW1", casework.High, "2026-11-18 12:00", "2026-11-18 14:00", usual},
		{"serious_further_offence", func(c *casework.Concern) { arrested(c); c.Report.Kind, c.Report.Type = casework.KindArrest, "Robbery" }, "", casework.HeadOfPDU, "N03SW1", casework.High, "2026-11-18 14:00", "2026-11-19 10:00", usual},
		{"disclosure_application", disclosing, "", casework.Practitioner, "P1", casework.High, "2026-11-20 10:00", "2026-12-02 10:00", usual},
		{"chase_enquiry", asking(casework.Practitioner), "", casework.Practitioner, "P1", casework.Standard, "2026-11-19 10:00", "2026-11-25 10:00", chase},
		{"chase_enquiry", asking(casework.Manager), "", casework.Manager, "M1", casework.Standard, "2026-11-19 10:00", "2026-11-25 10:00", chase},
		{"read_reply", told(casework.Manager), "", casework.Practitioner, "P1", casework.Standard, "2026-11-19 10:00", "2026-11-23 10:00", usual},
		{"read_reply", told(casework.Administrator), "", casework.Administrator, "N03SW1", casework.Standard, "2026-11-19 10:00", "2026-11-23 10:00", usual},
	} {
		one := concern()
		if c.change != nil {
			c.change(one)
		}
		if c.at == "" {
			c.at = "2026-11-18 10:00"
		}
		what := fmt.Sprintf("%s, %s", c.rule, c.priority)
		_, changes := notifier.Default().Agree(one, london(c.at))
		n := slices.IndexFunc(changes, func(ch casework.ActionChange) bool { return ch.What == "raised" && ch.Action.Rule == c.rule })
		if n < 0 {
			t.Errorf("%s: is not raised", what)
			continue
		}
		a := changes[n].Action
		if a.Owner.Role != c.owner || a.Owner.Code != c.code || a.Priority != c.priority {
			t.Errorf("%s: got %s %s and %s, want %s %s", what, a.Owner.Role, a.Owner.Code, a.Priority, c.owner, c.code)
		}
		if !a.AckDue.Equal(london(c.ack)) || !a.Due.Equal(london(c.due)) {
			t.Errorf("%s: got %s and %s, want %s and %s", what, a.AckDue, a.Due, c.ack, c.due)
		}
		if got := ladderOf(shipped[c.rule]); got != c.steps {
			t.Errorf("%s: got the steps %q, want %q", what, got, c.steps)
		}
		if a.AckedAt.IsZero() && (len(changes[n].Steps) < 2 || changes[n].Steps[0].DueAt.After(a.AckDue)) ||
			!a.AckedAt.IsZero() && (len(changes[n].Steps) != 1 || !changes[n].Steps[0].DueAt.Equal(a.Due)) { // whoever asked knows of it
			t.Errorf("%s: got the steps %v", what, changes[n].Steps)
		}
		named[c.rule] = true
	}
	for name := range shipped {
		if !named[name] {
			t.Errorf("%s ships, and is not in this table", name)
		}
	}
}

// asking is a concern because of which somebody asked police.
func asking(role casework.OwnerRole) func(*casework.Concern) {
	return func(c *casework.Concern) {
		c.Enquiries = []casework.EnquiryStanding{{ID: 1, AskedBy: "somebody", AskedRole: role}}
	}
}

// told is a concern in which police have answered somebody.
func told(role casework.OwnerRole) func(*casework.Concern) {
	return func(c *casework.Concern) {
		c.Replies = []casework.ReplyStanding{{ID: 1, Kind: casework.KindEnquiryReply, Final: true, AskedRole: role}}
	}
}

func urgently(c *casework.Concern) { c.Report.DASH = casework.DASHHigh }

// disclosing is a suspect of domestic abuse with somebody whom the case, which
// has a victim, does not know.
func disclosing(c *casework.Concern) {
	c.Report.DomesticAbuse = true
	c.Report.Persons[1].Role = casework.RoleVictim
	c.Subject.Registers = []string{"ADVP"}
	c.Matches[0].State = casework.MatchConfirmed
}

// decided is a concern on which the practitioner has decided.
func decided(change func(*casework.Concern)) func(*casework.Concern) {
	return func(c *casework.Concern) {
		c.Actions = []casework.Action{{ID: 7, Incident: c.Incident, Person: c.Person, Match: 1, Rule: notifier.ReviewIncident, State: casework.ActionDone}}
		c.Decided = map[casework.ActionID]casework.Decision{7: {Action: 7, Outcome: casework.OutcomeReviewRisk}}
		if change != nil {
			change(c)
		}
	}
}

// ladderOf puts a rule's steps in words.
func ladderOf(r notifier.Rule) string {
	by := map[casework.StepKind][]string{}
	for _, s := range r.Steps {
		to := string(s.Target)
		if to == "" {
			to = "owner"
		}
		if s.Past > 0 {
			to += fmt.Sprintf(" at %.0f%%", 100*s.Past)
		}
		by[s.Kind] = append(by[s.Kind], to)
	}
	var parts []string
	for _, kind := range slices.Backward(slices.Sorted(maps.Keys(by))) {
		parts = append(parts, string(kind)+": "+strings.Join(by[kind], ", "))
	}
	slices.Reverse(parts)
	return strings.Join(parts, "; ")
}

// One match is one list with few clocks: whatever an incident has in it, what
// there is to think of has no clock of its own.
func TestOneMatchIsOneChecklistWithFewClocks(t *testing.T) {
	c := concern()
	disclosing(c)
	c.Report.ChildrenPresent, c.Report.Factors, c.Report.DASH = true, []string{"weapon", "alcohol"}, casework.DASHHigh
	c.Report.Location.Postcode, c.Report.OccurredFrom = "CF11 9AB", london("2026-11-18 08:00")
	c.Subject.RoSH, c.Subject.MAPPA = casework.RoSHVeryHigh, casework.MAPPA{Category: 2, Level: 2}
	c.Subject.Registers = []string{"IIOM", "WRSM"}
	c.Subject.Circumstances = casework.Circumstances{Scheme: "reset", Zones: []string{"CF11"}, Licence: []string{"x"}, Victims: []string{"Somebody Else"}}
	for d := range 5 {
		c.Earlier = append(c.Earlier, c.Report.OccurredFrom.AddDate(0, 0, -d))
	}
	all := asked(c, "2026-11-18 10:00")
	if items := all["review_incident"]; len(items) < 14 || len(all) > 5 {
		t.Errorf("got %d clocks and %d things to think of: %q", len(all), len(items), all)
	}
	for rule, items := range all {
		if rule != "review_incident" && len(items) > 0 {
			t.Errorf("%s has a list of its own: %q", rule, items)
		}
	}
}

// A manager looks at every decision of weight, and at one in ten of the others.
func TestAManagerIsConsultedAndSignsWhereItHasToBeAndElsewhereForASample(t *testing.T) {
	for what, change := range map[string]func(*casework.Concern){
		"high RoSH":      func(c *casework.Concern) { c.Subject.RoSH = casework.RoSHHigh },
		"very high RoSH": func(c *casework.Concern) { c.Subject.RoSH = casework.RoSHVeryHigh },
		"domestic abuse": func(c *casework.Concern) { c.Report.DomesticAbuse = true },
		"children":       func(c *casework.Concern) { c.Report.ChildrenPresent = true },
		"a child named":  func(c *casework.Concern) { c.Report.Persons[1].Role = casework.RoleChild },
		"MAPPA level 2":  func(c *casework.Concern) { c.Subject.MAPPA = casework.MAPPA{Category: 1, Level: 2} },
		"MAPPA level 3":  func(c *casework.Concern) { c.Subject.MAPPA = casework.MAPPA{Category: 1, Level: 3} },
	} {
		for n := range 20 { // in the sample or not
			one := concern()
			one.Incident = casework.IncidentID(n)
			change(one)
			if !slices.Contains(asked(one, "2026-11-18 10:00")["review_incident"], "consult_manager") {
				t.Errorf("%s: the manager is not consulted", what)
			}
			decided(nil)(one)
			if _, ok := asked(one, "2026-11-18 10:00")["countersign_decision"]; !ok {
				t.Errorf("%s: nobody signs", what)
			}
		}
	}
	signed := 0
	for n := range 2000 {
		one := concern()
		one.Incident = casework.IncidentID(n)
		asks := slices.Contains(asked(one, "2026-11-18 10:00")["review_incident"], "consult_manager")
		decided(nil)(one)
		_, signs := asked(one, "2026-11-18 10:00")["countersign_decision"]
		if asks != signs {
			t.Fatalf("incident %d: consulted %t and signed %t are not the same sample", n, asks, signs)
		}
		if signs {
			signed++
		}
	}
	if signed < 120 || signed > 280 {
		t.Errorf("%d of 2000 are sampled, want about one in ten", signed)
	}
	undecided := concern()
	undecided.Subject.RoSH = casework.RoSHHigh
	if _, ok := asked(undecided, "2026-11-18 10:00")["countersign_decision"]; ok {
		t.Error("what is not decided is to be signed")
	}
}

// What else a floor has to hold: a working day that is shorter makes each clock
// longer, and an action may not be done by less than it takes.
func TestNoFileAndNoPDUGoesRoundTheFloor(t *testing.T) {
	shipped := string(deploy.Policy)
	local := func(s string) string { return shipped + "\npdus:\n  N03SW1:\n" + s }
	for what, c := range map[string]struct{ text, want string }{
		"a PDU's shorter day": {local("    hours: {open: \"09:00\", close: \"12:00\"}\n"), "may be moved and not shortened"},
		"a shorter day":       {strings.Replace(shipped, `close: "17:00"`, `close: "10:00"`, 1), "line 28: a day of 1h0m0s"},
		"a PDU's slower clock": {local("    clocks: {tell_victim_staff: chase}\n"),
			"gives more time for urgent"},
		"a PDU's second rule of the name": {local("    rules:\n      - {name: children_enquiry, title: x, item_of: review_incident, when: \"false\"}\n"),
			"there is a rule children_enquiry before this one"},
		"done by less": {strings.Replace(shipped, "done: judged", "done: attended", 1), "done, ended and asks_again are as they ship"},
		"an item of another rule": {strings.Replace(shipped, "  - name: children_enquiry", "  - {name: elsewhere, title: x, owner: head, when: \"false\", clock: look, steps: usual}\n  - name: children_enquiry", 1),
			""},
		"no consultation": {strings.Replace(shipped, "name: consult_manager", "name: consult_nobody", 1), "rule consult_manager: may not be left out"},
		"an unknown least priority": {strings.Replace(shipped, "    clock: look\n    steps: usual\n\n  - name: review_incident", "    priority: soon\n    clock: look\n    steps: usual\n\n  - name: review_incident", 1),
			`"soon" is not a priority`},
	} {
		if c.text == shipped {
			t.Fatalf("%s: nothing was changed", what)
		}
		_, err := notifier.ReadPolicy(strings.NewReader(c.text))
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: got %v", what, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want %q in it", what, err, c.want)
		}
	}
}

func TestAFileMayTighten(t *testing.T) {
	shipped := string(deploy.Policy)
	// The children with an owner and clock of their own, and warnings always urgent.
	text := strings.Replace(shipped, "    item_of: review_incident\n    when: incident.domesticAbuse || incident.children\n",
		"    owner: practitioner\n    clock: look\n    steps: usual\n    when: incident.domesticAbuse || incident.children\n", 1)
	text = strings.Replace(text, "title: Warn reception and whoever visits at home\n", "title: Warn reception and whoever visits at home\n    priority: urgent\n", 1)
	p, err := notifier.ReadPolicy(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := concern()
	c.Report.DomesticAbuse, c.Subject.Registers = true, []string{"AV2S"}
	_, changes := p.Agree(c, london("2026-11-18 10:00"))
	got := map[string]string{}
	for _, ch := range changes {
		got[ch.Action.Rule] = fmt.Sprint(ch.Action.Owner.Role, " ", ch.Action.Priority, " ", ch.Action.Due.Sub(london("2026-11-18 10:00")))
	}
	if got["children_enquiry"] != "practitioner high 4h0m0s" || got["warn_reception"] != "administrator urgent 1h0m0s" {
		t.Errorf("got %q", got)
	}
	// Asked again of the outcome, it has nothing more to say.
	for i, ch := range changes {
		ch.Action.ID = casework.ActionID(i + 1)
		c.Actions = append(c.Actions, ch.Action)
		c.Actions[i].Items = ch.Items
	}
	if _, again := p.Agree(c, london("2026-11-18 10:00").Add(time.Minute)); len(again) != 0 {
		t.Errorf("asked again, it says %v", again[0].What)
	}
}
