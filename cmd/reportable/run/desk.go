package run

import (
	"context"
	"net/http"
	"time"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/desk"
)

// desk is where people work.
func (p *Platform) desk(o Options) (http.Handler, error) {
	d, err := desk.New(desk.Config{
		DB:      p.DB,
		Demo:    o.Demo,
		Secure:  !o.PlainHTTP,
		Now:     p.Now,
		Observe: p.responses.Observe,
		Log:     p.Log,
	})
	if err != nil {
		return nil, err
	}
	return p.requests.Of("desk", d.Routes()), nil
}

// personas makes somebody to sign in as, as soon as there is a caseload to
// take their workplaces from.
func (p *Platform) personas() Service {
	return Service{"personas", func(ctx context.Context) error {
		for ctx.Err() == nil {
			all, err := access.SeedPersonas(ctx, p.DB)
			if err != nil && ctx.Err() == nil {
				p.Log.Warn("no personas yet", "error", err)
			}
			if len(all) > 0 {
				<-ctx.Done()
				break
			}
			select {
			case <-ctx.Done():
			case <-time.After(10 * time.Second):
			}
		}
		return nil
	}}
}
