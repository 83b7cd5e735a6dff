// Package mail sends notices over SMTP.
//
//	notifier → mail → the organisation's mail server
package mail

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"net/url"
	"strings"
	"time"

	"github.com/reportable-incidents/reportable/schemas/events"
	"github.com/reportable-incidents/reportable/services/notifier"
)

// Sender is the channel.
type Sender struct {
	// Address is the server's host and port.
	Address string
	// From is the address of the mail's sender, and Called what it is called, if
	// it is called something.
	From, Called string
	// User and Password sign in to the server; both empty for one that asks nobody.
	User, Password string
	// Plain lets mail go without TLS, to a server on this machine.
	Plain bool
	// TLS is for tests; nil verifies the server as usual.
	TLS *tls.Config
	// Patience is how long one mail may take. Default 30s.
	Patience time.Duration
}

// New reads smtp://user:password@host:587 and smtp+plain://localhost:25.
func New(address, from string) (*Sender, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "smtp" && u.Scheme != "smtp+plain" {
		return nil, errors.New("the mail server's address cannot be read; it looks like smtp://user:password@mail.example:587")
	}
	sender, err := mail.ParseAddress(from)
	if err != nil {
		return nil, errors.New("the sender of mails is not an e-mail address")
	}
	s := &Sender{Address: u.Host, From: sender.Address, Called: sender.Name, Plain: u.Scheme == "smtp+plain", User: u.User.Username()}
	s.Password, _ = u.User.Password()
	if u.Port() == "" {
		s.Address = net.JoinHostPort(u.Hostname(), "587")
	}
	return s, nil
}

// Name is mail.
func (s *Sender) Name() string { return "mail" }

// Send hands the message to the server. A mail that the server refuses for good
// is a permanent failure.
func (s *Sender) Send(ctx context.Context, m notifier.Message) (string, error) {
	patience := s.Patience
	if patience == 0 {
		patience = 30 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.Address)
	if err != nil {
		return "", fmt.Errorf("reach the mail server: %w", err)
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return "", fmt.Errorf("reach the mail server: %w", err)
		}
	}
	if err := s.converse(conn, m); err != nil {
		return "", told(err)
	}
	return "", nil
}

func (s *Sender) converse(conn net.Conn, m notifier.Message) error {
	host, _, err := net.SplitHostPort(s.Address)
	if err != nil {
		return err
	}
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		return err
	}
	defer c.Close()
	if !s.Plain {
		config := s.TLS
		if config == nil {
			config = &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
		}
		// Never in clear because the server, or somebody between, says nothing of TLS.
		if err := c.StartTLS(config); err != nil {
			return err
		}
	}
	if s.User != "" {
		if err := c.Auth(smtp.PlainAuth("", s.User, s.Password, host)); err != nil {
			return err
		}
	}
	if err := c.Mail(s.From); err != nil {
		return err
	}
	if err := c.Rcpt(m.To); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(s.format(m)); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return c.Quit()
}

// format is the mail as it goes over the wire.
func (s *Sender) format(m notifier.Message) []byte {
	var b bytes.Buffer
	header := func(name, value string) {
		// A line break in a value would begin another header.
		fmt.Fprintf(&b, "%s: %s\r\n", name, strings.NewReplacer("\r", " ", "\n", " ").Replace(value))
	}
	_, domain, _ := strings.Cut(s.From, "@")
	from := s.From
	if s.Called != "" {
		from = (&mail.Address{Name: s.Called, Address: s.From}).String()
	}
	header("From", from)
	header("To", m.To)
	header("Subject", mime.QEncoding.Encode("utf-8", m.Subject))
	header("Message-ID", "<"+m.ID+"@"+domain+">")
	header("Date", time.Now().Format(time.RFC1123Z))
	header("Auto-Submitted", "auto-generated")
	header("MIME-Version", "1.0")
	header("Content-Type", "text/plain; charset=utf-8")
	header("Content-Transfer-Encoding", "quoted-printable")
	b.WriteString("\r\n")
	q := quotedprintable.NewWriter(&b)
	_, _ = q.Write([]byte(m.Text)) // a buffer takes everything
	_ = q.Close()
	return b.Bytes()
}

// told is the server's answer without the address that it may repeat. An answer
// in the five hundreds is for good, but for those of signing in.
func told(err error) error {
	var answer *textproto.Error
	if !errors.As(err, &answer) {
		return fmt.Errorf("speak with the mail server: %w", err)
	}
	e := fmt.Errorf("the mail server answered %d", answer.Code)
	if answer.Code >= 550 && answer.Code < 560 {
		return events.Permanent(e)
	}
	return e
}
