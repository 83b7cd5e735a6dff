package desk_test

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

func TestARestrictedCaseDoesNotExistForOthers(t *testing.T) {
	w := open(t)
	hidden := w.Person(scene.Case{Restricted: true, Name: casework.Name{Forenames: "Hidden", Surname: "Canary"}})
	m := w.Match(scene.Report{Person: hidden})
	for who, want := range map[string]int{
		"administrator": http.StatusNotFound, "second practitioner": http.StatusNotFound, "gwent administrator": http.StatusNotFound,
		"cleared administrator": http.StatusOK, "practitioner": http.StatusOK, "manager": http.StatusOK, "head": http.StatusOK,
	} {
		u := w.as(t, who)
		if got := u.get(path("/matches/%d", m.Match)).code; got != want {
			t.Errorf("the match to %s: got status %d, want %d", who, got, want)
		}
		if got := u.get(path("/people/%d", hidden)).code; got != want {
			t.Errorf("the person to %s: got status %d, want %d", who, got, want)
		}
		if got := u.get(path("/actions/%d", m.Practitioner)).code; got != want {
			t.Errorf("the action to %s: got status %d, want %d", who, got, want)
		}
	}
	// Nor at the command line, whoever asks there.
	explained := 0
	for who, want := range map[string]bool{"": false, "persona:nobody": false, "administrator": false, "cleared administrator": true, "practitioner": true} {
		subject := who
		if a, ok := w.Accounts[who]; ok {
			subject = a.Subject
		}
		_, e, err := w.DB.MatchEvidence(t.Context(), postgres.Reader{Subject: subject, Values: who != ""}, m.Match)
		if (err == nil) != want || !want && !errors.Is(err, casework.ErrNotFound) {
			t.Errorf("the evidence to %q: got %v, want it %t", who, err, want)
		}
		if want {
			explained++
			if !slices.ContainsFunc(e.Steps, func(s casework.EvidenceStep) bool { return s.Incident != "" }) {
				t.Errorf("the evidence to %q has no values", who)
			}
			_, e, _ = w.DB.MatchEvidence(t.Context(), postgres.Reader{Subject: subject}, m.Match)
			if slices.ContainsFunc(e.Steps, func(s casework.EvidenceStep) bool { return s.Incident+s.Register != "" }) {
				t.Errorf("the evidence to %q has values that were not asked for", who)
			}
		}
	}
	if got := w.rows("audit where what = 'MATCH_EXPLAINED'"); got != 2*explained {
		t.Errorf("got %d lines in the trail, want one for each reading, %d", got, 2*explained)
	}
	for who, want := range map[string]int{"administrator": 0, "gwent administrator": 0, "cleared administrator": 1, "practitioner": 1} {
		a, rows := w.Accounts[who], 0
		err := w.DB.ExportFor(t.Context(), a.ID, a.Subject, "matches", func([]string) error { return nil }, func([]any) error { rows++; return nil })
		if err != nil || rows != want {
			t.Errorf("the export to %s: got %d matches and %v, want %d", who, rows, err, want)
		}
		if w.rows("audit where what = 'EXPORT_MATCHES' and actor = $1", a.Subject) != 1 {
			t.Errorf("the export to %s is not on the trail", who)
		}
	}
	w.as(t, "administrator").get("/matches").count("tr[data-match]", 0).sees(".desk-counts", "0 matches waiting")
	w.as(t, "administrator").get("/").sees("[data-count=queue]", "0")
	w.as(t, "cleared administrator").get("/matches").count("tr[data-match]", 1).sees(".desk-counts", "1 match waiting")
	w.as(t, "head").get("/matches").count("tr[data-match]", 1)
}

func TestAMatchWithOneHiddenCandidateIsHiddenWhole(t *testing.T) {
	w := open(t)
	seen := w.Person(scene.Case{})
	hidden := w.Person(scene.Case{Restricted: true, Practitioner: scene.Stand})
	m := w.Match(scene.Report{Person: seen})
	w.Match(scene.Report{Person: hidden, Incident: m.Incident})
	admin := w.as(t, "administrator")
	admin.get(path("/matches/%d", m.Match)).status(http.StatusNotFound)
	admin.get("/matches").count("tr[data-match]", 0).sees(".desk-counts", "0 matches waiting")
	admin.post(path("/matches/%d/verdict", m.Match), "verdict", "confirm").status(http.StatusNotFound)
	if w.rows("judgement") != 0 {
		t.Error("a match that was hidden was judged")
	}
	// The visible person's own page does not hint at it either.
	worker := w.as(t, "practitioner")
	worker.get(path("/people/%d", seen)).status(http.StatusOK).count("main table tbody tr", 0)
	// Nor do their own lists.
	worker.get("/actions").status(http.StatusOK).count("tr[data-action]", 0)
	worker.get(path("/actions/%d", m.Practitioner)).status(http.StatusNotFound)
	w.as(t, "cleared administrator").get(path("/matches/%d", m.Match)).status(http.StatusOK)
}

func TestAHiddenMatchStaysHiddenWhenItIsSuperseded(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{Restricted: true})})
	pgtest.Exec(t, w.DB, "update match set state = 'superseded'")
	w.as(t, "administrator").get(path("/matches/%d", m.Match)).status(http.StatusNotFound)
	w.as(t, "administrator").get(path("/actions/%d", m.Practitioner)).status(http.StatusNotFound)
	w.as(t, "cleared administrator").get(path("/matches/%d", m.Match)).status(http.StatusOK)
}

func TestAnExclusionAndARestrictionWork(t *testing.T) {
	w := open(t)
	p := w.Person(scene.Case{})
	m := w.Match(scene.Report{Person: p})
	at := path("/matches/%d", m.Match)
	admin, second := w.as(t, "administrator"), w.as(t, "second administrator")
	pgtest.Exec(t, w.DB, "insert into exclusion (person, subject) values ($1, 'persona:administrator')", p)
	admin.get(at).status(http.StatusNotFound)
	second.get(at).status(http.StatusOK)
	pgtest.Exec(t, w.DB, "update exclusion set until = now() - interval '1 day'")
	admin.get(at).status(http.StatusOK)
	pgtest.Exec(t, w.DB, "insert into restriction (person, subject) values ($1, 'persona:administrator')", p)
	admin.get(at).status(http.StatusOK)
	second.get(at).status(http.StatusNotFound)
	second.get("/matches").count("tr[data-match]", 0)
}

func TestTheSetOfHiddenPeopleIsThoseWhoAreNotVisible(t *testing.T) {
	w := open(t)
	dice := rand.New(rand.NewPCG(1, 2))
	var people []casework.PersonID
	for range 60 {
		c := scene.Case{Restricted: dice.IntN(3) == 0}
		if dice.IntN(2) == 0 {
			c.PDU, c.Team, c.Practitioner = scene.Gwent, scene.OtherTeam, scene.GwentOfficer
		}
		p := w.Person(c)
		subject := "persona:" + roles[dice.IntN(len(roles))]
		switch dice.IntN(5) {
		case 0:
			pgtest.Exec(t, w.DB, "insert into exclusion (person, subject) values ($1, $2)", p, subject)
		case 1:
			pgtest.Exec(t, w.DB, "insert into restriction (person, subject, until) values ($1, $2, now() + (random() - 0.5) * interval '2 days')", p, subject)
		case 2:
			if len(people) > 0 {
				pgtest.Exec(t, w.DB, "update person set merged_into = $2 where id = $1", p, people[dice.IntN(len(people))])
			}
		}
		people = append(people, p)
	}
	for who, a := range w.Accounts {
		differ := w.rows("person p where visible($1, p.id) = (p.id in (select hidden_people($1)))", a.ID)
		if differ != 0 {
			t.Errorf("the set and the rule differ on %d of %d people for the %s", differ, len(people), who)
		}
	}
}

func TestAnotherPDUsWorkIsNotThere(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	for _, at := range []string{path("/matches/%d", m.Match), path("/actions/%d", m.Practitioner), "/matches/999999", "/matches/nonsense", "/people/0"} {
		w.as(t, "gwent administrator").get(at).status(http.StatusNotFound)
	}
	w.as(t, "gwent administrator").get("/matches").count("tr[data-match]", 0)
	w.as(t, "gwent manager").get("/countersign").status(http.StatusOK).count("tr[data-decision]", 0)
	// Work follows the case to its new owner.
	pgtest.Exec(t, w.DB, "update person set practitioner = $1", scene.Stand)
	w.as(t, "practitioner").get(path("/matches/%d", m.Match)).status(http.StatusOK) // still owns the action
	w.as(t, "second practitioner").get(path("/matches/%d", m.Match)).status(http.StatusOK)
}

func TestAddressesOfVictimsAndCallersAreMaskedUntilAReasonIsGiven(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	u := w.as(t, "practitioner")
	for _, at := range []string{path("/matches/%d", m.Match), path("/actions/%d", m.Practitioner), path("/actions/%d/decision", m.Practitioner)} {
		p := u.get(at).status(http.StatusOK)
		p.seesNot("body", scene.VictimAddress).seesNot("body", scene.CallerName).seesNot("body", "CF24 3ZZ")
		p.sees(".desk-masked", "Masked")
	}
	open := path("/matches/%d/addresses", m.Match)
	u.get(open).submit("main form").status(http.StatusUnprocessableEntity).sees(".govuk-error-summary", "Choose why you need to see them")
	u.get(open).submit("main form", "reason", "safeguarding").status(http.StatusOK).
		sees("main", scene.VictimAddress).sees("main", scene.CallerName)
	if w.rows("audit where what = 'ADDRESSES_OPENED' and actor = 'persona:practitioner' and details->>'reason' = 'safeguarding'") != 1 {
		t.Error("the trail does not say who opened the addresses, and why")
	}
	w.as(t, "manager").get(path("/matches/%d", m.Match)).seesNot("body", scene.VictimAddress)
	// The contact pack leaves the house, so they are never in it.
	w.Judge("administrator", m.Match, casework.VerdictConfirm)
	admin := w.as(t, "administrator")
	admin.get(open).submit("main form", "reason", "safeguarding")
	admin.get(path("/matches/%d/transfer", m.Match)).status(http.StatusOK).seesNot("body", scene.VictimAddress).seesNot("body", scene.CallerName)
}

func TestTheOutcomeOfADisclosureIsMaskedUntilAReasonIsGivenAndNeverTransferred(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	pgtest.Exec(t, w.DB, `update revision set body = convert_to(jsonb_set(convert_from(body, 'UTF8')::jsonb, '{actionsTaken}',
		'["Words of advice given", "dvds-outcome", "DVDS-outcome: disclosure made"]')::text, 'UTF8')`)
	w.Judge("administrator", m.Match, casework.VerdictConfirm)
	u := w.as(t, "administrator")
	for _, at := range []string{path("/matches/%d", m.Match), path("/actions/%d", m.Administrator)} {
		p := u.get(at).status(http.StatusOK)
		p.sees("main", "Words of advice given").seesNot("main", "dvds-outcome").seesNot("main", "DVDS")
		p.sees(".desk-facts", "Words of advice givenMasked")
	}
	u.get(path("/matches/%d/addresses", m.Match)).submit("main form", "reason", "safeguarding").status(http.StatusOK).
		sees("main", "dvds-outcome").sees("main", "DVDS-outcome: disclosure made")
	u.get(path("/matches/%d/transfer", m.Match)).status(http.StatusOK).
		sees(".desk-pack", "Words of advice given").seesNot("body", "dvds-outcome").seesNot("body", "DVDS").seesNot(".desk-pack", "Words of advice givenMasked")
}

func TestVictimStaffSeeTheIncidentAndNotTheCase(t *testing.T) {
	w := open(t)
	p := w.Person(scene.Case{RoSH: casework.RoSHHigh, Registers: []string{"ADVP"}})
	m := w.Match(scene.Report{Person: p, RaisedOnly: casework.VictimStaff})
	u := w.as(t, "victim staff")
	u.get("/actions").count("tr[data-action]", 1)
	page := u.get(path("/actions/%d", m.Practitioner)).status(http.StatusOK)
	page.sees("main", "Raised voices").seesNot("main", "Domestic abuse perpetrator").seesNot(".desk-person", "RoSH").count(".desk-frequency", 0)
	u.get(path("/people/%d", p)).status(http.StatusForbidden)
	// Nor is there a way round by the numbers of others' actions about the person.
	other := w.Match(scene.Report{Person: p})
	w.Decide("practitioner", other.Practitioner)
	theirs := []string{path("/actions/%d", other.Practitioner), path("/actions/%d/decision", other.Practitioner), path("/actions/%d", other.Administrator), path("/v1/actions/%d", other.Practitioner)}
	for _, at := range theirs {
		u.get(at).status(http.StatusNotFound)
	}
	u.post(path("/actions/%d/acknowledge", other.Administrator)).status(http.StatusNotFound)
	// A second part that somebody plays elsewhere opens no case here.
	pgtest.Exec(t, w.DB, "insert into account_role (account, role, scope) select id, 'practitioner', $1 from account where subject = 'persona:victim staff'", scene.GwentOfficer)
	u.get(path("/actions/%d", m.Practitioner)).status(http.StatusOK).seesNot("main", "Domestic abuse perpetrator").count(".desk-frequency", 0)
	u.get("/actions").count("tr[data-action]", 1).seesNot("main", "RoSH")
	u.get("/v1/actions").status(http.StatusOK).sees("body", m.Reference).seesNot("body", `"rosh":"high"`)
	for _, at := range append(theirs, path("/people/%d", p), path("/matches/%d", m.Match), path("/v1/people/%d/timeline", p)) {
		u.get(at).status(http.StatusNotFound)
	}
}

func TestNoNameIsInAnyAddressOfAPage(t *testing.T) {
	w := open(t)
	everything(w)
	for _, who := range []string{"administrator", "practitioner", "manager"} {
		u := w.as(t, who)
		for _, at := range []string{"/", "/matches", "/actions", "/countersign"} {
			p := u.get(at)
			if p.code != http.StatusOK {
				continue
			}
			for _, href := range p.Find("a[href]").Map(func(_ int, a *goquery.Selection) string { return a.AttrOr("href", "") }) {
				for _, canary := range []string{"Tester", "Testor", "Rhys", "X100"} {
					if strings.Contains(href, canary) {
						t.Errorf("%s as %s: a link names somebody", at, who)
					}
				}
			}
		}
	}

}

func TestWhoOwnedAnActionSeesTheCaseForAWhileAndNotForEver(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	pgtest.Exec(t, w.DB, "update action set owner = $2 where id = $1", m.Practitioner, scene.Stand) // covered once
	at := path("/matches/%d", m.Match)
	u := w.as(t, "second practitioner")
	u.get(at).status(http.StatusOK)
	pgtest.Exec(t, w.DB, "update action set state = 'done', done_at = now() where id = $1", m.Practitioner)
	pgtest.Exec(t, w.DB, "update action_history set at = now() - interval '89 days' where action = $1", m.Practitioner)
	u.get(at).status(http.StatusOK)
	pgtest.Exec(t, w.DB, "update action_history set at = now() - interval '91 days' where action = $1", m.Practitioner)
	u.get(at).status(http.StatusNotFound)
	w.as(t, "practitioner").get(at).status(http.StatusOK) // whose case it is
	pgtest.Exec(t, w.DB, "update action set state = 'open' where id = $1", m.Practitioner)
	u.get(at).status(http.StatusOK)
}
