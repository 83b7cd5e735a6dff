package evaluation

import (
	"strings"
	"testing"

	"github.com/reportable-incidents/reportable/services/matcher/linkage"
)

// What the product is judged on is other people's data: of other countries and
// times, in other columns, with other mistakes.
func TestTrainingHelpsWithDataOfOtherKinds(t *testing.T) {
	for _, s := range made() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			m, err := ReadMapping(write(t, "m.yaml", s.mapping))
			if err != nil {
				t.Fatal(err)
			}
			evaluate := func(train bool) *Result {
				o := Options{Model: linkage.Default(), Train: train}
				if s.dedupe != "" {
					records, _, err := ReadTable(write(t, "d.csv", s.dedupe), m, s.cluster)
					if err != nil {
						t.Fatal(err)
					}
					res, err := Dedupe(records, o)
					if err != nil {
						t.Fatal(err)
					}
					return res
				}
				register, _, err := ReadTable(write(t, "r.csv", s.register), m.For(true), "")
				if err != nil {
					t.Fatal(err)
				}
				queries, _, err := ReadTable(write(t, "q.csv", s.queries), m.For(false), "")
				if err != nil {
					t.Fatal(err)
				}
				truth, _, err := ReadTruth(write(t, "t.csv", s.truth), register, queries)
				if err != nil {
					t.Fatal(err)
				}
				res, err := Link(register, queries, truth, o)
				if err != nil {
					t.Fatal(err)
				}
				return res
			}
			plain, trained := evaluate(false), evaluate(true)
			t.Logf("%d records: best F1 %.4f and trained %.4f, calibration error %.4f and %.4f", plain.People, plain.BestF1, trained.BestF1, plain.CalibrationError, trained.CalibrationError)
			if plain.BestF1 < s.plain || trained.BestF1 < s.trained {
				t.Errorf("got F1 %.4f and trained %.4f, want at least %v and %v", plain.BestF1, trained.BestF1, s.plain, s.trained)
			}
			if trained.BestF1 < plain.BestF1-.005 || trained.CalibrationError > plain.CalibrationError+.005 {
				t.Errorf("training does harm: F1 from %.4f to %.4f, calibration error from %.4f to %.4f", plain.BestF1, trained.BestF1, plain.CalibrationError, trained.CalibrationError)
			}
		})
	}
}

func TestTitlesAreNoNames(t *testing.T) {
	for in, want := range map[string]string{
		"Mr John Smith": "John Smith", "SMITH, Mrs Jane A.": "SMITH, Jane A.", "Herr Dr. Karl Weber": "Karl Weber", "John Smith Jr.": "John Smith",
		"Smith, Jr": "Smith", "Dr": "Dr", "Sir": "Sir", "Prof. Ann Lee, OBE": "Ann Lee", "Dean Martin": "Dean Martin", "": "", "Lord,": "Lord",
	} {
		if got := untitled(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	if forenames, surname := splitName(untitled("MR JOHN SMITH")); !strings.EqualFold(forenames, "john") || surname != "SMITH" {
		t.Errorf("got %q and %q", forenames, surname)
	}
}
