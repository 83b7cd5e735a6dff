// Package notify sends notices through GOV.UK Notify.
//
//	notifier → notify → GOV.UK Notify → e-mail
//
// A request carries a token that it signs itself: HS256 over the service's id
// and the time, with the secret half of the API key.
package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/reportable-incidents/reportable/schemas/events"
	"github.com/reportable-incidents/reportable/services/notifier"
)

// Sender is the channel.
type Sender struct {
	// URL is Notify's address. Default https://api.notifications.service.gov.uk.
	URL string
	// Template is the number of the e-mail's template. It has the places subject
	// and text.
	Template string
	Client   *http.Client
	// Now is the clock that tokens are stamped with. Default time.Now.
	Now func() time.Time

	service, secret string
}

const uuid = 36

// New reads an API key: a name, the service's id and the secret, joined by hyphens.
func New(key, template string) (*Sender, error) {
	if len(key) < 2*uuid+1 || key[len(key)-uuid-1] != '-' || template == "" {
		return nil, errors.New("the GOV.UK Notify key cannot be read; it is name-SERVICE-SECRET as Notify shows it, and needs a template beside it")
	}
	return &Sender{
		Template: template,
		service:  key[len(key)-2*uuid-1 : len(key)-uuid-1],
		secret:   key[len(key)-uuid:],
		Client:   &http.Client{Timeout: 30 * time.Second},
	}, nil
}

// Name is notify.
func (s *Sender) Name() string { return "notify" }

// Send gives the message to Notify and returns Notify's number for it.
func (s *Sender) Send(ctx context.Context, m notifier.Message) (string, error) {
	body, err := json.Marshal(map[string]any{
		"email_address":   m.To,
		"template_id":     s.Template,
		"personalisation": map[string]string{"subject": m.Subject, "text": m.Text},
		"reference":       m.ID,
	})
	if err != nil {
		return "", fmt.Errorf("write the message: %w", err)
	}
	var answer struct {
		ID string `json:"id"`
	}
	if err := s.call(ctx, http.MethodPost, "/v2/notifications/email", body, &answer); err != nil {
		return "", err
	}
	return answer.ID, nil
}

// State asks what became of a message: sent, delivered or failed.
func (s *Sender) State(ctx context.Context, remote string) (string, error) {
	var answer struct {
		Status string `json:"status"`
	}
	if err := s.call(ctx, http.MethodGet, "/v2/notifications/"+url.PathEscape(remote), nil, &answer); err != nil {
		return "", err
	}
	switch answer.Status {
	case "delivered":
		return "delivered", nil
	case "permanent-failure", "technical-failure", "temporary-failure":
		return "failed", nil
	}
	return "sent", nil
}

func (s *Sender) call(ctx context.Context, method, path string, body []byte, answer any) error {
	at := s.URL
	if at == "" {
		at = "https://api.notifications.service.gov.uk"
	}
	r, err := http.NewRequestWithContext(ctx, method, at+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask GOV.UK Notify: %w", err)
	}
	r.Header.Set("Authorization", "Bearer "+s.token())
	r.Header.Set("Content-Type", "application/json")
	resp, err := s.Client.Do(r)
	if err != nil {
		return fmt.Errorf("reach GOV.UK Notify: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		// Its text may repeat the address, so only the status is told.
		e := fmt.Errorf("GOV.UK Notify answered %d", resp.StatusCode)
		if resp.StatusCode == http.StatusBadRequest {
			return events.Permanent(e)
		}
		return e
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(answer); err != nil {
		return fmt.Errorf("read the answer of GOV.UK Notify: %w", err)
	}
	return nil
}

// token is a JSON web token, made for each request: Notify takes none older
// than half a minute.
func (s *Sender) token() string {
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	part := func(v any) string {
		b, _ := json.Marshal(v) // maps of strings and a number always can
		return base64.RawURLEncoding.EncodeToString(b)
	}
	signed := part(map[string]string{"alg": "HS256", "typ": "JWT"}) + "." +
		part(map[string]any{"iss": s.service, "iat": now().Unix()})
	mac := hmac.New(sha256.New, []byte(s.secret))
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
