package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/reportable-incidents/reportable/cmd/reportable/run"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher/evaluation"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
)

type matchTrain struct {
	Record bool `help:"Learn from what is on the record, and from what administrators confirmed and dismissed."`
	labelledFiles
	Model  string  `placeholder:"FILE" help:"The model to begin from. Default: the one in use with --record, else the one that ships."`
	Belief float64 `help:"For how many true pairs that model counts. Default: 60 with files, 1000 with --record, where only what was shown is judged."`
	Out    string  `placeholder:"FILE" help:"Where to write the new model. Needed without --record."`
	JSON   bool    `name:"json" help:"Print it for a machine."`
}

// labelledFiles are what is learnt from, or measured on.
type labelledFiles struct {
	Register string `placeholder:"FILE" help:"CSV of the people."`
	Queries  string `placeholder:"FILE" help:"CSV of records to look up."`
	Truth    string `placeholder:"FILE" help:"CSV of query id and register id, where it is known."`
	Mapping  string `placeholder:"FILE" help:"YAML that says which column is what."`
}

func (f labelledFiles) given() bool { return f.Register != "" || f.Queries != "" || f.Truth != "" }

// read reads them. The truth is nil where none is given.
func (f labelledFiles) read(to terminal) (register, queries []evaluation.Record, truth map[string]string, err error) {
	if f.Register == "" || f.Queries == "" || f.Mapping == "" {
		return nil, nil, nil, run.Usage("files need --register, --queries and --mapping")
	}
	mapping, err := evaluation.ReadMapping(f.Mapping)
	if err != nil {
		return nil, nil, nil, err
	}
	read := func(path string, m evaluation.Mapping) []evaluation.Record {
		if err != nil {
			return nil
		}
		records, doubts, wrong := evaluation.ReadTable(path, m, "")
		err = wrong
		to.doubt(path, doubts)
		return records
	}
	if register, queries = read(f.Register, mapping.For(true)), read(f.Queries, mapping.For(false)); err != nil {
		return nil, nil, nil, err
	}
	if f.Truth != "" {
		var doubts []string
		if truth, doubts, err = evaluation.ReadTruth(f.Truth, register, queries); err != nil {
			return nil, nil, nil, err
		}
		to.doubt(f.Truth, doubts)
	}
	return register, queries, truth, nil
}

// doubt prints what is doubtful about a file.
func (to terminal) doubt(path string, doubts []string) {
	for _, d := range doubts {
		fmt.Fprintf(to.err, "%s: %s\n", path, d)
	}
}

func (matchTrain) Help() string {
	return fmt.Sprintf(`Estimates how often each level of agreement is met, between records of one person and between strangers. It needs no labels; with enough of them the bands begin where they allow and are published as a curve, and old and new model are measured beside each other. The same data teach the same model. Nothing is activated: that is for reportable match model activate.

With --record it learns from the incidents and people on the record. Verdicts are used when there are %d confirmations and %d dismissals at least; half of the incidents teach and the other half judges. The model is put on the record.

Example:
  reportable match train --record
  reportable match train --register people.csv --queries seen.csv --truth truth.csv --mapping columns.yaml --out model.json`, evaluation.FewestConfirmed, evaluation.FewestDismissed)
}

// training is what match train answers.
type training struct {
	OldModel string  `json:"oldModel"`
	NewModel string  `json:"newModel"`
	Examples int     `json:"examples"`
	Labelled int     `json:"labelled"`
	Matches  float64 `json:"matches"`
	Rounds   int     `json:"rounds"`
	// Verdicts are counted with --record.
	Verdicts *verdictCounts     `json:"verdicts,omitempty"`
	Old      *evaluation.Result `json:"old,omitempty"`
	New      *evaluation.Result `json:"new,omitempty"`
	// Beside is measured with --record, on the half that did not teach.
	Beside *evaluation.Beside `json:"beside,omitempty"`
}

type verdictCounts struct {
	Confirmed int  `json:"confirmed"`
	Dismissed int  `json:"dismissed"`
	Used      bool `json:"used"`
}

func (m matchTrain) Run(ctx context.Context, c *run.Config, to terminal) error {
	switch {
	case m.Record && (m.given() || m.Mapping != ""):
		return run.Usage("give --record, or files, and not both")
	case m.Belief < 0:
		return run.Usage("--belief is a number of pairs, and not negative")
	case m.Record:
		m.Belief = cmp.Or(m.Belief, 1000)
		return m.fromRecord(ctx, c, to)
	case m.Out == "":
		return run.Usage("--out says where to write the new model")
	}
	base, err := evaluation.ReadModelFile(m.Model)
	if err != nil {
		return err
	}
	register, queries, truth, err := m.read(to)
	if err != nil {
		return err
	}
	learnt, err := evaluation.Train(register, queries, truth, base, linkage.Training{Belief: m.Belief})
	if err != nil {
		return err
	}
	answer := trainingOf(base, learnt)
	if truth != nil {
		if answer.Old, err = evaluation.Link(register, queries, truth, evaluation.Options{Model: base}); err != nil {
			return err
		}
		if answer.New, err = evaluation.Link(register, queries, truth, evaluation.Options{Model: learnt.Model}); err != nil {
			return err
		}
	}
	if err := m.write(learnt.Model); err != nil {
		return err
	}
	if m.JSON {
		return to.json(answer)
	}
	answer.print(to)
	fmt.Fprintf(to.out, "Model %s is in %s; nothing uses it yet.\n", answer.NewModel, m.Out)
	if truth != nil {
		fmt.Fprint(to.out, "\nThe old model: ")
		measured(to, answer.Old)
		fmt.Fprint(to.out, "\nThe new model: ")
		measured(to, answer.New)
	}
	published(to, learnt.Model)
	return nil
}

func trainingOf(base *linkage.Model, learnt linkage.Trained) training {
	return training{OldModel: base.Hash(), NewModel: learnt.Model.Hash(), Examples: learnt.Examples, Labelled: learnt.Labelled, Matches: learnt.Matches, Rounds: learnt.Rounds}
}

func (t training) print(to terminal) {
	fmt.Fprintf(to.out, "Learnt from %d records, %d of them labelled, in %d rounds: about %.0f matches.\n", t.Examples, t.Labelled, t.Rounds, t.Matches)
}

func (m matchTrain) write(model *linkage.Model) error {
	if m.Out == "" {
		return nil
	}
	if err := os.WriteFile(m.Out, model.JSON(), 0o644); err != nil {
		return fmt.Errorf("write the model: %w", err)
	}
	return nil
}

func (m matchTrain) fromRecord(ctx context.Context, c *run.Config, to terminal) error {
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	base, err := run.Model(ctx, db, m.Model)
	if err != nil {
		return err
	}
	verdicts, err := evaluation.ReadVerdicts(ctx, db)
	if err != nil {
		return err
	}
	learnt, err := verdicts.Train(base, linkage.Training{Belief: m.Belief})
	if err != nil {
		return err
	}
	beside := verdicts.Compare(base, learnt.Model)
	answer := trainingOf(base, learnt)
	answer.Beside = &beside
	answer.Verdicts = &verdictCounts{verdicts.Confirmed, verdicts.Dismissed, verdicts.Enough()}
	figures, err := json.Marshal(beside)
	if err != nil {
		return err
	}
	if err := db.KeepModel(ctx, casework.Model{Hash: answer.NewModel, Weights: learnt.Model.JSON(), Origin: casework.ModelLearnt, By: "command line", Figures: figures}); err != nil {
		return err
	}
	if err := m.write(learnt.Model); err != nil {
		return err
	}
	if m.JSON {
		return to.json(answer)
	}
	answer.print(to)
	with := "learnt from"
	if !answer.Verdicts.Used {
		with = fmt.Sprintf("not learnt from: that needs %d and %d", evaluation.FewestConfirmed, evaluation.FewestDismissed)
	}
	fmt.Fprintf(to.out, "Verdicts on the record: %d confirmations and %d dismissals, %s.\n", answer.Verdicts.Confirmed, answer.Verdicts.Dismissed, with)
	besides(to, beside)
	published(to, learnt.Model)
	fmt.Fprintf(to.out, "\nModel %s is on the record; nothing uses it yet. To use it: reportable match model activate %s --by NAME --reason WHY\n", answer.NewModel, answer.NewModel)
	return nil
}
