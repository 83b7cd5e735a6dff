package desk

import (
	"net/http"
	"net/url"

	"github.com/reportable-incidents/reportable/services/postgres"
)

type teamPage struct {
	Work  []postgres.Workload
	Items []postgres.ActionItem
	Owner string
	Name  string
	Total postgres.Workload
	Next  string
	First bool
}

// team is a manager's board: who has how much, what is late, who is away.
func team(v *visit) error {
	p := teamPage{Owner: v.URL.Query().Get("owner"), First: !v.URL.Query().Has("after")}
	var err error
	if p.Work, err = v.DB.Workloads(v.Context(), v.me.ID); err != nil {
		return err
	}
	for _, w := range p.Work {
		p.Total.Cases += w.Cases
		p.Total.Open += w.Open
		p.Total.Unacknowledged += w.Unacknowledged
		p.Total.Overdue += w.Overdue
		p.Total.DueSoon += w.DueSoon
		if w.Code == p.Owner {
			p.Name = w.Name
		}
	}
	items, err := v.DB.TeamActions(v.Context(), v.me.ID, p.Owner, v.after(), rows+1)
	if err != nil {
		return err
	}
	if len(items) > rows {
		items = items[:rows]
		q := url.Values{}
		if p.Owner != "" {
			q.Set("owner", p.Owner)
		}
		p.Next = v.nextPage(q, items[rows-1].NextDue, int64(items[rows-1].ID))
	}
	p.Items = items
	v.viewed("actions", "", map[string]any{"actions": idsOf(items)})
	return v.page(http.StatusOK, "team", p)
}
