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

// watchMemory gives how to stop, and to be told by how many MiB the process's
// memory has risen meanwhile at most.
func watchMemory() (above func() int64) {
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
	return func() int64 {
		close(done)
		return (int64(<-peak) - int64(idle)) >> 20
	}
}

func TestMemoryStaysBoundedHoweverLongTheUpload(t *testing.T) {
	x := open(t, nil)
	x.post(ndjsonType, typical(0)) // connections, plans, buffers
	above := watchMemory()
	line := zeros(256 << 20) // one line of 256 MiB, as a file with the wrong line ends would be
	var wide []io.Reader     // records of 400 KiB, each of them good but for its length
	for range 40 {
		summary := zeros(400 << 10)
		wide = append(wide, strings.NewReader(`{"summary":"`), &summary, strings.NewReader("\"}\n"))
	}
	body := io.MultiReader(&endless{next: 1, end: 4001}, &line, strings.NewReader("\n"), io.MultiReader(wide...),
		strings.NewReader(strings.Repeat("{}\n", 2000)), &endless{next: 4001, end: 5001})
	got := x.ask("62", "POST", "/v1/incidents", body, "Content-Type", ndjsonType)
	rose := above()
	if got.status != 200 || got.Accepted != 5000 || got.Rejected != 2041 {
		t.Errorf("got %d: %d accepted, %d rejected; want 5000 and 2041", got.status, got.Accepted, got.Rejected)
	}
	t.Logf("%d MiB above idle", rose)
	if rose > 64 {
		t.Errorf("memory rose by %d MiB, want 64 at most", rose)
	}
}

// gigabyte gives records of almost ten kilobytes until there are so many bytes.
type gigabyte struct {
	left int64
	next int
	rest string
	pad  string
}

func (g *gigabyte) Read(b []byte) (int, error) {
	if g.rest == "" {
		if g.left <= 0 {
			return 0, io.EOF
		}
		g.rest = strings.Replace(typical(g.next), "Male left", g.pad, 1)
		g.next++
		g.left -= int64(len(g.rest))
	}
	n := copy(b, g.rest)
	g.rest = g.rest[n:]
	return n, nil
}

// BenchmarkAGigabyte uploads one as NDJSON, all of it accepted, and says by how
// many MiB memory rises. The mark is 64.
func BenchmarkAGigabyte(b *testing.B) {
	for range b.N {
		x := open(b, nil)
		x.post(ndjsonType, typical(0))
		body := &gigabyte{left: 1 << 30, next: 1, pad: strings.Repeat("Neighbours heard it. ", 440)}
		above := watchMemory()
		got := x.ask("62", "POST", "/v1/incidents", body, "Content-Type", ndjsonType)
		rose := above()
		if got.status != 200 || got.Accepted != body.next-1 || got.Rejected != 0 {
			b.Fatalf("got %d: %d of %d accepted", got.status, got.Accepted, body.next-1)
		}
		b.ReportMetric(float64(rose), "MiB-above-idle")
		b.Logf("%d records, %d MiB above idle", got.Accepted, rose)
	}
}
