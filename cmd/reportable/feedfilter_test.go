package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/caseload"
	"github.com/reportable-incidents/reportable/services/caseload/extract"
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
	im := extract.Importer{Store: db}
	if _, err := im.Import(t.Context(), casework.Extract{Kind: casework.FullExtract, Date: casework.Date{Year: 2018, Month: 10, Day: 2}}, extract.Format{}, from); err != nil {
		t.Fatal(err)
	}
	given, _ := reflect.TypeFor[feedFilter]().FieldByName("Threshold")
	loose, err := strconv.ParseFloat(given.Tag.Get("default"), 64)
	if err != nil {
		t.Fatal(err)
	}
	for force, export := range map[string]string{"60": "incidents-60-north-wales.ndjson", "61": "incidents-61-gwent.csv",
		"62": "incidents-62-south-wales.csv", "63": "incidents-63-dyfed-powys.json"} {
		if _, err := db.SyncWatchList(t.Context(), force); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		list, err := os.Create(filepath.Join(dir, "list.ndjson"))
		if err != nil {
			t.Fatal(err)
		}
		defer list.Close()
		if err := caseload.WriteList(t.Context(), db, force, -1, time.Now(), list, func(int64, int) error { return nil }); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		filter := feedFilter{feedSource: feedSource{Force: force, File: filepath.Join(pilot, export), JSON: true}, Watchlist: list.Name(),
			Out: filepath.Join(dir, "out.ndjson"), Threshold: loose, Truth: filepath.Join(pilot, "truth.csv"), Extract: from.Name()}
		err = filter.Run(t.Context(), terminal{out: &out, err: &out})
		var answer filtered
		if err := errors.Join(err, json.Unmarshal(out.Bytes(), &answer)); err != nil || answer.Truth == nil {
			t.Fatalf("force %s: %v", force, err)
		}
		got := answer.Truth
		t.Logf("force %s: kept %d of %d (%.4f) and left %.4f of the others at home", force, got.ConcernedKept, got.Concerned, got.KeptShare, got.OthersLeft)
		if got.KeptShare < .999 || got.OthersLeft < .8 {
			t.Errorf("force %s: kept %d of %d that concern somebody on the list and left %.3f of the others at home, want .999 and .8",
				force, got.ConcernedKept, got.Concerned, got.OthersLeft)
		}
	}
}
