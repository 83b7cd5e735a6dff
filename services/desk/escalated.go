package desk

import (
	"net/http"

	"github.com/reportable-incidents/reportable/services/postgres"
)

type escalatedPage struct{ Items []postgres.ActionItem }

// escalated lists what was left alone for too long and came up to the viewer.
func escalated(v *visit) error {
	items, err := v.DB.Escalated(v.Context(), v.me.ID, 100)
	if err != nil {
		return err
	}
	v.viewed("actions", "", map[string]any{"actions": idsOf(items)})
	return v.page(http.StatusOK, "escalated", escalatedPage{items})
}
