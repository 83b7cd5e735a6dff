package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/caseload"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

func TestTheFilterKeepsWhoIsOnTheListAndLeavesMostOthersAtHome(t *testing.T) {
	pilot := filepath.Join("..", "..", "..", "shared", "data", "pilot")
	from, err := os.Open(filepath.Join(pilot, "caseload-2018-10-02.csv"))
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("the pilot's data are not beside the repository: ", err)
	}
	defer from.Close()
	db := pgtest.New(t)
	im := caseload.Importer{Store: db}
	if _, err := im.Import(t.Context(), casework.Extract{Kind: casework.FullExtract, Date: casework.Date{Year: 2018, Month: 10, Day: 2}}, caseload.Format{}, from); err != nil {
		t.Fatal(err)
	}
	if _, err := db.SyncWatchList(t.Context(), "63"); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	list, err := os.Create(filepath.Join(dir, "list.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	if err := caseload.WriteList(t.Context(), db, "63", -1, time.Now(), list, func(int64, int) error { return nil }); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	code := execute([]string{"feed", "filter", "--force", "63", "--watchlist", list.Name(), "--out", filepath.Join(dir, "out.ndjson"),
		"--truth", filepath.Join(pilot, "truth.csv"), "--json", filepath.Join(pilot, "incidents-63-dyfed-powys.json")},
		terminal{out: &out, err: &out})
	var answer filtered
	if err := json.Unmarshal(out.Bytes(), &answer); code != 0 || err != nil {
		t.Fatalf("exit %d: %v", code, err)
	}
	if got := answer.Truth; got.KeptShare < .999 || got.OthersLeft < .8 {
		t.Errorf("kept %d of %d that concern somebody and left %.3f of the others at home, want .999 and .8", got.ConcernedKept, got.Concerned, got.OthersLeft)
	}
}
