package harness

import (
	"context"
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Pilot is the folder of the pilot's data, where it is beside the repository.
func Pilot(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("REPORTABLE_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	dir = filepath.Join(dir, "data", "pilot")
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("the pilot's data are not beside the repository: ", err)
		}
		t.Skip("the pilot's data are not beside the repository: ", err)
	}
	return dir
}

// Export is what one force sends.
type Export struct{ Force, File string }

// PilotExports are those of the four forces, or of the two smaller ones where
// the race detector looks on.
func PilotExports() []Export {
	all := []Export{
		{"61", "incidents-61-gwent.csv"},
		{"63", "incidents-63-dyfed-powys.json"},
		{"60", "incidents-60-north-wales.ndjson"},
		{"62", "incidents-62-south-wales.csv"},
	}
	if Racing {
		return all[:2]
	}
	return all
}

// Figures say how well the matches on the record agree with the truth.
type Figures struct {
	Positives         int     // people on probation in the incidents that count
	Precision, Recall float64 // of certain and probable matches
	Candidates        float64 // how many of the positives are among the candidates at all
	Late              int     // people who started supervision on the second day, found
	LateAll           int
}

type seat struct {
	force, reference string
	person           int
}

// Judge compares the record with the pilot's truth: on each reference's last
// revision, without those withdrawn or rejected.
func (w *World) Judge(dir string, exports []Export) Figures {
	w.Helper()
	last := map[seat]int{} // with person 0: reference → last revision
	truth := map[seat]string{}
	rows := slices.DeleteFunc(w.readCSV(filepath.Join(dir, "truth.csv")), func(r map[string]string) bool {
		return !slices.ContainsFunc(exports, func(e Export) bool { return e.Force == r["force"] })
	})
	for _, r := range rows {
		k := seat{r["force"], r["reference"], 0}
		last[k] = max(last[k], number(w, r["revision"]))
	}
	for _, r := range rows {
		if r["role"] != "withdrawn" && number(w, r["revision"]) == last[seat{r["force"], r["reference"], 0}] {
			truth[seat{r["force"], r["reference"], number(w, r["person"])}] = r["crn"]
		}
	}
	rejected := map[seat]bool{}
	for _, r := range w.readCSV(filepath.Join(dir, "rejects.csv")) {
		rejected[seat{r["force"], r["reference"], 0}] = true
	}
	counts := func(k seat) bool { return !rejected[seat{k.force, k.reference, 0}] }
	late := func(crn string) bool { return crn != "" && crn[0] == 'N' }

	var f Figures
	for k, crn := range truth {
		if crn != "" && counts(k) && !late(crn) {
			f.Positives++
		}
		if late(crn) && counts(k) {
			f.LateAll++
		}
	}
	type answer struct {
		crn         string
		band        casework.Band
		probability float64
	}
	best := map[seat]answer{}
	candidates := 0
	var names []string
	err := w.DB.Export(context.Background(), "matches",
		func(columns []string) error { names = columns; return nil },
		func(values []any) error {
			row := map[string]any{}
			for i, v := range values {
				row[names[i]] = v
			}
			k := seat{row["force"].(string), row["reference"].(string), int(row["person"].(int32))}
			if !counts(k) || int(row["revision"].(int32)) != last[seat{k.force, k.reference, 0}] {
				return nil
			}
			switch row["state"].(string) {
			case "open", "unsure", "confirmed":
			default:
				return nil
			}
			a := answer{row["crn"].(string), casework.Band(row["band"].(string)), row["probability"].(float64)}
			if a.crn == truth[k] {
				if late(a.crn) {
					f.Late++
				} else {
					candidates++
				}
			}
			if a.probability > best[k].probability {
				best[k] = a
			}
			return nil
		})
	if err != nil {
		w.Fatal(err)
	}
	right, wrong := 0, 0
	for k, a := range best {
		if late(truth[k]) || a.band == casework.Possible {
			continue
		}
		if a.crn == truth[k] {
			right++
		} else {
			wrong++
		}
	}
	f.Precision = float64(right) / float64(max(1, right+wrong))
	f.Recall = float64(right) / float64(max(1, f.Positives))
	f.Candidates = float64(candidates) / float64(max(1, f.Positives))
	return f
}

func (w *World) readCSV(path string) (rows []map[string]string) {
	w.Helper()
	f, err := os.Open(path)
	if err != nil {
		w.Fatal(err)
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil {
		w.Fatal(err)
	}
	for _, r := range all[1:] {
		row := map[string]string{}
		for i, name := range all[0] {
			row[name] = r[i]
		}
		rows = append(rows, row)
	}
	return rows
}

func number(t testing.TB, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
