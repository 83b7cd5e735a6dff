package desk

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

// apiWork are the routes by which people come to their work: what waits, their
// own filter, who has a match open, drafts, calls, and what is to be transferred.
func (d *Desk) apiWork() []route {
	return []route{
		{pattern: "GET /v1/counts", rule: access.AnyAccount, handle: apiCounts},
		{pattern: "GET /v1/me/queue-filter", rule: access.JudgeMatches, handle: apiFilter},
		{pattern: "POST /v1/me/queue-filter", rule: access.JudgeMatches, handle: apiKeepFilter},
		{pattern: "GET /v1/assignees", rule: access.JudgeMatches, handle: apiAssignees},
		{pattern: "POST /v1/matches/{id}/lock", rule: access.JudgeMatches, handle: apiLock},
		{pattern: "POST /v1/matches/{id}/lock/taking", rule: access.TakeMatches, handle: apiTakeLock},
		{pattern: "POST /v1/matches/{id}/lock/release", rule: access.JudgeMatches, handle: apiReleaseLock},
		{pattern: "GET /v1/matches/{id}/transfer", rule: access.JudgeMatches, handle: apiPack, view: "API_READ_TRANSFER"},
		{pattern: "GET /v1/transfers", rule: access.JudgeMatches, handle: apiTransfers, view: "API_READ_TRANSFERS"},
		{pattern: "POST /v1/transfers/{id}/retry", rule: access.JudgeMatches, handle: apiRetryTransfer},
		{pattern: "GET /v1/actions/{id}/draft", rule: access.Decide, handle: apiDraft, view: "API_READ_DRAFT"},
		{pattern: "POST /v1/actions/{id}/draft", rule: access.Decide, handle: apiKeepDraft},
		{pattern: "GET /v1/actions/{id}/callees", rule: access.RecordCalls, handle: apiCallees, view: "API_READ_CALLEES"},
		{pattern: "POST /v1/actions/{id}/calls", rule: access.RecordCalls, handle: apiCall},
		{pattern: "GET /v1/decisions/{id}", rule: access.Oversee, handle: apiDecision, view: "API_READ_DECISION"},
		{pattern: "GET /v1/colleagues", rule: access.Oversee, handle: apiColleagues},
		{pattern: "GET /v1/staff/{code}/stand-ins", rule: access.Decide, handle: apiStandIns},
		{pattern: "GET /v1/duty", rule: access.TakeUrgent, handle: apiDuty, view: "API_READ_DUTY"},
		{pattern: "GET /v1/victims", rule: access.SupportVictims, handle: apiVictims, view: "API_READ_VICTIMS"},
	}
}

// apiCounts is what waits for the viewer: what the pages keep up to date.
func apiCounts(v *visit) error {
	p, err := v.readHome()
	if err != nil {
		return err
	}
	body := map[string]any{}
	if q := p.Queue; q != nil {
		body["queue"] = map[string]any{"waiting": q.Waiting, "overdue": q.Overdue, "unsure": q.Unsure}
	}
	if a := p.Actions; a != nil {
		body["actions"] = map[string]any{"open": a.Open, "unacknowledged": a.Unacknowledged, "overdue": a.Overdue}
	}
	if p.Transfers != nil {
		body["transfers"], body["secondLooks"] = *p.Transfers, *p.Looks
	}
	if p.Sign != nil {
		body["countersignatures"], body["escalated"] = *p.Sign, *p.Escalated
	}
	return v.answer(http.StatusOK, body)
}

func filterJSON(q url.Values) map[string]any {
	filter := map[string]string{}
	for name := range q {
		filter[name] = q.Get(name)
	}
	return map[string]any{"filter": filter}
}

func apiFilter(v *visit) error {
	kept, err := v.keptFilter()
	if err != nil {
		return err
	}
	return v.answer(http.StatusOK, filterJSON(kept))
}

// apiKeepFilter keeps a filter as the viewer's own, as using it on the page does.
func apiKeepFilter(v *visit) error {
	var in struct {
		Filter map[string]string `json:"filter"`
	}
	if err := v.body(&in); err != nil {
		return err
	}
	q := url.Values{}
	for name, value := range in.Filter {
		q.Set(name, value)
	}
	kept := chosen(q)
	var unknown invalid
	for name, value := range in.Filter {
		if value != "" && kept.Get(name) != value {
			unknown = append(unknown, fieldError{"filter", "problem.invalid.says"})
			break
		}
	}
	if len(unknown) > 0 {
		return unknown
	}
	if err := v.DB.SavePreference(v.Context(), v.me.ID, queuePreference, kept.Encode()); err != nil {
		return err
	}
	return v.answer(http.StatusOK, filterJSON(kept))
}

func apiAssignees(v *visit) error {
	all, err := v.DB.Assignees(v.Context(), v.me.ID)
	if err != nil {
		return err
	}
	list := []map[string]any{}
	for _, a := range all {
		list = append(list, map[string]any{"subject": a.Subject, "name": a.Name})
	}
	return v.answer(http.StatusOK, map[string]any{"assignees": list})
}

func (v *visit) lockJSON(id casework.MatchID, h *postgres.Holder) map[string]any {
	body := map[string]any{"match": id}
	if h != nil {
		body["lock"] = map[string]any{"by": h.Name, "since": h.Since, "mine": h.Account == v.me.ID}
	}
	return body
}

// apiLock is opening a match to judge it: it is the viewer's then, unless
// somebody else has it.
func apiLock(v *visit) error {
	m, err := v.readMatch()
	if err != nil {
		return err
	}
	switch waiting, second, restore := v.awaits(m); {
	case !m.MayJudge:
		return casework.ErrNotFound
	case !waiting && !second && !restore:
		return casework.ErrChanged
	}
	h, err := v.DB.Hold(v.Context(), v.me.ID, m.ID, v.now.Add(heldFor), false)
	if err != nil {
		return err
	}
	return v.answer(http.StatusOK, v.lockJSON(m.ID, &h))
}

func apiTakeLock(v *visit) error {
	id, h, err := v.takeNow()
	if err != nil {
		return err
	}
	return v.answer(http.StatusOK, v.lockJSON(id, &h))
}

func apiReleaseLock(v *visit) error {
	m, err := v.readMatch()
	if err != nil {
		return err
	}
	if err := v.DB.Release(v.Context(), v.me.ID, m.ID); err != nil {
		return err
	}
	h, err := v.DB.HeldBy(v.Context(), m.ID)
	if err != nil {
		return err
	}
	return v.answer(http.StatusOK, v.lockJSON(m.ID, h))
}

// apiPack is the contact as the case record takes it.
func apiPack(v *visit) error {
	m, err := v.readMatch()
	if err != nil {
		return err
	}
	pack, automatic, err := v.readPack(m)
	if err != nil {
		return err
	}
	return v.answer(http.StatusOK, map[string]any{"match": m.ID, "contact": pack, "automatic": automatic})
}

func apiTransfers(v *visit) error {
	items, err := v.readTransfers()
	if err != nil {
		return err
	}
	all := []map[string]any{}
	for _, i := range items {
		all = append(all, map[string]any{"match": i.Match, "state": i.State, "finding": i.Finding, "problem": i.Problem, "attempts": i.Attempts,
			"queuedAt": i.QueuedAt, "contact": i.Contact, "force": i.Force, "reference": i.Reference, "crn": i.CRN,
			"surname": i.Surname, "forenames": i.Forenames})
	}
	return v.answer(http.StatusOK, map[string]any{"transfers": all})
}

func apiRetryTransfer(v *visit) error {
	id, err := v.id()
	if err != nil {
		return err
	}
	if err := v.DB.RetryTransfer(v.Context(), v.me, casework.MatchID(id), v.correlation()); err != nil {
		return err
	}
	return v.answer(http.StatusOK, map[string]any{"match": id})
}

// decisionJSON is a decision as its owner writes it: whole to record it, and in
// any part as a draft.
type decisionJSON struct {
	Outcome          casework.Outcome `json:"outcome,omitempty"`
	Rationale        string           `json:"rationale,omitempty"`
	RiskChanged      *bool            `json:"riskChanged,omitempty"`
	RiskReason       string           `json:"riskReason,omitempty"`
	ManagerConsulted string           `json:"managerConsulted,omitempty"`
	ConsultedAt      *time.Time       `json:"consultedAt,omitempty"`
	Referrals        []string         `json:"referrals,omitempty"`
}

// form is it as the page's form has it.
func (in decisionJSON) form(zone *time.Location) map[string]string {
	form := map[string]string{"outcome": string(in.Outcome), "rationale": strings.TrimSpace(in.Rationale), "risk_reason": strings.TrimSpace(in.RiskReason),
		"manager": in.ManagerConsulted, "referrals": strings.Join(in.Referrals, ",")}
	if in.RiskChanged != nil {
		form["risk"] = map[bool]string{true: "yes", false: "no"}[*in.RiskChanged]
	}
	if in.ConsultedAt != nil {
		putMoment(form, "consulted", in.ConsultedAt.In(zone))
	}
	return form
}

// putMoment fills the five boxes of a time.
func putMoment(form map[string]string, prefix string, at time.Time) {
	putDay(form, prefix, at)
	form[prefix+"-hour"], form[prefix+"-minute"] = fmt.Sprint(at.Hour()), fmt.Sprint(at.Minute())
}

func putDay(form map[string]string, prefix string, at time.Time) {
	form[prefix+"-day"], form[prefix+"-month"], form[prefix+"-year"] = fmt.Sprint(at.Day()), fmt.Sprint(int(at.Month())), fmt.Sprint(at.Year())
}

// readOwn is the action of the path, if the viewer is to decide on it.
func (v *visit) readOwn() (postgres.ActionView, error) {
	a, err := v.readAction()
	switch {
	case err != nil:
	case !a.Owns || a.Rule != "review_incident":
		err = casework.ErrNotFound
	case !a.State.Open():
		err = casework.ErrChanged
	}
	return a, err
}

func apiDraft(v *visit) error {
	a, err := v.readOwn()
	if err != nil {
		return err
	}
	form, err := v.DB.Draft(v.Context(), v.me.ID, a.ID)
	if err != nil && !errors.Is(err, casework.ErrNotFound) {
		return err
	}
	d := decisionJSON{Outcome: casework.Outcome(form["outcome"]), Rationale: form["rationale"], RiskReason: form["risk_reason"], ManagerConsulted: form["manager"]}
	if risk := form["risk"]; risk != "" {
		changed := risk == "yes"
		d.RiskChanged = &changed
	}
	if form["referrals"] != "" {
		d.Referrals = strings.Split(form["referrals"], ",")
	}
	if at, ok := v.momentIn(form, "consulted"); ok {
		d.ConsultedAt = &at
	}
	v.viewed("action", a.ID, map[string]any{"match": a.Match})
	return v.answer(http.StatusOK, map[string]any{"action": a.ID, "drafted": err == nil, "draft": d})
}

func apiKeepDraft(v *visit) error {
	a, err := v.readOwn()
	if err != nil {
		return err
	}
	var in decisionJSON
	if err := v.body(&in); err != nil {
		return err
	}
	if err := v.keepDraft(a, in.form(v.Calendar.Zone())); err != nil {
		return err
	}
	return v.answer(http.StatusOK, map[string]any{"action": a.ID})
}

func colleaguesJSON(all []postgres.Colleague) []map[string]any {
	list := []map[string]any{}
	for _, c := range all {
		list = append(list, map[string]any{"staff": c.Code, "name": c.Name})
	}
	return list
}

func apiCallees(v *visit) error {
	a, err := v.readAction()
	if err != nil {
		return err
	}
	all, err := v.DB.Callees(v.Context(), a.ID, v.now)
	if err != nil {
		return err
	}
	v.viewed("action", a.ID, map[string]any{"match": a.Match})
	return v.answer(http.StatusOK, map[string]any{"action": a.ID, "callees": colleaguesJSON(all)})
}

// apiCall records that somebody was told of an action by telephone.
func apiCall(v *visit) error {
	a, err := v.readAction()
	if err != nil {
		return err
	}
	var in struct {
		To string    `json:"to"`
		At time.Time `json:"at"`
	}
	if err := v.body(&in); err != nil {
		return err
	}
	p := telephonePage{ActionView: a, Form: map[string]string{"to": in.To}}
	if p.Callees, err = v.DB.Callees(v.Context(), a.ID, v.now); err != nil {
		return err
	}
	if !in.At.IsZero() {
		putMoment(p.Form, "spoke", in.At.In(v.Calendar.Zone()))
	}
	mistakes, err := v.recordCall(p)
	if err != nil {
		return err
	}
	if len(mistakes) > 0 {
		return invalid(mistakes)
	}
	return v.answer(http.StatusOK, map[string]any{"action": a.ID})
}

func decidedJSON(d postgres.DecisionView) map[string]any {
	return map[string]any{"id": d.ID, "outcome": d.Outcome, "rationale": d.Rationale, "riskChanged": d.RiskChanged, "riskReason": d.RiskReason,
		"managerConsulted": d.ManagerConsulted, "referrals": d.Referrals, "by": d.By, "at": d.At,
		"countersignNeeded": d.CountersignNeeded, "countersignedBy": d.CountersignedBy}
}

// apiDecision is a decision with its incident, for who is to countersign it.
func apiDecision(v *visit) error {
	p, err := v.readCountersign()
	if err != nil {
		return err
	}
	v.viewed("decision", p.Decision.ID, map[string]any{"action": p.ID})
	return v.answer(http.StatusOK, map[string]any{"decision": decidedJSON(p.Decision), "own": p.Own,
		"action": actionOf(p.ActionItem), "incident": maskedIncident(p.MatchView, v.opened(p.Match))})
}

func apiColleagues(v *visit) error {
	all, err := v.DB.Colleagues(v.Context(), v.me.ID)
	if err != nil {
		return err
	}
	return v.answer(http.StatusOK, map[string]any{"colleagues": colleaguesJSON(all)})
}

func apiStandIns(v *visit) error {
	who, by, err := v.DB.StandIns(v.Context(), v.me.ID, v.PathValue("code"))
	if err != nil {
		return err
	}
	away, err := v.DB.Aways(v.Context(), v.me.ID, who.Code)
	if err != nil {
		return err
	}
	covers := []map[string]any{}
	for _, a := range away {
		covers = append(covers, map[string]any{"cover": a.Cover, "by": a.By, "from": a.Starts, "to": a.Ends})
	}
	return v.answer(http.StatusOK, map[string]any{"staff": who.Code, "name": who.Name, "standIns": colleaguesJSON(by), "covers": covers})
}

// apiDuty is what is urgent now, whom to call, and whose shift it is.
func apiDuty(v *visit) error {
	p, err := v.readDuty()
	if err != nil {
		return err
	}
	all, shifts := []map[string]any{}, []map[string]any{}
	for _, i := range p.Items {
		all = append(all, map[string]any{"action": actionOf(i.ActionItem), "callees": colleaguesJSON(i.Callees)})
	}
	for _, l := range p.Next {
		shifts = append(shifts, shiftJSON(l))
	}
	return v.answer(http.StatusOK, map[string]any{"urgent": all, "shifts": shifts, "onDuty": p.Staff, "heads": headsJSON(p.Heads)})
}

// headsJSON are heads by the PDU that they head.
func headsJSON(all []postgres.Colleague) []map[string]any {
	list := []map[string]any{}
	for _, h := range all {
		list = append(list, map[string]any{"pdu": h.Code, "name": h.Name})
	}
	return list
}

func apiVictims(v *visit) error {
	p, err := v.readVictims()
	if err != nil {
		return err
	}
	list := func(items []postgres.VictimItem) []map[string]any {
		all := []map[string]any{}
		for _, i := range items {
			all = append(all, map[string]any{"action": i.ID, "rule": i.Rule, "priority": i.Priority, "state": i.State, "due": i.NextDue,
				"contact": i.Contact, "unverified": !i.Confirmed, "surname": i.Surname, "forenames": i.Forenames, "force": i.Force,
				"reference": i.Reference, "kind": i.Kind, "type": i.Type, "domesticAbuse": i.Domestic})
		}
		return all
	}
	return v.answer(http.StatusOK, map[string]any{"open": list(p.Open), "told": list(p.Told)})
}
