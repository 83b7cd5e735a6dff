package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/reportable-incidents/reportable/cmd/reportable/run"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher/evaluation"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
	"github.com/reportable-incidents/reportable/services/postgres"
)

type modelCommand struct {
	List     modelList     `cmd:"" help:"Which models are on the record, and which was used when."`
	Show     modelShow     `cmd:"" help:"Show a model: its weights, where its bands begin, and the curve they were read from."`
	Evaluate modelEvaluate `cmd:"" help:"Measure a model beside the one in use, on the same labelled data."`
	Activate modelActivate `cmd:"" help:"Let a model take the place of the one in use, unless it is worse."`
}

type modelList struct {
	JSON bool `name:"json" help:"Print it for a machine."`
}

func (modelList) Help() string {
	return `Example:
  reportable match model list`
}

func (l modelList) Run(ctx context.Context, c *run.Config, to terminal) error {
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	models, activations, err := db.Models(ctx)
	if err != nil {
		return err
	}
	active := linkage.Default().Hash()
	if used, err := db.ActiveModel(ctx); err != nil {
		return err
	} else if used.Hash != "" {
		active = used.Hash
	}
	if l.JSON {
		return to.json(map[string]any{"active": active, "models": models, "activations": activations})
	}
	fmt.Fprintf(to.out, "Model %s is in use.\n", active)
	const form = "2006-01-02 15:04"
	for _, m := range models {
		fmt.Fprintf(to.out, "%s  %s  %-8s by %s\n", m.Hash, m.At.UTC().Format(form), m.Origin, m.By)
	}
	for _, a := range activations {
		forced := ""
		if a.Forced {
			forced = ", forced"
		}
		fmt.Fprintf(to.out, "%s took the place of %s on %s, with version %d of the register, by %s%s: %s\n",
			a.Model, a.Replaced, a.At.UTC().Format(form), a.RegisterVersion, a.By, forced, a.Reason)
	}
	return nil
}

type modelShow struct {
	Model string `arg:"" optional:"" placeholder:"MODEL" help:"A model's hash, a file, or shipped. Default: the one in use."`
	JSON  bool   `name:"json" help:"Print the model as it is written."`
}

func (modelShow) Help() string {
	return `Example:
  reportable match model show
  reportable match model show model.json --json`
}

func (s modelShow) Run(ctx context.Context, c *run.Config, to terminal) error {
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	m, err := run.Model(ctx, db, s.Model)
	if err != nil {
		return err
	}
	if s.JSON {
		_, err := to.out.Write(m.JSON())
		return err
	}
	fmt.Fprintf(to.out, "Model %s expects %.4f matches of a query, %.3f relatives to a match, and scales the evidence by %.2f.\n", m.Hash(), m.Expected, m.Relatives, m.Scale)
	for _, field := range linkage.Fields() {
		fmt.Fprintf(to.out, "%s\n", field)
		for _, l := range m.Fields[field] {
			fmt.Fprintf(to.out, "  %-42s m %-11.6g u %-11.6g %+8.3f bits\n", l.Level, l.M, l.U, l.Bits())
		}
	}
	for _, k := range m.Kinship {
		fmt.Fprintf(to.out, "%s: %.3f of the relatives\n", k.Kind, k.Share)
		for _, field := range linkage.Fields() {
			for i, p := range k.Levels[field] {
				fmt.Fprintf(to.out, "  %-42s %.6g\n", field+": "+m.Fields[field][i].Level, p)
			}
		}
	}
	published(to, m)
	return nil
}

// published prints where the bands begin, and why.
func published(to terminal, m *linkage.Model) {
	fmt.Fprintf(to.out, "\nCertain from %.6f with a margin of %.1f bits and corroboration, probable from %.6f, possible from %.2f.\n", m.Certain, m.Margin, m.Probable, linkage.ReviewThreshold)
	if len(m.Curve) == 0 {
		fmt.Fprintln(to.out, "No curve: there were not labels enough, and the bands are those of the model that it began from.")
		return
	}
	fmt.Fprintln(to.out, "  probability  answers    right  precision   recall  wrong, expected  at most")
	for _, p := range m.Curve {
		atMost := linkage.ErrorAtMost(p.Answers-p.Right, max(p.Answers, 1))
		fmt.Fprintf(to.out, "  %11.6f %8d %8d %10.4f %8.4f %16.5f %8.5f\n", p.Probability, p.Answers, p.Right, p.Precision, p.Recall, p.Expected, atMost)
		if p.Probability == m.Certain {
			defer fmt.Fprintf(to.out, "Of %d answers from where certain begins %d were wrong: with %.0f %% confidence no more than %.5f of them are. Not wrong at all, %d answers would prove 0.001.\n",
				p.Answers, p.Answers-p.Right, 100*linkage.Confidence, atMost, 2995)
		}
	}
}

// judging is what evaluate and activate measure by.
type judging struct {
	Model string `arg:"" placeholder:"MODEL" help:"The new model: its hash, a file, or shipped."`
	labelledFiles
}

// both are the new model and the one in use, measured beside each other: on
// the files if there are any, else on the verdicts of the half of the record
// that does not teach.
type both struct {
	new, old *linkage.Model
	beside   evaluation.Beside
}

func (j judging) measure(ctx context.Context, db *postgres.DB, to terminal) (b both, err error) {
	if b.new, err = run.Model(ctx, db, j.Model); err != nil {
		return b, err
	}
	if b.old, err = run.Model(ctx, db, ""); err != nil {
		return b, err
	}
	if j.given() {
		register, queries, truth, err := j.read(to)
		if err != nil {
			return b, err
		}
		if truth == nil {
			return b, run.Usage("models are measured on labels: give --truth")
		}
		b.beside = evaluation.CompareOn(register, queries, truth, b.old, b.new)
		return b, nil
	}
	verdicts, err := evaluation.ReadVerdicts(ctx, db)
	if err != nil {
		return b, err
	}
	b.beside = verdicts.Compare(b.old, b.new)
	return b, nil
}

// besides prints the figures of both models.
func besides(to terminal, b evaluation.Beside) {
	fmt.Fprintf(to.out, "\n%-34s %18s %18s\n", "on the same labelled data", "old", "new")
	row := func(what, form string, of func(evaluation.Figures) any) {
		fmt.Fprintf(to.out, "%-34s %18s %18s\n", what, fmt.Sprintf(form, of(b.Old)), fmt.Sprintf(form, of(b.New)))
	}
	row("model", "%s", func(f evaluation.Figures) any { return f.Model })
	row("queries judged", "%d", func(f evaluation.Figures) any { return f.Labelled })
	row("with somebody to find", "%d", func(f evaluation.Figures) any { return f.Positives })
	row("left out, best one not judged", "%d", func(f evaluation.Figures) any { return f.Unjudged })
	row("best F1", "%.4f", func(f evaluation.Figures) any { return f.BestF1 })
	row("recall at precision .99", "%.4f", func(f evaluation.Figures) any { return f.RecallAtPrecision99 })
	row("recall at precision .999", "%.4f", func(f evaluation.Figures) any { return f.RecallAtPrecision999 })
	row("expected calibration error", "%.4f", func(f evaluation.Figures) any { return f.CalibrationError })
	row("logarithmic loss, bits a query", "%.4f", func(f evaluation.Figures) any { return f.Loss })
	row("certain", "%d", func(f evaluation.Figures) any { return f.Certain })
	row("certain and wrong", "%d", func(f evaluation.Figures) any { return f.CertainWrong })
	for _, why := range b.Against {
		fmt.Fprintf(to.out, "Against the new one: %s.\n", why)
	}
}

type modelEvaluate struct {
	judging
	JSON bool `name:"json" help:"Print it for a machine."`
}

func (modelEvaluate) Help() string {
	return `Without files it measures on what administrators confirmed and dismissed, in the half of the incidents that match train does not learn from. They judged what the model of that time showed them, so recall is of what was shown.

Example:
  reportable match model evaluate 3f0c2a9d81b4e6f7
  reportable match model evaluate model.json --register people.csv --queries seen.csv --truth truth.csv --mapping columns.yaml`
}

func (e modelEvaluate) Run(ctx context.Context, c *run.Config, to terminal) error {
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	b, err := e.measure(ctx, db, to)
	if err != nil {
		return err
	}
	if e.JSON {
		return to.json(b.beside)
	}
	besides(to, b.beside)
	fmt.Fprint(to.out, "\nThe new model's probabilities, on these data:")
	shown := *b.new
	shown.Curve = b.beside.New.Curve
	published(to, &shown)
	return nil
}

type modelActivate struct {
	judging
	By     string `required:"" placeholder:"NAME" help:"Who decides it. It is kept on the record."`
	Reason string `required:"" placeholder:"WHY" help:"Why. It is kept on the record: no names of others."`
	Force  bool   `help:"Even if it is worse, or too little is labelled to tell."`
	JSON   bool   `name:"json" help:"Print it for a machine."`
}

func (modelActivate) Help() string {
	return `Measures it beside the one in use, as match model evaluate does, and refuses one that is worse. Both models and their figures stay on the record. Every matcher takes it up before it settles anything more, and matches again what is held; what people judged stands.

Example:
  reportable match model activate 3f0c2a9d81b4e6f7 --by "A. Puw" --reason "learnt from a year of verdicts"
  reportable match model activate shipped --by "A. Puw" --reason "back to where we were" --force`
}

func (a modelActivate) Run(ctx context.Context, c *run.Config, to terminal) error {
	if strings.TrimSpace(a.By) == "" || strings.TrimSpace(a.Reason) == "" {
		return run.Usage("--by and --reason say who and why, and cannot be empty")
	}
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	b, err := a.measure(ctx, db, to)
	if err != nil {
		return err
	}
	if b.new.Hash() == b.old.Hash() {
		return fmt.Errorf("model %s is in use already", b.new.Hash())
	}
	if !a.JSON {
		besides(to, b.beside)
	}
	if len(b.beside.Against) > 0 && !a.Force {
		return fmt.Errorf("model %s is not activated: %s (--force does it all the same)", b.new.Hash(), strings.Join(b.beside.Against, "; "))
	}
	figures, err := json.Marshal(b.beside)
	if err != nil {
		return err
	}
	kept := func(m *linkage.Model, origin string) casework.Model {
		if m.Hash() == linkage.Default().Hash() {
			origin = casework.ModelShipped
		}
		return casework.Model{Hash: m.Hash(), Weights: m.JSON(), Origin: origin, By: a.By}
	}
	activated, err := db.ActivateModel(ctx, kept(b.new, casework.ModelGiven), kept(b.old, casework.ModelGiven),
		casework.Activation{By: a.By, Reason: a.Reason, Forced: len(b.beside.Against) > 0, Figures: figures}, time.Now())
	if errors.Is(err, casework.ErrChanged) {
		return errors.New("another model was activated meanwhile; measure again beside that one")
	}
	if err != nil {
		return err
	}
	if a.JSON {
		return to.json(activated)
	}
	fmt.Fprintf(to.out, "\nModel %s is in use instead of %s. The register has version %d; what is held is matched again.\n", activated.Model, activated.Replaced, activated.RegisterVersion)
	return nil
}
