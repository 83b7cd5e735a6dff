package linkage

import (
	"fmt"
	"html"
	"strings"

	"github.com/reportable-incidents/reportable/services/casework"
)

// WaterfallSVG draws the evidence as a waterfall: the prior, each comparison
// with its level and bits, and the total. It holds no values, so that it may be
// shown where names may not. The same evidence gives the same bytes.
func WaterfallSVG(e casework.Evidence) []byte {
	const row, label, chart, end = 26, 330, 320, 70
	type bar struct {
		label    string
		bits     float64
		from, to float64
		sum      bool
	}
	at := e.Prior
	bars := []bar{{label: "before anything is compared", bits: e.Prior, to: e.Prior, sum: true}}
	for _, s := range e.Steps {
		bars = append(bars, bar{label: s.Field + ": " + s.Level, bits: s.Bits, from: at, to: at + s.Bits})
		at += s.Bits
	}
	bars = append(bars, bar{label: "total", bits: e.Bits, to: e.Bits, sum: true})
	low, high := 0.0, 0.0
	for _, b := range bars {
		low, high = min(low, b.from, b.to), max(high, b.from, b.to)
	}
	x := func(bits float64) float64 { return label + float64((bits-low)/max(high-low, 1e-9)*chart) }
	var b strings.Builder
	height := (len(bars) + 2) * row
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" font-family="sans-serif" font-size="13">`, label+chart+end, height)
	fmt.Fprintf(&b, "<title>How the score of %+.2f bits comes about: probability %.4f</title>\n", e.Bits, e.Probability)
	for i, r := range bars {
		y := i*row + 8
		fill := "#00703c"
		switch {
		case r.sum:
			fill = "#505a5f"
		case r.bits < 0:
			fill = "#d4351c"
		}
		left, right := x(min(r.from, r.to)), x(max(r.from, r.to))
		fmt.Fprintf(&b, `<g><text x="%d" y="%d" text-anchor="end">%s</text>`, label-10, y+14, html.EscapeString(r.label))
		fmt.Fprintf(&b, `<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s"/>`, left, y, max(right-left, 1), row-8, fill)
		fmt.Fprintf(&b, `<text x="%.1f" y="%d">%+.2f</text></g>`+"\n", right+6, y+14, r.bits)
	}
	fmt.Fprintf(&b, `<line x1="%.1f" y1="0" x2="%.1f" y2="%d" stroke="#0b0c0c" stroke-dasharray="2 3"/>`, x(0), x(0), len(bars)*row+8)
	fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">0 bits: as likely as not</text></svg>`+"\n", x(0), height-16)
	return []byte(b.String())
}
