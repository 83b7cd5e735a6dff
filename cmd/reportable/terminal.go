package main

import (
	"encoding/json"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
)

// terminal is where a command reads and writes.
type terminal struct {
	in       io.Reader
	out, err io.Writer
}

// json writes an answer for a machine.
func (to terminal) json(answer any) error {
	e := json.NewEncoder(to.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(answer)
}

// patience is how long a command may work without a word.
const patience = 2 * time.Second

// progress shows how far a command is, on a terminal, once it takes longer
// than two seconds. The total is -1 if it is not known. Its functions are to
// be called from one goroutine.
func (to terminal) progress(what string, total int64) (set func(int64), done func()) {
	if f, ok := to.err.(*os.File); !ok || !isTerminal(f) {
		return func(int64) {}, func() {}
	}
	began := time.Now()
	var bar *progressbar.ProgressBar
	set = func(n int64) {
		if bar == nil && time.Since(began) > patience {
			bar = progressbar.NewOptions64(total,
				progressbar.OptionSetWriter(to.err),
				progressbar.OptionSetDescription(what),
				progressbar.OptionShowCount(),
				progressbar.OptionShowIts(),
				progressbar.OptionThrottle(100*time.Millisecond),
				progressbar.OptionClearOnFinish())
		}
		if bar != nil {
			_ = bar.Set64(n) // a bar that cannot be drawn is no reason to stop
		}
	}
	return set, func() {
		if bar != nil {
			_ = bar.Finish()
		}
	}
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
