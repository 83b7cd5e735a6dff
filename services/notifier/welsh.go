package notifier

import (
	"fmt"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
)

// A mail says everything in English and then in Welsh: who reads a team's mailbox
// in which language is not known, and neither is to wait for the other.
const between = "\n----------------------------------------\n\n"

var kindsInWelsh = map[string]string{
	"raised":     "rhywbeth i'w wneud",
	"escalated":  "wedi'i adael ar ôl ei amser",
	"reassigned": "wedi'i symud at berchennog arall",
	"routed":     "i chi, gan na chaiff y rhai yr oedd ar eu cyfer ei weld",
	"reopened":   "gofynnir eto",
	"informed":   "mae'r heddlu wedi'i newid",
	"pressed":    "yn fwy brys nag yr oedd",
	"verified":   "mae'r paru wedi'i gadarnhau",
	"unverified": "nid yw'r paru wedi'i gadarnhau mwyach: peidiwch â gweithredu arno",
	"retracted":  "roedd y paru'n anghywir: rhowch y gorau iddi, a pheidiwch â gweithredu arno",
	"dismissed":  "nid y person hwn ydyw: rhowch y gorau iddi, a pheidiwch â gweithredu arno",
	"withdrawn":  "mae'r heddlu wedi'i dynnu'n ôl",
	"superseded": "nid yw'n ymwneud â'r person hwn mwyach",
	"closed":     "does dim ar ôl i'w wneud",
}

var monthsInWelsh = [...]string{"", "Ionawr", "Chwefror", "Mawrth", "Ebrill", "Mai", "Mehefin", "Gorffennaf", "Awst", "Medi", "Hydref", "Tachwedd", "Rhagfyr"}

func dayInWelsh(t time.Time) string {
	return fmt.Sprintf("%d %s %d", t.Day(), monthsInWelsh[t.Month()], t.Year())
}

func digestInWelsh(d casework.DayInPDU, link string, day time.Time) string {
	return fmt.Sprintf(`Y 24 awr diwethaf yn %s, ar %s.

%5d  o bobl a ganfuwyd mewn digwyddiadau'r heddlu
%5d  o barau nad oes neb wedi edrych arnynt eto
%5d  o ddigwyddiadau sy'n aros am benderfyniad
%5d  o gamau sydd wedi mynd dros eu hamser

Mae'r rhestr ar gyfer y cyfarfod wrth y ddesg:
%s

Nid yw'r neges hon yn enwi neb, o fwriad. Peidiwch ag ateb iddi, os gwelwch yn dda.
`, d.PDU, dayInWelsh(day), d.Found, d.Unjudged, d.Undecided, d.Overdue, link)
}
