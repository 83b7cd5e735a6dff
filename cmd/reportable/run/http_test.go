package run

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestAnAddressMayBeABarePort(t *testing.T) {
	l, err := listen("0", "desk-address")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if url := urlOf(l); !strings.HasPrefix(url, "http://127.0.0.1:") {
		t.Errorf("got %s, want loopback", url)
	}
	_, err = listen(l.Addr().String(), "desk-address")
	if err == nil || !strings.Contains(err.Error(), "--desk-address") {
		t.Errorf("got %v, want the flag that moves a taken address", err)
	}
}

func TestAnAddressOnEveryInterfaceIsShownAsOneThatABrowserReaches(t *testing.T) {
	l, err := listen(":0", "desk-address")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if url := urlOf(l); !strings.HasPrefix(url, "http://127.0.0.1:") {
		t.Errorf("got %s, want one that a browser reaches", url)
	}
}

func TestNothingListensWhereNoServiceNeedsIt(t *testing.T) {
	at := Addresses{DeskAddress: "0", FeedAddress: "0", OperationsAddress: "0"}
	for _, c := range []struct {
		names      []string
		desk, feed bool
	}{
		{[]string{"matcher", "notifier"}, false, false},
		{[]string{"caseload"}, false, true},
		{[]string{"feed", "desk"}, true, true},
	} {
		l, err := Listen(at, c.names)
		if err != nil {
			t.Fatal(err)
		}
		if (l.desk != nil) != c.desk || (l.feed != nil) != c.feed || l.operations == nil {
			t.Errorf("%v: got desk %v, feed %v, operations %v", c.names, l.desk != nil, l.feed != nil, l.operations != nil)
		}
		l.Close()
	}
}

func TestAServerFinishesAnAnswerAndEndsAStreamWhenItStops(t *testing.T) {
	l, err := listen("0", "desk-address")
	if err != nil {
		t.Fatal(err)
	}
	begun, release := make(chan string, 2), make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/answer", func(w http.ResponseWriter, _ *http.Request) {
		begun <- "answer"
		<-release
		io.WriteString(w, "whole")
	})
	mux.HandleFunc("/stream", func(_ http.ResponseWriter, r *http.Request) {
		begun <- "stream"
		<-r.Context().Done() // as a page that is told of events does
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	s := server("desk", l, mux, quiet)
	go func() { ended <- s.Run(ctx) }()

	answers := make(chan string, 2)
	for _, path := range []string{"/answer", "/stream"} {
		go func() {
			answer, err := http.Get(urlOf(l) + path)
			if err != nil {
				answers <- path + " broke"
				return
			}
			defer answer.Body.Close()
			body, _ := io.ReadAll(answer.Body)
			answers <- path + " " + string(body)
		}()
	}
	<-begun
	<-begun
	stop()
	close(release)
	got := []string{<-answers, <-answers}
	if !strings.Contains(strings.Join(got, ","), "/answer whole") {
		t.Errorf("got %q, want the answer whole", got)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the server does not stop")
	}
}

func TestABodyThatDoesNotComeHoldsNothing(t *testing.T) {
	read, done := make(chan error, 2), make(chan error, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("/refused", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	mux.HandleFunc("/read", func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		read <- err
	})
	mux.HandleFunc("/work", func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		read <- err
		select { // longer than a body may take
		case <-r.Context().Done():
			done <- r.Context().Err()
		case <-time.After(400 * time.Millisecond):
			done <- nil
		}
	})
	s := httptest.NewServer(hurry(mux, 100*time.Millisecond))
	defer s.Close()
	ask := func(path, body string) *http.Response {
		t.Helper()
		c, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.WriteString(c, "POST "+path+" HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"+body); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		return answer
	}
	if got := ask("/refused", "a").StatusCode; got != http.StatusUnauthorized {
		t.Errorf("got %d, want the refusal without the rest of the body", got)
	}
	ask("/read", "a")
	if err := <-read; err == nil {
		t.Error("half a body was taken for a whole one")
	}
	ask("/work", "abcd")
	if err := <-read; err != nil {
		t.Errorf("a whole body: %v", err)
	}
	if err := <-done; err != nil {
		t.Errorf("work of longer than a body may take was ended: %v", err)
	}
}
