package desk

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

// apiReports are the routes by which managers, heads and auditors look at how
// the work is done, and say who is on duty.
func (d *Desk) apiReports() []route {
	return []route{
		{pattern: "GET /v1/digests/{code}/{date}", rule: access.ReadDigest, handle: apiDigest, view: "API_READ_DIGEST"},
		{pattern: "GET /v1/times", rule: access.Inspect, handle: apiTimes, view: "API_READ_TIMES"},
		{pattern: "GET /v1/inspection", rule: access.Inspect, handle: apiInspection, view: "API_READ_INSPECTION"},
		{pattern: "GET /v1/rota", rule: access.KeepRota, handle: apiRota},
		{pattern: "POST /v1/rota", rule: access.Oversee, handle: apiAddShift},
		{pattern: "GET /v1/rota/{id}", rule: access.Oversee, handle: apiShift},
		{pattern: "POST /v1/rota/{id}", rule: access.Oversee, handle: apiChangeShift},
		{pattern: "POST /v1/rota/{id}/removal", rule: access.Oversee, handle: apiRemoveShift},
		{pattern: "GET /v1/samples", rule: access.Oversee, handle: apiSamples},
		{pattern: "POST /v1/samples", rule: access.Oversee, handle: apiDrawSample},
		{pattern: "GET /v1/samples/{id}", rule: access.Oversee, handle: apiSample, view: "API_READ_SAMPLE"},
		{pattern: "GET /v1/sampled/{id}", rule: access.Oversee, handle: apiSampled, view: "API_READ_SAMPLED"},
		{pattern: "POST /v1/sampled/{id}/judgement", rule: access.Oversee, handle: apiJudgeSampled},
	}
}

func apiDigest(v *visit) error {
	p, err := v.readDigest()
	if err != nil {
		return err
	}
	all := []map[string]any{}
	for _, i := range p.Items {
		all = append(all, map[string]any{"match": i.Match, "state": i.State, "unverified": i.State != casework.MatchConfirmed, "band": i.Band,
			"priority": i.Priority, "role": i.Role, "foundAt": i.FoundAt, "force": i.Force, "reference": i.Reference, "kind": i.Kind, "type": i.Type,
			"dash": i.DASH, "domesticAbuse": i.Domestic, "childrenPresent": i.Children, "crn": i.CRN, "surname": i.Surname, "forenames": i.Forenames,
			"rosh": i.RoSH, "practitioner": i.Practitioner, "review": i.Review, "outcome": i.Outcome})
	}
	body := map[string]any{"pdu": p.PDU, "from": p.From, "to": p.To, "found": all}
	if p.Next != "" {
		body["next"] = p.Next
	}
	return v.answer(http.StatusOK, body)
}

func apiTimes(v *visit) error {
	p, err := v.readTimes()
	if err != nil {
		return err
	}
	all := []map[string]any{}
	for _, t := range p.Times {
		one := map[string]any{"stage": t.Stage, "priority": t.Priority, "reached": t.Reached, "medianSeconds": t.Median.Seconds(),
			"ninetiethSeconds": t.Ninetieth.Seconds(), "elapsed": t.Elapsed, "inTime": t.InTime}
		if t.Target > 0 {
			one["targetSeconds"] = t.Target.Seconds()
		}
		all = append(all, one)
	}
	return v.answer(http.StatusOK, map[string]any{"from": p.From, "days": p.Days, "times": all, "uncounted": p.Uncounted})
}

// apiInspection is the inspection report, as the download has it.
func apiInspection(v *visit) error {
	form := v.inspectionForm()
	counted, _, err := v.counted(form["pdu"])
	if err != nil {
		return err
	}
	from, to, mistakes := v.inspectionPeriod(form)
	if len(mistakes) > 0 {
		return invalid(mistakes)
	}
	answers, err := v.inspect(counted, from, to)
	if err != nil {
		return err
	}
	v.viewed("inspection", "", map[string]any{"from": form["from"], "to": form["to"], "pdu": form["pdu"]})
	return v.answer(http.StatusOK, answers)
}

func shiftJSON(l rotaLine) map[string]any {
	body := map[string]any{"region": l.Region, "starts": l.Starts, "ends": l.Ends, "nobody": l.Nobody, "now": l.Now, "mine": l.Mine}
	if !l.Nobody {
		body["shift"], body["staff"], body["name"], body["telephone"] = l.ID, l.Staff, l.Name, l.Telephone
	}
	return body
}

// apiRota is the rota with the nights that nobody has.
func apiRota(v *visit) error {
	p, err := v.readRota()
	if err != nil {
		return err
	}
	regions := []map[string]any{}
	for _, r := range p.Regions {
		lines := []map[string]any{}
		for _, l := range r.Lines {
			lines = append(lines, shiftJSON(l))
		}
		regions = append(regions, map[string]any{"region": r.Region, "gaps": r.Gaps, "lines": lines})
	}
	return v.answer(http.StatusOK, map[string]any{"regions": regions, "keeps": p.Keeps, "people": colleaguesJSON(p.People)})
}

// shiftTold reads a shift from what was sent, as the page's form has it.
func (v *visit) shiftTold() (map[string]string, error) {
	var in struct {
		Region    string    `json:"region"`
		Staff     string    `json:"staff"`
		Telephone string    `json:"telephone"`
		Starts    time.Time `json:"starts"`
		Ends      time.Time `json:"ends"`
	}
	if err := v.body(&in); err != nil {
		return nil, err
	}
	form := map[string]string{"region": in.Region, "staff": in.Staff, "telephone": strings.TrimSpace(in.Telephone)}
	for prefix, at := range map[string]time.Time{"starts": in.Starts, "ends": in.Ends} {
		if !at.IsZero() {
			putMoment(form, prefix, at.In(v.Calendar.Zone()))
		}
	}
	return form, nil
}

// setShift puts a shift on the rota, or changes the one of that number.
func (v *visit) setShift(id int64) error {
	form, err := v.shiftTold()
	if err != nil {
		return err
	}
	s, mistakes, err := v.readShift(form)
	if err != nil {
		return err
	}
	if len(mistakes) > 0 {
		return invalid(mistakes)
	}
	if err := v.DB.SetShift(v.Context(), id, s, v.me, v.correlation()); err != nil {
		return err
	}
	return v.answer(http.StatusOK, map[string]any{"region": s.Region, "staff": s.Staff})
}

func apiAddShift(v *visit) error { return v.setShift(0) }

func apiShift(v *visit) error {
	p, err := v.readShiftLine()
	if err != nil {
		return err
	}
	return v.answer(http.StatusOK, map[string]any{"shift": shiftJSON(rotaLine{ShiftLine: p.ShiftLine, Now: !p.Starts.After(v.now)}), "people": colleaguesJSON(p.People)})
}

func apiChangeShift(v *visit) error {
	p, err := v.readShiftLine()
	if err != nil {
		return err
	}
	return v.setShift(p.ID)
}

func apiRemoveShift(v *visit) error {
	id, err := v.id()
	if err != nil {
		return err
	}
	if err := v.DB.RemoveShift(v.Context(), id, v.now, v.me, v.correlation()); err != nil {
		return err
	}
	return v.answer(http.StatusOK, map[string]any{"shift": id})
}

func sampleJSON(l postgres.SampleLine) map[string]any {
	return map[string]any{"id": l.ID, "drawnAt": l.DrawnAt, "drawnBy": l.DrawnName, "mine": l.Mine, "seed": l.Seed, "size": l.Size,
		"population": l.Population, "pdu": l.PDU, "practitioner": l.Practitioner, "kind": l.Kind,
		"from": casework.DateOf(l.From), "to": casework.DateOf(l.To.AddDate(0, 0, -1)),
		"items": l.Items, "judged": l.Judged, "pass": l.Pass, "partial": l.Partial, "fail": l.Fail}
}

func apiSamples(v *visit) error {
	all, err := v.DB.Samples(v.Context(), v.me.ID, 50)
	if err != nil {
		return err
	}
	places, err := v.DB.Overseen(v.Context(), v.me.ID)
	if err != nil {
		return err
	}
	list, pdus := []map[string]any{}, []map[string]any{}
	for _, l := range all {
		list = append(list, sampleJSON(l))
	}
	for _, o := range places {
		pdus = append(pdus, map[string]any{"pdu": o.PDU, "name": o.Name, "practitioners": colleaguesJSON(o.Practitioners)})
	}
	return v.answer(http.StatusOK, map[string]any{"samples": list, "places": pdus})
}

// apiDrawSample draws one. Each call draws anew; with the same seed, of the same
// work, the same.
func apiDrawSample(v *visit) error {
	var in struct {
		PDU          string        `json:"pdu"`
		Practitioner string        `json:"practitioner"`
		Kind         string        `json:"kind"`
		Size         int           `json:"size"`
		Seed         *int64        `json:"seed"`
		From         casework.Date `json:"from"`
		To           casework.Date `json:"to"`
	}
	if err := v.body(&in); err != nil {
		return err
	}
	form := map[string]string{"pdu": in.PDU, "practitioner": in.Practitioner, "kind": in.Kind, "size": strconv.Itoa(in.Size)}
	if in.Seed != nil {
		form["seed"] = strconv.FormatInt(*in.Seed, 10)
	}
	for prefix, d := range map[string]casework.Date{"from": in.From, "to": in.To} {
		if d.Known() {
			putDay(form, prefix, d.Time())
		}
	}
	s, mistakes, err := v.draw(form)
	if err != nil {
		return err
	}
	if len(mistakes) > 0 {
		return invalid(mistakes)
	}
	return v.answer(http.StatusCreated, map[string]any{"sample": s.ID, "seed": s.Seed, "population": s.Population})
}

func itemJSON(i postgres.SampleItem) map[string]any {
	body := map[string]any{"id": i.ID, "sample": i.Sample, "n": i.N, "action": i.Action, "decision": i.Decision, "practitioner": i.Practitioner,
		"name": i.Name, "mine": i.Mine, "own": i.Own, "force": i.Force, "reference": i.Reference, "kind": i.Kind, "doneAt": i.DoneAt,
		"answers": i.Answers, "verdict": i.Verdict, "notes": i.Notes, "judged": i.JudgedAt != nil, "erased": i.Erased}
	if i.Answers == nil {
		body["answers"] = map[string]string{}
	}
	return body
}

// apiSample is a draw: what the viewer may open of it, and what was found.
func apiSample(v *visit) error {
	p, err := v.readSample()
	if err != nil {
		return err
	}
	items, questions := []map[string]any{}, []map[string]any{}
	for _, i := range p.Open {
		items = append(items, itemJSON(i))
	}
	for _, q := range p.Questions {
		questions = append(questions, map[string]any{"question": q.Question, "pass": q.Pass, "partial": q.Partial, "fail": q.Fail, "none": q.None})
	}
	return v.answer(http.StatusOK, map[string]any{"sample": sampleJSON(p.SampleLine), "items": items, "questions": questions})
}

func apiSampled(v *visit) error {
	p, err := v.readSampled()
	if err != nil {
		return err
	}
	v.viewed("sampled", p.Item.ID, map[string]any{"action": p.ID, "sample": p.Item.Sample})
	return v.answer(http.StatusOK, map[string]any{"item": itemJSON(p.Item), "decision": decidedJSON(p.Decision),
		"action": actionOf(p.ActionItem), "incident": maskedIncident(p.MatchView, v.opened(p.Match))})
}

func apiJudgeSampled(v *visit) error {
	p, err := v.readSampled()
	if err != nil {
		return err
	}
	var in struct {
		Answers map[string]string `json:"answers"`
		Verdict string            `json:"verdict"`
		Notes   string            `json:"notes"`
		// Later keeps what there is, to go on with.
		Later bool `json:"later"`
	}
	if err := v.body(&in); err != nil {
		return err
	}
	p.Form = map[string]string{"verdict": in.Verdict, "notes": strings.TrimSpace(in.Notes)}
	for question, answer := range in.Answers {
		p.Form["answer-"+question] = answer
	}
	mistakes, err := v.find(p, !in.Later)
	if err != nil {
		return err
	}
	if len(mistakes) > 0 {
		return invalid(mistakes)
	}
	return v.answer(http.StatusOK, map[string]any{"item": p.Item.ID, "judged": !in.Later})
}
