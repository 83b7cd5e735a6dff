package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/notifier"
)

const (
	service = "26785a09-ab16-4eb0-8407-a37497a57506"
	secret  = "3d844edf-8d35-48ac-975b-e847b4f122b0"
)

func sender(t *testing.T, answer http.HandlerFunc) *Sender {
	t.Helper()
	s, err := New("team-key-"+service+"-"+secret, "template-1")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

func TestAMessageIsGivenWithASignedTokenAndItsReference(t *testing.T) {
	s := sender(t, func(w http.ResponseWriter, r *http.Request) {
		token := strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), ".")
		if len(token) != 3 {
			t.Fatalf("got a token of %d parts", len(token))
		}
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(token[0] + "." + token[1]))
		if want := base64.RawURLEncoding.EncodeToString(mac.Sum(nil)); token[2] != want {
			t.Error("the signature is another")
		}
		claims, err := base64.RawURLEncoding.DecodeString(token[1])
		if err != nil || string(claims) != `{"iat":1500000000,"iss":"`+service+`"}` {
			t.Errorf("got claims %s, %v", claims, err)
		}
		var body struct {
			Template  string            `json:"template_id"`
			Reference string            `json:"reference"`
			Places    map[string]string `json:"personalisation"`
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Template != "template-1" || body.Reference != "abc.1" || body.Places["subject"] != "2 new" {
			t.Errorf("got %+v, %v", body, err)
		}
		fmt.Fprint(w, `{"id":"n-1"}`)
	})
	s.Now = func() time.Time { return time.Unix(1500000000, 0) }
	remote, err := s.Send(t.Context(), notifier.Message{ID: "abc.1", To: "p1@probation.example", Subject: "2 new"})
	if err != nil || remote != "n-1" {
		t.Errorf("got %q, %v", remote, err)
	}
}

func TestWhatNotifyRefusesIsPermanentAndWhatItCannotDoNowIsNot(t *testing.T) {
	for status, want := range map[int]bool{400: true, 403: false, 429: false, 500: false} {
		s := sender(t, func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, `{"errors":[{"message":"p1@probation.example is not"}]}`, status)
		})
		_, err := s.Send(t.Context(), notifier.Message{To: "p1@probation.example"})
		var p interface{ Permanent() bool }
		if got := errors.As(err, &p); err == nil || got != want {
			t.Errorf("%d: got %v, want permanent %t", status, err, want)
		}
		if strings.Contains(fmt.Sprint(err), "p1@") {
			t.Errorf("the error has the address: %v", err)
		}
	}
}

func TestNotifySaysWhatBecameOfAMessage(t *testing.T) {
	for status, want := range map[string]string{"delivered": "delivered", "sending": "sent", "permanent-failure": "failed"} {
		s := sender(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v2/notifications/n-1" {
				t.Errorf("asked for %s", r.URL.Path)
			}
			fmt.Fprintf(w, `{"status":%q}`, status)
		})
		if got, err := s.State(t.Context(), "n-1"); err != nil || got != want {
			t.Errorf("%s: got %q, %v", status, got, err)
		}
	}
}

func TestAKeyOfAnotherFormIsRefused(t *testing.T) {
	for _, key := range []string{"", "key", "key-" + service, service + secret} {
		if _, err := New(key, "t"); err == nil {
			t.Errorf("a key of %d letters was taken", len(key))
		}
	}
}
