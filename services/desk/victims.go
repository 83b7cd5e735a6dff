package desk

import (
	"net/http"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

type victimsPage struct {
	Open []postgres.VictimItem
	Told []postgres.VictimItem
}

// victims is the victim staff's own page: which incidents they are to speak of
// with a victim, and how far that has come. Of the case it shows whose it is.
func victims(v *visit) error {
	p, err := v.readVictims()
	if err != nil {
		return err
	}
	return v.page(http.StatusOK, "victims", p)
}

func (v *visit) readVictims() (p victimsPage, err error) {
	all, err := v.DB.VictimWork(v.Context(), v.me.ID, 2*rows)
	if err != nil {
		return p, err
	}
	ids := make([]casework.ActionID, len(all))
	for i, it := range all {
		ids[i] = it.ID
		if it.State.Open() {
			p.Open = append(p.Open, it)
		} else {
			p.Told = append(p.Told, it)
		}
	}
	v.viewed("actions", "", map[string]any{"actions": ids})
	return p, nil
}

// victimStaffOnly reports whether the viewer sees incidents for a victim's sake
// and nothing of the case.
func (v *visit) victimStaffOnly() bool {
	return v.me.Has(casework.VictimStaff) && !v.me.Has(casework.Administrator, casework.Practitioner, casework.Manager,
		casework.HeadOfPDU, casework.DutyOfficer)
}
