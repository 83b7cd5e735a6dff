package notifier_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/reportable-incidents/reportable/deploy"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/notifier"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

func TestTheShippedPolicyIsNotBelowItsOwnFloor(t *testing.T) {
	if _, err := notifier.ReadPolicy(strings.NewReader(string(deploy.Policy))); err != nil {
		t.Fatal(err)
	}
}

func TestAPolicyIsRefusedWithLineAndReason(t *testing.T) {
	shipped := string(deploy.Policy)
	line := func(of string) string {
		before, _, ok := strings.Cut(shipped, of)
		if !ok {
			t.Fatalf("the shipped policy has no %q", of)
		}
		return "line " + fmt.Sprint(strings.Count(before, "\n")+1) + ":"
	}
	for _, c := range []struct{ what, old, new, want string }{
		{"a misspelt fact", "when: match.sure\n    asks", "when: match.shure\n    asks", line("when: match.sure\n    asks") + " rule review_incident: column 6: undefined field 'shure'"},
		{"a number for a condition", "when: match.sure\n    asks", "when: person.incidents(90)\n    asks", "gives a int, and has to be true or false"},
		{"an unknown key", "    asks_again: true\n    clock: review\n    steps: usual\n\n  - name: transfer", "    ask_again: true\n    clock: review\n    steps: usual\n\n  - name: transfer", `"ask_again" is not known here`},
		{"an unknown owner", "owner: victim_staff", "owner: victims", `"victims" cannot own an action`},
		{"an unknown clock", "clock: oversee", "clock: overseas", `there is no clock "overseas"`},
		{"a time that is none", "acknowledge: 30m,", "acknowledge: soon,", line("acknowledge: 30m,") + ` "soon" is not a time`},
		{"no time at all", "acknowledge: 30m,", "acknowledge: 0m,", "a time of nothing at all"},
		{"an item of nothing", "item_of: review_incident", "item_of: review_nothing", "there is no such rule"},
		{"a rule twice", "name: warn_reception", "name: tell_victim_staff", "there is a rule tell_victim_staff before this one"},
		{"a rule of the floor left out", "name: children_referral", "name: children_forgotten", "rule children_referral: may not be left out"},
		{"more time than may be given", "urgent: {acknowledge: 1h, decide: 4h}", "urgent: {acknowledge: 1h, decide: 3 days}", "rule review_incident: gives more time for urgent than may be given"},
		{"an escalation taken away", "    - {if: unacknowledged, after: 100%, tell: head}\n    - {if: undecided, tell: owner}", "    - {if: undecided, tell: owner}", "rule acknowledge_match: escalates later, or to fewer"},
		{"another version", "version: 1", "version: 2", "version 2 is not understood"},
		{"not a mapping", "version: 1", "- version: 1", "line "},
	} {
		text := strings.Replace(shipped, c.old, c.new, 1)
		if text == shipped {
			t.Fatalf("%s: nothing was changed", c.what)
		}
		_, err := notifier.ReadPolicy(strings.NewReader(text))
		if err == nil {
			t.Errorf("%s: was taken", c.what)
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %q, want %q in it", c.what, err, c.want)
		}
	}
}

func TestANarrowedConditionOfTheFloorHoldsAsItShips(t *testing.T) {
	text := strings.Replace(string(deploy.Policy), "when: incident.domesticAbuse || incident.children", `when: incident.force == "99"`, 1)
	p, err := notifier.ReadPolicy(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := &casework.Concern{
		Report:  casework.Incident{Force: "62", DomesticAbuse: true},
		Subject: casework.Person{Supervisor: casework.Supervisor{PDU: "N03SW1", Team: "T1", Practitioner: "P1"}},
		Matches: []casework.MatchStanding{{ID: 1, State: casework.MatchOpen, Band: casework.Certain}},
	}
	if _, changes := p.Agree(c, london("2026-11-18 10:00")); !slices.ContainsFunc(changes, func(ch casework.ActionChange) bool {
		return slices.ContainsFunc(ch.Items, func(i casework.Item) bool { return i.Rule == "children_enquiry" })
	}) {
		t.Error("the children are not asked about")
	}
}

func raises(p *notifier.Policy, c *casework.Concern, rule string) bool {
	_, changes := p.Agree(c, london("2026-11-18 10:00"))
	return slices.ContainsFunc(changes, func(c casework.ActionChange) bool { return c.What == "raised" && c.Action.Rule == rule })
}

// concern is a certain match of a suspect of no particular interest.
func concern() *casework.Concern {
	return &casework.Concern{
		Incident: 1, Person: 1, Involvements: []int{1, 2},
		Report:  casework.Incident{Force: "62", Persons: []casework.Involvement{{Role: casework.RoleSuspect, Surname: "Canary"}, {Role: casework.RoleWitness, Surname: "Other"}}},
		Subject: casework.Person{Supervisor: casework.Supervisor{PDU: "N03SW1", Team: "T1", Practitioner: "P1", Manager: "M1"}},
		Matches: []casework.MatchStanding{{ID: 1, Involvement: 1, Role: casework.RoleSuspect, State: casework.MatchOpen, Band: casework.Certain}},
	}
}

// asked are the actions that the shipped policy raises, with their items.
func asked(c *casework.Concern, at string) map[string][]string {
	all := map[string][]string{}
	_, changes := notifier.Default().Agree(c, london(at))
	for _, ch := range changes {
		if ch.What == "raised" {
			all[ch.Action.Rule] = []string{}
			for _, i := range ch.Items {
				all[ch.Action.Rule] = append(all[ch.Action.Rule], i.Rule)
			}
		}
	}
	return all
}

func TestTheShippedRulesAskWhatTheInspectorsAskFor(t *testing.T) {
	tried := map[string]bool{}
	for _, c := range []struct {
		what   string
		change func(*casework.Concern)
		want   string // an action, or action/item
	}{
		{"children of either party at any domestic abuse", func(c *casework.Concern) { c.Report.DomesticAbuse = true }, "review_incident/children_enquiry"},
		{"a referral is another thing than an enquiry", func(c *casework.Concern) { c.Report.DomesticAbuse = true }, "review_incident/children_referral"},
		{"victim staff", func(c *casework.Concern) { c.Subject.VictimContact = "vlo" }, "tell_victim_staff"},
		{"reception, of a weapon", func(c *casework.Concern) { c.Report.Factors = []string{"weapon"} }, "warn_reception"},
		{"reception, of risk to staff", func(c *casework.Concern) { c.Subject.Registers = []string{"AV2S"} }, "warn_reception"},
		{"the head, of a serious further offence", func(c *casework.Concern) {
			c.Report.Type = "Robbery"
			c.Report.Persons[0].Arrest = &casework.Arrest{Disposal: "Charged"}
		}, "serious_further_offence"},
		{"a disclosure about somebody new", func(c *casework.Concern) {
			c.Report.DomesticAbuse = true
			c.Report.Persons[1].Role = casework.RoleVictim
			c.Subject.Circumstances.Victims = []string{"Somebody Else"}
			c.Matches[0].State = casework.MatchConfirmed
		}, "disclosure_application"},
		{"a new relationship", func(c *casework.Concern) { c.Report.Persons[1].Role = casework.RoleVictim }, "review_incident/new_relationship"},
		{"a disclosure, where the case has the flag and no name", func(c *casework.Concern) { disclosing(c) }, "disclosure_application"},
		{"enforcement", func(c *casework.Concern) {}, "review_incident/consider_enforcement"},
		{"enforcement, of an arrest", func(c *casework.Concern) { c.Matches[0].Role = casework.RoleArrested }, "review_incident/consider_enforcement"},
		{"conditions", func(c *casework.Concern) { c.Subject.Circumstances.Licence = []string{"not to enter"} }, "review_incident/check_conditions"},
		{"an exclusion zone", func(c *casework.Concern) {
			c.Subject.Circumstances.Zones = []string{"CF11"}
			c.Report.Location.Postcode = "CF11 9AB"
		}, "review_incident/zone_entered"},
		{"MARAC", func(c *casework.Concern) { c.Report.DomesticAbuse, c.Report.DASH = true, casework.DASHHigh }, "review_incident/consider_marac"},
		{"MAPPA", func(c *casework.Concern) { c.Subject.MAPPA.Category = 2 }, "review_incident/consider_mappa"},
		{"IOM", func(c *casework.Concern) { c.Subject.Registers = []string{"IIOM"} }, "review_incident/consider_iom"},
		{"reduced contact", func(c *casework.Concern) { c.Subject.Circumstances.Scheme = "reset" }, "review_incident/reinstate_contact"},
		{"reduced contact, by the other scheme", func(c *casework.Concern) { c.Subject.Circumstances.Scheme = "impact" }, "review_incident/reinstate_contact"},
		{"somebody unlawfully at large", func(c *casework.Concern) { c.Subject.Circumstances.UnlawfullyAtLarge = true }, "review_incident/large_or_wanted"},
		{"the manager", func(c *casework.Concern) { c.Subject.MAPPA.Level = 2 }, "review_incident/consult_manager"},
		{"MARAC, of a repeat", func(c *casework.Concern) {
			now := london("2026-11-18 08:00")
			c.Report.OccurredFrom, c.Report.DomesticAbuse = now, true
			c.Earlier = []time.Time{now.AddDate(0, 0, -200), now.AddDate(0, 0, -300)}
		}, "review_incident/consider_marac"},
		{"flags of a victim", func(c *casework.Concern) { c.Report.DomesticAbuse, c.Matches[0].Role = true, casework.RoleVictim }, "review_incident/correct_flags"},
		{"civil orders", func(c *casework.Concern) { c.Subject.Circumstances.CivilOrders = []string{"no contact"} }, "review_incident/check_conditions"},
		{"a child who is not there, of a party", func(c *casework.Concern) { c.Report.DomesticAbuse = true }, "review_incident/children_enquiry"},
		{"a visit", func(c *casework.Concern) { c.Report.ChildrenPresent = true }, "review_incident/home_visit"},
		{"support", func(c *casework.Concern) { c.Matches[0].Role = casework.RoleVictim }, "review_incident/support_victim"},
		{"flags", func(c *casework.Concern) { c.Report.DomesticAbuse = true }, "review_incident/correct_flags"},
		{"repeats", func(c *casework.Concern) {
			now := london("2026-11-18 08:00")
			c.Report.OccurredFrom = now
			c.Earlier = []time.Time{now.AddDate(0, 0, -20), now.AddDate(0, 0, -89)}
		}, "review_incident/repeat_incidents"},
		{"risk assessment", func(c *casework.Concern) { c.Subject.RoSH = casework.RoSHHigh }, "review_incident/review_assessment"},
	} {
		rule, item, _ := strings.Cut(c.want, "/")
		one := concern()
		c.change(one)
		got := asked(one, "2026-11-18 10:00")
		items, ok := got[rule]
		if !ok || item != "" && !slices.Contains(items, item) {
			t.Errorf("%s: got %v, want %s", c.what, got, c.want)
		}
		tried[item] = true
		if strings.HasPrefix(c.what, "enforcement") {
			continue // of every suspect
		}
		plain := asked(concern(), "2026-11-18 10:00")
		if items, ok := plain[rule]; ok && (item == "" || slices.Contains(items, item)) {
			t.Errorf("%s: %s is asked without a reason", c.what, c.want)
		}
	}
	for _, r := range notifier.Default().Rules {
		if r.ItemOf != "" && !tried[r.Name] {
			t.Errorf("%s ships, and nobody has seen it asked", r.Name)
		}
	}
}

func TestAVictimsRoleDoesNotSuppressTheEnforcementQuestion(t *testing.T) {
	c := concern()
	c.Report.Persons = append(c.Report.Persons, casework.Involvement{Role: casework.RoleVictim})
	c.Matches = append(c.Matches, casework.MatchStanding{ID: 2, Involvement: 3, Role: casework.RoleVictim, State: casework.MatchOpen, Band: casework.Certain, Probability: 1})
	items := asked(c, "2026-11-18 10:00")["review_incident"]
	if !slices.Contains(items, "support_victim") || !slices.Contains(items, "consider_enforcement") {
		t.Errorf("got %q", items)
	}
}

func TestWhyAnActionExistsIsOnItAndNamesNobody(t *testing.T) {
	c := concern()
	c.Report.DomesticAbuse, c.Subject.VictimContact = true, "daso"
	_, changes := notifier.Default().Agree(c, london("2026-11-18 10:00"))
	for _, ch := range changes {
		if ch.Action.Rule != "tell_victim_staff" {
			continue
		}
		want := map[string]string{
			"match.sure": "true", "person.victimContact": "daso", "incident.domesticAbuse": "true",
			"involvement.arrested": "false", "involvement.roles": "suspect", "incident.inZone": "false",
		}
		for k, v := range want {
			if ch.Action.Why[k] != v {
				t.Errorf("%s: got %q, want %q", k, ch.Action.Why[k], v)
			}
		}
		return
	}
	t.Error("victim staff are not told")
}

func TestAPDUMayTightenAndAddAndNotLoosen(t *testing.T) {
	with := func(pdus string) (*notifier.Policy, error) {
		return notifier.ReadPolicy(strings.NewReader(string(deploy.Policy) + "\npdus:\n  N03SW1:\n" + pdus))
	}
	p, err := with(`    hours: {open: "08:00", close: "18:00"}
    clocks: {review_incident: look}
    rules:
      - name: local_forum
        title: Tell the local forum
        owner: head
        when: person.incidents(30) >= 0
        clock: chase
        steps: usual
`)
	if err != nil {
		t.Fatal(err)
	}
	if !raises(p, concern(), "local_forum") {
		t.Error("the PDU's own rule raises nothing")
	}
	elsewhere := concern()
	elsewhere.Subject.PDU = "WPTNWS"
	if raises(p, elsewhere, "local_forum") {
		t.Error("another PDU's rule is everybody's")
	}
	due := func(c *casework.Concern) time.Time {
		_, changes := p.Agree(c, london("2026-11-18 10:00"))
		for _, ch := range changes {
			if ch.Action.Rule == "review_incident" {
				return ch.Action.Due
			}
		}
		return time.Time{}
	}
	// A day of ten hours here, three of eight there.
	if got, want := due(concern()), london("2026-11-19 10:00"); !got.Equal(want) {
		t.Errorf("tightened: got %s, want %s", got, want)
	}
	if got, want := due(elsewhere), london("2026-11-23 10:00"); !got.Equal(want) {
		t.Errorf("elsewhere: got %s, want %s", got, want)
	}
	if _, err := with("    clocks: {review_incident: chase}\n"); err == nil || !strings.Contains(err.Error(), "gives more time") {
		t.Errorf("a loosened clock: got %v", err)
	}
}

func TestAnUrgentMatchAtNightGoesToTheDutyOfficerAndWithoutOneToTheHead(t *testing.T) {
	o := open(t)
	o.now = london("2026-11-21 23:30")
	urgent := casework.Incident{DomesticAbuse: true, DASH: casework.DASHHigh}
	urgent.Reference = "R1"
	i := o.incident(urgent)
	o.handle(o.found(o.match(i, o.person("low"), 1, casework.Probable)))
	o.want(o.actions(i), "acknowledge_match open administrator N03SW1 urgent unverified", "out_of_hours open head N03SW1 urgent unverified")

	o.exec(`insert into rota (region, staff, starts, ends, set_by) values ('N03', 'D1', $1, $2, 'x')`, london("2026-11-20 17:00"), london("2026-11-23 09:00"))
	urgent.Reference = "R2"
	i = o.incident(urgent)
	m := o.match(i, o.person("low"), 1, casework.Probable)
	o.handle(o.found(m))
	o.want(o.actions(i)[1:], "out_of_hours open duty_officer N03 urgent unverified")
	o.now = london("2026-11-21 23:45") // elapsed time, on a Saturday night
	o.escalate()
	o.want(o.notices(i, "out_of_hours"), "raised → duty_officer N03", "escalated → duty_officer N03")

	o.now = london("2026-11-23 09:10")
	o.exec(`update action set state = 'acknowledged', acked_at = $2 where incident = $1 and rule = 'acknowledge_match'`, i, o.now)
	o.handle(o.found(m))
	if got := o.actions(i); !strings.HasPrefix(got[1], "out_of_hours done") {
		t.Errorf("somebody has it in the morning, and the night's work is still there: %q", got)
	}
}

func TestWhatIsUrgentAndUnattendedAtClosingTimeGoesToTheNight(t *testing.T) {
	o := open(t)
	o.exec(`insert into rota (region, staff, starts, ends, set_by) values ('N03', 'D1', $1, $2, 'x')`, london("2026-11-18 17:00"), london("2026-11-19 09:00"))
	o.now = london("2026-11-18 16:50")
	i := o.incident(casework.Incident{Reference: "R1", DASH: casework.DASHHigh})
	o.handle(o.found(o.match(i, o.person("low"), 1, casework.Certain)))
	before := len(o.actions(i))
	o.now = london("2026-11-18 17:00")
	if _, err := o.notifier.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.want(o.actions(i)[before:], "out_of_hours open duty_officer N03 urgent unverified")
	if n, err := o.notifier.Sweep(t.Context()); n != 0 || err != nil {
		t.Errorf("the night's work is swept up again: %d, %v", n, err)
	}

	// A PDU that works until seven has its night from then on.
	late, err := notifier.ReadPolicy(strings.NewReader(string(deploy.Policy) + "\npdus:\n  N03SW1:\n    hours: {open: \"09:00\", close: \"19:00\"}\n"))
	if err != nil {
		t.Fatal(err)
	}
	own := notifier.New(notifier.Config{Store: o.db, Policy: late, Now: func() time.Time { return o.now }})
	o.exec(`delete from rota`)
	o.now = london("2026-11-18 16:55")
	j := o.incident(casework.Incident{Reference: "R2", DASH: casework.DASHHigh})
	o.handle(o.found(o.match(j, o.person("low"), 1, casework.Certain)))
	before = len(o.actions(j))
	for _, c := range []struct {
		at   string
		more int
	}{{"2026-11-18 17:00", 0}, {"2026-11-18 18:59", 0}, {"2026-11-18 19:00", 1}} {
		o.now = london(c.at)
		if _, err := own.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := len(o.actions(j)) - before; got != c.more {
			t.Errorf("at %s: got %d actions for the night, want %d", c.at, got, c.more)
		}
	}
}

func TestCoverTakesTheWorkAtOnceAndHandsItBack(t *testing.T) {
	o := open(t)
	i := o.incident(casework.Incident{Reference: "R1"})
	p := o.person("high")
	m := o.match(i, p, 1, casework.Certain)
	o.handle(o.found(m))
	sweep := func(at string) {
		t.Helper()
		o.now = london(at)
		if _, err := o.notifier.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n, err := o.notifier.Sweep(t.Context()); n != 0 || err != nil {
			t.Errorf("at %s there is something left to sweep: %d, %v", at, n, err)
		}
	}
	owner := func() string { return o.actions(i)[1] }
	o.exec(`insert into cover (staff, by_staff, starts, ends, set_by) values ('P1', 'P2', $1, $2, 'x')`, london("2026-11-19 00:00"), london("2026-11-26 00:00"))
	sweep("2026-11-18 16:00")
	if want := "review_incident open practitioner P1 high unverified"; owner() != want {
		t.Errorf("before the leave: got %s", owner())
	}
	sweep("2026-11-19 09:00")
	if want := "review_incident open practitioner P2 high unverified"; owner() != want {
		t.Errorf("on leave: got %s", owner())
	}
	j := o.incident(casework.Incident{Reference: "R2"})
	o.handle(o.found(o.match(j, p, 1, casework.Certain)))
	o.want(o.actions(j)[1:], "review_incident open practitioner P2 high unverified")
	o.exec(`insert into cover (staff, by_staff, starts, ends, set_by) values ('P2', '', $1, $2, 'x')`, london("2026-11-20 00:00"), london("2026-11-21 00:00"))
	sweep("2026-11-20 09:00")
	if want := "review_incident open manager M1 high unverified"; owner() != want {
		t.Errorf("the cover is away too: got %s", owner())
	}
	sweep("2026-11-26 09:00")
	if want := "review_incident open practitioner P1 high unverified"; owner() != want {
		t.Errorf("back: got %s", owner())
	}
	o.want(o.history(i, "review_incident"), "raised", "reassigned", "reassigned", "reassigned")
}

func TestADecisionOfWeightGoesToTheManagerForASignature(t *testing.T) {
	o := open(t)
	i := o.incident(casework.Incident{Reference: "R1"})
	m := o.match(i, o.person("high"), 1, casework.Certain)
	o.handle(o.found(m))
	o.exec(`update action set state = 'done', done_at = $1 where rule = 'review_incident'`, o.now)
	o.exec(`insert into decision (action, outcome, rationale, risk_changed, by, countersign_needed) select id, 'no_change', 'r', false, 'persona:p1', true from action where rule = 'review_incident'`)
	o.handle(o.found(m))
	o.want(o.actions(i)[2:], "countersign_decision open manager M1 high unverified")
	o.exec(`update decision set countersigned_by = 'persona:m1', countersigned_at = now()`)
	o.handle(o.found(m))
	o.want(o.actions(i)[2:], "countersign_decision done manager M1 high unverified")
}

func TestTheChecklistOfAnActionIsKeptAndAskedAgainOnNewFacts(t *testing.T) {
	o := open(t)
	i := o.incident(casework.Incident{Reference: "R1", DomesticAbuse: true})
	m := o.match(i, o.person("low"), 1, casework.Certain)
	o.handle(o.found(m))
	answers := func() string {
		return strings.Join(pgtest.All[string](t, o.db, `select rule || ' ' || answer from checklist where rule like 'children%' order by 1`), ", ")
	}
	if got := answers(); got != "children_enquiry , children_referral " {
		t.Errorf("got %q", got)
	}
	o.exec(`update checklist set answer = 'not_needed', note = 'no child lives there', answered_at = now(), answered_by = 'x'`)
	o.exec(`update action set state = 'done', done_at = now() where rule = 'review_incident'`)
	o.handle(o.found(m))
	if got := answers(); got != "children_enquiry not_needed, children_referral not_needed" {
		t.Errorf("nothing has changed, and got %q", got)
	}
	o.incident(casework.Incident{Reference: "R1", Revision: 2, DomesticAbuse: true, ChildrenPresent: true})
	o.exec(`update match set revision = 2 where id = $1`, m)
	o.handle(o.found(m))
	if got := answers(); got != "children_enquiry , children_referral " {
		t.Errorf("there is a child now, and got %q", got)
	}
}

func TestTwoPoliciesAreComparedOnWhatWasReallyFound(t *testing.T) {
	o := open(t)
	for n := range 3 {
		i := o.incident(casework.Incident{Reference: fmt.Sprint("R", n), DomesticAbuse: n == 0})
		o.match(i, o.person("low"), 1, casework.Certain)
	}
	text := strings.Replace(string(deploy.Policy), `item_of: review_incident
    when: '"IIOM" in person.registers'`, `item_of: review_incident
    when: incident.domesticAbuse`, 1)
	text = strings.Replace(text, "standard: {acknowledge: 1 day, decide: 3 days}", "standard: {acknowledge: 1 day, decide: 2 days}", 1)
	other, err := notifier.ReadPolicy(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := &notifier.Comparison{Running: notifier.Default(), Other: other}
	if n, err := o.db.ReplayConcerns(t.Context(), o.now.Add(-time.Hour), c.Look); err != nil || n != 3 {
		t.Fatalf("got %d concerns, %v", n, err)
	}
	got := map[string]notifier.Difference{}
	for _, d := range c.Differences() {
		if d.Differs() {
			got[d.Rule] = d
		}
	}
	if len(got) != 2 || got["consider_iom"].More != 1 || got["review_incident"].Sooner != 2 {
		t.Errorf("got %v", got)
	}
	if n := pgtest.One[int](t, o.db, `select count(*) from action`); n != 0 {
		t.Errorf("looking raised %d actions", n)
	}
}

func TestAChangedPolicyFileIsTakenAndARefusedOneIsNot(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(string(deploy.Policy))
	metrics := prometheus.NewRegistry()
	n := notifier.New(notifier.Config{PolicyFile: file, Metrics: metrics})
	refused := func() float64 {
		families, err := metrics.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "reportable_policy_refused" {
				return f.Metric[0].Gauge.GetValue()
			}
		}
		return -1
	}
	before := n.Policy()
	write("version: 1\n")
	n.Reload()
	if n.Policy() != before || refused() != 1 {
		t.Error("a policy without a rule was taken")
	}
	write(string(deploy.Policy) + "\n# mended\n")
	n.Reload()
	if n.Policy().Digest == before.Digest || refused() != 0 {
		t.Error("the mended policy was not taken")
	}
}

func TestACoverWhoMayNotSeeThePersonDoesNotGetTheWork(t *testing.T) {
	o := open(t)
	p := o.person("high")
	o.exec(`update person set restricted = true where id = $1`, p)
	o.exec(`insert into cover (staff, by_staff, starts, ends, set_by) values ('P1', 'P2', $1, $2, 'x')`, london("2026-11-18 00:00"), london("2026-11-26 00:00"))
	o.exec(`with a as (insert into account (subject, name, staff) values ('p2', 'x', 'P2') returning id)
	        insert into account_role (account, role, scope) select id, 'practitioner', 'P2' from a`)
	i := o.incident(casework.Incident{Reference: "R1"})
	o.handle(o.found(o.match(i, p, 1, casework.Certain)))
	o.want(o.actions(i)[1:], "review_incident open manager M1 high unverified")
	o.now = london("2026-11-18 10:30")
	if n, err := o.notifier.Sweep(t.Context()); n != 0 || err != nil {
		t.Errorf("there is something left to sweep: %d, %v", n, err)
	}
}
