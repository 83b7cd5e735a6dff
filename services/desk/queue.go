package desk

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

// rows is how many lines a list shows at once.
const rows = 25

type queuePage struct {
	Items    []postgres.QueueItem
	Count    postgres.QueueCount
	Filters  []filter
	Next     string
	First    bool
	Download string
	Active   bool // some filter narrows the list
}

// filter is one choice that narrows a list.
type filter struct {
	Name    string
	Choices []choice
}

type choice struct {
	Value, Key string
	Text       string // where it is a name and not a key
	Chosen     bool
}

// queue lists the matches that wait for an administrator in the viewer's PDUs.
// The filter that somebody used last is kept for the length of their session.
func queue(v *visit) error {
	q := v.URL.Query()
	switch {
	case q.Has("clear"):
		v.sessions.Remove(v.Context(), sessionFilter)
		return v.to("/matches", "")
	case len(q) == 0:
		if kept := v.sessions.GetString(v.Context(), sessionFilter); kept != "" {
			q, _ = url.ParseQuery(kept)
		}
	case !q.Has("after"):
		v.sessions.Put(v.Context(), sessionFilter, chosen(q).Encode())
	}
	f := v.queueFilter(q)
	items, err := v.DB.Queue(v.Context(), v.me.ID, f, v.after(), rows+1)
	if err != nil {
		return err
	}
	p := queuePage{First: !q.Has("after"), Active: len(chosen(q)) > 0}
	p.Download = "/matches.csv?" + chosen(q).Encode()
	if p.Count, err = v.DB.QueueCount(v.Context(), v.me.ID, f); err != nil {
		return err
	}
	if len(items) > rows {
		items = items[:rows]
		last := items[rows-1]
		p.Next = v.nextPage(chosen(q), last.NextDue, int64(last.Action))
	}
	p.Items = items
	if p.Filters, err = v.queueFilters(f); err != nil {
		return err
	}
	ids := make([]casework.MatchID, len(items))
	for i, it := range items {
		ids[i] = it.Match
	}
	v.viewed("matches", "", map[string]any{"matches": ids})
	return v.page(http.StatusOK, "queue", p)
}

// choicesOf are the values that each filter knows.
var choicesOf = []struct {
	name   string
	values []string
}{
	{"state", []string{"", "open", "unsure", "confirmed"}},
	{"band", []string{"", "certain", "probable", "possible"}},
	{"priority", []string{"", "urgent", "high", "standard"}},
	{"kind", []string{"", "arrest", "incident"}},
	{"due", []string{"", "overdue", "today"}},
	{"force", []string{"", "60", "61", "62", "63", "93"}},
}

// chosen keeps what narrows the list, with values that we know.
func chosen(q url.Values) url.Values {
	kept := url.Values{}
	for _, c := range choicesOf {
		if value := q.Get(c.name); value != "" && slices.Contains(c.values, value) {
			kept.Set(c.name, value)
		}
	}
	if pdu := q.Get("pdu"); pdu != "" && len(pdu) < 16 {
		kept.Set("pdu", pdu)
	}
	return kept
}

func (v *visit) queueFilter(q url.Values) postgres.QueueFilter {
	q = chosen(q)
	return postgres.QueueFilter{
		PDU: q.Get("pdu"), Force: q.Get("force"), Band: casework.Band(q.Get("band")), Kind: casework.Kind(q.Get("kind")),
		Priority: casework.Priority(q.Get("priority")), State: casework.MatchState(q.Get("state")),
		Due: q.Get("due"), Until: v.endOfDay(),
	}
}

func (v *visit) queueFilters(f postgres.QueueFilter) ([]filter, error) {
	now := map[string]string{"state": string(f.State), "band": string(f.Band), "priority": string(f.Priority),
		"kind": string(f.Kind), "due": f.Due, "force": f.Force}
	var all []filter
	for _, c := range choicesOf {
		one := filter{Name: c.name}
		for _, value := range c.values {
			key := c.name + "." + value
			if c.name == "due" {
				key = "due.choice." + value
			}
			if value == "" {
				key = "filter." + c.name + ".any"
			}
			one.Choices = append(one.Choices, choice{Value: value, Key: key, Chosen: now[c.name] == value})
		}
		all = append(all, one)
	}
	scopes := slices.Concat(v.me.Scopes(casework.Administrator), v.me.Scopes(casework.HeadOfPDU))
	slices.Sort(scopes)
	if scopes = slices.Compact(scopes); len(scopes) < 2 {
		return all, nil
	}
	names, err := v.DB.PDUNames(v.Context())
	if err != nil {
		return nil, err
	}
	pdu := filter{Name: "pdu", Choices: []choice{{Key: "filter.pdu.any", Chosen: f.PDU == ""}}}
	for _, code := range scopes {
		pdu.Choices = append(pdu.Choices, choice{Value: code, Text: names[code], Chosen: f.PDU == code})
	}
	return append([]filter{pdu}, all...), nil
}
