package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/reportable-incidents/reportable/cmd/reportable/run"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

type doctorCommand struct {
	JSON bool `name:"json" help:"Print it for a machine."`
}

func (doctorCommand) Help() string {
	return `Looks at everything that may wait, says how it is, and what to do about what is wrong. Fails if anything is.

Example:
  reportable doctor`
}

// finding is one thing that doctor looked at.
type finding struct {
	What string `json:"what"`
	Well bool   `json:"well"`
	// Do says what to do about it.
	Do string `json:"do,omitempty"`
}

func (d doctorCommand) Run(ctx context.Context, c *run.Config, to terminal) error {
	if _, err := os.Stat(c.Data); c.DatabaseURL == "" && errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is nothing to look at: the data folder %s is not there. Start with reportable up, name another folder with --data, or set DATABASE_URL", c.Data)
	}
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	symptoms, err := db.Examine(ctx)
	if err != nil {
		return err
	}
	counts, err := db.Reconcile(ctx, time.Now())
	if err != nil {
		return err
	}
	findings := diagnose(symptoms, counts, time.Now())
	findings = append(findings, holidays(casework.EnglandAndWales(), time.Now()))
	onDuty, err := rota(ctx, db, time.Now())
	if err != nil {
		return err
	}
	findings = append(findings, onDuty)
	lists, err := db.WatchStates(ctx)
	if err != nil {
		return err
	}
	findings = append(findings, letGo(lists, time.Now())...)
	transfers, err := db.TransferFindings(ctx)
	if err != nil {
		return err
	}
	if c.Delivery.SMTP != "" || c.Delivery.NotifyKey != "" { // else nobody is written to at all
		reach, err := db.Reach(ctx)
		if err != nil {
			return err
		}
		findings = append(findings, reached(reach))
	}
	findings = append(findings, caseRecord(transfers, time.Now())...)
	hooks, err := db.Webhooks(ctx)
	if err != nil {
		return err
	}
	silent, err := db.SilentHooks(ctx, time.Now().Add(-10*time.Minute))
	if err != nil {
		return err
	}
	findings = append(findings, hooked(hooks, silent)...)
	if c.NATSURL != "" {
		findings = append(findings, streams(ctx, c))
	}
	ill := 0
	for _, f := range findings {
		if !f.Well {
			ill++
		}
	}
	if d.JSON {
		err = to.json(findings)
	} else {
		for _, f := range findings {
			mark := "well  "
			if !f.Well {
				mark = "WRONG "
			}
			fmt.Fprintln(to.out, mark+f.What)
			if !f.Well {
				fmt.Fprintln(to.out, "      "+f.Do)
			}
		}
	}
	if err == nil && ill > 0 {
		err = fmt.Errorf("%d of %d things are wrong", ill, len(findings))
	}
	return err
}

// diagnose turns what was seen into words.
func diagnose(s postgres.Symptoms, r casework.Reconciliation, now time.Time) []finding {
	all := []finding{{What: "PostgreSQL " + s.Database + " answers", Well: true}}
	add := func(well bool, do, format string, args ...any) {
		f := finding{What: fmt.Sprintf(format, args...), Well: well}
		if !well {
			f.Do = do
		}
		all = append(all, f)
	}
	add(s.Durable, "turn on fsync, full_page_writes and synchronous_commit: what a force was told is accepted must stay",
		"%s", map[bool]string{true: "what is committed survives a power cut", false: "what is committed may be lost with the power"}[s.Durable])
	add(s.Clock.Abs() < 2*time.Second, "see that both machines keep time: deadlines are read on both clocks",
		"the database's clock is %s from ours", s.Clock.Abs().Round(100*time.Millisecond))
	waits := func(n int, age, limit time.Duration, what, do string) {
		if n == 0 {
			add(true, "", "%s: none", what)
			return
		}
		add(age < limit, do, "%s: %d, the oldest for %s", what, n, roughly(age))
	}
	if s.Register == 0 {
		add(false, "reportable caseload import FILE", "the register is empty: nobody can be matched")
	} else {
		age := now.Sub(s.Imported)
		// A working day and a long weekend: Easter is four days.
		add(age < 5*24*time.Hour, "import today's extract: reportable caseload import FILE",
			"the register is at version %d with %d people under supervision, imported %s ago", s.Register, s.Supervised, roughly(age))
	}
	waits(s.Unpublished, s.UnpublishedFor, time.Minute, "events that wait to be published",
		"is NATS reachable, and does a process with the relay run? (reportable up, or reportable serve)")
	add(r.InFlight == 0 || r.Unaccounted == 0, "does a matcher run? (reportable up, or reportable serve matcher)",
		"revisions in flight: %d", r.InFlight)
	add(s.Behind == 0 || s.Behind < r.Accepted/2+100, "a matcher scores them again; if the number does not fall, none runs",
		"revisions scored with an older register: %d", s.Behind)
	add(s.Apart == 0, "give every matcher the same program and settings: deploy/runbooks/MatchersApart.md",
		"matchers started with another model or other settings than all settle by: %d", s.Apart)
	waits(s.Disagreeing, s.DisagreeingFor, 5*time.Minute, "matches whose actions have not followed",
		"does a notifier run? (reportable up, or reportable serve notifier)")
	waits(s.Unfired, s.UnfiredFor, time.Minute, "escalations overdue",
		"does a notifier run? (reportable up, or reportable serve notifier)")
	add(s.Unseen == 0, "give an account of their owner's role and place sight of the person, or reassign them: deploy/runbooks/ActionUnseen.md",
		"open actions that no account of their owner may see: %d", s.Unseen)
	waits(s.Unsealed, s.UnsealedFor, time.Minute, "lines of the audit trail that wait for their seal",
		"any process of up or serve seals; does one run?")
	waits(s.Uncounted, s.UncountedFor, time.Minute, "changes that reports do not count yet",
		"any process of up or serve counts; does one run?")
	waits(s.Quarantined, s.QuarantinedFor, 0, "things in quarantine", "reportable quarantine list")
	add(s.OldestSnapshot < 10*time.Minute, "end it: it keeps old rows alive and slows every queue (see pg_stat_activity)",
		"the longest transaction runs for %s", roughly(s.OldestSnapshot))
	add(r.Unaccounted == 0, "reportable reconcile", "unaccounted for: %d of %d revisions", r.Unaccounted, r.Accepted)
	return all
}

// holidays looks ahead: deadlines beyond the known bank holidays would be wrong.
func holidays(calendar *casework.Calendar, now time.Time) finding {
	_, until := calendar.Covers()
	f := finding{What: "bank holidays are known until " + until.String(), Well: true}
	if until.Before(casework.DateOf(now.AddDate(1, 0, 0))) {
		f.Well, f.Do = false, "less than a year is left: take a newer release, or a newer file of holidays"
	}
	return f
}

// streams looks at the NATS of NATS_URL.
func streams(ctx context.Context, c *run.Config) finding {
	if err := run.StreamsReady(ctx, c); err != nil {
		return finding{What: err.Error(), Do: "start NATS with JetStream, or correct NATS_URL"}
	}
	return finding{What: "NATS answers, and the streams are there", Well: true}
}

// caseRecord looks at what the case-management system holds, where something
// was ever sent to it.
func caseRecord(f casework.TransferFindings, now time.Time) []finding {
	if f.At.IsZero() && len(f.States) == 0 {
		return nil
	}
	all := []finding{{What: fmt.Sprintf("contacts that could not be transferred: %d", f.Failed), Well: f.Failed == 0,
		Do: "the page Transfers of the desk: deploy/runbooks/TransfersFail.md"}}
	if f.At.IsZero() {
		return all // nothing goes there by itself, or it has just begun
	}
	return append(all, finding{
		What: fmt.Sprintf("the case record was asked %s ago: %d contacts missing, %d different, %d that nobody sent", roughly(now.Sub(f.At)), f.Missing, f.Different, f.Extra),
		Well: f.Wrong() == 0 && now.Sub(f.At) < 4*time.Hour,
		Do:   "deploy/runbooks/TransfersDisagree.md; if it was long ago, does a notifier run with TRANSFER_URL?",
	})
}

// letGo looks for forces that may keep people whom they must not, where watch
// lists are agreed at all.
func letGo(lists []casework.WatchState, now time.Time) []finding {
	var all []finding
	for _, l := range lists {
		if age := now.Sub(l.OldestEnding); l.UnconfirmedEndings > 0 && age >= 24*time.Hour {
			all = append(all, finding{
				What: fmt.Sprintf("force %s has not confirmed that it let go of %d people, the first for %s", l.Force, l.UnconfirmedEndings, roughly(age)),
				Do:   "does the force fetch its watch list, and confirm it? deploy/runbooks/EndingsNotConfirmed.md",
			})
		}
	}
	if len(lists) > 0 && len(all) == 0 {
		all = append(all, finding{What: "every force lets go of people in time whom it is told to", Well: true})
	}
	return all
}

// hooked looks at the machines that are told, where there are any.
func hooked(all []casework.Webhook, silent int) []finding {
	if len(all) == 0 {
		return nil
	}
	disabled := 0
	for _, w := range all {
		if !w.DisabledAt.IsZero() {
			disabled++
		}
	}
	return []finding{
		{What: fmt.Sprintf("webhooks that are not told what they want to know: %d of %d", silent, len(all)), Well: silent == 0,
			Do: "does a notifier run, and has it DESK_URL, where messages lead? Without it webhooks are told nothing"},
		{What: fmt.Sprintf("webhooks that are disabled: %d", disabled), Well: disabled == 0,
			Do: "reportable webhook list; once it answers, reportable webhook enable NAME"},
	}
}

// roughly rounds to what somebody would say.
func roughly(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", int(d/(24*time.Hour)))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", int(d/time.Hour))
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d minutes", int(d/time.Minute))
	}
	return fmt.Sprintf("%d seconds", int(d/time.Second))
}
