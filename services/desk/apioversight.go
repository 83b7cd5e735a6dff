package desk

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/casework"
)

// apiOversight are the routes by which work is given, watched and proved.
func (d *Desk) apiOversight() []route {
	return []route{
		{pattern: "POST /v1/matches/assignments", rule: access.JudgeMatches, handle: apiAssign},
		{pattern: "GET /v1/second-looks", rule: access.JudgeMatches, handle: apiSecondLooks, view: "API_READ_SECOND_LOOKS"},
		{pattern: "POST /v1/matches/{id}/addresses", rule: access.ReadMatches, handle: apiAddresses},
		{pattern: "POST /v1/actions/{id}/addresses", rule: access.ReadActions, handle: apiAddresses},
		{pattern: "POST /v1/actions/{id}/completion", rule: access.ReadActions, handle: apiComplete},
		{pattern: "POST /v1/actions/{id}/checklist", rule: access.Decide, handle: apiAnswer},
		{pattern: "POST /v1/actions/{id}/reassignment", rule: access.Oversee, handle: apiReassign},
		{pattern: "GET /v1/escalations", rule: access.Oversee, handle: apiEscalations, view: "API_READ_ESCALATIONS"},
		{pattern: "GET /v1/team", rule: access.Oversee, handle: apiTeam, view: "API_READ_TEAM"},
		{pattern: "POST /v1/staff/{code}/covers", rule: access.Decide, handle: apiCover},
		{pattern: "POST /v1/covers/{id}/end", rule: access.Decide, handle: apiEndCover},
		{pattern: "GET /v1/trail", rule: access.ReadTrail, handle: apiTrail, view: "API_READ_TRAIL"},
		{pattern: "POST /v1/trail/lookup", rule: access.ReadTrail, handle: apiLookUp, view: "API_READ_TRAIL"},
		{pattern: "POST /v1/trail/verification", rule: access.ReadTrail, handle: apiVerify},
		{pattern: "GET /v1/forces", rule: access.Operate, handle: apiForces},
	}
}

// perPage is how many rows a list of the API gives at once.
const perPage = 100

func apiAssign(v *visit) error {
	var in struct {
		Matches []casework.MatchID `json:"matches"`
		To      string             `json:"to"`
	}
	if err := v.body(&in); err != nil {
		return err
	}
	switch {
	case in.To == "":
		return wrong("to", "assign.wrong.to")
	case len(in.Matches) == 0 || len(in.Matches) > mostAssigned:
		return wrong("matches", "assign.wrong.none")
	}
	done, err := v.assignTo(in.To, in.Matches)
	if err != nil {
		return err
	}
	all := []map[string]any{}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(in.Matches))) {
		outcome := "notfound"
		if n := slices.IndexFunc(done, func(a assigned) bool { return a.Match == id }); n >= 0 {
			outcome = done[n].Outcome
		}
		all = append(all, map[string]any{"match": id, "outcome": outcome})
	}
	return v.answer(http.StatusOK, map[string]any{"assignments": all})
}

func apiSecondLooks(v *visit) error {
	items, err := v.DB.SecondLooks(v.Context(), v.me.ID, v.after(), perPage+1)
	if err != nil {
		return err
	}
	body := map[string]any{}
	if len(items) > perPage {
		items = items[:perPage]
		body["next"] = v.nextPage(nil, items[perPage-1].At, int64(items[perPage-1].Match))
	}
	all, ids := []map[string]any{}, []casework.MatchID{}
	for _, i := range items {
		ids = append(ids, i.Match)
		all = append(all, map[string]any{"match": i.Match, "dismissedBy": i.By, "at": i.At, "band": i.Band, "priority": i.Priority,
			"force": i.Force, "reference": i.Reference, "crn": i.CRN, "rosh": i.RoSH})
	}
	body["secondLooks"] = all
	v.viewed("matches", "", map[string]any{"matches": ids})
	return v.answer(http.StatusOK, body)
}

// apiAddresses gives an incident with what is masked elsewhere, once, and writes
// on the trail who asked and why before it does.
func apiAddresses(v *visit) error {
	m, _, err := v.masking()
	if err != nil {
		return err
	}
	var in struct {
		Reason string `json:"reason"`
	}
	if err := v.body(&in); err != nil {
		return err
	}
	if !slices.Contains(reasons, in.Reason) {
		return wrong("reason", "addresses.missing")
	}
	if err := v.openedAddresses(m, in.Reason); err != nil {
		return err
	}
	return v.answer(http.StatusOK, map[string]any{"match": m.ID, "incident": maskedIncident(m, true)})
}

func apiComplete(v *visit) error {
	id, err := v.id()
	if err != nil {
		return err
	}
	if err := v.DB.Complete(v.Context(), v.me, casework.ActionID(id), v.correlation()); err != nil {
		return err
	}
	return v.answer(http.StatusOK, map[string]any{"action": id})
}

func apiAnswer(v *visit) error {
	id, err := v.id()
	if err != nil {
		return err
	}
	var in struct {
		Rule   string `json:"rule"`
		Answer string `json:"answer"`
		Note   string `json:"note"`
		// Of a referral.
		Concern string `json:"concern"`
		Risk    string `json:"risk"`
		Wanted  string `json:"wanted"`
	}
	if err := v.body(&in); err != nil {
		return err
	}
	item := casework.Item{Rule: in.Rule, Answer: in.Answer, Note: strings.TrimSpace(in.Note),
		Referral: casework.Referral{Concern: strings.TrimSpace(in.Concern), Risk: strings.TrimSpace(in.Risk), Wanted: strings.TrimSpace(in.Wanted)}}
	if !item.Answers() {
		return wrong("answer", "problem.invalid.says")
	}
	if longItem(item) {
		return wrong("note", "match.reason.long")
	}
	var lacking invalid
	for _, field := range item.Lacking() {
		lacking = append(lacking, fieldError{field, "checklist.wrong." + field})
	}
	if len(lacking) > 0 {
		return lacking
	}
	if err := v.DB.AnswerItem(v.Context(), v.me, casework.ActionID(id), item, v.correlation()); err != nil {
		return err
	}
	return v.answer(http.StatusOK, map[string]any{"action": id})
}

func apiReassign(v *visit) error {
	id, err := v.id()
	if err != nil {
		return err
	}
	var in struct {
		To string `json:"to"`
	}
	if err := v.body(&in); err != nil {
		return err
	}
	if in.To == "" {
		return wrong("to", "reassign.missing")
	}
	err = v.reassignTo(casework.ActionID(id), in.To)
	if errors.Is(err, casework.ErrUnseen) {
		return wrong("to", "reassign.unseen")
	}
	if err != nil {
		return err
	}
	return v.answer(http.StatusOK, map[string]any{"action": id})
}

func apiEscalations(v *visit) error {
	items, err := v.DB.Escalated(v.Context(), v.me.ID, perPage)
	if err != nil {
		return err
	}
	all := []actionJSON{}
	for _, i := range items {
		all = append(all, actionOf(i))
	}
	v.viewed("actions", "", map[string]any{"actions": idsOf(items)})
	return v.answer(http.StatusOK, map[string]any{"actions": all})
}

func apiTeam(v *visit) error {
	work, err := v.DB.Workloads(v.Context(), v.me.ID)
	if err != nil {
		return err
	}
	owner := v.URL.Query().Get("owner")
	items, err := v.DB.TeamActions(v.Context(), v.me.ID, owner, v.after(), perPage+1)
	if err != nil {
		return err
	}
	body := map[string]any{}
	if len(items) > perPage {
		items = items[:perPage]
		q := map[string][]string{}
		if owner != "" {
			q["owner"] = []string{owner}
		}
		body["next"] = v.nextPage(q, items[perPage-1].NextDue, int64(items[perPage-1].ID))
	}
	people, all := []map[string]any{}, []actionJSON{}
	for _, w := range work {
		people = append(people, map[string]any{"staff": w.Code, "name": w.Name, "team": w.Team, "cases": w.Cases, "open": w.Open,
			"unacknowledged": w.Unacknowledged, "overdue": w.Overdue, "dueSoon": w.DueSoon, "covered": w.Covered, "cover": w.Cover})
	}
	for _, i := range items {
		all = append(all, actionOf(i))
	}
	body["practitioners"], body["actions"] = people, all
	v.viewed("actions", "", map[string]any{"actions": idsOf(items)})
	return v.answer(http.StatusOK, body)
}

func apiCover(v *visit) error {
	var in struct {
		By   string `json:"by"`
		From string `json:"from"` // a day
		To   string `json:"to"`   // the last day
	}
	if err := v.body(&in); err != nil {
		return err
	}
	form := map[string]string{"by": in.By}
	for prefix, day := range map[string]string{"from": in.From, "to": in.To} {
		at, err := time.Parse(time.DateOnly, day)
		if err != nil {
			return wrong(prefix, "cover.wrong."+prefix)
		}
		form[prefix+"-day"], form[prefix+"-month"], form[prefix+"-year"] = strconv.Itoa(at.Day()), strconv.Itoa(int(at.Month())), strconv.Itoa(at.Year())
	}
	mistakes, err := v.coverFrom(form)
	if err != nil {
		return err
	}
	if len(mistakes) > 0 {
		return invalid(mistakes)
	}
	return v.answer(http.StatusOK, map[string]any{"staff": v.PathValue("code")})
}

func apiEndCover(v *visit) error {
	id, err := v.id()
	if err != nil {
		return err
	}
	if err := v.DB.EndCover(v.Context(), v.me, id, v.correlation()); err != nil {
		return err
	}
	return v.answer(http.StatusOK, map[string]any{"cover": id})
}

func apiTrail(v *visit) error {
	f, mistakes := v.trailFilter(map[string]string{})
	if len(mistakes) > 0 {
		return invalid(mistakes)
	}
	below, _ := strconv.ParseInt(v.URL.Query().Get("below"), 10, 64)
	lines, err := v.DB.Trail(v.Context(), f, below, perPage)
	if err != nil {
		return err
	}
	all := []map[string]any{}
	for _, l := range lines {
		all = append(all, map[string]any{"id": l.ID, "at": l.At, "actor": l.Actor, "what": l.What, "service": l.Service, "subjectType": l.SubjectType,
			"subjectId": l.SubjectID, "correlationId": l.Correlation, "details": l.Details, "sealed": l.Sealed, "actorName": l.Name})
	}
	v.viewed("trail", "", map[string]any{"type": f.SubjectType, "subject": f.SubjectID})
	return v.answer(http.StatusOK, map[string]any{"trail": all})
}

// apiLookUp is what the trail calls a person or a user.
func apiLookUp(v *visit) error {
	var asked struct {
		Called string `json:"called"`
	}
	if err := v.body(&asked); err != nil {
		return err
	}
	person, users, err := v.lookUp(strings.TrimSpace(asked.Called))
	if err != nil {
		return err
	}
	found := []map[string]any{}
	for _, u := range users {
		found = append(found, map[string]any{"actor": u.Subject, "name": u.Name})
	}
	body := map[string]any{"users": found}
	if person != 0 {
		body["person"] = person
		v.viewed("person", person, nil)
	}
	return v.answer(http.StatusOK, body)
}

func apiVerify(v *visit) error {
	proof, err := v.proveTrail()
	if err != nil {
		return err
	}
	return v.answer(http.StatusOK, map[string]any{"sealed": proof.Sealed, "faults": len(proof.Faults)})
}

func apiForces(v *visit) error {
	weeks, err := v.DB.ForceWeeks(v.Context())
	if err != nil {
		return err
	}
	all := []map[string]any{}
	for _, f := range weeks {
		all = append(all, map[string]any{"force": f.Force, "lastHeard": f.Last, "submissions": f.Submissions, "accepted": f.Accepted, "duplicate": f.Duplicate,
			"rejected": f.Rejected, "redacted": f.Redacted, "lateSeconds": f.Late.Seconds(), "latestSeconds": f.Latest.Seconds(),
			"listed": f.Listed, "people": f.People, "confirmed": f.Confirmed, "unfiltered": f.Unfiltered})
	}
	return v.answer(http.StatusOK, map[string]any{"forces": all})
}
