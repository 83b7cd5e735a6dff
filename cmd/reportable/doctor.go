package main

import (
	"context"
	"fmt"
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
	waits(s.Disagreeing, s.DisagreeingFor, 5*time.Minute, "matches whose actions have not followed",
		"does a notifier run? (reportable up, or reportable serve notifier)")
	waits(s.Unfired, s.UnfiredFor, time.Minute, "escalations overdue",
		"does a notifier run? (reportable up, or reportable serve notifier)")
	waits(s.Unsealed, s.UnsealedFor, time.Minute, "lines of the audit trail that wait for their seal",
		"any process of up or serve seals; does one run?")
	waits(s.Quarantined, s.QuarantinedFor, 0, "things in quarantine", "reportable quarantine list")
	add(s.OldestSnapshot < 10*time.Minute, "end it: it keeps old rows alive and slows every queue (see pg_stat_activity)",
		"the longest transaction runs for %s", roughly(s.OldestSnapshot))
	add(r.Unaccounted == 0, "reportable reconcile", "unaccounted for: %d of %d revisions", r.Unaccounted, r.Accepted)
	return all
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
