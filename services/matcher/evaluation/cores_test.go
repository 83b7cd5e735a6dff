package evaluation

import (
	"bytes"
	"encoding/json"
	"runtime"
	"testing"

	"github.com/reportable-incidents/reportable/services/matcher/linkage"
)

// However many cores measure, and however often, the figures are the same.
func TestAnyNumberOfCoresMeasuresTheSame(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	register, queries, truth := readVillage(t)
	spoilt := spoiled(1)
	sm, err := ReadMapping(write(t, "m.yaml", spoilt.mapping))
	if err != nil {
		t.Fatal(err)
	}
	twice, _, err := ReadTable(write(t, "d.csv", spoilt.dedupe), sm, spoilt.cluster)
	if err != nil {
		t.Fatal(err)
	}
	var first []byte
	for _, cores := range []int{1, 2, 8, 8} {
		runtime.GOMAXPROCS(cores)
		linked, err := Link(register, queries, truth, Options{Model: linkage.Default(), Train: true})
		if err != nil {
			t.Fatal(err)
		}
		deduped, err := Dedupe(twice[:200], Options{Model: linkage.Default(), Train: true})
		if err != nil {
			t.Fatal(err)
		}
		var said []byte
		for _, res := range []*Result{linked, deduped} {
			res.IndexSeconds, res.BytesPerPerson, res.QueryP50, res.QueryP99, res.QueryMax, res.QueriesPerSecondCore = 0, 0, 0, 0, 0, 0
			b, err := json.Marshal(res)
			if err != nil {
				t.Fatal(err)
			}
			said = append(append(said, b...), res.Trained.Model.JSON()...)
		}
		if first == nil {
			first = said
		}
		if !bytes.Equal(said, first) {
			t.Errorf("%d cores say something else than one", cores)
		}
	}
	if len(first) < 20_000 {
		t.Errorf("got %d bytes, want enough to prove something", len(first))
	}
}
