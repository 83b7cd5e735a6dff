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
	for _, who := range []string{"operations", "auditor", "head"} {
		w.as(t, who).get("/forces").status(http.StatusOK).
			sees("tr[data-force='61']", "Gwent Police").sees("tr[data-force='61']", "7").
			seesNot("body", "Tester").seesNot("body", "REF0")
	}
	w.as(t, "practitioner").get("/forces").status(http.StatusForbidden)
}
