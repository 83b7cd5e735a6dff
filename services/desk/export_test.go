package desk

import (
	"time"

	"github.com/reportable-incidents/reportable/services/access"
)

// Quick has counts looked up at once when something has happened.
func Quick(c *Config) { c.pulse = 10 * time.Millisecond }

// Line is one line of the table of routes, for the test that walks it.
type Line struct {
	Pattern string
	Rule    access.Rule
	View    string
}

// Table is the whole table of routes.
func (d *Desk) Table() []Line {
	var all []Line
	for _, r := range d.routes() {
		all = append(all, Line{r.pattern, r.rule, r.view})
	}
	return all
}
