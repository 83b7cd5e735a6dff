// Package caserecord stands in for the far end of transfers: a small
// case-management system with a store of its own, for tests and for the demo.
//
//	services/notifier/transfer → caserecord
//
// It answers as such a system does on good days, and with [Server.Fail] as on
// bad ones. What it holds outlives it if it is given a file.
package caserecord

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// Contact is one contact as it was given, with its number.
type Contact struct {
	Number string
	Key    string
	Fields map[string]any
}

// Fault is a way in which one request goes wrong.
type Fault string

const (
	// Down answers 500 and does nothing.
	Down Fault = "down"
	// Silent never answers, and does nothing.
	Silent Fault = "silent"
	// Lost does what was asked, and the answer is lost on the way.
	Lost Fault = "lost"
	// Refused answers 422: it will never take this.
	Refused Fault = "refused"
)

// Server is the system. It is an http.Handler.
type Server struct {
	// Token is what callers have to bear; empty for none, or for those of a Client.
	Token string
	// Client and Secret are who is given tokens at /token, by OAuth's client
	// credentials, which are good for TokenFor. With them callers need one.
	Client, Secret string
	TokenFor       time.Duration
	// Page is how many contacts a list has at once. Default 500.
	Page int

	file     string
	mu       sync.Mutex
	contacts []Contact
	last     int
	faults   []Fault
	requests []string
	tokens   map[string]time.Time // → until when each is good
	given    int
}

// Open is a server that keeps what it holds in a file; in memory alone for none.
func Open(file string) (*Server, error) {
	s := &Server{file: file, Page: 500}
	if file == "" {
		return s, nil
	}
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &s.contacts)
	}
	if err != nil {
		return nil, fmt.Errorf("open the case record: %w", err)
	}
	for _, c := range s.contacts {
		var n int
		if _, err := fmt.Sscanf(c.Number, "C%d", &n); err == nil {
			s.last = max(s.last, n)
		}
	}
	return s, nil
}

// Fail has the next requests go wrong, one fault each.
func (s *Server) Fail(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, faults...)
}

// Held is a copy of what it holds.
func (s *Server) Held() []Contact {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.contacts)
}

// Requests are those there were, as method and path.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Change lets somebody at the far end change what it holds, by hand.
func (s *Server) Change(do func([]Contact) []Contact) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.contacts = do(s.contacts)
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests = append(s.requests, r.Method+" "+r.URL.Path)
	var fault Fault
	if len(s.faults) > 0 {
		fault, s.faults = s.faults[0], s.faults[1:]
	}
	s.mu.Unlock()
	if s.Client != "" && r.Method == http.MethodPost && r.URL.Path == "/token" {
		s.giveToken(w, r)
		return
	}
	if !s.knows(r) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	switch fault {
	case Down:
		w.WriteHeader(http.StatusInternalServerError)
		return
	case Refused:
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	case Silent:
		_, _ = io.Copy(io.Discard, r.Body) // else nobody notices that the caller went
		<-r.Context().Done()
		return
	}
	status, answer := s.answer(r)
	if fault == Lost {
		panic(http.ErrAbortHandler) // the connection is cut
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // who asked may have gone
}

// giveToken answers whoever shows the client's secret.
func (s *Server) giveToken(w http.ResponseWriter, r *http.Request) {
	client, sent, _ := r.BasicAuth()
	secret, err := url.QueryUnescape(sent) // as OAuth has it written in that header
	if err != nil || client != s.Client || secret != s.Secret || r.PostFormValue("grant_type") != "client_credentials" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tokens == nil {
		s.tokens = map[string]time.Time{}
	}
	s.given++
	token := rand.Text()
	s.tokens[token] = time.Now().Add(s.TokenFor)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": int(s.TokenFor.Seconds())})
}

// Given is how many tokens there were.
func (s *Server) Given() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.given
}

// Revoke takes every token back before its time.
func (s *Server) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// knows says of a caller that they bear what they have to.
func (s *Server) knows(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if s.Client != "" {
		return s.tokens[token].After(time.Now())
	}
	return s.Token == "" || token == s.Token
}

func (s *Server) answer(r *http.Request) (int, any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	number, one := strings.CutPrefix(r.URL.Path, "/contacts/")
	switch {
	case r.Method == http.MethodPost && r.URL.Path == "/contacts":
		return s.add(r)
	case r.Method == http.MethodGet && r.URL.Path == "/contacts":
		return http.StatusOK, s.list(r.URL.Query().Get("key"), r.URL.Query().Get("after"))
	case r.Method == http.MethodPut && one:
		return s.change(r, number)
	case r.Method == http.MethodDelete && one:
		for i, c := range s.contacts {
			if c.Number == number {
				s.contacts = slices.Delete(s.contacts, i, i+1)
				if s.save() != nil {
					break
				}
				return http.StatusOK, map[string]any{"contact": number}
			}
		}
	}
	return http.StatusNotFound, map[string]any{"status": http.StatusNotFound}
}

func (s *Server) add(r *http.Request) (int, any) {
	key := r.Header.Get("Idempotency-Key")
	var fields map[string]any
	if err := json.NewDecoder(r.Body).Decode(&fields); err != nil || key == "" || fields["crn"] == "" || fields["type"] != "C204" {
		return http.StatusBadRequest, map[string]any{"status": http.StatusBadRequest}
	}
	for _, c := range s.contacts {
		if c.Key == key {
			return http.StatusConflict, map[string]any{"status": http.StatusConflict, "contact": c.Number}
		}
	}
	s.last++
	c := Contact{Number: fmt.Sprintf("C%07d", s.last), Key: key, Fields: fields}
	s.contacts = append(s.contacts, c)
	if err := s.save(); err != nil {
		return http.StatusInsufficientStorage, map[string]any{"status": http.StatusInsufficientStorage}
	}
	return http.StatusCreated, map[string]any{"contact": c.Number}
}

// change has a contact say something else, under its key alone.
func (s *Server) change(r *http.Request, number string) (int, any) {
	var fields map[string]any
	if err := json.NewDecoder(r.Body).Decode(&fields); err != nil || fields["crn"] == "" || fields["type"] != "C204" {
		return http.StatusBadRequest, map[string]any{"status": http.StatusBadRequest}
	}
	for i, c := range s.contacts {
		if c.Number != number {
			continue
		}
		if c.Key != r.Header.Get("Idempotency-Key") {
			return http.StatusConflict, map[string]any{"status": http.StatusConflict}
		}
		s.contacts[i].Fields = fields
		if err := s.save(); err != nil {
			return http.StatusInsufficientStorage, map[string]any{"status": http.StatusInsufficientStorage}
		}
		return http.StatusOK, map[string]any{"contact": number}
	}
	return http.StatusNotFound, map[string]any{"status": http.StatusNotFound}
}

// list is in the order of the numbers, after one of them.
func (s *Server) list(key, after string) any {
	page := []map[string]any{}
	next := ""
	for _, c := range s.contacts {
		if key != "" && c.Key != key || c.Number <= after {
			continue
		}
		if len(page) == s.Page {
			next = page[len(page)-1]["contact"].(string)
			break
		}
		one := map[string]any{"contact": c.Number}
		for name, value := range c.Fields {
			one[name] = value
		}
		page = append(page, one)
	}
	return map[string]any{"contacts": page, "next": next}
}

func (s *Server) save() error {
	if s.file == "" {
		return nil
	}
	b, err := json.Marshal(s.contacts)
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.file+".new", b, 0o600); err != nil {
		return err
	}
	return os.Rename(s.file+".new", s.file)
}
