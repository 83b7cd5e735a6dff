package desk

import (
	"net/http"
	"net/url"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

type actionsPage struct {
	Items   []postgres.ActionItem
	Decided []postgres.ActionItem
	Count   postgres.ActionCount
	Next    string
	First   bool
	Counts  counts
	Away    []postgres.Away
	Cover   string // where the viewer says when they are away
}

// actions lists what the viewer has to do, by when it is due, and what they did lately.
func actions(v *visit) error {
	if v.victimStaffOnly() { // what the list says of the case is not theirs to read
		return v.to("/victims", "")
	}
	after := v.after()
	items, err := v.DB.Actions(v.Context(), v.me.ID, after, rows+1)
	if err != nil {
		return err
	}
	p := actionsPage{First: after == postgres.Key{}}
	if p.Count, err = v.DB.ActionCount(v.Context(), v.me.ID); err != nil {
		return err
	}
	if access.Decide.Allows(&v.me) && v.me.Staff != "" {
		p.Cover = "/staff/" + url.PathEscape(v.me.Staff) + "/cover"
		if p.Away, err = v.DB.Aways(v.Context(), v.me.ID, v.me.Staff); err != nil {
			return err
		}
	}
	p.Counts = counts{}
	v.ofActions(p.Counts, p.Count)
	if len(items) > rows {
		items = items[:rows]
		p.Next = v.nextPage(nil, items[rows-1].NextDue, int64(items[rows-1].ID))
	}
	p.Items = items
	if p.First {
		if p.Decided, err = v.DB.Decided(v.Context(), v.me.ID, 10); err != nil {
			return err
		}
	}
	v.viewed("actions", "", map[string]any{"actions": idsOf(items), "decided": idsOf(p.Decided)})
	return v.page(http.StatusOK, "actions", p)
}

func idsOf(items []postgres.ActionItem) []casework.ActionID {
	ids := make([]casework.ActionID, len(items))
	for i, it := range items {
		ids[i] = it.ID
	}
	return ids
}
