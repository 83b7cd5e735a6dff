package desk

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

// mostRows is how many lines a download may have.
const mostRows = 10_000

// readAtOnce is how many of them one query reads: a few, so that none takes long.
// partOf is how many leave together, after the first few.
const readAtOnce, partOf = 200, 1000

// download gives the queue as it is filtered, as CSV, while it is read: every
// part is on the trail before it leaves. It says who by CRN alone, and never
// where anybody lives.
func download(v *visit) error {
	f := v.queueFilter(v.URL.Query())
	out := csv.NewWriter(v.w)
	out.UseCRLF = true
	rows, size := 0, readAtOnce
	for after, more := (postgres.Key{}), true; more && rows < mostRows; size = min(partOf, mostRows-rows) {
		part, next, err := v.readPart(f, after, size)
		ids := make([]casework.MatchID, len(part))
		for i, it := range part {
			ids[i] = it.Match
		}
		if err == nil && (rows == 0 || len(part) > 0) {
			v.viewed("matches", "", map[string]any{"rows": len(part), "after": rows, "filter": chosen(v.URL.Query()), "matches": ids})
			err = v.record()
		}
		if err != nil && rows > 0 {
			panic(http.ErrAbortHandler) // else the file would look whole
		}
		if err != nil {
			return err
		}
		if rows == 0 {
			v.w.Header().Set("Content-Type", "text/csv; charset=utf-8")
			v.w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="matches-%s.csv"`, v.now.Format("2006-01-02-1504")))
			out.Write([]string{"force", "reference", "kind", "type", "reported", "role", "band", "probability", "crn", "pdu", "priority", "state", "due"})
		}
		for _, it := range part {
			line := []string{it.Force, it.Reference, string(it.Kind), it.Type, it.ReportedAt.UTC().Format(time.RFC3339), string(it.Role), string(it.Band),
				fmt.Sprintf("%.4f", it.Probability), it.CRN, it.PDU, string(it.Priority), string(it.State), it.NextDue.UTC().Format(time.RFC3339)}
			for i := range line {
				line[i] = harmless(line[i])
			}
			out.Write(line)
		}
		out.Flush()
		rows, after, more = rows+len(part), next, len(part) == size
	}
	return out.Error()
}

// readPart reads so many lines of the queue, and where it left off.
func (v *visit) readPart(f postgres.QueueFilter, after postgres.Key, size int) (part []postgres.QueueItem, _ postgres.Key, err error) {
	for len(part) < size {
		items, err := v.DB.Queue(v.Context(), v.me.ID, f, after, readAtOnce)
		if err != nil {
			return nil, after, err
		}
		part = append(part, items...)
		if len(items) < readAtOnce {
			break
		}
		after = f.Order.KeyOf(items[len(items)-1])
	}
	return part, after, nil
}

// harmless keeps a spreadsheet from taking what police typed for a formula.
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n|", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
