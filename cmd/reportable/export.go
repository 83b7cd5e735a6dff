package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/reportable-incidents/reportable/cmd/reportable/run"
	"github.com/reportable-incidents/reportable/services/access"
)

type exportCommand struct {
	What   string `arg:"" enum:"matches,actions,decisions,trail" help:"matches, actions, decisions or trail."`
	Format string `enum:"csv,json" default:"csv" help:"csv or json (an array). Default: ${default}."`
	identity
	Output string `short:"o" placeholder:"FILE" help:"Write to a file that only this account may read, instead of to standard output."`
}

func (exportCommand) Help() string {
	return `Everything on the record, in a steady order: codes, numbers and times, and neither names nor free text. A person is counted from 1 in the order in which the force gave them. A cell that a spreadsheet would run as a formula begins with an apostrophe.` + whoAsks + `

Example:
  reportable export matches --as 5f3e2c --format csv > matches.csv
  REPORTABLE_AS=5f3e2c reportable export actions --format json`
}

func (e exportCommand) Run(ctx context.Context, c *run.Config, to terminal) (err error) {
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	rule := access.ReadMatches
	if e.What == "trail" {
		rule = access.ReadTrail
	}
	who, subject, err := e.who(ctx, c, db, rule)
	if err != nil {
		return err
	}
	out := to.out
	if e.Output != "" {
		f, err := os.OpenFile(e.Output, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("export %s: %w", e.What, err)
		}
		defer func() {
			if closed := f.Close(); err == nil {
				err = closed
			}
		}()
		out = f
	}
	buffered := bufio.NewWriter(out)
	var columns func([]string) error
	var row func([]any) error
	var end func() error
	if e.Format == "json" {
		columns, row, end = asJSON(buffered)
	} else {
		w := csv.NewWriter(buffered)
		columns = w.Write
		row = func(values []any) error { return w.Write(cells(values)) }
		end = func() error { w.Flush(); return w.Error() }
	}
	if err := db.ExportFor(ctx, who.ID, subject, e.What, columns, row); err != nil {
		return err
	}
	if err := end(); err != nil {
		return err
	}
	return buffered.Flush()
}

// asJSON writes an array with an object a line, the fields in the order of the
// columns.
func asJSON(to io.Writer) (columns func([]string) error, row func([]any) error, end func() error) {
	var names []string
	n := 0
	columns = func(c []string) error { names = c; _, err := io.WriteString(to, "["); return err }
	row = func(values []any) error {
		var b strings.Builder
		if n > 0 {
			b.WriteByte(',')
		}
		n++
		b.WriteString("\n{")
		for i, v := range values {
			if i > 0 {
				b.WriteByte(',')
			}
			value, err := json.Marshal(v)
			if err != nil {
				return fmt.Errorf("encode column %s: %w", names[i], err)
			}
			fmt.Fprintf(&b, "%q:%s", names[i], value)
		}
		b.WriteByte('}')
		_, err := io.WriteString(to, b.String())
		return err
	}
	end = func() error { _, err := io.WriteString(to, "\n]\n"); return err }
	return columns, row, end
}

// cells are the values of one row as CSV has them.
func cells(values []any) []string {
	row := make([]string, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case nil:
		case string:
			row[i] = harmless(v)
		case float64:
			row[i] = strconv.FormatFloat(v, 'f', -1, 64)
		case time.Time:
			row[i] = v.UTC().Format(time.RFC3339)
		default:
			row[i] = fmt.Sprint(v)
		}
	}
	return row
}

// harmless keeps a spreadsheet from taking a text for a formula.
func harmless(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return "'" + s
	}
	return s
}
