package matcher_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
	"github.com/reportable-incidents/reportable/services/postgres"
)

// interrupted is a register during whose next search something happens.
type interrupted struct {
	*linkage.Register
	during func()
}

func (r *interrupted) Find(q casework.Identity, threshold float64) []linkage.Candidate {
	found := r.Register.Find(q, threshold)
	if during := r.during; during != nil {
		r.during = nil
		during()
	}
	return found
}

// expecting is the model that ships, except that it expects so many matches of a query.
func expecting(t *testing.T, matches float64) *linkage.Model {
	t.Helper()
	was := fmt.Appendf(nil, `"expected": %v`, linkage.Default().Expected)
	m, err := linkage.ReadModel(bytes.Replace(linkage.Default().JSON(), was, fmt.Appendf(nil, `"expected": %v`, matches), 1))
	if err != nil || m.Hash() == linkage.Default().Hash() {
		t.Fatalf("the model could not be changed: %v", err)
	}
	return m
}

func toJSON(t *testing.T, e casework.Evidence) string {
	t.Helper()
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// activate lets a model take the place of another.
func (w *world) activate(now, instead *linkage.Model) error {
	kept := func(m *linkage.Model) casework.Model {
		return casework.Model{Hash: m.Hash(), Weights: m.JSON(), Origin: casework.ModelGiven, By: "somebody"}
	}
	_, err := w.db.ActivateModel(context.Background(), kept(now), kept(instead), casework.Activation{By: "somebody", Reason: "because"}, w.now)
	return err
}

func TestEveryMatcherWeighsByTheModelThatIsActiveAndNothingIsMissedOrErasedMeanwhile(t *testing.T) {
	w := newWorld(t)
	matchers, registers := [2]*matcher.Matcher{}, [2]*interrupted{}
	for i := range matchers {
		registers[i] = &interrupted{Register: linkage.New(linkage.Default())}
		matchers[i] = matcher.New(matcher.Config{Ledger: w.db, Register: registers[i], Now: func() time.Time { return w.now }})
	}
	w.supervise("X000001", "Pugh", "1980-02-01")
	almost := person("suspect", "Bebb", "1980-02-11") // another surname, and nearly the birthday: not enough, by the model that ships
	w.handle(matchers[0], w.receive("HELD", 1, live, almost))
	w.handle(matchers[1], w.receive("OTHER", 1, live, person("suspect", "Rees", "1991-07-30")))
	w.wantDisposition("HELD", 1, casework.Unmatched)

	generous := expecting(t, 80)
	if err := w.activate(generous, linkage.Default()); err != nil {
		t.Fatal(err)
	}
	// Its time is over, and yet nobody has asked the new model.
	w.exec(`update register set extract_date = $1`, w.now.AddDate(0, 0, 20))
	then := w.now
	w.now = w.now.AddDate(0, 0, 20)
	if erased, err := matcher.NewEraser(w.db, casework.Retention{}, func() time.Time { return w.now }, nil, nil).Erase(context.Background()); err != nil || erased.Sum() != 0 {
		t.Errorf("%d incidents are erased before they are matched by the new model, %v", erased.Sum(), err)
	}
	w.now = then
	w.caseloadChanged(matchers[0])
	w.wantMatches("HELD", "1@1 rev 1 X000001 open")

	// The second matcher has heard nothing, and settles nothing by the old model.
	w.handle(matchers[1], w.receive("FRESH", 1, live, almost))
	w.wantMatches("FRESH", "1@1 rev 1 X000001 open")
	for _, reference := range []string{"HELD", "FRESH"} {
		var with, within string
		w.one(&with, `select m.model from match m join incident i on i.id = m.incident where reference = $1`, reference)
		w.one(&within, `select m.evidence ->> 'model' from match m join incident i on i.id = m.incident where reference = $1`, reference)
		if with != generous.Hash() || within != with {
			t.Errorf("%s is matched by model %s, with evidence of %s, want %s", reference, with, within, generous.Hash())
		}
	}

	// Another machine explains what is on the record with the same bytes.
	anew := linkage.New(generous)
	anew.SetVersion(2)
	if _, err := w.db.RegisterPeople(context.Background(), func(p casework.RegisterPerson) error { anew.Put(p.ID, p.Identity); return nil }); err != nil {
		t.Fatal(err)
	}
	var id casework.MatchID
	w.one(&id, `select m.id from match m join incident i on i.id = m.incident where reference = 'FRESH'`)
	w.exec(`insert into account (subject, name) values ('somebody', 'Somebody')`)
	w.exec(`insert into account_role (account, role, scope) select id, 'head', 'N03SW1' from account`)
	_, kept, err := w.db.MatchEvidence(context.Background(), postgres.Reader{Subject: "somebody", Values: true}, id)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := anew.Explain(almost.Identity(), anew.Find(almost.Identity(), .1)[0].Person)
	if a, b := toJSON(t, kept), toJSON(t, again); a != b {
		t.Errorf("the stored evidence is not what is reckoned anew:\n%s\n%s", a, b)
	}

	// A model that is activated in the middle of a search is not missed either.
	registers[1].during = func() {
		if err := w.activate(linkage.Default(), generous); err != nil {
			t.Error(err)
		}
	}
	w.handle(matchers[1], w.receive("MEANWHILE", 1, live, almost))
	w.wantMatches("MEANWHILE")
	w.caseloadChanged(matchers[1])
	w.wantMatches("HELD", "1@1 rev 1 X000001 superseded: the facts no longer make a match")

	// Who measured against a model that is no longer in use activates nothing.
	if err := w.activate(expecting(t, 40), generous); !errors.Is(err, casework.ErrChanged) {
		t.Errorf("got %v, want that the model in use is another", err)
	}
	models, activations, err := w.db.Models(context.Background())
	if err != nil || len(models) != 2 || len(activations) != 2 || activations[0].Replaced != generous.Hash() || activations[1].Model != generous.Hash() {
		t.Errorf("got %d models and %d activations on the record, %v; want both of each", len(models), len(activations), err)
	}
	var told, trail int
	w.one(&told, `select count(*) from event where subject = 'caseload.changed'`)
	w.one(&trail, `select count(*) from audit where what = 'MODEL_ACTIVATED' and actor = 'somebody'`)
	if told != 2 || trail != 2 {
		t.Errorf("got %d events and %d lines in the trail, want 2 and 2", told, trail)
	}
	if _, err := w.db.Pool().Exec(context.Background(), `delete from model_activation`); err == nil {
		t.Error("an activation could be taken off the record")
	}
}

func TestMatchersThatShipWithDifferentModelsSettleByTheSameAndSayThatTheyAreApart(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	registry := [2]*prometheus.Registry{prometheus.NewRegistry(), prometheus.NewRegistry()}
	generous := expecting(t, 80)
	start := func(i int, model *linkage.Model) *matcher.Matcher {
		return matcher.New(matcher.Config{Ledger: w.db, Model: model, Metrics: matcher.NewMetrics(registry[i], nil), Now: func() time.Time { return w.now }})
	}
	old := start(0, linkage.Default())
	w.supervise("X000001", "Pugh", "1980-02-01")
	almost := person("suspect", "Bebb", "1980-02-11") // enough by the generous model alone
	w.handle(old, w.receive("HELD", 1, live, almost))
	w.wantDisposition("HELD", 1, casework.Unmatched)

	// A new release ships another model: it takes what is held up again, and the old replica follows.
	newer := start(1, generous)
	w.handle(newer, w.receive("NEW", 1, live, almost))
	w.handle(old, w.receive("OLD", 1, live, almost))
	w.caseloadChanged(old)
	for _, reference := range []string{"HELD", "NEW", "OLD"} {
		w.wantMatches(reference, "1@1 rev 1 X000001 open")
		var with string
		w.one(&with, `select m.model from match m join incident i on i.id = m.incident where reference = $1`, reference)
		if with != generous.Hash() {
			t.Errorf("%s is matched by model %s, want %s", reference, with, generous.Hash())
		}
	}
	for i, want := range []float64{1, 0} {
		if got := gauge(t, registry[i], "reportable_matcher_apart"); got != want {
			t.Errorf("matcher %d: got reportable_matcher_apart %v, want %v", i, got, want)
		}
	}
	own := casework.Terms{Model: linkage.Default().Hash(), AfterSupervision: 28, Threshold: .1}
	for process, terms := range map[string]casework.Terms{"old": own, "newer": {Model: generous.Hash(), AfterSupervision: 28, Threshold: .1}} {
		if err := w.db.Present(ctx, process, terms); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := w.db.Examine(ctx); err != nil || s.Apart != 1 {
		t.Errorf("doctor sees %d matchers apart, %v; want the old one", s.Apart, err)
	}

	// Started again with what holds, nothing is matched anew; of an activated model, what ships is no matter.
	before, err := w.db.RegisterVersion(ctx)
	if err != nil {
		t.Fatal(err)
	}
	w.handle(matcher.New(matcher.Config{Ledger: w.db, Model: generous, Now: func() time.Time { return w.now }}), w.receive("AGAIN", 1, live, almost))
	if err := w.activate(linkage.Default(), generous); err != nil {
		t.Fatal(err)
	}
	w.handle(matcher.New(matcher.Config{Ledger: w.db, Model: linkage.Default(), Now: func() time.Time { return w.now }}), w.receive("ACTIVE", 1, live, almost))
	w.wantMatches("ACTIVE")
	if after, err := w.db.RegisterVersion(ctx); err != nil || after != before+1 {
		t.Errorf("got version %d of the register, %v; want %d, which the activation gave it", after, err, before+1)
	}
}

func gauge(t *testing.T, from *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("there is no %s", name)
	return 0
}
