package run

import (
	"context"
	"net/http"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/feed"
)

// feed takes in what forces send: over HTTP, and from the drop folder if there
// is one.
func (p *Platform) feed(o Options, door access.ForceDoor) (http.Handler, []Service) {
	metrics := feed.NewMetrics(p.registry)
	server := feed.NewServer(feed.Config{
		Store:   p.DB,
		Door:    door,
		Metrics: metrics,
		Log:     p.Log,
		Now:     p.Now,
	})
	services := []Service{{"feed silence", func(ctx context.Context) error { return metrics.RunHeard(ctx, p.DB, p.Log) }}}
	if o.DropFolder != "" {
		folder := feed.Folder{
			Dir:       o.DropFolder,
			Intake:    &feed.Intake{Ledger: p.DB, Metrics: metrics, Log: p.Log, Now: p.Now},
			Replies:   &feed.Intake{Ledger: feed.Replies(p.DB), Metrics: metrics, Log: p.Log, Now: p.Now},
			Enquiries: p.DB,
			Group:     o.DropGroup,
			Log:       p.Log,
		}
		services = append(services, Service{"drop folder", folder.Run})
	}
	return p.requests.Of("feed", server.Routes()), services
}
