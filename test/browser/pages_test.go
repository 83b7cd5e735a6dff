package browser

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

// state is a page in one state, as one person sees it.
type state struct{ name, who, path string }

// stage sets one scene that brings every page into every state worth seeing.
func stage(w *world) []state {
	first := w.Person(scene.Case{RoSH: casework.RoSHHigh, Registers: []string{"ADVP", "WEAP", "RCCO"}})
	rival := w.Person(scene.Case{Name: casework.Name{Forenames: "Reece", Surname: "Tester"}})
	open := w.Match(scene.Report{Person: first, Band: casework.Certain, Priority: casework.Urgent, Due: -2 * time.Hour, Level: 1})
	w.Match(scene.Report{Person: rival, Incident: open.Incident, Band: casework.Possible})
	for i := range 9 {
		w.Match(scene.Report{Person: first, Ago: time.Duration(i*23) * 24 * time.Hour, Priority: casework.High, Kind: casework.KindArrest, Force: []string{"62", "61", "93"}[i%3]})
	}
	decided := w.Match(scene.Report{Person: rival, Priority: casework.High})
	w.Judge("administrator", decided.Match, casework.VerdictConfirm)
	decision := w.Decide("practitioner", decided.Practitioner)
	sample, items := drawn(w)
	confirmed := w.Match(scene.Report{Person: rival})
	w.Judge("administrator", confirmed.Match, casework.VerdictConfirm)
	dismissed := w.Match(scene.Report{Person: first})
	w.Judge("administrator", dismissed.Match, casework.VerdictDismiss)
	victim := w.Match(scene.Report{Person: first, RaisedOnly: casework.VictimStaff})
	took(w)
	w.Match(scene.Report{Person: first, Priority: casework.Urgent, Due: 10 * time.Minute, RaisedOnly: casework.DutyOfficer})
	shift := pgtest.One[int64](w.TB, w.DB, `insert into rota (region, staff, starts, ends, telephone, set_by)
		values ('N03', $1, now() - interval '1 hour', now() + interval '3 days', '029 2018 0001', 'test') returning id`, scene.Stand)
	enquiry := w.Ask("practitioner", open.Match, casework.PurposeRisk)
	told := w.Told(enquiry)
	masked := w.Told(w.Ask("practitioner", open.Match, casework.PurposeDisclosure))
	w.Ask("practitioner", open.Match, casework.PurposeEnforcement)
	return []state{
		{"ask", "practitioner", fmt.Sprintf("/matches/%d/ask", open.Match)},
		{"enquiry", "practitioner", fmt.Sprintf("/enquiries/%d", enquiry)},
		{"reply", "practitioner", fmt.Sprintf("/replies/%d", told)},
		{"reply-masked", "practitioner", fmt.Sprintf("/replies/%d", masked)},
		{"home-administrator", "administrator", "/"},
		{"home-head", "head", "/"},
		{"queue", "administrator", "/matches"},
		{"queue-empty", "gwent administrator", "/matches"},
		{"match", "administrator", fmt.Sprintf("/matches/%d", open.Match)},
		{"match-confirmed", "administrator", fmt.Sprintf("/matches/%d", confirmed.Match)},
		{"transfer", "administrator", fmt.Sprintf("/matches/%d/transfer", confirmed.Match)},
		{"retract", "administrator", fmt.Sprintf("/matches/%d/retract", confirmed.Match)},
		{"addresses", "administrator", fmt.Sprintf("/matches/%d/addresses", open.Match)},
		{"actions", "practitioner", "/actions"},
		{"action", "practitioner", fmt.Sprintf("/actions/%d", open.Practitioner)},
		{"action-decided", "practitioner", fmt.Sprintf("/actions/%d", decided.Practitioner)},
		{"action-victim-staff", "victim staff", fmt.Sprintf("/actions/%d", victim.Practitioner)},
		{"decision", "practitioner", fmt.Sprintf("/actions/%d/decision", open.Practitioner)},
		{"countersignatures", "manager", "/countersign"},
		{"countersign", "manager", fmt.Sprintf("/countersign/%d", decision)},
		{"escalated", "manager", "/escalated"},
		{"team", "manager", "/team"},
		{"times", "manager", "/times"},
		{"times-empty", "head", "/times?days=7&priority=urgent&team=" + scene.Team},
		{"inspection", "manager", "/inspection"},
		{"inspection-all", "auditor", "/inspection"},
		{"rota", "manager", "/rota"},
		{"rota-shift", "manager", fmt.Sprintf("/rota/%d", shift)},
		{"duty", "duty officer", "/duty"},
		{"victims", "victim staff", "/victims"},
		{"samples", "manager", "/samples"},
		{"sample", "manager", fmt.Sprintf("/samples/%d", sample)},
		{"sample-head", "head", fmt.Sprintf("/samples/%d", sample)},
		{"sampled", "manager", fmt.Sprintf("/sampled/%d", items[2].ID)},
		{"cover", "manager", "/staff/" + scene.Practitioner + "/cover"},
		{"reassign", "manager", fmt.Sprintf("/actions/%d/reassign", open.Practitioner)},
		{"trail", "auditor", "/trail"},
		{"forces", "operations", "/forces"},
		{"queue-sorted", "head", "/matches?sort=-certainty&whose=nobody"},
		{"second-looks", "second administrator", "/second-looks"},
		{"second-look", "head", fmt.Sprintf("/matches/%d", dismissed.Match)},
		{"match-held", "second administrator", fmt.Sprintf("/matches/%d", open.Match)},
		{"person", "practitioner", fmt.Sprintf("/people/%d", first)},
		{"notfound", "administrator", "/nowhere"},
		{"forbidden", "auditor", "/matches"},
		{"signin", "", "/sign-in"},
	}
}

// took has matches reach their stages, some late.
func took(w *world) {
	pgtest.Exec(w.TB, w.DB, `
		insert into milestone (match, stage, priority, pdu, at, elapsed_seconds, working_seconds)
		select m.id, s.stage, (array['high', 'standard'])[1 + m.id % 2], p.pdu, now(), s.seconds * (1 + m.id % 7), s.seconds * (1 + m.id % 5)
		  from match m
		  join person p on p.id = m.person,
		       (values ('receipt', 90), ('match', 0.2), ('acknowledgement', 2400), ('transfer', 9000), ('decision', 12000)) s (stage, seconds)
		    on conflict do nothing`)
}

// drawn is a sample in which some work is judged, some begun and some not looked at.
func drawn(w *world) (int64, []postgres.SampleItem) {
	w.Consulted = scene.Deputy // else the manager has a hand in it
	defer func() { w.Consulted = "" }()
	for range 4 {
		m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
		w.Decide("practitioner", m.Practitioner)
	}
	manager := w.Accounts["manager"]
	s, err := w.DB.DrawSample(w.Context(), casework.Sample{PDU: scene.Cardiff, Size: 4, Seed: 4711,
		From: w.Now.AddDate(0, 0, -1), To: w.Now.AddDate(0, 0, 1)}, manager, "")
	if err != nil {
		w.Fatal(err)
	}
	_, items, err := w.DB.Sample(w.Context(), manager.ID, s.ID)
	if err != nil {
		w.Fatal(err)
	}
	for i, verdict := range []string{casework.FindingPass, casework.FindingFail, casework.FindingPartial} {
		answers := map[string]string{"aware": "pass", "rationale": "pass", "risk": verdict, "safety": "none", "oversight": verdict}
		_, err := w.DB.Find(w.Context(), postgres.Finding{Item: items[i].ID, Answers: answers, Verdict: verdict,
			Notes: "The rationale is good; the plan was changed late.", Done: i < 2, By: manager})
		if err != nil {
			w.Fatal(err)
		}
	}
	return s.ID, items
}

func TestScreenshotsAndAccessibilityOfEveryPage(t *testing.T) {
	w := open(t)
	states := stage(w)
	for _, s := range []shape{wide, narrow} {
		for _, lang := range []string{"en", "cy"} {
			if os.Getenv("SCREENSHOTS") == "" && (s == wide) != (lang == "en") {
				continue // each page in each language and each shape, but not all four
			}
			t.Run(s.name+"/"+lang, func(t *testing.T) {
				signedIn := map[string]*tab{}
				for _, st := range states {
					b := signedIn[st.who]
					if b == nil {
						b = w.tab(t, s)
						b.language(lang)
						if st.who != "" {
							b.signIn(st.who)
						}
						signedIn[st.who] = b
					}
					b.goTo(st.path)
					name := strings.Join([]string{st.name, s.name, lang}, "-")
					b.axe(name)
					b.picture(name)
				}
			})
		}
	}
}
