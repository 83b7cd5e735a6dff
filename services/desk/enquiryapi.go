package desk

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

func enquiryJSON(e postgres.Enquiry) map[string]any {
	body := map[string]any{"id": e.ID, "match": e.Match, "person": e.Person, "force": e.Force, "purpose": e.Purpose, "state": e.State(),
		"from": casework.DateOf(e.From), "to": casework.DateOf(e.To), "askedBy": e.AskedBy, "askedAt": e.AskedAt}
	if e.Due != nil {
		body["due"] = e.Due
	}
	return body
}

// toldJSON says that there is a reply, and not what it says.
func toldJSON(t postgres.Told) map[string]any {
	body := map[string]any{"id": t.ID, "kind": t.Kind, "force": t.Force, "reference": t.Reference, "revision": t.Revision,
		"status": t.Status, "receivedAt": t.ReceivedAt, "read": t.ReadAt != nil}
	if t.Enquiry != 0 {
		body["enquiry"] = t.Enquiry
	}
	return body
}

func apiAsk(v *visit) error {
	m, err := v.askable()
	if err != nil {
		return err
	}
	var in struct {
		Force         string        `json:"force"`
		Purpose       string        `json:"purpose"`
		From          casework.Date `json:"from"`
		To            casework.Date `json:"to"`
		Question      string        `json:"question"`
		Justification string        `json:"justification"`
	}
	if err := v.body(&in); err != nil {
		return err
	}
	form := map[string]string{"force": in.Force, "purpose": in.Purpose, "question": strings.TrimSpace(in.Question),
		"justification": strings.TrimSpace(in.Justification)}
	for prefix, d := range map[string]casework.Date{"from": in.From, "to": in.To} {
		if parts := strings.Split(d.String(), "-"); len(parts) == 3 {
			form[prefix+"-year"], form[prefix+"-month"], form[prefix+"-day"] = parts[0], parts[1], parts[2]
		}
	}
	n, _, mistakes, err := v.readEnquiry(m, form)
	if err != nil {
		return err
	}
	if len(mistakes) > 0 {
		return invalid(mistakes)
	}
	id, err := v.DB.Ask(v.Context(), n)
	if errors.Is(err, postgres.ErrAskedAlready) {
		return wrong("force", "ask.wrong.already")
	}
	if err != nil {
		return err
	}
	return v.answer(http.StatusCreated, map[string]any{"enquiry": id})
}

func apiEnquiries(v *visit) error {
	id, err := v.id()
	if err != nil {
		return err
	}
	p, _, err := v.DB.PersonOnPage(v.Context(), v.me.ID, casework.PersonID(id))
	if err != nil {
		return err
	}
	all, err := v.enquiriesAbout(p.ID, 0)
	if err != nil {
		return err
	}
	enquiries, replies := []map[string]any{}, []map[string]any{}
	for _, e := range all.Enquiries {
		enquiries = append(enquiries, enquiryJSON(e))
	}
	for _, t := range all.Told {
		replies = append(replies, toldJSON(t))
	}
	v.viewed("person", p.ID, nil)
	return v.answer(http.StatusOK, map[string]any{"enquiries": enquiries, "replies": replies})
}

func apiEnquiry(v *visit) error {
	id, err := v.id()
	if err != nil {
		return err
	}
	e, err := v.DB.Enquiry(v.Context(), v.me.ID, casework.EnquiryID(id))
	if err != nil {
		return err
	}
	told, err := v.answersTo(e)
	if err != nil {
		return err
	}
	replies := []map[string]any{}
	for _, t := range told {
		replies = append(replies, toldJSON(t))
	}
	v.viewed("enquiry", id, map[string]any{"person": e.Person, "match": e.Match})
	return v.answer(http.StatusOK, map[string]any{"enquiry": enquiryJSON(e), "question": e.Question, "justification": e.Justification, "replies": replies})
}

func apiReply(v *visit) error {
	t, err := v.readTold()
	if err != nil {
		return err
	}
	masked := v.maskedReply(&t)
	body := map[string]any{"reply": toldJSON(t), "masked": masked, "erased": t.Erased}
	if !masked && !t.Erased {
		body["said"] = t.Reply
	}
	v.viewed("reply", t.ID, map[string]any{"person": t.Person, "masked": masked})
	return v.answer(http.StatusOK, body)
}

func apiOpenReply(v *visit) error {
	var in struct {
		Reason string `json:"reason"`
	}
	if err := v.body(&in); err != nil {
		return err
	}
	if !slices.Contains(reasonsForDisclosure, in.Reason) {
		return wrong("reason", "addresses.missing")
	}
	id, err := v.openNow(in.Reason)
	if err != nil {
		return err
	}
	return v.answer(http.StatusOK, map[string]any{"reply": id})
}

func apiReadReply(v *visit) error {
	id, err := v.readNow()
	if err != nil {
		return err
	}
	return v.answer(http.StatusOK, map[string]any{"reply": id})
}
