package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestNoExportedCellIsAFormula(t *testing.T) {
	for in, want := range map[string]string{
		"B001003":          "B001003",
		"=cmd|'/c calc'!A": "'=cmd|'/c calc'!A",
		"+44":              "'+44",
		"-1":               "'-1",
		"@sum":             "'@sum",
		"\tx":              "'\tx",
		"":                 "",
	} {
		if got := cells([]any{in})[0]; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestCellsAreExactAndPlain(t *testing.T) {
	at := time.Date(2026, 6, 1, 9, 0, 0, 0, time.FixedZone("BST", 3600))
	got := strings.Join(cells([]any{nil, int32(2), -12.0625, 0.999999999, true, at}), ";")
	if want := ";2;-12.0625;0.999999999;true;2026-06-01T08:00:00Z"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAJSONExportIsAnArrayHoweverManyRows(t *testing.T) {
	for n := range 3 {
		var b strings.Builder
		columns, row, end := asJSON(&b)
		err := columns([]string{"crn", "bits"})
		for range n {
			if err == nil {
				err = row([]any{"X1", 1.5})
			}
		}
		if err == nil {
			err = end()
		}
		if err != nil {
			t.Fatal(err)
		}
		var rows []map[string]any
		if err := json.Unmarshal([]byte(b.String()), &rows); err != nil || len(rows) != n {
			t.Errorf("got %d rows and %v, want %d", len(rows), err, n)
		}
	}
}
