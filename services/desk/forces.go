package desk

import (
	"net/http"

	"github.com/reportable-incidents/reportable/services/postgres"
)

type forcesPage struct{ Forces []postgres.ForceWeek }

// forces shows what each force sent in seven days, how late, and how far its
// watch list covers. It names nobody.
func forces(v *visit) error {
	all, err := v.DB.ForceWeeks(v.Context())
	if err != nil {
		return err
	}
	return v.page(http.StatusOK, "forces", forcesPage{all})
}
