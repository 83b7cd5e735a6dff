package feed_test

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

// spent gives the CPU seconds that this process, and the database's backends
// that work for it, have used so far: what a clock on the wall says is of the
// machine's other work, too. The backends' are nought where they run elsewhere.
func spent(b testing.TB, db *postgres.DB) (own, server float64) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	own = float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
	for _, pid := range pgtest.All[int](b, db, `
		select pid
		  from pg_stat_activity
		 where datname = current_database()
		   and backend_type = 'client backend'`) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || !bytes.Contains(stat, []byte("(postgres)")) {
			continue
		}
		// After the name in brackets, the twelfth and the thirteenth are the
		// hundredths of seconds spent in the program and in the kernel.
		f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		for _, ticks := range f[11:13] {
			n, _ := strconv.ParseFloat(ticks, 64)
			server += n / 100
		}
	}
	return own, server
}

// perThousand says what a thousand of something took of both.
func perThousand(n int, own0, server0, own1, server1 float64) string {
	return fmt.Sprintf("%.0f ms of CPU per 1,000, of which the database %.0f",
		(own1-own0+server1-server0)*1e6/float64(n), (server1-server0)*1e6/float64(n))
}
