package harness

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/reportable-incidents/reportable/services/stream"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

// Messages is everything that stands on the streams: subjects, headers and
// data. It says too how many messages there are.
func (w *World) Messages() (text string, n int) {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var b strings.Builder
	for _, name := range []string{stream.Incidents, stream.Caseload, stream.Matches, stream.Actions, stream.Audit} {
		consumer, err := w.Streams().OrderedConsumer(ctx, name, jetstream.OrderedConsumerConfig{})
		if err != nil {
			w.Fatal(err)
		}
		info, err := w.Streams().Stream(ctx, name)
		if err != nil {
			w.Fatal(err)
		}
		for left := info.CachedInfo().State.Msgs; left > 0; left-- {
			m, err := consumer.Next(jetstream.FetchMaxWait(5 * time.Second))
			if err != nil {
				w.Fatal(err)
			}
			fmt.Fprintln(&b, m.Subject(), m.Headers(), string(m.Data()))
			n++
		}
	}
	return b.String(), n
}

// Tables lists the tables in which a text stands, as text or in bytes.
func (w *World) Tables(text string) (in []string) {
	w.Helper()
	tables := pgtest.All[string](w, w.DB, `
		select table_name::text
		  from information_schema.tables
		 where table_schema = 'public'
		   and table_type = 'BASE TABLE'
		 order by 1`)
	if len(tables) < 20 {
		w.Fatalf("there are %d tables only; the search proves nothing", len(tables))
	}
	for _, table := range tables {
		n := pgtest.One[int](w, w.DB, fmt.Sprintf(`
			select count(*)
			  from %q t
			 where t::text ilike '%%' || $1 || '%%'
			    or t::text ilike '%%' || $2 || '%%'`, table), text, hex.EncodeToString([]byte(text)))
		if n > 0 {
			in = append(in, table)
		}
	}
	return in
}
