package harness

import (
	"context"
	"strings"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

// Worker is somebody who has signed in.
type Worker struct {
	*World
	Account casework.Account
}

// SignedInAs gives a persona by its subject, without the prefix, such as
// administrator:n03sw1.
func (w *World) SignedInAs(persona string) Worker {
	w.Helper()
	a, err := w.DB.AccountBySubject(context.Background(), "persona:"+strings.ToLower(persona))
	if err != nil {
		w.Fatalf("sign in as %s: %v", persona, err)
	}
	return Worker{w, a}
}

// Administrator is the administrator of somebody's PDU.
func (w *World) Administrator(of Person) Worker {
	w.Helper()
	return w.SignedInAs("administrator:" + of.withDefaults().PDU)
}

// Practitioner is who supervises somebody.
func (w *World) Practitioner(of Person) Worker {
	w.Helper()
	return w.SignedInAs("practitioner:" + of.withDefaults().Practitioner)
}

// Manager is the practitioner's.
func (w *World) Manager(of Person) Worker {
	w.Helper()
	return w.SignedInAs("manager:" + of.withDefaults().Manager)
}

// Queue lists the references of the matches in an administrator's queue.
func (k Worker) Queue() (references []string) {
	k.Helper()
	items, err := k.DB.Queue(context.Background(), k.Account.ID, postgres.QueueFilter{}, postgres.Key{}, 1000)
	if err != nil {
		k.Fatal(err)
	}
	for _, i := range items {
		references = append(references, i.Reference)
	}
	return references
}

// Confirms says that a match is right.
func (k Worker) Confirms(reference string, who Person) {
	k.Helper()
	k.judges(reference, who, casework.VerdictConfirm, "")
}

// Dismisses says that it is somebody else.
func (k Worker) Dismisses(reference string, who Person, reason string) {
	k.Helper()
	k.judges(reference, who, casework.VerdictDismiss, reason)
}

// Retracts takes a confirmation back.
func (k Worker) Retracts(reference string, who Person, reason string) {
	k.Helper()
	k.judges(reference, who, casework.VerdictRetract, reason)
}

func (k Worker) judges(reference string, who Person, v casework.Verdict, reason string) {
	k.Helper()
	id := k.matchID(reference, who)
	view, err := k.DB.Match(context.Background(), k.Account.ID, id)
	if err != nil {
		k.Fatal(err)
	}
	k.reaches(k.DB.Judge(context.Background(), postgres.Judgement{Match: id, Verdict: v, Reason: reason, By: k.Account, Seen: view.Seen}))
}

// reaches shows response times to the metrics, as the desk does.
func (k Worker) reaches(reached []casework.Milestone, err error) {
	k.Helper()
	if err != nil {
		k.Fatal(err)
	}
	k.seen.Observe(reached...)
}

// Transfers says that a match is in the case record.
func (k Worker) Transfers(reference string, who Person) {
	k.Helper()
	k.reaches(k.DB.Transfer(context.Background(), postgres.Transfer{Match: k.matchID(reference, who), Contact: "4711", By: k.Account}))
}

func (w *World) matchID(reference string, who Person) casework.MatchID {
	w.Helper()
	return pgtest.One[casework.MatchID](w, w.DB, `
		select m.id
		  from match m
		  join incident i on i.id = m.incident
		 where i.reference = $1
		   and m.crn = $2
		 order by m.id
		 limit 1`, reference, who.CRN)
}

// Work lists a worker's open actions as rule reference.
func (k Worker) Work() (all []string) {
	k.Helper()
	for _, a := range k.actions() {
		all = append(all, a.Rule+" "+a.Reference)
	}
	return all
}

func (k Worker) actions() []postgres.ActionItem {
	k.Helper()
	items, err := k.DB.Actions(context.Background(), k.Account.ID, postgres.Key{}, 1000)
	if err != nil {
		k.Fatal(err)
	}
	return items
}

// Acknowledges says of the action on an incident that it has been seen.
func (k Worker) Acknowledges(reference string) {
	k.Helper()
	k.reaches(k.DB.Acknowledge(context.Background(), k.Account, k.action(reference), ""))
}

// Decides records what is to be done about an incident, for which a manager was
// consulted. It asks for a countersignature.
func (k Worker) Decides(reference string, outcome casework.Outcome) {
	k.Helper()
	k.reaches(k.DB.Decide(context.Background(), postgres.NewDecision{
		Action: k.action(reference), Outcome: outcome, Rationale: "Seen today; the plan is changed.",
		ManagerConsulted: Person{}.withDefaults().Manager, ConsultedAt: k.Now(),
		CountersignNeeded: true, CountersignDue: k.Now().Add(24 * time.Hour), By: k.Account}))
}

// Countersigns agrees with every decision that waits for it, and says how many.
func (k Worker) Countersigns() int {
	k.Helper()
	waiting, err := k.DB.Countersignatures(context.Background(), k.Account.ID, postgres.Key{}, 1000)
	if err != nil {
		k.Fatal(err)
	}
	for _, d := range waiting {
		k.reaches(k.DB.Countersign(context.Background(), postgres.Countersignature{Decision: d.Decision, Agree: true, By: k.Account}))
	}
	return len(waiting)
}

func (k Worker) action(reference string) casework.ActionID {
	k.Helper()
	for _, a := range k.actions() {
		if a.Reference == reference {
			return a.ID
		}
	}
	k.Fatalf("%s has no action on %s", k.Account.Subject, reference)
	return 0
}

// Matches lists the matches of an incident as crn state, with the reason where
// there is one, the oldest first.
func (w *World) Matches(reference string) []string {
	w.Helper()
	return pgtest.All[string](w, w.DB, `
		select m.crn || ' ' || m.state || case when m.state_reason = '' then '' else ': ' || m.state_reason end
		  from match m
		  join incident i on i.id = m.incident
		 where i.reference = $1
		 order by m.id`, reference)
}

// Actions lists the actions on an incident as crn rule state, whoever owns them.
func (w *World) Actions(reference string) []string {
	w.Helper()
	return pgtest.All[string](w, w.DB, `
		select p.crn || ' ' || a.rule || ' ' || a.state
		  from action a
		  join incident i on i.id = a.incident
		  join person p on p.id = a.person
		 where i.reference = $1
		 order by a.id`, reference)
}

// Stages lists the stages that the matches of an incident have come to, in the
// order in which their times were taken.
func (w *World) Stages(reference string) []string {
	w.Helper()
	return pgtest.All[string](w, w.DB, `
		select s.stage
		  from milestone s
		  join match m on m.id = s.match
		  join incident i on i.id = m.incident
		 where i.reference = $1
		 order by array_position($2::text[], s.stage)`, reference, casework.Stages)
}
