package desk

import (
	"net/http"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

type transfersPage struct{ Items []postgres.TransferItem }

// transfers lists what is not on the case record as it should be: given up,
// being tried again, lost there or changed there.
func transfers(v *visit) error {
	items, err := v.readTransfers()
	if err != nil {
		return err
	}
	return v.page(http.StatusOK, "transfers", transfersPage{items})
}

func (v *visit) readTransfers() ([]postgres.TransferItem, error) {
	items, err := v.DB.Transfers(v.Context(), v.me.ID, 200)
	if err != nil {
		return nil, err
	}
	ids := make([]casework.MatchID, len(items))
	for i, it := range items {
		ids[i] = it.Match
	}
	v.viewed("matches", "", map[string]any{"matches": ids})
	return items, nil
}

// retryTransfer has one tried again now.
func retryTransfer(v *visit) error {
	id, err := v.id()
	if err != nil {
		return err
	}
	if err := v.DB.RetryTransfer(v.Context(), v.me, casework.MatchID(id), v.correlation()); err != nil {
		return err
	}
	return v.to("/transfers", "transfers.retried")
}
