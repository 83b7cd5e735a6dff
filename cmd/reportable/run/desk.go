package run

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/desk"
	"github.com/reportable-incidents/reportable/services/notifier"
)

// desk is where people work.
func (p *Platform) desk(o Options) (http.Handler, error) {
	provider, err := o.SignIn.provider()
	if err != nil {
		return nil, err
	}
	policy, err := notifier.ReadPolicyFile(o.Policy)
	if err != nil {
		return nil, err
	}
	d, err := desk.New(desk.Config{
		DB:       p.DB,
		Demo:     o.Demo,
		Provider: provider,
		Secure:   !o.PlainHTTP,
		Proxies:  o.Proxies,
		Now:      p.Now,
		Observe:  p.responses.Observe,
		Targets:  policy.Targets,
		Sends:    o.Transfer.URL != "",
		Registry: p.registry,
		Log:      p.Log,
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

// provider is the one that is configured, or nil.
func (s SignIn) provider() (*desk.Provider, error) {
	if s.Issuer == "" {
		return nil, nil
	}
	file, err := os.Open(s.Claims)
	if err != nil {
		return nil, fmt.Errorf("read OIDC_CLAIMS: %w", err)
	}
	defer file.Close()
	claims, err := access.ReadClaims(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Claims, err)
	}
	return &desk.Provider{Issuer: s.Issuer, ClientID: s.ClientID, ClientSecret: s.ClientSecret, Redirect: s.Redirect, Claims: claims, Audience: s.Audience}, nil
}
