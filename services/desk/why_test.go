package desk_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

func TestAnActionSaysInWordsWhatPolicyAsksAndWhy(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	pgtest.Exec(t, w.DB, `update action set why = '{"incident.domesticAbuse": "true", "person.rosh": "high", "person.incidents(90)": "3",
		"person.victimContact": "", "incident.type": "as police gave it", "their.own": "raw"}' where id = $1`, m.Practitioner)
	at := path("/actions/%d", m.Practitioner)
	u := w.as(t, "practitioner")
	u.get(at).status(http.StatusOK).sees(".desk-why", "Review the incident and record a decision").
		sees(".desk-why", "Domestic abuse Yes").sees(".desk-why", "Risk of serious harm High RoSH").sees(".desk-why", "Other incidents in the 90 days before 3").
		sees(".desk-why", "Victim contact None").sees(".desk-why", "As police gave it").sees(".desk-why", "their.own raw")
	u.get("/language/cy")
	u.get(at).sees(".desk-why", "Cam-drin domestig Ie").sees(".desk-why", "Digwyddiadau eraill yn y 90 diwrnod cynt 3")
}

// A policy may ask of any fact, so each has words.
func TestEveryFactThatAPolicyMayAskOfHasWords(t *testing.T) {
	en := texts(t, "en")
	source, err := os.ReadFile(filepath.Join("..", "notifier", "facts.go"))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, block := range regexp.MustCompile(`(?s)\t([a-z]+)Facts struct \{(.*?)\n\t\}`).FindAllStringSubmatch(string(source), -1) {
		name := strings.Replace(strings.Replace(block[1], "mappa", "person.mappa", 1), "clock", "now", 1)
		for _, field := range regexp.MustCompile("cel:\"([a-zA-Z]+)\"").FindAllStringSubmatch(block[2], -1) {
			if field[1] == "mappa" {
				continue
			}
			found++
			if key := "why." + name + "." + field[1]; en[key] == "" {
				t.Errorf("%s has no words", key)
			}
		}
	}
	if found < 40 {
		t.Errorf("got %d facts, want all of them", found)
	}
}
