package desk

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

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
	Start    string // the list's own first page
	Download string
	Active   bool // some filter narrows the list
	Sorts    []sorting
	Assign   []postgres.Assignee // to whom what is ticked can be given
	Outcome  []assigned          // what became of what was ticked
	Live     string              // what narrows the counts, too, that come later
	Counts   counts
}

// sorting is one heading by which the list can be sorted.
type sorting struct {
	Key  string // of the heading
	Href string // the list sorted by it, or the other way round if it is already
	Aria string // ascending, descending, or none
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
// The filter that somebody used last is theirs until they choose another.
func queue(v *visit) error {
	q := v.URL.Query()
	switch {
	case q.Has("clear"):
		if err := v.DB.SavePreference(v.Context(), v.me.ID, queuePreference, ""); err != nil {
			return err
		}
		return v.to("/matches", "")
	case len(q) == 0:
		var err error
		if q, err = v.keptFilter(); err != nil {
			return err
		}
	case !q.Has("after"):
		if err := v.DB.SavePreference(v.Context(), v.me.ID, queuePreference, chosen(q).Encode()); err != nil {
			return err
		}
	}
	return v.queuePage(http.StatusOK, q, nil)
}

// queuePreference is under which name the filter of the queue is kept.
const queuePreference = "queue"

// keptFilter is the filter that the viewer used last.
func (v *visit) keptFilter() (url.Values, error) {
	kept, err := v.DB.Preference(v.Context(), v.me.ID, queuePreference)
	if err != nil {
		return nil, err
	}
	q, err := url.ParseQuery(kept)
	if err != nil {
		q = url.Values{}
	}
	return chosen(q), nil
}

func (v *visit) queuePage(status int, q url.Values, outcome []assigned, mistakes ...fieldError) error {
	f := v.queueFilter(q)
	items, err := v.DB.Queue(v.Context(), v.me.ID, f, v.after(), rows+1)
	if err != nil {
		return err
	}
	narrowed := chosen(q)
	p := queuePage{First: !q.Has("after"), Start: "/matches?" + narrowed.Encode(), Download: "/matches.csv?" + narrowed.Encode(), Outcome: outcome}
	p.Sorts = sortings(narrowed, f.Order)
	narrowed.Del("sort")
	p.Active, p.Live = len(narrowed) > 0, narrowed.Encode()
	if p.Assign, err = v.DB.Assignees(v.Context(), v.me.ID); err != nil {
		return err
	}
	if p.Count, err = v.DB.QueueCount(v.Context(), v.me.ID, f); err != nil {
		return err
	}
	p.Counts = counts{}
	v.ofQueue(p.Counts, p.Count)
	if len(items) > rows {
		items = items[:rows]
		p.Next = v.nextOf(chosen(q), f.Order.KeyOf(items[rows-1]))
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
	return v.page(status, "queue", p, mistakes...)
}

// sortings are the headings in the order of the columns.
func sortings(q url.Values, now postgres.Order) []sorting {
	var all []sorting
	for _, s := range []struct {
		key string
		by  postgres.Order
	}{{"queue.match", postgres.ByCertainty}, {"queue.incident", postgres.ByFound}, {"queue.due", postgres.ByDue}, {"queue.priority", postgres.ByPriority}} {
		one, to := sorting{Key: s.key, Aria: "none"}, s.by
		switch {
		case now == s.by || now == "" && s.by == postgres.ByDue:
			one.Aria, to = "ascending", "-"+s.by
		case now == "-"+s.by:
			one.Aria = "descending"
		}
		link := maps.Clone(q)
		link.Set("sort", string(to))
		one.Href = "/matches?" + link.Encode()
		all = append(all, one)
	}
	return all
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
	{"whose", []string{"", "mine", "nobody"}},
	{"force", []string{"", "60", "61", "62", "63", "93"}},
}

// orders that the queue can be sorted by.
var orders = []string{string(postgres.ByDue), string(postgres.ByFound), string(postgres.ByCertainty), string(postgres.ByPriority)}

// chosen keeps what narrows the list, with values that we know.
func chosen(q url.Values) url.Values {
	kept := url.Values{}
	for _, c := range choicesOf {
		if value := q.Get(c.name); value != "" && slices.Contains(c.values, value) {
			kept.Set(c.name, value)
		}
	}
	if sort := q.Get("sort"); slices.Contains(orders, strings.TrimPrefix(sort, "-")) {
		kept.Set("sort", sort)
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
		Due: q.Get("due"), Until: v.endOfDay(), Whose: q.Get("whose"), Order: postgres.Order(q.Get("sort")),
	}
}

func (v *visit) queueFilters(f postgres.QueueFilter) ([]filter, error) {
	now := map[string]string{"state": string(f.State), "band": string(f.Band), "priority": string(f.Priority),
		"kind": string(f.Kind), "due": f.Due, "force": f.Force, "whose": f.Whose}
	var all []filter
	for _, c := range choicesOf {
		one := filter{Name: c.name}
		for _, value := range c.values {
			key := c.name + "." + value
			switch c.name {
			case "due":
				key = "due.choice." + value
			case "whose":
				key = "whose." + value
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
