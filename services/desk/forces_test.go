package desk_test

import (
	"net/http"
	"testing"

	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

func TestTheForcesPageSaysWhatCameAndNamesNobody(t *testing.T) {
	w := open(t)
	w.Match(scene.Report{Person: w.Person(scene.Case{})})
	pgtest.Exec(t, w.DB, "insert into receipt (id, force, channel, accepted, rejected, redacted) values (gen_random_uuid(), '61', 'http', 7, 2, 1)")
	pgtest.Exec(t, w.DB, "insert into watch_list (force, unfiltered) values ('61', 'DPIA-2026-07'), ('60', '') on conflict (force) do update set unfiltered = excluded.unfiltered")
	pgtest.Exec(t, w.DB, "insert into receipt (id, force, channel, accepted, received_at) values (gen_random_uuid(), '63', 'http', 12345, now() - interval '50 hours')")
	for _, who := range []string{"operations", "auditor", "head"} {
		w.as(t, who).get("/forces").status(http.StatusOK).
			sees("tr[data-force='63'] .desk-overdue", "Silent for 2 days").sees("tr[data-force='63']", "12,345").count("tr[data-force='61'] .desk-overdue", 0).
			sees("tr[data-force='61']", "Gwent Police").sees("tr[data-force='61']", "7").
			sees("tr[data-force='61']", "Impact assessment DPIA-2026-07").sees("tr[data-force='60']", "Filtered against its watch list").
			seesNot("body", "Tester").seesNot("body", "REF0")
	}
	w.as(t, "practitioner").get("/forces").status(http.StatusForbidden)
}
