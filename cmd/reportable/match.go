package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/reportable-incidents/reportable/cmd/reportable/run"
	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher/evaluation"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
	"github.com/reportable-incidents/reportable/services/postgres"
)

type matchCommand struct {
	Explain  matchExplain  `cmd:"" help:"Say how a score comes about, comparison by comparison."`
	Evaluate matchEvaluate `cmd:"" help:"Measure the matcher on labelled data."`
	Train    matchTrain    `cmd:"" help:"Learn the weights from data, with labels or without."`
	Model    modelCommand  `cmd:"" help:"Which weights are used: list, show, evaluate, activate."`
}

type matchExplain struct {
	Match    int64  `arg:"" optional:"" placeholder:"MATCH" help:"The number of a match on the record."`
	Identity string `placeholder:"FILE" help:"Instead: one identity, as JSON (forenames, surname, dateOfBirth, pncs …)."`
	With     string `placeholder:"FILE" help:"Another identity, as JSON, to compare it with."`
	Register string `placeholder:"FILE" help:"A CSV of people to look it up among."`
	Mapping  string `placeholder:"FILE" help:"Which column of the register is what."`
	Model    string `placeholder:"FILE" help:"A model. Default: the one that ships."`
	Values   bool   `help:"Show the values compared, too. They are personal data; of a match on the record it takes an account."`
	identity
	SVG  string `name:"svg" placeholder:"FILE" help:"Draw the waterfall of the best one, without values."`
	JSON bool   `name:"json" help:"Print it for a machine."`
}

func (matchExplain) Help() string {
	return `Prints the waterfall: where the score begins, what each comparison adds or takes, and what it comes to. The steps add up exactly. Of a match on the record it is the evidence stored with it; of identities in files it is reckoned now. Values are left out unless asked for. Before the first account exists, matches with a restricted case among their candidates are not there.` + whoAsks + `

Example:
  reportable match explain 4711 --as 5f3e2c --json
  reportable match explain 4711 --values --as 5f3e2c
  reportable match explain --identity a.json --with b.json
  reportable match explain --identity a.json --register people.csv --mapping columns.yaml`
}

// explained is one answer of match explain.
type explained struct {
	Person   string            `json:"person,omitempty"`
	Evidence casework.Evidence `json:"evidence"`
}

func (m matchExplain) Run(ctx context.Context, c *run.Config, to terminal) error {
	answers, err := m.answers(ctx, c)
	if err != nil {
		return err
	}
	if !m.Values {
		for i := range answers {
			for j := range answers[i].Evidence.Steps {
				s := &answers[i].Evidence.Steps[j]
				s.Incident, s.Register = "", ""
			}
		}
	}
	if m.SVG != "" && len(answers) > 0 {
		if err := os.WriteFile(m.SVG, linkage.WaterfallSVG(answers[0].Evidence), 0o600); err != nil {
			return fmt.Errorf("draw the waterfall: %w", err)
		}
	}
	if m.JSON {
		return to.json(answers)
	}
	if len(answers) == 0 {
		fmt.Fprintln(to.out, "Nobody on the register may be this person.")
	}
	for _, a := range answers {
		waterfall(to, a)
	}
	return nil
}

func (m matchExplain) answers(ctx context.Context, c *run.Config) ([]explained, error) {
	switch {
	case m.Match != 0 && m.Values && m.As == "" && c.Operator == "":
		return nil, run.Usage("--values of a match on the record needs --as, the account that asks")
	case m.Match != 0 && m.Identity == "":
		db, done, err := run.Migrated(ctx, c)
		if err != nil {
			return nil, err
		}
		defer done()
		who, _, err := m.who(ctx, c, db, access.ReadMatches)
		if err != nil {
			return nil, err
		}
		crn, e, err := db.MatchEvidence(ctx, postgres.Reader{Subject: who.Subject, Values: m.Values}, casework.MatchID(m.Match))
		if errors.Is(err, casework.ErrNotFound) {
			return nil, fmt.Errorf("there is no match %d to be explained to whoever asks, or its evidence is erased", m.Match)
		}
		if err != nil {
			return nil, err
		}
		return []explained{{Person: crn, Evidence: e}}, nil
	case m.Match != 0 || m.Identity == "" || (m.With == "") == (m.Register == ""):
		return nil, run.Usage("give the number of a match, or --identity with either --with or --register")
	}
	model, err := evaluation.ReadModelFile(m.Model)
	if err != nil {
		return nil, err
	}
	who, err := evaluation.ReadIdentity(m.Identity)
	if err != nil {
		return nil, err
	}
	if m.With != "" {
		other, err := evaluation.ReadIdentity(m.With)
		if err != nil {
			return nil, err
		}
		return []explained{{Evidence: linkage.Compare(model, who.Identity, other.Identity)}}, nil
	}
	mapping, err := readMapping(m.Mapping)
	if err != nil {
		return nil, err
	}
	people, _, err := evaluation.ReadTable(m.Register, mapping.For(true), "")
	if err != nil {
		return nil, err
	}
	var answers []explained
	for _, found := range evaluation.Register(model, people).FindSubject(who, linkage.ReviewThreshold) {
		answers = append(answers, explained{Person: people[found.Person-1].ID, Evidence: found.Evidence})
	}
	return answers, nil
}

func readMapping(path string) (evaluation.Mapping, error) {
	if path == "" {
		return evaluation.Mapping{}, run.Usage("--mapping says which column is what, and is needed")
	}
	return evaluation.ReadMapping(path)
}

// waterfall prints the evidence for people.
func waterfall(to terminal, a explained) {
	e := a.Evidence
	if a.Person != "" {
		fmt.Fprintf(to.out, "%s\n", a.Person)
	}
	fmt.Fprintf(to.out, "  %+9.3f  before anything is compared\n", e.Prior)
	for _, s := range e.Steps {
		fmt.Fprintf(to.out, "  %+9.3f  %s: %s", s.Bits, s.Field, s.Level)
		if s.Incident != "" || s.Register != "" {
			fmt.Fprintf(to.out, " (%s | %s)", s.Incident, s.Register)
		}
		fmt.Fprintln(to.out)
	}
	band := string(e.Band)
	if band == "" {
		band = "no match"
	}
	fmt.Fprintf(to.out, "  %+9.3f  bits: probability %.6f, %s\n", e.Bits, e.Probability, band)
	if e.RunnerUp != 0 {
		fmt.Fprintf(to.out, "             %+.3f bits before the next\n", e.Margin)
	}
	if e.Decisive != "" {
		fmt.Fprintf(to.out, "             without the %s the band would be another\n", e.Decisive)
	}
	fmt.Fprintf(to.out, "             model %s, register version %d\n", e.Model, e.RegisterVersion)
}

type matchEvaluate struct {
	Register string `placeholder:"FILE" help:"CSV of the people to be found."`
	Queries  string `placeholder:"FILE" help:"CSV of the records to look up."`
	Truth    string `placeholder:"FILE" help:"CSV of query id and register id, which is empty for nobody."`
	Dedupe   string `placeholder:"FILE" help:"Instead: one CSV that has people several times."`
	Cluster  string `placeholder:"COLUMN" help:"The column that is equal for records of one person."`
	Mapping  string `required:"" placeholder:"FILE" help:"YAML that says which column is what."`
	Model    string `placeholder:"FILE" help:"A model. Default: the one that ships."`
	Train    bool   `help:"Estimate the weights from the data itself first, without labels."`
	Plot     string `placeholder:"DIR" help:"Draw precision and recall, calibration and scores into a folder."`
	JSON     bool   `name:"json" help:"Print it for a machine."`
}

func (matchEvaluate) Help() string {
	return `The mapping names columns: id, forenames, surname, fullName, aliases, dateOfBirth (a column, or column and layout, or year, month and day), sex, address (one or several), postcode, previousPostcodes, pnc, cro, identifiers, place, occupation. Values within a field are parted by |. Register and queries may have mappings of their own under these names.

Example:
  reportable match evaluate --register people.csv --queries seen.csv --truth truth.csv --mapping columns.yaml --json
  reportable match evaluate --dedupe records.csv --cluster person --mapping columns.yaml --train --plot plots`
}

func (m matchEvaluate) Run(to terminal) error {
	link := m.Register != "" && m.Queries != "" && m.Truth != ""
	if link == (m.Dedupe != "") || m.Dedupe != "" && m.Cluster == "" || m.Dedupe == "" && m.Cluster != "" {
		return run.Usage("give --register, --queries and --truth, or --dedupe with --cluster")
	}
	model, err := evaluation.ReadModelFile(m.Model)
	if err != nil {
		return err
	}
	mapping, err := evaluation.ReadMapping(m.Mapping)
	if err != nil {
		return err
	}
	set, done := to.progress("measuring", 1000)
	options := evaluation.Options{Model: model, Train: m.Train, Progress: func(share float64) { set(int64(share * 1000)) }}
	var res *evaluation.Result
	if link {
		res, err = m.link(to, options)
	} else {
		var records []evaluation.Record
		var doubts []string
		if records, doubts, err = evaluation.ReadTable(m.Dedupe, mapping.For(true), m.Cluster); err == nil {
			to.doubt(m.Dedupe, doubts)
			res, err = evaluation.Dedupe(records, options)
		}
	}
	done()
	if err != nil {
		return err
	}
	if m.Plot != "" {
		files, err := res.Plot(m.Plot)
		if err != nil {
			return err
		}
		for _, f := range files {
			fmt.Fprintln(to.err, f)
		}
	}
	if m.JSON {
		return to.json(res)
	}
	measured(to, res)
	return nil
}

func (m matchEvaluate) link(to terminal, o evaluation.Options) (*evaluation.Result, error) {
	register, queries, truth, err := labelledFiles{Register: m.Register, Queries: m.Queries, Truth: m.Truth, Mapping: m.Mapping}.read(to)
	if err != nil {
		return nil, err
	}
	return evaluation.Link(register, queries, truth, o)
}

func measured(to terminal, res *evaluation.Result) {
	fmt.Fprintf(to.out, "%d records looked up among %d; %d true pairs. Model %s.\n", res.Queries, res.People, res.Positives, res.Model)
	fmt.Fprintf(to.out, "  best F1 %.4f at probability %.4f: precision %.4f, recall %.4f\n", res.BestF1, res.Threshold, res.Precision, res.Recall)
	fmt.Fprintf(to.out, "  recall %.4f at precision .99, %.4f at .995, %.4f at .999\n", res.RecallAtPrecision99, res.RecallAtPrecision995, res.RecallAtPrecision999)
	fmt.Fprintf(to.out, "  the true one first %.4f, among five %.4f, among ten %.4f\n", res.Top1, res.Top5, res.Top10)
	fmt.Fprintf(to.out, "  expected calibration error %.4f; by chance alone it would be %.4f\n", res.CalibrationError, res.CalibrationByChance)
	if res.Certain > 0 {
		fmt.Fprintf(to.out, "  certain: %d, of which wrong %d\n", res.Certain, res.CertainWrong)
	}
	fmt.Fprintf(to.out, "  index in %.2f s, %.0f bytes a person; a query takes %.3f ms (median), %.3f ms (99 in 100), %.3f ms at most; %.0f a second on a core\n",
		res.IndexSeconds, res.BytesPerPerson, res.QueryP50, res.QueryP99, res.QueryMax, res.QueriesPerSecondCore)
}
