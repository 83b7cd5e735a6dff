package simulator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Feed is what the forces of a [World] send, as it happens: the forces that
// have a key by HTTP, the others by file into their drop folders.
type Feed struct {
	World World
	// Rate is how many incidents a second. Default 3, at most 500.
	Rate float64
	// URL is where incidents are posted, such as http://127.0.0.1:8081/v1/incidents.
	URL string
	// Keys are the forces' API keys, by force.
	Keys map[string]string
	// Drops are the forces' drop folders, by force, for those without a key.
	Drops map[string]string
	// DropEvery is how often a force without a key exports. Default 5s.
	DropEvery time.Duration
	// Start numbers the incidents. Default: the milliseconds since 2020, so that
	// a later run never uses a number again.
	Start int
	// Client posts. Default one that gives up after 10 seconds.
	Client *http.Client
	// Log is told of what could not be sent, once for each stretch of failures.
	Log *slog.Logger
	// Sent, if set, is told of every report after it was handed over. For tests.
	Sent func(Report)

	failing map[string]bool
	held    map[string][]Report
}

// mostHeld bounds what waits for a force that cannot be reached: a
// demonstration drops what is older, a real force would not.
const mostHeld = 200

// Run sends until the context ends, and returns nil then.
func (f *Feed) Run(ctx context.Context) error {
	if f.Rate <= 0 {
		f.Rate = 3
	}
	f.Rate = min(f.Rate, 500)
	if f.DropEvery <= 0 {
		f.DropEvery = 5 * time.Second
	}
	if f.Client == nil {
		f.Client = &http.Client{Timeout: 10 * time.Second}
	}
	if f.Log == nil {
		f.Log = slog.New(slog.DiscardHandler)
	}
	number := f.Start
	if number == 0 {
		number = int(time.Since(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)).Milliseconds())
	}
	f.failing, f.held = map[string]bool{}, map[string][]Report{}

	happen := time.NewTicker(time.Duration(float64(time.Second) / f.Rate))
	defer happen.Stop()
	export := time.NewTicker(f.DropEvery)
	defer export.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-happen.C:
			number++
			report := f.World.Incident(number, now.In(london))
			force := report.Revisions[0].Force
			f.held[force] = append(f.held[force], report)
			if n := len(f.held[force]); n > mostHeld {
				f.held[force] = f.held[force][n-mostHeld:]
			}
			if f.Keys[force] != "" {
				f.send(ctx, force, f.post)
			}
		case <-export.C:
			for force := range f.Drops {
				if f.Keys[force] == "" {
					f.send(ctx, force, f.drop)
				}
			}
		}
	}
}

// send hands over what a force holds, and keeps it if that fails.
func (f *Feed) send(ctx context.Context, force string, by func(context.Context, string, []casework.Incident) error) {
	reports := f.held[force]
	if len(reports) == 0 {
		return
	}
	var incidents []casework.Incident
	for _, r := range reports {
		incidents = append(incidents, r.Revisions...)
		if r.Again {
			incidents = append(incidents, r.Revisions[len(r.Revisions)-1])
		}
	}
	err := by(ctx, force, incidents)
	if err != nil {
		if !f.failing[force] && ctx.Err() == nil {
			f.Log.Warn("the synthetic feed cannot send", "force", force, "error", err)
		}
		f.failing[force] = true
		return
	}
	f.failing[force] = false
	f.held[force] = nil
	if f.Sent != nil {
		for _, r := range reports {
			f.Sent(r)
		}
	}
}

// post sends one array by HTTP.
func (f *Feed) post(ctx context.Context, force string, incidents []casework.Incident) error {
	return call(ctx, f.Client, f.Keys[force], http.MethodPost, f.URL, incidents, nil)
}

// drop puts one export into the force's folder. It appears there complete.
func (f *Feed) drop(_ context.Context, force string, incidents []casework.Incident) error {
	dir := f.Drops[force]
	waiting, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	files := 0
	for _, w := range waiting {
		if !w.IsDir() {
			files++
		}
	}
	if files > mostHeld {
		return fmt.Errorf("%d files wait in the drop folder already", files)
	}
	part, err := os.CreateTemp(dir, ".part-*")
	if err != nil {
		return err
	}
	defer os.Remove(part.Name()) // gone already, if it was moved
	if err := errors.Join(Export(part, force, incidents...), part.Close()); err != nil {
		return err
	}
	name := fmt.Sprintf("%d-%s", time.Now().UnixMilli(), ExportName(force))
	return os.Rename(part.Name(), filepath.Join(dir, name))
}
