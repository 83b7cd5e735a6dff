package desk

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/casework"
)

// Provider is the identity provider that people sign in with: the code flow of
// OpenID Connect, with PKCE.
type Provider struct {
	// Issuer is where it is discovered. Its keys are fetched anew when they change.
	Issuer       string
	ClientID     string
	ClientSecret string
	// Redirect is this desk's own address of /sign-in/callback, as the provider knows it.
	Redirect string
	// Scopes beside openid. Default profile.
	Scopes []string
	// Audience is what an access token has to name to be taken by the API; not
	// ClientID, for whose tokens say who signed in and not what they are for.
	// Empty: the API takes sessions alone.
	Audience string
	// Claims says what its claims grant, in a token of either kind.
	Claims access.Claims
	// Client speaks to it. Default one that waits ten seconds at most.
	Client *http.Client
}

// provider is what was discovered.
type provider struct {
	Provider
	mu       sync.Mutex
	found    *oauth2.Config
	verifier *oidc.IDTokenVerifier
	bearers  *oidc.IDTokenVerifier // of access tokens
	ends     string                // where it ends its own session; empty where it says not
	away     error                 // what it did not answer with, of late
	again    time.Time             // when it is asked again
}

func newProvider(p *Provider) *provider {
	if p == nil {
		return nil
	}
	it := &provider{Provider: *p}
	if it.Client == nil {
		it.Client = &http.Client{Timeout: 10 * time.Second}
	}
	if it.Scopes == nil {
		it.Scopes = []string{"profile"}
	}
	return it
}

// discover asks the provider where it does what, the first time that somebody
// signs in: a desk must start while its provider is away.
func (p *provider) discover(ctx context.Context, now func() time.Time) (*oauth2.Config, *oidc.IDTokenVerifier, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found == nil {
		// Everybody waits for the answer. While there is none, one of them now and
		// then is enough to ask: whoever is signed in would wait behind the others.
		if now().Before(p.again) {
			return nil, nil, p.away
		}
		// The keys are fetched long after this request has ended.
		long := oidc.ClientContext(context.WithoutCancel(ctx), p.Client)
		it, err := oidc.NewProvider(long, p.Issuer)
		if err != nil {
			p.away, p.again = fmt.Errorf("%w: discover the identity provider: %w", casework.ErrUnavailable, err), now().Add(3*time.Second)
			return nil, nil, p.away
		}
		p.found = &oauth2.Config{ClientID: p.ClientID, ClientSecret: p.ClientSecret, RedirectURL: p.Redirect,
			Endpoint: it.Endpoint(), Scopes: append([]string{oidc.ScopeOpenID}, p.Scopes...)}
		var more struct {
			Ends string `json:"end_session_endpoint"`
		}
		if it.Claims(&more) == nil {
			p.ends = more.Ends
		}
		p.verifier = it.VerifierContext(long, &oidc.Config{ClientID: p.ClientID, Now: now})
		if p.Audience != "" && p.Audience != p.ClientID {
			p.bearers = it.VerifierContext(long, &oidc.Config{ClientID: p.Audience, Now: now})
		}
	}
	return p.found, p.verifier, nil
}

// Keys of a sign-in under way, in a session of nobody yet.
const (
	pendingState    = "oidc.state"
	pendingNonce    = "oidc.nonce"
	pendingVerifier = "oidc.verifier"
	pendingBack     = "oidc.back"
)

// toProvider sends the browser to the identity provider.
func toProvider(v *visit) error {
	if v.provider == nil {
		return casework.ErrNotFound
	}
	if !v.attempts.allow(v.Proxies.Sender(v.Request).String(), v.now) {
		return v.tooMany()
	}
	config, _, err := v.provider.discover(v.Context(), v.Now)
	if err != nil {
		return err
	}
	state, nonce, verifier := oauth2.GenerateVerifier(), oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
	ctx := v.Context()
	v.sessions.Put(ctx, pendingState, state)
	v.sessions.Put(ctx, pendingNonce, nonce)
	v.sessions.Put(ctx, pendingVerifier, verifier)
	v.sessions.Put(ctx, pendingBack, local(v.URL.Query().Get("back")))
	http.Redirect(v.w, v.Request, config.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), http.StatusSeeOther)
	return nil
}

// fromProvider takes the answer, and begins a session if it is sound.
func fromProvider(v *visit) error {
	if v.provider == nil {
		return casework.ErrNotFound
	}
	ctx := v.Context()
	state, nonce, verifier := v.sessions.PopString(ctx, pendingState), v.sessions.PopString(ctx, pendingNonce), v.sessions.PopString(ctx, pendingVerifier)
	back := v.sessions.PopString(ctx, pendingBack)
	q := v.URL.Query()
	if state == "" || subtle.ConstantTimeCompare([]byte(state), []byte(q.Get("state"))) != 1 || q.Get("error") != "" {
		return v.refused(errors.New("the answer is not to a question of ours, or says no"))
	}
	config, tokens, err := v.provider.discover(ctx, v.Now)
	if err != nil {
		return err
	}
	token, err := config.Exchange(oidc.ClientContext(ctx, v.provider.Client), q.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		var answered *oauth2.RetrieveError
		if errors.As(err, &answered) {
			return v.refused(errors.New("the code was not taken"))
		}
		return fmt.Errorf("%w: exchange the code", casework.ErrUnavailable)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := tokens.Verify(ctx, raw)
	if err != nil {
		return v.refused(errors.New("the token does not verify"))
	}
	if !forUs(id, config.ClientID) {
		return v.refused(errors.New("the token was made for another party"))
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(nonce)) != 1 {
		return v.refused(errors.New("the token is not for this sign-in"))
	}
	var claims map[string]any
	if err := id.Claims(&claims); err != nil {
		return v.refused(errors.New("the claims cannot be read"))
	}
	name, _ := claims["name"].(string)
	if name == "" {
		name, _ = claims["preferred_username"].(string)
	}
	account, err := v.provider.Claims.Account(id.Subject, name, claims)
	if err != nil {
		return v.refused(err)
	}
	account.GrantedAt = id.IssuedAt
	saved := []casework.Account{account}
	if err := v.DB.SaveAccounts(ctx, saved); err != nil {
		return err
	}
	if _, err := v.DB.Account(ctx, saved[0].ID); err != nil {
		return v.refused(errors.New("the account is disabled"))
	}
	if err := v.signInto(saved[0]); err != nil {
		return err
	}
	return v.to(local(back), "")
}

// out is where somebody who has signed out here ends their session at the
// provider too: else whoever sits down next is signed in as them by one click.
// Empty where the provider has no such place, or is away.
func (v *visit) out() string {
	if v.provider == nil {
		return ""
	}
	if _, _, err := v.provider.discover(v.Context(), v.Now); err != nil || v.provider.ends == "" {
		return ""
	}
	at, err := url.Parse(v.provider.ends)
	if err != nil {
		return ""
	}
	q := at.Query()
	q.Set("client_id", v.provider.ClientID)
	if back, err := url.Parse(v.provider.Redirect); err == nil && back.IsAbs() {
		q.Set("post_logout_redirect_uri", back.ResolveReference(&url.URL{Path: "/sign-in"}).String())
	}
	at.RawQuery = q.Encode()
	return at.String()
}

// forUs says of a token that names us among its audience that we are the party
// it was made for: where it names others too, or says for whom, that has to be us.
func forUs(id *oidc.IDToken, client string) bool {
	var of struct {
		Party string `json:"azp"`
	}
	return id.Claims(&of) == nil && (of.Party == client || of.Party == "" && len(id.Audience) == 1)
}

// refused says that signing in did not work, and no more: the log has the reason.
func (v *visit) refused(why error) error {
	v.Log.WarnContext(v.Context(), "sign-in refused", "why", why)
	return v.page(http.StatusForbidden, "problem", problemPage{Key: "signin", Link: "/sign-in"})
}

func (v *visit) tooMany() error {
	v.w.Header().Set("Retry-After", "30")
	return v.page(http.StatusTooManyRequests, "problem", problemPage{Key: "toomany"})
}

// bearer is who an access token is about, as its claims say today. Nobody, if it
// does not verify.
func (v *visit) bearer(raw string) (*casework.Account, error) {
	if v.provider == nil || v.provider.Audience == "" {
		return nil, nil
	}
	ctx := v.Context()
	if _, _, err := v.provider.discover(ctx, v.Now); err != nil {
		return nil, err
	}
	if v.provider.bearers == nil {
		return nil, nil
	}
	token, err := v.provider.bearers.Verify(ctx, raw)
	if err != nil {
		return nil, nil // the reason may quote the token, which is as good as a password
	}
	var claims map[string]any
	if err := token.Claims(&claims); err != nil {
		return nil, nil
	}
	name, _ := claims["name"].(string)
	said, err := v.provider.Claims.Account(token.Subject, cmp.Or(name, token.Subject), claims)
	if err != nil {
		return nil, nil
	}
	known, err := v.DB.AccountBySubject(ctx, token.Subject)
	if err != nil && !errors.Is(err, casework.ErrNotFound) {
		return nil, err
	}
	if err == nil {
		said.Name = known.Name // a token for programs may not say it
	}
	// What another token said since stands: this one may be from before somebody
	// changed their part, and valid still. One that does not say when it was
	// issued gives nothing that was not given.
	if said.GrantedAt = token.IssuedAt; said.GrantedAt.IsZero() {
		said.GrantedAt = time.Unix(-1, 0) // before any
	}
	if said.GrantedAt.After(v.now.Add(skew)) {
		return nil, nil // else it would be newer than whatever is said until then
	}
	// Of one from the same second nobody knows whether it came before: it takes away at most.
	less := said.GrantedAt.Equal(known.GrantedAt) && !holds(said.Grants, known.Grants)
	if err != nil || said.GrantedAt.After(known.GrantedAt) || less {
		saved := []casework.Account{said}
		if err := v.DB.SaveAccounts(ctx, saved); err != nil {
			return nil, err
		}
		known, err = v.DB.Account(ctx, saved[0].ID)
		if errors.Is(err, casework.ErrNotFound) { // disabled
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return &known, nil
}

// skew is by how much the provider's clock may be ahead of ours.
const skew = 5 * time.Minute

// holds says that all of these are among the grants stated.
func holds(stated, these []casework.Grant) bool {
	return !slices.ContainsFunc(these, func(g casework.Grant) bool {
		return !slices.ContainsFunc(stated, func(s casework.Grant) bool {
			return s.Role == g.Role && s.Scope == g.Scope && (s.Restricted || !g.Restricted)
		})
	})
}
