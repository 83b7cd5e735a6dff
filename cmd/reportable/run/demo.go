package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/caseload/extract"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/services/simulator"
)

// demo is the made-up Wales of one data folder. The file demo.json keeps which
// one it is, so that the next start goes on with the same people.
type demo struct {
	world    simulator.World
	personas []casework.Account
	record   string // where the case record listens
}

// demoPeople is about the caseload of Wales.
const demoPeople = 16_000

// prepareDemo puts a synthetic caseload into an empty register, and personas
// to sign in as.
func prepareDemo(ctx context.Context, c *Config, db *postgres.DB, o UpOptions, say func(string)) (*demo, error) {
	d := &demo{}
	mark := filepath.Join(c.Data, "demo.json")
	kept, err := os.ReadFile(mark)
	switch {
	case err == nil:
		err = json.Unmarshal(kept, &d.world)
	case errors.Is(err, fs.ErrNotExist):
		err = d.begin(ctx, db, mark)
	}
	if err != nil {
		return nil, fmt.Errorf("prepare the demo: %w", err)
	}
	register, err := db.Register(ctx)
	if err != nil {
		return nil, err
	}
	if register.ExtractDate.IsZero() { // it was stopped before the caseload was there
		say("making up a caseload")
		if err := d.supervise(ctx, db, o); err != nil {
			return nil, fmt.Errorf("prepare the demo: %w", err)
		}
	}
	if d.personas, err = access.SeedPersonas(ctx, db); err != nil {
		return nil, err
	}
	return d, onDuty(ctx, db)
}

// begin chooses the world of an empty register.
func (d *demo) begin(ctx context.Context, db *postgres.DB, mark string) error {
	register, err := db.Register(ctx)
	if err != nil {
		return err
	}
	if !register.ExtractDate.IsZero() {
		return errors.New("the register holds a caseload that the demo did not make, and invented people are not mixed with it; choose another folder with --data, and no DATABASE_URL")
	}
	d.world = simulator.World{Seed: 1, People: demoPeople, Date: casework.DateOf(time.Now())}
	kept, err := json.Marshal(d.world)
	if err != nil {
		return err
	}
	return os.WriteFile(mark, kept, 0o600)
}

// notReal refuses a register whose caseload came without personas: anybody
// could sign in, without a password, to real people. That of a demo has them
// from its first start on.
func notReal(ctx context.Context, db *postgres.DB) error {
	register, err := db.Register(ctx)
	if err != nil || register.ExtractDate.IsZero() {
		return err
	}
	personas, err := db.Personas(ctx)
	if err == nil && len(personas) == 0 {
		err = errors.New("the register holds a caseload that the demo did not make, and nobody signs in to real people without a password; leave out --demo, or start it on an empty register before a caseload is imported")
	}
	return err
}

// supervise imports the world's people by the way that a real extract takes.
func (d *demo) supervise(ctx context.Context, db *postgres.DB, o UpOptions) error {
	from, to := io.Pipe()
	go func() { to.CloseWithError(d.world.WriteExtract(to, nil)) }()
	defer from.Close() // so that the writer ends, whatever becomes of the import
	progress, finish := o.Progress("importing people", int64(d.world.People))
	defer finish()
	importer := extract.Importer{Store: db, Progress: func(rows int) { progress(int64(rows)) }}
	report, err := importer.Import(ctx, casework.Extract{Kind: casework.FullExtract, Date: d.world.Date}, extract.Format{Name: "csv"}, from)
	if err == nil && report.Rejected > 0 {
		err = fmt.Errorf("%d of the invented people were rejected", report.Rejected)
	}
	return err
}

// byFile are the forces that export files; the others post. All four ways in
// are shown: CSV in two layouts, NDJSON and JSON.
var byFile = map[string]bool{"61": true, "62": true}

// forces send what happens in the world to the process's own feed, each in its
// own way, and answer there what they are asked.
func (d *demo) forces(ctx context.Context, db *postgres.DB, url, drop string, log *slog.Logger) ([]Service, error) {
	sends := simulator.Feed{World: d.world, URL: url + "/v1/incidents", Keys: map[string]string{}, Drops: map[string]string{}, Log: log}
	clerks := simulator.Clerks{URL: url, Keys: map[string]string{}, Log: log}
	for _, force := range simulator.Forces {
		key, err := demoKey(ctx, db, force)
		if err != nil {
			return nil, err
		}
		clerks.Keys[force] = key
		if !byFile[force] {
			sends.Keys[force] = key
			continue
		}
		sends.Drops[force] = filepath.Join(drop, force)
		if err := os.MkdirAll(sends.Drops[force], 0o700); err != nil {
			return nil, fmt.Errorf("make a drop folder: %w", err)
		}
	}
	return []Service{{"synthetic feed", sends.Run}, {"synthetic replies", clerks.Run}}, nil
}

// demoKey gives a force a new key for this run, and makes that of the last run
// useless: keys are kept nowhere.
func demoKey(ctx context.Context, db *postgres.DB, force string) (string, error) {
	const name = "synthetic feed"
	old, err := db.ForceKeys(ctx, force)
	if err != nil {
		return "", err
	}
	for _, k := range old {
		if k.Name == name && k.Live(time.Now()) {
			if err := db.RevokeForceKey(ctx, force, k.ID); err != nil {
				return "", err
			}
		}
	}
	key, hash := access.NewForceKey()
	_, err = db.AddForceKey(ctx, force, name, hash, time.Now().AddDate(0, 1, 0))
	return key, err
}

// announce says whom to sign in as, and what each of them is there for.
func (d *demo) announce(to io.Writer, p *Process) {
	fmt.Fprintf(to, "\nSign in at %s as one of these; there is no password, and nobody is real:\n\n", p.Desk)
	shown := map[casework.OwnerRole]bool{}
	for _, a := range d.personas {
		for _, g := range a.Grants {
			if does := doing[g.Role]; does != "" && !shown[g.Role] && len(a.Grants) == 1 {
				shown[g.Role] = true
				fmt.Fprintf(to, "  %-34s %s\n", a.Name, does)
			}
		}
	}
	fmt.Fprintf(to, "\nEvery PDU has its own; the page lists them all.\n")
	if d.record != "" {
		fmt.Fprintf(to, "What is confirmed goes to a stand-in for the case record, at %s.\n", d.record)
	}
}

// doing is what the persona of a role is shown for.
var doing = map[casework.OwnerRole]string{
	casework.Administrator: "confirms matches and transfers them",
	casework.Practitioner:  "decides what is to be done",
	casework.Manager:       "oversees a team and countersigns",
	casework.HeadOfPDU:     "gets what nobody took up",
}

// onDuty puts the demo's duty officers on the rota for a year.
func onDuty(ctx context.Context, db *postgres.DB) error {
	now := time.Now()
	regions, shifts, err := db.Shifts(ctx, now.AddDate(0, 1, 0))
	if err != nil || len(shifts) > 0 {
		return err
	}
	for _, region := range regions {
		shift := casework.Shift{Region: region, Staff: "duty", Starts: now.Truncate(time.Hour), Ends: now.Truncate(time.Hour).AddDate(1, 0, 0)}
		if err := db.AddShift(ctx, shift, "demo"); err != nil {
			return err
		}
	}
	return nil
}
