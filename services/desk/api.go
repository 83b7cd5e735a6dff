package desk

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

// apiRoutes are the same work as JSON, under the same rules
// (schemas/api/desk.openapi.yaml). An answer is always an object.
func (d *Desk) apiRoutes() []route {
	return []route{
		{pattern: "GET /v1/me", rule: access.AnyAccount, handle: apiMe},
		{pattern: "GET /v1/matches", rule: access.JudgeMatches, handle: apiMatches, view: "API_READ_QUEUE"},
		{pattern: "GET /v1/matches/{id}", rule: access.ReadMatches, handle: apiMatch, view: "API_READ_MATCH"},
		{pattern: "POST /v1/matches/{id}/judgements", rule: access.ReadMatches, handle: apiJudge},
		{pattern: "POST /v1/matches/{id}/transfer", rule: access.JudgeMatches, handle: apiTransfer},
		{pattern: "GET /v1/actions", rule: access.ReadActions, handle: apiActions, view: "API_READ_ACTIONS"},
		{pattern: "GET /v1/actions/{id}", rule: access.ReadActions, handle: apiAction, view: "API_READ_ACTION"},
		{pattern: "POST /v1/actions/{id}/acknowledgement", rule: access.ReadActions, handle: apiAcknowledge},
		{pattern: "POST /v1/actions/{id}/decisions", rule: access.Decide, handle: apiDecide},
		{pattern: "GET /v1/countersignatures", rule: access.Oversee, handle: apiCountersignatures, view: "API_READ_COUNTERSIGNATURES"},
		{pattern: "POST /v1/decisions/{id}/countersignature", rule: access.Oversee, handle: apiCountersign},
		{pattern: "POST /v1/matches/{id}/enquiries", rule: access.ReadMatches, handle: apiAsk},
		{pattern: "GET /v1/people/{id}/enquiries", rule: access.ReadMatches, handle: apiEnquiries, view: "API_READ_ENQUIRIES"},
		{pattern: "GET /v1/enquiries/{id}", rule: access.ReadMatches, handle: apiEnquiry, view: "API_READ_ENQUIRY"},
		{pattern: "GET /v1/replies/{id}", rule: access.ReadMatches, handle: apiReply, view: "API_READ_REPLY"},
		{pattern: "POST /v1/replies/{id}/opening", rule: access.ReadMatches, handle: apiOpenReply},
		{pattern: "POST /v1/replies/{id}/reading", rule: access.ReadMatches, handle: apiReadReply},
		{pattern: "POST /v1/search", rule: access.ReadMatches, handle: apiFind},
		{pattern: "GET /v1/people/{id}/timeline", rule: access.ReadMatches, handle: apiTimeline, view: "API_READ_TIMELINE"},
	}
}

func (v *visit) api() bool { return strings.HasPrefix(v.URL.Path, "/v1/") }

// answer sends an object, and writes on the trail what it shows of people.
func (v *visit) answer(status int, body any) error {
	if v.route.view != "" && status < 400 {
		if err := v.record(); err != nil {
			return err
		}
	}
	v.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	v.w.WriteHeader(status)
	return json.NewEncoder(v.w).Encode(body)
}

type personJSON struct {
	ID        casework.PersonID `json:"id"`
	CRN       string            `json:"crn"`
	Surname   string            `json:"surname"`
	Forenames string            `json:"forenames"`
	RoSH      casework.RoSH     `json:"rosh"`
	PDU       string            `json:"pdu"`
}

type matchJSON struct {
	ID          casework.MatchID    `json:"id"`
	State       casework.MatchState `json:"state"`
	Unverified  bool                `json:"unverified"`
	Band        casework.Band       `json:"band"`
	Probability float64             `json:"probability"`
	Priority    casework.Priority   `json:"priority"`
	Force       string              `json:"force"`
	Reference   string              `json:"reference"`
	Kind        casework.Kind       `json:"kind"`
	Type        string              `json:"type"`
	Role        casework.Role       `json:"role"`
	FoundAt     time.Time           `json:"foundAt"`
	Due         *time.Time          `json:"due,omitempty"`
	Person      personJSON          `json:"person"`
}

func apiMe(v *visit) error {
	type grant struct {
		Role  casework.OwnerRole `json:"role"`
		Scope string             `json:"scope"`
	}
	grants := []grant{}
	for _, g := range v.me.Grants {
		grants = append(grants, grant{g.Role, g.Scope})
	}
	return v.answer(http.StatusOK, map[string]any{"name": v.me.Name, "subject": v.me.Subject, "grants": grants})
}

func apiMatches(v *visit) error {
	f := v.queueFilter(v.URL.Query())
	items, err := v.DB.Queue(v.Context(), v.me.ID, f, v.after(), 101)
	if err != nil {
		return err
	}
	body := struct {
		Matches []matchJSON `json:"matches"`
		Next    string      `json:"next,omitempty"`
	}{Matches: []matchJSON{}}
	if len(items) > 100 {
		items = items[:100]
		body.Next = v.nextOf(chosen(v.URL.Query()), f.Order.KeyOf(items[99]))
	}
	ids := make([]casework.MatchID, len(items))
	for i, it := range items {
		ids[i] = it.Match
		body.Matches = append(body.Matches, matchJSON{
			ID: it.Match, State: it.State, Unverified: it.State != casework.MatchConfirmed, Band: it.Band, Probability: it.Probability,
			Priority: it.Priority, Force: it.Force, Reference: it.Reference, Kind: it.Kind, Type: it.Type, Role: it.Role,
			FoundAt: it.FoundAt, Due: &it.NextDue,
			Person: personJSON{it.Person, it.CRN, it.Surname, it.Forenames, it.RoSH, it.PDU},
		})
	}
	v.viewed("matches", "", map[string]any{"matches": ids})
	return v.answer(http.StatusOK, body)
}

// maskedIncident is the incident without the addresses of victims and callers.
func maskedIncident(m postgres.MatchView, opened bool) casework.Incident {
	seen := viewIncident(m, opened)
	i := seen.Incident
	i.Persons = nil
	for _, p := range seen.Parties {
		if p.Masked {
			p.Address, p.Postcode = "", ""
		}
		i.Persons = append(i.Persons, p.Involvement)
	}
	if seen.PlaceMasked {
		i.Location = casework.Location{}
	}
	if !opened {
		i.ReportedBy = ""
	}
	return i
}

func (v *visit) matchBody(m postgres.MatchView) map[string]any {
	one := matchJSON{
		ID: m.ID, State: m.State, Unverified: m.State != casework.MatchConfirmed, Band: m.Band, Probability: m.Evidence.Probability,
		Priority: m.Priority, Force: m.Incident.Force, Reference: m.Incident.Reference, Kind: m.Incident.Kind, Type: m.Incident.Type,
		FoundAt: m.FoundAt,
		Person:  personJSON{m.Person.ID, m.Person.CRN, m.Person.Surname, m.Person.Forenames, m.Person.RoSH, m.Person.PDU},
	}
	if n := m.Position - 1; n >= 0 && n < len(m.Incident.Persons) {
		one.Role = m.Incident.Persons[n].Role
	}
	candidates := []map[string]any{}
	for _, c := range m.Candidates {
		candidates = append(candidates, map[string]any{"match": c.Match, "crn": c.CRN, "band": c.Band, "bits": c.Bits, "state": c.State})
	}
	judgements := []map[string]any{}
	for _, j := range m.Judged {
		judgements = append(judgements, map[string]any{"verdict": j.Verdict, "by": j.By, "reason": j.Reason, "at": j.At})
	}
	return map[string]any{"match": one, "seen": m.Seen, "revision": m.Revision, "incident": maskedIncident(m, v.opened(m.ID)),
		"erased": m.Erased, "evidence": m.Evidence, "candidates": candidates, "judgements": judgements,
		"mayJudge": m.MayJudge, "mayRetract": m.MayRetract}
}

func apiMatch(v *visit) error {
	m, err := v.readMatch()
	if err != nil {
		return err
	}
	if err := v.DB.NoticesRead(v.Context(), v.me, m.ID); err != nil {
		return err
	}
	body := v.matchBody(m)
	holder, err := v.DB.HeldBy(v.Context(), m.ID)
	if err != nil {
		return err
	}
	if holder != nil {
		body["lock"] = v.lockJSON(m.ID, holder)["lock"]
	}
	v.viewed("match", m.ID, map[string]any{"incident": m.IncidentID, "revision": m.Revision, "person": m.Person.ID, "seen": m.Seen})
	return v.answer(http.StatusOK, body)
}

func apiJudge(v *visit) error {
	id, err := v.id()
	if err != nil {
		return err
	}
	var in struct {
		Verdict casework.Verdict `json:"verdict"`
		Reason  string           `json:"reason"`
		Seen    string           `json:"seen"`
	}
	if err := v.body(&in); err != nil {
		return err
	}
	in.Reason = strings.TrimSpace(in.Reason)
	switch in.Verdict {
	case casework.VerdictConfirm:
		if m, err := v.DB.Match(v.Context(), v.me.ID, casework.MatchID(id)); err == nil && m.State == casework.MatchRetracted && in.Reason == "" {
			return wrong("reason", "match.reason.missing")
		}
	case casework.VerdictDismiss, casework.VerdictUnsure, casework.VerdictRetract:
		if in.Reason == "" {
			return wrong("reason", "match.reason.missing")
		}
	default:
		return wrong("verdict", "match.verdict.missing")
	}
	if tooLong(in.Reason) {
		return wrong("reason", "match.reason.long")
	}
	reached, err := v.DB.Judge(v.Context(), postgres.Judgement{Match: casework.MatchID(id), Verdict: in.Verdict, Reason: in.Reason,
		By: v.me, Seen: in.Seen, Correlation: v.correlation()})
	if err != nil {
		return err
	}
	v.Observe(reached...)
	return v.answer(http.StatusOK, map[string]any{"match": id, "verdict": in.Verdict})
}

func apiTransfer(v *visit) error {
	id, err := v.id()
	if err != nil {
		return err
	}
	var in struct {
		Contact string `json:"contact"`
	}
	if err := v.body(&in); err != nil {
		return err
	}
	if wrongContact(in.Contact) {
		return wrong("contact", "transfer.wrong")
	}
	reached, err := v.DB.Transfer(v.Context(), postgres.Transfer{Match: casework.MatchID(id), Contact: in.Contact, By: v.me, Correlation: v.correlation()})
	if err != nil {
		return err
	}
	v.Observe(reached...)
	return v.answer(http.StatusOK, map[string]any{"match": id})
}

type actionJSON struct {
	ID         casework.ActionID    `json:"id"`
	Match      casework.MatchID     `json:"match"`
	Rule       string               `json:"rule"`
	Owner      casework.OwnerRole   `json:"ownerRole"`
	Priority   casework.Priority    `json:"priority"`
	State      casework.ActionState `json:"state"`
	Unverified bool                 `json:"unverified"`
	Due        time.Time            `json:"due"`
	Level      int                  `json:"level"`
	Reference  string               `json:"reference"`
	Force      string               `json:"force"`
	Person     personJSON           `json:"person"`
}

func actionOf(i postgres.ActionItem) actionJSON {
	return actionJSON{ID: i.ID, Match: i.Match, Rule: i.Rule, Owner: i.OwnerRole, Priority: i.Priority, State: i.State, Unverified: i.Unverified(),
		Due: i.NextDue, Level: i.Level, Reference: i.Reference, Force: i.Force,
		Person: personJSON{ID: i.Person, CRN: i.CRN, Surname: i.Surname, Forenames: i.Forenames, RoSH: i.RoSH}}
}

func apiActions(v *visit) error {
	items, err := v.DB.Actions(v.Context(), v.me.ID, v.after(), 101)
	if err != nil {
		return err
	}
	body := struct {
		Actions []actionJSON `json:"actions"`
		Decided []actionJSON `json:"decided,omitempty"` // lately; on the first page
		Next    string       `json:"next,omitempty"`
	}{Actions: []actionJSON{}}
	if len(items) > 100 {
		items = items[:100]
		body.Next = v.nextPage(nil, items[99].NextDue, int64(items[99].ID))
	}
	for _, i := range items {
		body.Actions = append(body.Actions, actionOf(i))
	}
	var decided []postgres.ActionItem
	if (v.after() == postgres.Key{}) && !v.victimStaffOnly() { // theirs are with their own work
		if decided, err = v.DB.Decided(v.Context(), v.me.ID, 10); err != nil {
			return err
		}
	}
	for _, i := range decided {
		body.Decided = append(body.Decided, actionOf(i))
	}
	v.viewed("actions", "", map[string]any{"actions": idsOf(items), "decided": idsOf(decided)})
	return v.answer(http.StatusOK, body)
}

func apiAction(v *visit) error {
	a, err := v.readAction()
	if err != nil {
		return err
	}
	decisions, checklist := []map[string]any{}, []map[string]any{}
	for _, d := range a.Decisions {
		decisions = append(decisions, decidedJSON(d))
	}
	items, err := v.DB.Checklist(v.Context(), a.ID)
	if err != nil {
		return err
	}
	for _, i := range items {
		checklist = append(checklist, map[string]any{"rule": i.Rule, "answer": i.Answer, "note": i.Note, "concern": i.Concern, "risk": i.Risk, "wanted": i.Wanted})
	}
	if err := v.DB.NoticesRead(v.Context(), v.me, a.Match); err != nil {
		return err
	}
	v.viewed("action", a.ID, map[string]any{"match": a.Match, "person": a.Person})
	return v.answer(http.StatusOK, map[string]any{"action": actionOf(a.ActionItem),
		"incident": maskedIncident(a.MatchView, v.opened(a.Match)), "owns": a.Owns, "why": a.Why,
		"checklist": checklist, "decisions": decisions})
}

func apiAcknowledge(v *visit) error {
	id, err := v.id()
	if err != nil {
		return err
	}
	reached, err := v.DB.Acknowledge(v.Context(), v.me, casework.ActionID(id), v.correlation())
	if err != nil {
		return err
	}
	v.Observe(reached...)
	return v.answer(http.StatusOK, map[string]any{"action": id})
}

func apiDecide(v *visit) error {
	a, err := v.readAction()
	if err != nil {
		return err
	}
	var in decisionJSON
	if err := v.body(&in); err != nil {
		return err
	}
	form := in.form(v.Calendar.Zone())
	d, mistakes := v.readDecision(a, form)
	if len(mistakes) > 0 {
		return invalid(mistakes)
	}
	reached, err := v.DB.Decide(v.Context(), d)
	if err != nil {
		return err
	}
	v.Observe(reached...)
	return v.answer(http.StatusOK, map[string]any{"action": a.ID, "countersignNeeded": d.CountersignNeeded})
}

func apiCountersignatures(v *visit) error {
	items, err := v.DB.Countersignatures(v.Context(), v.me.ID, v.after(), 101)
	if err != nil {
		return err
	}
	body := map[string]any{}
	if len(items) > 100 {
		items = items[:100]
		body["next"] = v.nextPage(nil, items[99].At, items[99].Decision)
	}
	all, ids := []map[string]any{}, []int64{}
	for _, d := range items {
		ids = append(ids, d.Decision)
		all = append(all, map[string]any{"decision": d.Decision, "action": d.Action, "outcome": d.Outcome, "by": d.By, "at": d.At, "own": d.Own,
			"crn": d.CRN, "reference": d.Reference})
	}
	body["countersignatures"] = all
	v.viewed("decisions", "", map[string]any{"decisions": ids})
	return v.answer(http.StatusOK, body)
}

func apiCountersign(v *visit) error {
	id, err := v.id()
	if err != nil {
		return err
	}
	var in struct {
		Agree *bool  `json:"agree"`
		Note  string `json:"note"`
	}
	if err := v.body(&in); err != nil {
		return err
	}
	switch {
	case in.Agree == nil:
		return wrong("agree", "countersign.choose")
	case !*in.Agree && strings.TrimSpace(in.Note) == "":
		return wrong("note", "countersign.why")
	case tooLong(in.Note):
		return wrong("note", "match.reason.long")
	}
	reached, err := v.DB.Countersign(v.Context(), postgres.Countersignature{Decision: id, Agree: *in.Agree, Note: strings.TrimSpace(in.Note),
		Due: v.Calendar.Add(v.now, 8*time.Hour), By: v.me, Correlation: v.correlation()})
	if err != nil {
		return err
	}
	v.Observe(reached...)
	return v.answer(http.StatusOK, map[string]any{"decision": id})
}

func apiTimeline(v *visit) error {
	id, err := v.id()
	if err != nil {
		return err
	}
	p, _, err := v.DB.PersonOnPage(v.Context(), v.me.ID, casework.PersonID(id))
	if err != nil {
		return err
	}
	entries, err := v.DB.Timeline(v.Context(), v.me.ID, p.ID, 200)
	if err != nil {
		return err
	}
	all := []map[string]any{}
	for _, e := range entries {
		all = append(all, map[string]any{"match": e.Match, "state": e.State, "band": e.Band, "role": e.Role, "force": e.Force,
			"reference": e.Reference, "kind": e.Kind, "type": e.Type, "occurredAt": e.OccurredAt, "outcome": e.Outcome})
	}
	v.viewed("person", p.ID, nil)
	return v.answer(http.StatusOK, map[string]any{"person": personJSON{p.ID, p.CRN, p.Surname, p.Forenames, p.RoSH, p.PDU}, "timeline": all})
}
