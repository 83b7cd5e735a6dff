package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/test/harness"
)

// BenchmarkFromReceiptToThePractitionersList sends a hundred incidents a second
// over HTTP, from four forces, through every service as it runs for anybody, and
// says how long it took from the request until the action stands in the list of
// the practitioner, and until the force had its answer while all that goes on.
// The marks: 500 ms, and 25 ms for the answer, for all but one in a hundred.
//
//	go test ./test/bench -run '^$' -bench ReceiptToThePractitioner -benchtime 1x
func BenchmarkFromReceiptToThePractitionersList(b *testing.B) {
	const practitioners, rate, seconds, warm = 20, 100, 20, 3
	for b.Loop() {
		w := harness.New(b)
		people := harness.Wales(400)
		for i := range people {
			people[i].Practitioner = fmt.Sprintf("N03S01%02d", 10+i%practitioners)
		}
		w.Probation().Supervises(people...)
		w.Settled()
		feed := w.Feed()
		var keys []string
		forces := []string{"60", "61", "62", "63"}
		for _, force := range forces {
			key, hash := access.NewForceKey()
			if _, err := w.DB.AddForceKey(b.Context(), force, "bench", hash, time.Now().AddDate(0, 1, 0)); err != nil {
				b.Fatal(err)
			}
			keys = append(keys, key)
		}

		var mu sync.Mutex
		sent, seen := map[string]time.Time{}, map[string]time.Time{}
		var answered []time.Duration
		var late, failed int
		var sending sync.WaitGroup
		send := func(n int) {
			in := harness.Incident(fmt.Sprintf("B%d", n), harness.Suspect(people[n%len(people)]))
			body := harness.Lines(forces[n%4], in)
			began := time.Now()
			if watched(n, practitioners) && n >= warm*rate {
				mu.Lock()
				sent[in.Reference] = began
				mu.Unlock()
			}
			r, err := http.NewRequestWithContext(b.Context(), "POST", feed+"/v1/incidents", bytes.NewReader(body))
			if err != nil {
				b.Error(err)
				return
			}
			r.Header.Set("Authorization", "Bearer "+keys[n%4])
			r.Header.Set("Content-Type", "application/x-ndjson")
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				b.Error(err)
				return
			}
			io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
			mu.Lock()
			defer mu.Unlock()
			if answer.StatusCode >= 300 {
				failed++
			}
			if n >= warm*rate {
				answered = append(answered, time.Since(began))
			}
		}

		// Two of the twenty look at their lists, over and over.
		looking, stop := context.WithCancel(b.Context())
		var lookers sync.WaitGroup
		for n := range 2 {
			k := w.Practitioner(people[n])
			lookers.Go(func() {
				for looking.Err() == nil {
					items, err := k.DB.Actions(context.Background(), k.Account.ID, postgres.Key{}, 1000)
					now := time.Now()
					if err != nil {
						b.Error(err)
						return
					}
					mu.Lock()
					for _, i := range items {
						if _, before := seen[i.Reference]; !before && i.Rule == "review_incident" {
							seen[i.Reference] = now
						}
					}
					mu.Unlock()
					time.Sleep(10 * time.Millisecond) // a reader, not a burden
				}
			})
		}
		tick := time.NewTicker(time.Second / rate)
		for n := range rate * (seconds + warm) {
			<-tick.C
			sending.Go(func() { send(n) })
		}
		tick.Stop()
		sending.Wait()
		w.Settled()
		time.Sleep(100 * time.Millisecond)
		stop()
		lookers.Wait()

		var took []time.Duration
		for reference, at := range sent {
			then, ok := seen[reference]
			if !ok {
				late++
				continue
			}
			took = append(took, then.Sub(at))
		}
		if late > 0 || failed > 0 || len(took) == 0 {
			b.Fatalf("%d of %d never came to the list, %d were refused", late, len(sent), failed)
		}
		b.ReportMetric(quantile(took, 0.5), "ms-p50")
		b.ReportMetric(quantile(took, 0.99), "ms-p99")
		b.ReportMetric(quantile(took, 1), "ms-max")
		b.ReportMetric(quantile(answered, 0.5), "answer-ms-p50")
		b.ReportMetric(quantile(answered, 0.99), "answer-ms-p99")
		b.ReportMetric(float64(len(took)), "seen")
		w.Reconciled()
	}
}

// quantile in milliseconds; it sorts what it is given.
func quantile(took []time.Duration, q float64) float64 {
	slices.Sort(took)
	return float64(took[int(math.Ceil(q*float64(len(took))))-1].Microseconds()) / 1000
}

// watched says whether an incident belongs to one of the two who look.
func watched(n, practitioners int) bool { return n%400%practitioners < 2 }
