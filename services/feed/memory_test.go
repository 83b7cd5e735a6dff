package feed_test

import (
	"io"
	"runtime"
	"strings"
	"testing"
	"time"
)

// zeros gives so many noughts.
type zeros int64

func (z *zeros) Read(b []byte) (int, error) {
	if *z == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(b)), int64(*z))
	for k := range b[:n] {
		b[k] = '0'
	}
	*z -= zeros(n)
	return int(n), nil
}

func TestMemoryStaysBoundedHoweverLongTheUpload(t *testing.T) {
	x := open(t, nil)
	x.post(ndjsonType, typical(0)) // connections, plans, buffers
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	idle := m.HeapInuse + m.StackInuse
	done, peak := make(chan struct{}), make(chan uint64)
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		most := uint64(0)
		for {
			select {
			case <-tick.C:
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapInuse+m.StackInuse)
			case <-done:
				peak <- most
				return
			}
		}
	}()
	line := zeros(256 << 20) // one line of 256 MiB, as a file with the wrong line ends would be
	var wide []io.Reader     // records of 400 KiB, each of them good but for its length
	for range 40 {
		summary := zeros(400 << 10)
		wide = append(wide, strings.NewReader(`{"summary":"`), &summary, strings.NewReader("\"}\n"))
	}
	body := io.MultiReader(&endless{next: 1, end: 4001}, &line, strings.NewReader("\n"), io.MultiReader(wide...),
		strings.NewReader(strings.Repeat("{}\n", 2000)), &endless{next: 4001, end: 5001})
	got := x.ask("62", "POST", "/v1/incidents", body, "Content-Type", ndjsonType)
	close(done)
	above := (int64(<-peak) - int64(idle)) >> 20
	if got.status != 200 || got.Accepted != 5000 || got.Rejected != 2041 {
		t.Errorf("got %d: %d accepted, %d rejected; want 5000 and 2041", got.status, got.Accepted, got.Rejected)
	}
	t.Logf("%d MiB above idle", above)
	if above > 64 {
		t.Errorf("memory rose by %d MiB, want 64 at most", above)
	}
}
