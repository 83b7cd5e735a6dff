package faults

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
)

// post is a mail server that takes everything.
type post struct {
	address string

	mu  sync.Mutex
	all []letter
	// stop, if set, is given once how to go on when a mail is taken and its
	// sender has not heard so.
	stop chan chan struct{}
}

type letter struct{ to, text string }

// id is the mail's own number.
func (l letter) id() string {
	for line := range strings.Lines(l.text) {
		if id, ok := strings.CutPrefix(line, "Message-ID: "); ok {
			return strings.TrimSpace(id)
		}
	}
	return ""
}

func newPost(t testing.TB) *post {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	p := &post{address: l.Addr().String()}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go p.talk(conn)
		}
	}()
	return p
}

func (p *post) talk(conn net.Conn) {
	defer conn.Close()
	fmt.Fprint(conn, "220 ready\r\n")
	var one letter
	var text strings.Builder
	reading := false
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		line := lines.Text()
		switch {
		case reading && line == ".":
			reading = false
			one.text = text.String()
			p.mu.Lock()
			p.all = append(p.all, one)
			stop := p.stop
			p.stop = nil
			p.mu.Unlock()
			if stop != nil {
				goOn := make(chan struct{})
				stop <- goOn
				<-goOn
			}
			fmt.Fprint(conn, "250 taken\r\n")
		case reading:
			text.WriteString(line + "\n")
		case strings.HasPrefix(line, "RCPT TO:"):
			one.to = strings.ToLower(strings.Trim(strings.Fields(line)[1][3:], "<>"))
			fmt.Fprint(conn, "250 fine\r\n")
		case line == "DATA":
			reading = true
			text.Reset()
			fmt.Fprint(conn, "354 go on\r\n")
		case line == "QUIT":
			fmt.Fprint(conn, "221 bye\r\n")
			return
		default:
			fmt.Fprint(conn, "250 fine\r\n")
		}
	}
}

// got is what was taken so far.
func (p *post) got() []letter {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]letter(nil), p.all...)
}
