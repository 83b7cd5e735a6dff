package desk

import (
	"net/http"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

type digestPage struct {
	PDU      string
	From, To time.Time
	Items    []postgres.DigestItem
	Start    string // the first page
	First    bool
	Next     string
}

// digestPerPage is more than a meeting comes to.
const digestPerPage = 200

// digest is the list for a PDU's multi-agency meeting: who was found in police
// incidents in the 24 hours before eight in the morning of a day.
func digest(v *visit) error {
	p, err := v.readDigest()
	if err != nil {
		return err
	}
	return v.page(http.StatusOK, "digest", p)
}

func (v *visit) readDigest() (digestPage, error) {
	day, err := time.ParseInLocation(time.DateOnly, v.PathValue("date"), v.Calendar.Zone())
	if err != nil {
		return digestPage{}, casework.ErrNotFound
	}
	p := digestPage{
		From: time.Date(day.Year(), day.Month(), day.Day()-1, 8, 0, 0, 0, v.Calendar.Zone()),
		To:   time.Date(day.Year(), day.Month(), day.Day(), 8, 0, 0, 0, v.Calendar.Zone()),
	}
	code := v.PathValue("code")
	after := casework.MatchID(v.after().ID)
	p.Start, p.First = v.URL.Path, after == 0
	if p.PDU, p.Items, err = v.DB.Digest(v.Context(), v.me.ID, code, p.From, p.To, after, digestPerPage+1); err != nil {
		return p, err
	}
	if len(p.Items) > digestPerPage {
		p.Items = p.Items[:digestPerPage]
		last := p.Items[digestPerPage-1]
		p.Next = v.nextPage(nil, last.FoundAt, int64(last.Match))
	}
	ids := make([]casework.MatchID, len(p.Items))
	for i, it := range p.Items {
		ids[i] = it.Match
	}
	v.viewed("pdu", code, map[string]any{"date": v.PathValue("date"), "matches": ids})
	return p, nil
}
