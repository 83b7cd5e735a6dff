package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/reportable-incidents/reportable/cmd/reportable/run"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/notifier/webhook"
	"github.com/reportable-incidents/reportable/services/postgres"
)

type webhookCommand struct {
	Add    webhookAdd    `cmd:"" help:"Have a machine told of notices. Its secret is shown once."`
	List   webhookList   `cmd:"" help:"Who is told, and how that goes."`
	Rotate webhookRotate `cmd:"" help:"Give one another secret; both sign for a day."`
	Enable webhookEnable `cmd:"" help:"Tell one again that was disabled after days of failing."`
	Remove webhookRemove `cmd:"" help:"Tell one no more."`
}

type webhookAdd struct {
	Name         string `arg:"" help:"What it is called here."`
	URL          string `arg:"" help:"Its https:// address."`
	Role         string `enum:",administrator,practitioner,manager,head,victim_staff,duty_officer" default:"" help:"Notices of this part alone."`
	PDU          string `name:"pdu" placeholder:"CODE" help:"Notices of this PDU alone."`
	AllowPrivate bool   `help:"It may be on our own network, and speak HTTP. Refused otherwise, whatever its name resolves to."`
	JSON         bool   `name:"json" help:"Print it for a machine."`
}

func (webhookAdd) Help() string {
	return `A message carries the incident's reference and a link, never a name, and is signed: see deploy/webhook.md. A notifier with DESK_URL sends it.

Example:
  reportable webhook add control-room https://control.example/reportable --pdu N03SW1 --role duty_officer`
}

func (a webhookAdd) Run(ctx context.Context, c *run.Config, to terminal) error {
	if err := webhook.Check(a.URL, a.AllowPrivate); err != nil {
		return run.UsageOf(err)
	}
	return withDatabase(ctx, c, func(db *postgres.DB) error {
		secret := newSecret()
		w := casework.Webhook{Name: a.Name, URL: a.URL, Role: casework.OwnerRole(a.Role), Scope: a.PDU, Private: a.AllowPrivate}
		if err := db.AddWebhook(ctx, w, secret, "command line"); err != nil {
			return err
		}
		if a.JSON {
			return to.json(map[string]string{"name": a.Name, "secret": secret})
		}
		_, err := fmt.Fprintf(to.out, "%s is told of what comes from now on. It checks our signature with this secret, which is shown once:\n%s\n", a.Name, secret)
		return err
	})
}

type webhookList struct {
	JSON bool `name:"json" help:"Print it for a machine."`
}

func (webhookList) Help() string {
	return `Example:
  reportable webhook list`
}

func (l webhookList) Run(ctx context.Context, c *run.Config, to terminal) error {
	return withDatabase(ctx, c, func(db *postgres.DB) error {
		all, err := db.Webhooks(ctx)
		if err != nil {
			return err
		}
		if l.JSON {
			return to.json(map[string]any{"webhooks": all})
		}
		for _, w := range all {
			is := "well"
			if !w.FailingSince.IsZero() {
				is = "failing for " + roughly(time.Since(w.FailingSince)) + ": " + w.Problem
			}
			if !w.DisabledAt.IsZero() {
				is = "DISABLED: " + w.Problem
			}
			fmt.Fprintf(to.out, "%s  %s  %d waiting  %s\n", w.Name, w.URL, w.Waiting, is)
		}
		if len(all) == 0 {
			_, err = fmt.Fprintln(to.out, "No machine is told.")
		}
		return err
	})
}

type webhookRotate struct {
	Name string        `arg:"" help:"Which."`
	Keep time.Duration `default:"24h" help:"For how long the former secret signs too. Default: ${default}."`
	JSON bool          `name:"json" help:"Print it for a machine."`
}

func (webhookRotate) Help() string {
	return `Example:
  reportable webhook rotate control-room --keep 48h`
}

func (r webhookRotate) Run(ctx context.Context, c *run.Config, to terminal) error {
	return withDatabase(ctx, c, func(db *postgres.DB) error {
		secret := newSecret()
		if err := known(r.Name, db.RotateWebhook(ctx, r.Name, secret, time.Now().Add(r.Keep), "command line")); err != nil {
			return err
		}
		if r.JSON {
			return to.json(map[string]string{"name": r.Name, "secret": secret})
		}
		_, err := fmt.Fprintf(to.out, "The new secret of %s, which is shown once; the former signs beside it for %s:\n%s\n", r.Name, r.Keep, secret)
		return err
	})
}

type webhookEnable struct {
	Name string `arg:"" help:"Which."`
}

func (webhookEnable) Help() string {
	return `It is told of what comes from now on; what was missed is in the desk.

Example:
  reportable webhook enable control-room`
}

func (e webhookEnable) Run(ctx context.Context, c *run.Config, to terminal) error {
	return withDatabase(ctx, c, func(db *postgres.DB) error {
		if err := known(e.Name, db.EnableWebhook(ctx, e.Name, "command line")); err != nil {
			return err
		}
		_, err := fmt.Fprintf(to.out, "%s is told again.\n", e.Name)
		return err
	})
}

type webhookRemove struct {
	Name string `arg:"" help:"Which."`
}

func (webhookRemove) Help() string {
	return `Example:
  reportable webhook remove control-room`
}

func (r webhookRemove) Run(ctx context.Context, c *run.Config, to terminal) error {
	return withDatabase(ctx, c, func(db *postgres.DB) error {
		if err := known(r.Name, db.RemoveWebhook(ctx, r.Name, "command line")); err != nil {
			return err
		}
		_, err := fmt.Fprintf(to.out, "%s is told no more.\n", r.Name)
		return err
	})
}

func known(name string, err error) error {
	if errors.Is(err, casework.ErrNotFound) {
		return fmt.Errorf("there is no webhook %q; see reportable webhook list", name)
	}
	return err
}

func newSecret() string { return rand.Text() + rand.Text() }

// withDatabase does something with the database, and lets it go.
func withDatabase(ctx context.Context, c *run.Config, do func(*postgres.DB) error) error {
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	return do(db)
}
