package mail

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/reportable-incidents/reportable/services/notifier"
)

// server is a mail server that answers one conversation, and gives what it got.
func server(t *testing.T, rcpt string) (address string, got chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	got = make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		fmt.Fprint(conn, "220 ready\r\n")
		var data strings.Builder
		reading := false
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			line := lines.Text()
			switch {
			case reading && line == ".":
				reading = false
				got <- data.String()
				fmt.Fprint(conn, "250 taken\r\n")
			case reading:
				data.WriteString(line + "\n")
			case strings.HasPrefix(line, "RCPT"):
				fmt.Fprint(conn, rcpt+"\r\n")
			case line == "DATA":
				reading = true
				fmt.Fprint(conn, "354 go on\r\n")
			case line == "QUIT":
				fmt.Fprint(conn, "221 bye\r\n")
				return
			default:
				fmt.Fprint(conn, "250 fine\r\n")
			}
		}
	}()
	return l.Addr().String(), got
}

func sender(t *testing.T, address string) *Sender {
	t.Helper()
	s, err := New("smtp+plain://"+address, "reportable@probation.example")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAMailArrivesUnderItsOwnNumber(t *testing.T) {
	address, got := server(t, "250 fine")
	s, err := New("smtp+plain://"+address, "Reportable in Wales <reportable@probation.example>")
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Send(t.Context(), notifier.Message{ID: "abc.1", To: "p1@probation.example", Subject: "Reportable: 2 new\r\nBcc: x@y.example", Text: "Mae rhywbeth newydd – dyna ni.\n"})
	if err != nil {
		t.Fatal(err)
	}
	mail := <-got
	for _, want := range []string{"Message-ID: <abc.1@probation.example>", "From: \"Reportable in Wales\" <reportable@probation.example>", "To: p1@probation.example", "Auto-Submitted: auto-generated", "newydd =E2=80=93 dyna"} {
		if !strings.Contains(mail, want) {
			t.Errorf("the mail lacks %q:\n%s", want, mail)
		}
	}
	if s.From != "reportable@probation.example" {
		t.Errorf("the envelope has a name in it: %q", s.From)
	}
	if strings.Contains(mail, "\nBcc:") {
		t.Errorf("a subject became a header:\n%s", mail)
	}
}

func TestAnAddressThatIsRefusedIsAPermanentFailureAndNotRepeated(t *testing.T) {
	address, _ := server(t, "550 no such user p1@probation.example")
	_, err := sender(t, address).Send(t.Context(), notifier.Message{To: "p1@probation.example"})
	var p interface{ Permanent() bool }
	if !errors.As(err, &p) || !p.Permanent() {
		t.Errorf("got %v, want a permanent failure", err)
	}
	if strings.Contains(fmt.Sprint(err), "p1@") {
		t.Errorf("the error has the address: %v", err)
	}
}

func TestAServerThatIsBusyIsTriedAgain(t *testing.T) {
	address, _ := server(t, "451 try later")
	_, err := sender(t, address).Send(t.Context(), notifier.Message{To: "p1@probation.example"})
	var p interface{ Permanent() bool }
	if err == nil || errors.As(err, &p) {
		t.Errorf("got %v, want a failure that passes", err)
	}
}

func TestMailDoesNotGoInClearToAServerWithoutTLS(t *testing.T) {
	address, _ := server(t, "250 fine")
	s := sender(t, address)
	s.Plain = false
	if _, err := s.Send(t.Context(), notifier.Message{To: "p1@probation.example"}); err == nil {
		t.Error("the mail went")
	}
}

func TestAnAddressOfAnotherFormIsRefused(t *testing.T) {
	for _, c := range [][2]string{{"mail.example:25", "a@b.example"}, {"http://mail.example", "a@b.example"}, {"smtp://mail.example", "nobody"}} {
		if _, err := New(c[0], c[1]); err == nil {
			t.Errorf("%q was taken", c)
		}
	}
}
