package desk

import (
	"net/http"

	"github.com/reportable-incidents/reportable/services/postgres"
)

type countersignaturesPage struct {
	Items []postgres.ToCountersign
	Next  string
	First bool
}

// countersignatures lists the decisions that wait for a manager, the oldest first.
func countersignatures(v *visit) error {
	after := v.after()
	items, err := v.DB.Countersignatures(v.Context(), v.me.ID, after, rows+1)
	if err != nil {
		return err
	}
	p := countersignaturesPage{First: after == postgres.Key{}}
	if len(items) > rows {
		items = items[:rows]
		p.Next = v.nextPage(nil, items[rows-1].At, items[rows-1].Decision)
	}
	p.Items = items
	ids := make([]int64, len(items))
	for i, it := range items {
		ids[i] = it.Decision
	}
	v.viewed("decisions", "", map[string]any{"decisions": ids})
	return v.page(http.StatusOK, "countersignatures", p)
}
