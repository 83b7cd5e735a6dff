// Package report writes what the record says for those who inspect: the
// inspectorate's questions, answered by PDU, as a page, a table or data.
//
// It counts, and names nobody. Where the counts come from is
// postgres.Inspect; response times are of the same rows that the histograms
// were shown.
package report

import (
	"embed"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
)

//go:embed inspection.gohtml
var files embed.FS

var page = template.Must(template.New("inspection.gohtml").Funcs(template.FuncMap{
	"share": share, "mark": mark, "span": span, "day": day, "bar": bar, "title": title,
}).ParseFS(files, "inspection.gohtml"))

// Question is one of the inspectorate's, with its answer for one area.
type Question struct {
	// Key is the question's name, for those who put it in another language.
	Key  string
	Text string
	// Of is how often it was to be done; Done how often it was.
	Of, Done int
}

// Questions puts an area's counts as questions.
func Questions(a casework.InspectedArea) []Question {
	asked := map[string]casework.InspectedItem{}
	for _, i := range a.Asked {
		asked[i.Rule] = i
	}
	answered := func(rule string) (int, int) {
		i := asked[rule]
		return i.Asked, i.Done + i.NotNeeded
	}
	work := map[string]casework.InspectedAction{}
	for _, i := range a.Actions {
		work[i.Rule] = i
	}
	// of adds up several rules' items.
	of := func(rules ...string) (of, done int) {
		for _, rule := range rules {
			n, k := answered(rule)
			of, done = of+n, done+k
		}
		return of, done
	}
	agencies, agenciesAnswered := of("consider_marac", "consider_mappa", "consider_iom")
	enforcement, enforcementAnswered := of("consider_enforcement")
	relationship, relationshipAnswered := of("new_relationship")
	flags, flagsAnswered := of("correct_flags")
	support, supportAnswered := of("support_victim")
	visits, visitsAnswered := of("home_visit", "reinstate_contact")
	q := func(key, text string, of, done int) Question { return Question{key, text, of, done} }
	children, childrenAnswered := answered("children_enquiry")
	referral, referralAnswered := answered("children_referral")
	repeats, repeatsAnswered := answered("repeat_incidents")
	conditions, conditionsAnswered := of("check_conditions", "zone_entered")
	return []Question{
		q("aware", "Is the practitioner aware of the incident?", a.Reviews, a.Aware),
		q("decided", "Is a decision on it recorded?", a.Reviews, a.Decided),
		q("assessed", "Was the risk assessment reviewed when it had to be?", asked["review_assessment"].Asked, asked["review_assessment"].Done),
		q("risk", "Did the risk change with it, where it was decided?", a.Decided, a.RiskChanged),
		q("consulted", "Was a manager consulted, where it was decided?", a.Decided, a.Consulted),
		q("countersigned", "Is the decision countersigned where it has to be?", a.ToCountersign, a.Countersigned),
		q("oversight", "Was management oversight effective, where closed work was sampled?", a.OversightAsked, a.OversightEffective),
		q("sampled", "Did closed work pass, where it was sampled?", a.Sampled, a.SampledPass),
		q("children", "Was every child asked about?", children, childrenAnswered),
		q("referral", "Was a referral considered for the children?", referral, referralAnswered),
		q("victimstaff", "Were victim staff told?", a.VictimStaffAsked, a.VictimStaffTold),
		q("repeats", "Were repeated incidents looked at together?", repeats, repeatsAnswered),
		q("conditions", "Was it checked against conditions and orders?", conditions, conditionsAnswered),
		q("enforcement", "Was enforcement, breach or recall decided on?", enforcement, enforcementAnswered),
		q("agencies", "Were MARAC, MAPPA and integrated offender management thought of or told?", agencies, agenciesAnswered),
		q("relationship", "Was a possible new relationship asked about?", relationship, relationshipAnswered),
		q("disclosure", "Was a disclosure applied for, and is its outcome known?", work["disclosure_application"].Raised, work["disclosure_application"].Done),
		q("enquiries", "Were enquiries to police answered?", work["chase_enquiry"].Raised, work["chase_enquiry"].Done),
		q("flags", "Were the flags on the case corrected?", flags, flagsAnswered),
		q("support", "Was support offered to somebody who is a victim?", support, supportAnswered),
		q("contact", "Was a visit, or more contact, thought of?", visits, visitsAnswered),
		q("recorded", "Is the incident in the case record?", work["transfer_match"].Raised, work["transfer_match"].Done),
	}
}

// JSON writes the inspection as data.
func JSON(w io.Writer, i casework.Inspection) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(i)
}

// CSV writes a line for each figure of each area: pdu, measure, value, of. Say
// puts a measure in another language by its key; nil leaves it in English.
func CSV(w io.Writer, i casework.Inspection, say func(key, english string) string) error {
	if say == nil {
		say = func(_, english string) string { return english }
	}
	c := csv.NewWriter(w)
	_ = c.Write([]string{"pdu", "measure", "value", "of"}) // its error is kept for Flush
	for _, a := range i.Areas {
		pdu := a.PDU
		if pdu == "" {
			pdu = "all"
		}
		line := func(measure string, value float64, of string) {
			_ = c.Write([]string{pdu, measure, strconv.FormatFloat(value, 'f', -1, 64), of})
		}
		line(say("count.found", "people found"), float64(a.Found), "")
		line(say("count.confirmed", "confirmed"), float64(a.Confirmed), "")
		line(say("count.dismissed", "dismissed"), float64(a.Dismissed), "")
		line(say("count.unjudged", "not judged"), float64(a.Unjudged), "")
		for _, q := range Questions(a) {
			line(say("asked."+q.Key, q.Text), float64(q.Done), strconv.Itoa(q.Of))
		}
		for _, s := range a.Stages {
			stage := say("stage."+string(s.Stage), title(string(s.Stage)))
			for _, m := range []struct {
				key, name string
				value     float64
			}{
				{"reached", "reached", float64(s.Reached)}, {"median", "median seconds", s.Median}, {"ninetieth", "90th centile seconds", s.Ninetieth},
				{"workingmedian", "median working seconds", s.WorkingMedian}, {"workingninetieth", "90th centile working seconds", s.WorkingNinety},
			} {
				line(stage+": "+say("seconds."+m.key, m.name), m.value, "")
			}
		}
		for _, action := range a.Actions {
			line(say("count.actions", "done")+": "+action.Rule, float64(action.Done), strconv.Itoa(action.Raised))
		}
		for _, item := range a.Asked {
			line(say("count.asked", "asked")+": "+item.Rule, float64(item.Done+item.NotNeeded), strconv.Itoa(item.Asked))
		}
		line(say("count.flagged", "decisions flagged"), float64(a.Flagged), "")
		line(say("count.escalated", "actions escalated"), float64(a.Escalated), "")
		line(say("count.open", "open"), float64(a.Open), "")
		line(say("count.overdue", "overdue"), float64(a.Overdue), "")
		line(say("count.oldest", "oldest open seconds"), a.OldestSeconds, "")
	}
	if n := i.Uncounted.Changes; n > 0 {
		_ = c.Write([]string{"all", say("count.uncounted", "changes not counted yet"), strconv.Itoa(n), ""})
	}
	c.Flush()
	if err := c.Error(); err != nil {
		return fmt.Errorf("write the inspection: %w", err)
	}
	return nil
}

// HTML writes the inspection as one page that needs nothing beside it.
func HTML(w io.Writer, i casework.Inspection, at time.Time) error {
	type area struct {
		casework.InspectedArea
		Questions []Question
	}
	data := struct {
		casework.Inspection
		At    time.Time
		Areas []area
	}{Inspection: i, At: at}
	for _, a := range i.Areas {
		data.Areas = append(data.Areas, area{a, Questions(a)})
	}
	if err := page.Execute(w, data); err != nil {
		return fmt.Errorf("write the inspection: %w", err)
	}
	return nil
}

// share is how much of it was done, in words.
func share(q Question) string {
	if q.Of == 0 {
		return "not asked"
	}
	return fmt.Sprintf("%d of %d (%d%%)", q.Done, q.Of, int(100*float64(q.Done)/float64(q.Of)+0.5))
}

// bar is the length of a bar out of 200.
func bar(q Question) int {
	if q.Of == 0 {
		return 0
	}
	return min(200, 200*q.Done/q.Of)
}

// mark is where seconds stand on a scale out of 200, on which each step is ten
// times the one before: from a tenth of a second to a month.
func mark(seconds float64) int {
	return int(max(0, min(200, 200*(math.Log10(max(seconds, 0.1))+1)/7.5)))
}

// span says seconds as people do.
func span(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.1f h", d.Hours())
	}
	return fmt.Sprintf("%.1f days", d.Hours()/24)
}

func day(t time.Time) string {
	return t.In(casework.EnglandAndWales().Zone()).Format("2 January 2006")
}

var titles = map[string]string{
	"report": "Occurred to reported", "receipt": "Reported to received", "match": "Received to matched", "acknowledgement": "Matched to acknowledged",
	"transfer": "Matched to the case record", "first_action": "Matched to first action",
	"consultation": "Matched to manager consulted", "decision": "Matched to decision", "countersignature": "Decision to countersignature",
}

func title(stage string) string {
	if t := titles[stage]; t != "" {
		return t
	}
	return stage
}
