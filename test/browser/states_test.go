package browser

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/desk"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

// What a page shows once it is in a state.
const (
	mistakes = ".govuk-error-summary"
	banner   = ".govuk-notification-banner"
	problem  = "main a[href='/']"
)

// stage sets one scene that brings every page into every state worth seeing.
// Each state is looked at in both languages, side by side: what a state does is
// harmless however often it is done.
func stage(w *world) []state {
	first := w.Person(scene.Case{RoSH: casework.RoSHHigh, Registers: []string{"ADVP", "WEAP", "RCCO"}})
	pgtest.Exec(w.TB, w.DB, `update person set circumstances = '{"custody": true, "recalled": true, "warrant": true, "scheme": "reset"}' where id = $1`, first)
	rival := w.Person(scene.Case{Name: casework.Name{Forenames: "Reece", Surname: "Tester"}})
	open := w.Match(scene.Report{Person: first, Band: casework.Certain, Priority: casework.Urgent, Due: -2 * time.Hour, Level: 1})
	w.Match(scene.Report{Person: rival, Incident: open.Incident, Band: casework.Possible})
	if _, err := w.DB.Hold(w.Context(), w.Accounts["administrator"].ID, open.Match, time.Now().Add(time.Hour), false); err != nil {
		w.Fatal(err)
	}
	pgtest.Exec(w.TB, w.DB, `insert into checklist (action, rule, answer, answered_at, answered_by, note) values
		($1, 'children_enquiry', '', null, null, ''), ($1, 'children_referral', '', null, null, ''),
		($1, 'check_conditions', 'done', now(), $2, 'The zone is not touched.')`, open.Practitioner, w.Accounts["practitioner"].Subject)
	for i := range 9 {
		w.Match(scene.Report{Person: first, Ago: time.Duration(i*23) * 24 * time.Hour, Priority: casework.High, Kind: casework.KindArrest, Force: []string{"62", "61", "93"}[i%3]})
	}
	many := w.Person(scene.Case{Practitioner: scene.Stand})
	for range 16 { // so that the queue has a second page
		w.Match(scene.Report{Person: many, RaisedOnly: casework.Administrator})
	}
	decided := w.Match(scene.Report{Person: rival, Priority: casework.High})
	w.Judge("administrator", decided.Match, casework.VerdictConfirm)
	decision := w.Decide("practitioner", decided.Practitioner)
	sample, items := drawn(w)
	confirmed := w.Match(scene.Report{Person: rival})
	w.Judge("administrator", confirmed.Match, casework.VerdictConfirm)
	failed := w.Match(scene.Report{Person: rival})
	w.Judge("administrator", failed.Match, casework.VerdictConfirm)
	pgtest.Exec(w.TB, w.DB, `insert into transfer (match, state, key, attempts, problem) values ($1, 'failed', 'k', 20, 'the case-management system answered 422')`, failed.Match)
	dismissed := w.Match(scene.Report{Person: first})
	w.Judge("administrator", dismissed.Match, casework.VerdictDismiss)
	unsure := w.Match(scene.Report{Person: rival})
	w.Judge("administrator", unsure.Match, casework.VerdictUnsure)
	retracted := w.Match(scene.Report{Person: rival})
	w.Judge("administrator", retracted.Match, casework.VerdictConfirm)
	w.Judge("manager", retracted.Match, casework.VerdictRetract)
	is := func(set string) scene.Found {
		m := w.Match(scene.Report{Person: rival})
		pgtest.Exec(w.TB, w.DB, "update match set "+set+" where id = $1", m.Match)
		return m
	}
	superseded, withdrawn := is("state = 'superseded'"), is("state = 'withdrawn'")
	changed := is("state_reason = '" + casework.FactsChanged + "'")
	mine := w.Match(scene.Report{Person: rival})
	w.Judge("administrator", mine.Match, casework.VerdictConfirm)
	pgtest.Exec(w.TB, w.DB, "update action set owner_role = 'manager', owner = $1 where id = $2", scene.Manager, mine.Practitioner)
	own := w.Decide("manager", mine.Practitioner)
	closed := w.Match(scene.Report{Person: rival})
	pgtest.Exec(w.TB, w.DB, "update action set state = 'closed', closed_reason = 'match dismissed' where id = $1", closed.Practitioner)
	drafted := w.Match(scene.Report{Person: rival})
	victim := w.Match(scene.Report{Person: first, RaisedOnly: casework.VictimStaff})
	took(w)
	urgent := w.Match(scene.Report{Person: first, Priority: casework.Urgent, Due: 10 * time.Minute, RaisedOnly: casework.DutyOfficer})
	shift := pgtest.One[int64](w.TB, w.DB, `insert into rota (region, staff, starts, ends, telephone, set_by)
		values ('N03', $1, now() - interval '1 hour', now() + interval '3 days', '029 2018 0001', 'test') returning id`, scene.Stand)
	away := postgres.Cover{Staff: scene.Stand, By: scene.Practitioner, Starts: w.Now.Add(-time.Hour), Ends: w.Now.Add(72 * time.Hour), SetBy: w.Accounts["manager"]}
	if err := w.DB.SetCover(w.Context(), away); err != nil {
		w.Fatal(err)
	}
	enquiry := w.Ask("practitioner", open.Match, casework.PurposeRisk)
	told := w.Told(enquiry)
	masked := w.Told(w.Ask("practitioner", open.Match, casework.PurposeDisclosure))
	w.Ask("practitioner", open.Match, casework.PurposeEnforcement)
	quiet := []casework.Account{
		{Subject: "persona:quiet officer", Name: "Quentin Quiet", Demo: true, Grants: []casework.Grant{{Role: casework.DutyOfficer, Scope: "N07"}}},
		{Subject: "persona:quiet liaison", Name: "Una Undisturbed", Demo: true, Grants: []casework.Grant{{Role: casework.VictimStaff, Scope: scene.Gwent}}},
	}
	if err := w.DB.SaveAccounts(w.Context(), quiet); err != nil {
		w.Fatal(err)
	}

	at := func(format string, id any) string { return fmt.Sprintf(format, id) }
	today := w.Now.Format(time.DateOnly)
	long := strings.Repeat("C-77", 12)
	states := []state{
		{name: "signin", path: "/sign-in"},
		{name: "signin-out", path: "/sign-in?out=1"},
		{name: "signin-nobody", path: "/sign-in", do: send("main form"), shows: mistakes},

		{name: "home-administrator", who: "administrator", path: "/"},
		{name: "queue", who: "administrator", path: "/matches?state=open"},
		{name: "queue-next", who: "administrator", path: "/matches?state=open&sort=found", do: `document.querySelector('.govuk-pagination__next a').click()`, shows: ".govuk-pagination__prev"},
		{name: "queue-narrowed", who: "administrator", path: "/matches?band=certain&force=93&due=overdue"},
		{name: "queue-nobody", who: "administrator", path: "/matches?state=open", do: send(".desk-filtered__list form"), shows: mistakes},
		{name: "queue-all", who: "administrator", path: "/matches?state=open", do: `document.querySelector('#all').click()`, shows: ".desk-queue tbody tr:first-child input:checked"},
		{name: "queue-assigned", who: "administrator", path: "/matches?state=open", shows: ".desk-assigned",
			do: `const f = document.querySelector('.desk-filtered__list form'); const i = f.querySelector('[name=match]'); i.checked = true; i.value = '` + at("%d", dismissed.Match) + `'; f.querySelector('#to').value = 'nobody'; f.requestSubmit()`},
		{name: "match", who: "administrator", path: at("/matches/%d", open.Match)},
		{name: "match-mistakes", who: "administrator", path: at("/matches/%d", open.Match), do: send("form.desk-verdict"), shows: mistakes},
		{name: "match-conflict", who: "administrator", path: at("/matches/%d", open.Match), do: filled("form.desk-verdict", "verdict", "confirm", "seen", "otherwise"), shows: problem},
		{name: "match-unsure", who: "administrator", path: at("/matches/%d", unsure.Match)},
		{name: "match-changed", who: "administrator", path: at("/matches/%d", changed.Match)},
		{name: "match-superseded", who: "administrator", path: at("/matches/%d", superseded.Match)},
		{name: "match-withdrawn", who: "administrator", path: at("/matches/%d", withdrawn.Match)},
		{name: "match-retracted", who: "administrator", path: at("/matches/%d", retracted.Match)},
		{name: "match-retracted-mistakes", who: "administrator", path: at("/matches/%d", retracted.Match), do: send("form.desk-restore"), shows: mistakes},
		{name: "match-confirmed", who: "administrator", path: at("/matches/%d", confirmed.Match)},
		{name: "transfer", who: "administrator", path: at("/matches/%d/transfer", confirmed.Match)},
		{name: "transfer-failed", who: "administrator", path: at("/matches/%d/transfer", failed.Match)},
		{name: "transfer-mistakes", who: "administrator", path: at("/matches/%d/transfer", confirmed.Match), do: filled("main form", "contact", long), shows: mistakes},
		{name: "transfers", who: "administrator", path: "/transfers"},
		{name: "retract", who: "administrator", path: at("/matches/%d/retract", confirmed.Match)},
		{name: "retract-mistakes", who: "administrator", path: at("/matches/%d/retract", confirmed.Match), do: send("main form"), shows: mistakes},
		{name: "second-looks-none", who: "administrator", path: "/second-looks"},
		{name: "ask-unsure", who: "administrator", path: at("/matches/%d/ask", unsure.Match)},
		{name: "addresses", who: "administrator", path: at("/matches/%d/addresses", open.Match)},
		{name: "addresses-mistakes", who: "administrator", path: at("/matches/%d/addresses", open.Match), do: send("main form"), shows: mistakes},
		{name: "match-opened", who: "administrator", path: at("/matches/%d/addresses", open.Match),
			do: `document.querySelector('main form input').checked = true;` + send("main form"), shows: banner},
		{name: "digest", who: "administrator", path: "/digest/" + scene.Cardiff + "/" + today},
		{name: "notfound", who: "administrator", path: "/nowhere"},

		{name: "second-looks", who: "second administrator", path: "/second-looks"},
		{name: "match-held", who: "second administrator", path: at("/matches/%d", open.Match)},

		{name: "find", who: "second administrator", path: "/find"},
		{name: "find-none", who: "second administrator", path: "/find", do: filled("main form", "of", "X000000"), shows: mistakes},

		{name: "queue-empty", who: "gwent administrator", path: "/matches"},
		{name: "transfers-none", who: "gwent administrator", path: "/transfers"},
		{name: "digest-none", who: "gwent administrator", path: "/digest/" + scene.Gwent + "/" + today},

		{name: "home-practitioner", who: "practitioner", path: "/"},
		{name: "actions", who: "practitioner", path: "/actions"},
		{name: "action", who: "practitioner", path: at("/actions/%d", open.Practitioner)},
		{name: "action-mistakes", who: "practitioner", path: at("/actions/%d", open.Practitioner), shows: mistakes,
			do: `const f = document.querySelector('.desk-checklist form:has(#concern)'); f.querySelector('button[value=done]').click()`},
		{name: "action-decided", who: "practitioner", path: at("/actions/%d", decided.Practitioner)},
		{name: "action-closed", who: "practitioner", path: at("/actions/%d", closed.Practitioner)},
		{name: "decision", who: "practitioner", path: at("/actions/%d/decision", open.Practitioner)},
		{name: "decision-mistakes", who: "practitioner", path: at("/actions/%d/decision", open.Practitioner), do: send("main form"), shows: mistakes},
		{name: "decision-draft", who: "practitioner", path: at("/actions/%d/decision", drafted.Practitioner), shows: banner,
			do: `document.querySelector('#rationale').value = 'The second call-out in a week.'; document.querySelector('[name=draft]').click()`},
		{name: "ask", who: "practitioner", path: at("/matches/%d/ask", open.Match)},
		{name: "ask-mistakes", who: "practitioner", path: at("/matches/%d/ask", open.Match), do: filled("main form", "from-day", "31", "from-month", "2"), shows: mistakes},
		{name: "ask-on-file", who: "practitioner", path: at("/matches/%d/ask", open.Match), shows: "#onfile",
			do: filled("main form", "purpose", "safeguarding", "question", "Has anything else happened there?")},
		{name: "enquiry", who: "practitioner", path: at("/enquiries/%d", enquiry)},
		{name: "reply", who: "practitioner", path: at("/replies/%d", told)},
		{name: "reply-masked", who: "practitioner", path: at("/replies/%d", masked)},
		{name: "reply-mistakes", who: "practitioner", path: at("/replies/%d", masked), do: send("main form"), shows: mistakes},
		{name: "reply-opened", who: "practitioner", path: at("/replies/%d", masked), do: `document.querySelector('main form input').checked = true;` + send("main form"), shows: "#said"},
		{name: "person", who: "practitioner", path: at("/people/%d", first)},
		{name: "cover-own", who: "practitioner", path: "/staff/" + scene.Practitioner + "/cover"},
		{name: "expired", who: "practitioner", path: at("/actions/%d/decision", drafted.Practitioner), shows: "main form input[name=rationale]",
			do: `await fetch('/sign-out', {method: 'POST'}); ` + filled("main form", "outcome", "home_visit", "rationale", "Kept."), elsewhere: w.url},

		{name: "home-manager", who: "manager", path: "/"},
		{name: "team", who: "manager", path: "/team"},
		{name: "team-owner", who: "manager", path: "/team?owner=" + scene.Practitioner},
		{name: "countersignatures", who: "manager", path: "/countersign"},
		{name: "countersign", who: "manager", path: at("/countersign/%d", decision)},
		{name: "countersign-mistakes", who: "manager", path: at("/countersign/%d", decision), do: send("main form"), shows: mistakes},
		{name: "countersign-own", who: "manager", path: at("/countersign/%d", own)},
		{name: "own-decision", who: "manager", path: at("/countersign/%d", own), shows: problem,
			do: `const f = document.createElement('form'); f.method = 'post'; f.action = location.pathname; f.innerHTML = '<input name=agree value=yes>'; document.body.append(f); f.submit()`},
		{name: "escalated", who: "manager", path: "/escalated"},
		{name: "times", who: "manager", path: "/times"},
		{name: "inspection", who: "manager", path: "/inspection"},
		{name: "rota", who: "manager", path: "/rota"},
		{name: "rota-mistakes", who: "manager", path: "/rota", do: send("form[action='/rota']"), shows: mistakes},
		{name: "rota-shift", who: "manager", path: at("/rota/%d", shift)},
		{name: "rota-shift-mistakes", who: "manager", path: at("/rota/%d", shift), do: filled("main form", "starts-day", "40"), shows: mistakes},
		{name: "samples", who: "manager", path: "/samples"},
		{name: "samples-mistakes", who: "manager", path: "/samples", do: filled("form[action='/samples']", "size", "900", "from-day", "31", "from-month", "2"), shows: mistakes},
		{name: "sample", who: "manager", path: at("/samples/%d", sample)},
		{name: "sampled", who: "manager", path: at("/sampled/%d", items[2].ID)},
		{name: "sampled-judged", who: "manager", path: at("/sampled/%d", items[1].ID)},
		{name: "sampled-mistakes", who: "manager", path: at("/sampled/%d", items[3].ID), do: send("main form"), shows: mistakes},
		{name: "cover", who: "manager", path: "/staff/" + scene.Practitioner + "/cover"},
		{name: "cover-mistakes", who: "manager", path: "/staff/" + scene.Practitioner + "/cover", do: filled("main form", "from-day", "31", "from-month", "2"), shows: mistakes},
		{name: "reassign", who: "manager", path: at("/actions/%d/reassign", open.Practitioner)},
		{name: "reassign-mistakes", who: "manager", path: at("/actions/%d/reassign", open.Practitioner), do: send("main form"), shows: mistakes},
		{name: "telephone", who: "manager", path: at("/actions/%d/telephone", open.Practitioner)},
		{name: "telephone-mistakes", who: "manager", path: at("/actions/%d/telephone", open.Practitioner), do: filled("main form", "spoke-day", "40"), shows: mistakes},

		{name: "countersignatures-none", who: "gwent manager", path: "/countersign"},
		{name: "escalated-none", who: "gwent manager", path: "/escalated"},
		{name: "samples-none", who: "gwent manager", path: "/samples"},
		{name: "actions-none", who: "gwent manager", path: "/actions"},

		{name: "home-head", who: "head", path: "/"},
		{name: "queue-sorted", who: "head", path: "/matches?sort=-certainty&whose=nobody"},
		{name: "second-look", who: "head", path: at("/matches/%d", dismissed.Match)},
		{name: "match-held-take", who: "head", path: at("/matches/%d", open.Match)},
		{name: "times-none", who: "head", path: "/times?days=7&priority=urgent&team=" + scene.Team},
		{name: "sample-head", who: "head", path: at("/samples/%d", sample)},

		{name: "home-duty", who: "duty officer", path: "/"},
		{name: "duty", who: "duty officer", path: "/duty"},
		{name: "action-addresses", who: "duty officer", path: at("/actions/%d/addresses", urgent.Practitioner)},
		{name: "action-duty", who: "duty officer", path: at("/actions/%d", urgent.Practitioner)},
		{name: "duty-quiet", who: "quiet officer", path: "/duty"},

		{name: "victims", who: "victim staff", path: "/victims"},
		{name: "action-victim-staff", who: "victim staff", path: at("/actions/%d", victim.Practitioner)},
		{name: "victims-none", who: "quiet liaison", path: "/victims"},

		{name: "home-auditor", who: "auditor", path: "/"},
		{name: "trail", who: "auditor", path: "/trail"},
		{name: "trail-none", who: "auditor", path: "/trail?actor=nobody+at+all"},
		{name: "trail-users", who: "auditor", path: "/trail", do: filled("form.desk-lookup", "called", "administrator"), shows: ".desk-users"},
		{name: "trail-unknown", who: "auditor", path: "/trail", do: filled("form.desk-lookup", "called", "nobody at all"), shows: mistakes},
		{name: "trail-mistakes", who: "auditor", path: "/trail?from=2026-02-31", shows: mistakes},
		{name: "trail-verified", who: "auditor", path: "/trail", do: send("form[action='/trail/verify']"), shows: banner},
		{name: "inspection-all", who: "auditor", path: "/inspection"},
		{name: "inspection-mistakes", who: "auditor", path: "/inspection?from=2026-02-31", shows: mistakes},
		{name: "forbidden", who: "auditor", path: "/matches"},

		{name: "home-operations", who: "operations", path: "/"},
		{name: "forces", who: "operations", path: "/forces"},
	}

	// Where no persona may sign in, and the provider does not answer; and where
	// there is no way to sign in at all.
	provided := served(w, desk.Config{DB: w.DB, Provider: &desk.Provider{Issuer: "http://127.0.0.1:1"}})
	unset := served(w, desk.Config{DB: w.DB})
	broken := served(w, desk.Config{DB: w.DB, Demo: true, Targets: func(string) []casework.Target { panic("meant") }})
	return append(states,
		state{name: "signin-provider", path: "/sign-in", elsewhere: provided},
		state{name: "unavailable", path: "/sign-in/provider", elsewhere: provided},
		state{name: "toomany", path: "/sign-in", elsewhere: provided, do: `for (let n = 0; n < 25; n++) await fetch('/sign-in/provider'); location = '/sign-in/provider'`, shows: problem},
		state{name: "error", who: "manager", path: "/times", elsewhere: broken, shows: problem},
		state{name: "signin-unset", path: "/sign-in", elsewhere: unset},
	)
}

// served is another desk before the same records.
func served(w *world, c desk.Config) string {
	w.Helper()
	c.Log = slog.New(slog.DiscardHandler) // what it cannot do is meant
	d, err := desk.New(c)
	if err != nil {
		w.Fatal(err)
	}
	server := httptest.NewServer(d.Routes())
	w.Cleanup(server.Close)
	return server.URL
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
	w.Consulted = scene.Deputy // the manager judges no work that they were consulted on
	for range 4 {
		m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
		w.Decide("practitioner", m.Practitioner)
	}
	w.Consulted = ""
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
