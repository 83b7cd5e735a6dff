// Package transfer puts the contacts of confirmed matches on the case record,
// takes those of retracted ones off it, and asks it what it really holds.
//
//	notifier → transfer → the case-management system
//
// A contact carries a key that is the same however often it is sent, so that an
// answer that was lost does no harm. [Client] speaks the far end's HTTP,
// [Worker] does one match's work, and [Reconciler] compares both sides.
package transfer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/reportable-incidents/reportable/schemas/events"
	"github.com/reportable-incidents/reportable/services/casework"
)

// Config is where the case-management system is, and who we are to it.
type Config struct {
	// URL is the system's address, below which /contacts lies. It has to be
	// https, but on this machine.
	URL string
	// TokenFile holds a bearer token. It is read for each request, for somebody
	// else renews it.
	TokenFile string
	// TokenURL, ID and Secret are OAuth's client credentials, in place of a file.
	TokenURL, ID, Secret string
	// Patience is how long one request may take. Default 20s.
	Patience time.Duration
}

// Client is the adapter.
type Client struct {
	url       string
	tokenFile string
	http      *http.Client

	// Of client credentials: how a token is had, and the one that is in use.
	credentials *clientcredentials.Config
	mu          sync.Mutex
	token       *oauth2.Token
}

// New makes a client, or says what is wrong with the settings.
func New(c Config) (*Client, error) {
	if !safe(c.URL) {
		return nil, errors.New("the case-management system's address has to be an https:// one")
	}
	if c.Patience == 0 {
		c.Patience = 20 * time.Second
	}
	client := &Client{url: strings.TrimRight(c.URL, "/"), tokenFile: c.TokenFile, http: &http.Client{}}
	if c.TokenURL != "" {
		if c.ID == "" || c.Secret == "" {
			return nil, errors.New("client credentials need an id and a secret")
		}
		if !safe(c.TokenURL) {
			return nil, errors.New("the address of tokens has to be an https:// one: a secret is sent there")
		}
		client.credentials = &clientcredentials.Config{ClientID: c.ID, ClientSecret: c.Secret, TokenURL: c.TokenURL}
	}
	client.http.Timeout = c.Patience
	client.http.CheckRedirect = nowhere
	return client, nil
}

// nowhere is where a redirect leads: a contact, and the secret by which a token
// is had, are for the address that somebody chose, and for no other.
func nowhere(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// safe says of an address that nobody on the way reads what goes there.
func safe(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname()))
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// held is a contact as the far end gives it.
type held = casework.HeldContact

// Put gives a contact to the far end and returns its number there. Repeated, it
// is the same contact.
func (c *Client) Put(ctx context.Context, contact casework.Contact) (string, error) {
	var answer struct {
		Contact string `json:"contact"`
	}
	status, err := c.call(ctx, http.MethodPost, "/contacts", contact.Key, contact, &answer)
	if status == http.StatusConflict {
		// It has the key already: an answer of before was lost.
		found, err := c.Find(ctx, contact.Key)
		if err != nil {
			return "", err
		}
		if found == nil || found.CRN != contact.CRN {
			return "", events.Permanent(errors.New("the case-management system holds another contact under this key"))
		}
		return found.Number, nil
	}
	if err == nil && answer.Contact == "" {
		err = errors.New("the case-management system gave no number for the contact")
	}
	return answer.Contact, err
}

// Update changes the contact that the far end has under a number to what it is
// now. It reports whether there was one.
func (c *Client) Update(ctx context.Context, number string, contact casework.Contact) (bool, error) {
	status, err := c.call(ctx, http.MethodPut, "/contacts/"+url.PathEscape(number), contact.Key, contact, nil)
	switch status {
	case http.StatusNotFound, http.StatusGone:
		return false, nil
	case http.StatusConflict, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return false, events.Permanent(err) // another's number, or a far end that changes nothing
	}
	return err == nil, err
}

// Find is the contact with a key, or nothing.
func (c *Client) Find(ctx context.Context, key string) (*casework.HeldContact, error) {
	var page struct {
		Contacts []held `json:"contacts"`
	}
	if _, err := c.call(ctx, http.MethodGet, "/contacts?key="+url.QueryEscape(key), "", nil, &page); err != nil {
		return nil, err
	}
	for _, h := range page.Contacts {
		if h.Key == key {
			return &h, nil
		}
	}
	return nil, nil
}

// Withdraw takes the contact with a key off the case record, whether or not its
// number was ever told to us. What is not there needs no withdrawal.
func (c *Client) Withdraw(ctx context.Context, key string) error {
	found, err := c.Find(ctx, key)
	if err != nil || found == nil {
		return err
	}
	status, err := c.call(ctx, http.MethodDelete, "/contacts/"+url.PathEscape(found.Number), "", nil, nil)
	if status == http.StatusNotFound || status == http.StatusGone {
		return nil
	}
	return err
}

// Held is everything that the far end holds from us.
func (c *Client) Held(ctx context.Context) ([]casework.HeldContact, error) {
	var all []casework.HeldContact
	after := ""
	for {
		var page struct {
			Contacts []held `json:"contacts"`
			Next     string `json:"next"`
		}
		if _, err := c.call(ctx, http.MethodGet, "/contacts?after="+url.QueryEscape(after), "", nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Contacts...)
		if page.Next == "" {
			return all, nil
		}
		if page.Next == after || len(page.Contacts) == 0 {
			return nil, errors.New("the case-management system's list does not go on")
		}
		after = page.Next
	}
}

// bearer is who we are to the far end: the token of a file, or of our credentials.
// One that is over is had anew; so is one that was refused, if fresh is asked for.
func (c *Client) bearer(ctx context.Context, fresh bool) (string, error) {
	if c.tokenFile != "" {
		token, err := os.ReadFile(c.tokenFile)
		if err != nil {
			return "", errors.New("the file of the case-management system's token cannot be read")
		}
		return strings.TrimSpace(string(token)), nil
	}
	if c.credentials == nil {
		return "", nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if fresh || !c.token.Valid() {
		token, err := c.credentials.Token(context.WithValue(ctx, oauth2.HTTPClient, c.http))
		var answered *oauth2.RetrieveError
		if errors.As(err, &answered) { // it quotes the answer
			return "", fmt.Errorf("the address of tokens answered %d", answered.Response.StatusCode)
		}
		if err != nil {
			return "", fmt.Errorf("reach the address of tokens: %w", withoutAddress(err))
		}
		c.token = token
	}
	return c.token.AccessToken, nil
}

// call makes one request, and makes it again with a fresh token if the one it
// had was taken from us before its time.
func (c *Client) call(ctx context.Context, method, path, key string, body, answer any) (int, error) {
	var sent []byte
	if body != nil {
		var err error
		if sent, err = json.Marshal(body); err != nil {
			return 0, errors.New("write the contact: it cannot be encoded")
		}
	}
	status, err := c.try(ctx, method, path, key, sent, answer, false)
	if status == http.StatusUnauthorized && c.credentials != nil {
		return c.try(ctx, method, path, key, sent, answer, true)
	}
	return status, err
}

// try makes it once. Its errors hold a status and never what was answered,
// which may repeat what was sent.
func (c *Client) try(ctx context.Context, method, path, key string, body []byte, answer any, fresh bool) (int, error) {
	token, err := c.bearer(ctx, fresh)
	if err != nil {
		return 0, err
	}
	var sent io.Reader
	if body != nil {
		sent = bytes.NewReader(body)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.url+path, sent)
	if err != nil {
		return 0, fmt.Errorf("ask the case-management system: %w", err)
	}
	r.Header.Set("Accept", "application/json")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return 0, fmt.Errorf("reach the case-management system: %w", withoutAddress(err))
	}
	defer resp.Body.Close()
	defer func() { _, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16)) }() // what is left unread closes the connection
	if resp.StatusCode/100 != 2 {
		e := fmt.Errorf("the case-management system answered %d", resp.StatusCode)
		switch resp.StatusCode {
		case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge:
			e = events.Permanent(e)
		}
		return resp.StatusCode, e
	}
	if answer == nil {
		return resp.StatusCode, nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 16<<20)).Decode(answer); err != nil {
		return resp.StatusCode, errors.New("the case-management system's answer cannot be read")
	}
	return resp.StatusCode, nil
}

// withoutAddress takes the address out of an error, and with it a CRN or a key.
func withoutAddress(err error) error {
	var why *url.Error
	if errors.As(err, &why) {
		return why.Err
	}
	return err
}
