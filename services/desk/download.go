package desk

import (
	"encoding/csv"
	"fmt"
	"strings"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

// mostRows is how many lines a download may have.
const mostRows = 10_000

// readAtOnce is how many of them one query reads: a few, so that none takes long.
const readAtOnce = 200

// download gives the queue as it is filtered, as CSV. It says who by CRN alone,
// and never where anybody lives.
func download(v *visit) error {
	f := v.queueFilter(v.URL.Query())
	var all []postgres.QueueItem
	for after := (postgres.Key{}); len(all) < mostRows; {
		items, err := v.DB.Queue(v.Context(), v.me.ID, f, after, readAtOnce)
		if err != nil {
			return err
		}
		all = append(all, items...)
		if len(items) < readAtOnce {
			break
		}
		after = f.Order.KeyOf(items[len(items)-1])
	}
	ids := make([]casework.MatchID, len(all))
	for i, it := range all {
		ids[i] = it.Match
	}
	v.viewed("matches", "", map[string]any{"rows": len(all), "filter": chosen(v.URL.Query()), "matches": ids})
	if err := v.record(); err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	v.w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="matches-%s.csv"`, v.now.Format("2006-01-02-1504")))
	out := csv.NewWriter(v.w)
	out.UseCRLF = true
	out.Write([]string{"force", "reference", "kind", "type", "reported", "role", "band", "probability", "crn", "pdu", "priority", "state", "due"})
	for _, it := range all {
		line := []string{it.Force, it.Reference, string(it.Kind), it.Type, it.ReportedAt.UTC().Format(time.RFC3339), string(it.Role), string(it.Band),
			fmt.Sprintf("%.4f", it.Probability), it.CRN, it.PDU, string(it.Priority), string(it.State), it.NextDue.UTC().Format(time.RFC3339)}
		for i := range line {
			line[i] = harmless(line[i])
		}
		out.Write(line)
	}
	out.Flush()
	return out.Error()
}

// harmless keeps a spreadsheet from taking what police typed for a formula.
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n|", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
