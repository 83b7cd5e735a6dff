package desk

import (
	"net/http"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

type dutyPage struct {
	Items []dutyItem
	Next  []rotaLine // whose shift it is now, and whose it is after that
	Heads []postgres.Colleague
	Staff bool // somebody is on duty now
}

// dutyItem is something urgent, with who is called next if nobody takes it.
type dutyItem struct {
	postgres.ActionItem
	Callees []postgres.Colleague
}

// mostUrgent is how much one page shows: more than anybody can take in a night.
const mostUrgent = 50

// duty is the duty officer's own page: what is urgent now, and whom to call.
func duty(v *visit) error {
	p, err := v.readDuty()
	if err != nil {
		return err
	}
	return v.page(http.StatusOK, "duty", p)
}

func (v *visit) readDuty() (p dutyPage, err error) {
	items, err := v.DB.Actions(v.Context(), v.me.ID, postgres.Key{}, mostUrgent)
	if err != nil {
		return p, err
	}
	for _, it := range items {
		d := dutyItem{ActionItem: it}
		if d.Callees, err = v.DB.Callees(v.Context(), it.ID, v.now); err != nil {
			return p, err
		}
		p.Items = append(p.Items, d)
	}
	lines, err := v.DB.Rota(v.Context(), v.me.ID, v.now, 0)
	if err != nil {
		return p, err
	}
	for _, l := range lines {
		if l.Starts.Before(v.now.Add(48 * time.Hour)) {
			now := !l.Starts.After(v.now)
			p.Staff = p.Staff || now
			p.Next = append(p.Next, rotaLine{ShiftLine: l, Now: now})
		}
	}
	for _, region := range v.me.Scopes(casework.DutyOfficer) {
		heads, err := v.DB.Heads(v.Context(), region)
		if err != nil {
			return p, err
		}
		p.Heads = append(p.Heads, heads...)
	}
	v.viewed("actions", "", map[string]any{"actions": idsOf(items)})
	return p, nil
}
