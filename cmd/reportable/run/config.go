// Package run wires the services: what each is given, and how they start and
// stop together. One short file per service says the first; this file is the
// only reader of the environment.
package run

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/reportable-incidents/reportable/services/telemetry"
)

// Config is what every command may be told.
type Config struct {
	Data      string `default:".reportable" placeholder:"DIR" env:"REPORTABLE_DATA" help:"Folder of the private PostgreSQL and NATS, where DATABASE_URL and NATS_URL are not set. Default: ${default}."`
	LogLevel  string `enum:",debug,info,warn,error" default:"" placeholder:"LEVEL" env:"LOG_LEVEL" help:"debug, info, warn or error. Default: info, and warn for up."`
	LogFormat string `enum:",text,json" default:"" placeholder:"FORMAT" env:"LOG_FORMAT" help:"text or json. Default: json for serve, else text."`

	// What follows comes from the environment alone: an address may hold a
	// password, and flags are in every list of processes.

	// DatabaseURL is DATABASE_URL: which PostgreSQL. Empty for a private one.
	DatabaseURL string `kong:"-"`
	// NATSURL is NATS_URL: which NATS. Empty for an embedded one, in up alone.
	NATSURL string `kong:"-"`
	// NATSCredentials is NATS_CREDENTIALS, a .creds file.
	NATSCredentials string `kong:"-"`
	// NATSReplicas is NATS_REPLICAS: how many servers keep each stream that we
	// make. Default 1.
	NATSReplicas int `kong:"-"`
	// Operator is REPORTABLE_AS: the account that asks at the command line, by
	// its subject, where a command has no --as. Empty for none.
	Operator string `kong:"-"`
	// Packages is REPORTABLE_PACKAGES: a node_modules folder that holds
	// PostgreSQL, for a machine without it. Default deploy/postgres/node_modules.
	Packages string `kong:"-"`
	// Delivery is how people are told outside the desk. Nobody is where it says nothing.
	Delivery Delivery `kong:"-"`
	// Transfer is the case-management system. Contacts are copied by hand where
	// it says nothing.
	Transfer Transfer `kong:"-"`
	// SignIn is the identity provider of the desk's people. Without one only
	// the demo's personas sign in.
	SignIn SignIn `kong:"-"`
	// Keeping is how long incidents are held and kept.
	Keeping Keeping `kong:"-"`
}

// Transfer comes from the environment, for it holds a secret.
type Transfer struct {
	URL          string // TRANSFER_URL, below which /contacts lies
	TokenFile    string // TRANSFER_TOKEN_FILE: a bearer token, read for each request
	TokenURL     string // TRANSFER_TOKEN_URL: OAuth's client credentials, in place of a file
	ClientID     string // TRANSFER_CLIENT_ID
	ClientSecret string // TRANSFER_CLIENT_SECRET
}

// SignIn comes from the environment, for it holds a secret.
type SignIn struct {
	Issuer       string // OIDC_ISSUER
	ClientID     string // OIDC_CLIENT_ID
	ClientSecret string // OIDC_CLIENT_SECRET
	Redirect     string // OIDC_REDIRECT_URL; default DESK_URL with /sign-in/callback
	Claims       string // OIDC_CLAIMS: the file that says what claims grant
	Audience     string // OIDC_AUDIENCE: what access tokens for the API name; without it the API takes sessions alone
}

// Delivery comes from the environment, for most of it is secret.
type Delivery struct {
	SMTP           string // SMTP_URL, such as smtp://user:password@mail.example:587
	From           string // MAIL_FROM
	NotifyKey      string // NOTIFY_API_KEY, of GOV.UK Notify; it is used where there is no SMTP_URL
	NotifyTemplate string // NOTIFY_TEMPLATE
	Desk           string // DESK_URL: where the links in messages lead
}

// ReadEnvironment fills in what has no flag.
func (c *Config) ReadEnvironment() error {
	c.DatabaseURL = os.Getenv("DATABASE_URL")
	c.NATSURL = os.Getenv("NATS_URL")
	c.Operator = os.Getenv("REPORTABLE_AS")
	c.NATSCredentials = os.Getenv("NATS_CREDENTIALS")
	c.Delivery = Delivery{
		SMTP:           os.Getenv("SMTP_URL"),
		From:           os.Getenv("MAIL_FROM"),
		NotifyKey:      os.Getenv("NOTIFY_API_KEY"),
		NotifyTemplate: os.Getenv("NOTIFY_TEMPLATE"),
		Desk:           os.Getenv("DESK_URL"),
	}
	c.Transfer = Transfer{
		URL:          os.Getenv("TRANSFER_URL"),
		TokenFile:    os.Getenv("TRANSFER_TOKEN_FILE"),
		TokenURL:     os.Getenv("TRANSFER_TOKEN_URL"),
		ClientID:     os.Getenv("TRANSFER_CLIENT_ID"),
		ClientSecret: os.Getenv("TRANSFER_CLIENT_SECRET"),
	}
	c.SignIn = SignIn{
		Issuer:       os.Getenv("OIDC_ISSUER"),
		ClientID:     os.Getenv("OIDC_CLIENT_ID"),
		ClientSecret: os.Getenv("OIDC_CLIENT_SECRET"),
		Redirect:     cmp.Or(os.Getenv("OIDC_REDIRECT_URL"), strings.TrimRight(os.Getenv("DESK_URL"), "/")+"/sign-in/callback"),
		Claims:       os.Getenv("OIDC_CLAIMS"),
		Audience:     os.Getenv("OIDC_AUDIENCE"),
	}
	if c.SignIn.Issuer != "" && (c.SignIn.ClientID == "" || c.SignIn.Claims == "") {
		return Usage("OIDC_ISSUER is set; OIDC_CLIENT_ID and OIDC_CLAIMS, the file that says what claims grant, are needed too")
	}
	if c.SignIn.Audience != "" && c.SignIn.Audience == c.SignIn.ClientID {
		return Usage("OIDC_AUDIENCE and OIDC_CLIENT_ID are the same; a token that says who signed in must not open the API")
	}
	if err := c.Keeping.readEnvironment(); err != nil {
		return err
	}
	c.Packages = os.Getenv("REPORTABLE_PACKAGES")
	if c.Packages == "" {
		c.Packages = filepath.Join("deploy", "postgres", "node_modules")
	}
	if s := os.Getenv("NATS_REPLICAS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > 5 {
			return Usage("NATS_REPLICAS is %q; it is a number from 1 to 5", s)
		}
		c.NATSReplicas = n
	}
	return nil
}

// Logger writes as the configuration says, and as the command prefers where it
// says nothing.
func (c *Config) Logger(to io.Writer, level slog.Level, format string) *slog.Logger {
	if c.LogLevel != "" {
		_ = level.UnmarshalText([]byte(c.LogLevel)) // one of the four that the flag allows
	}
	if c.LogFormat != "" {
		format = c.LogFormat
	}
	return telemetry.Logger(to, format == "json", level)
}

// UsageError says that a command was used wrongly.
type UsageError struct{ error }

// Usage makes a UsageError.
func Usage(format string, args ...any) error { return UsageError{fmt.Errorf(format, args...)} }

// UsageOf makes one of an error that says what is wrong already.
func UsageOf(err error) error { return UsageError{err} }

// Unwrap gives what it says.
func (e UsageError) Unwrap() error { return e.error }
