package run

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"

	"github.com/reportable-incidents/reportable/services/casework"
)

// FeedTLS lets forces come by TLS, and be known by their certificates as well
// as by their keys. Without it the feed speaks plain HTTP, to a proxy that does this.
type FeedTLS struct {
	Certificate string            `name:"feed-certificate" type:"path" placeholder:"FILE" env:"FEED_CERTIFICATE" help:"Serve the feed over TLS with this certificate (PEM)."`
	Key         string            `name:"feed-certificate-key" type:"path" placeholder:"FILE" env:"FEED_CERTIFICATE_KEY" help:"Its private key (PEM)."`
	ClientCA    string            `name:"feed-client-ca" type:"path" placeholder:"FILE" env:"FEED_CLIENT_CA" help:"Who signs the forces' certificates (PEM)."`
	Clients     map[string]string `name:"feed-client" placeholder:"NAME=CODE" env:"FEED_CLIENTS" help:"Which force a certificate's common name is. With one of these, every force needs a certificate beside its key."`
}

// listener puts TLS before the feed's listener, if that was asked for.
func (f FeedTLS) listener(l net.Listener) (net.Listener, error) {
	if f.Certificate == "" && f.Key == "" && f.ClientCA == "" && len(f.Clients) == 0 {
		return l, nil
	}
	if f.Certificate == "" || f.Key == "" {
		return nil, Usage("the feed needs both --feed-certificate and --feed-certificate-key to serve over TLS")
	}
	if (f.ClientCA == "") != (len(f.Clients) == 0) {
		return nil, Usage("--feed-client-ca and --feed-client go together: who signs the certificates, and whose they are")
	}
	for name, force := range f.Clients {
		if _, known := casework.ForceName(force); !known || name == "" {
			return nil, Usage("--feed-client %s=%s: there is no force %q", name, force, force)
		}
	}
	pair, err := tls.LoadX509KeyPair(f.Certificate, f.Key)
	if err != nil {
		return nil, fmt.Errorf("read the feed's certificate: %w", err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"}}
	if f.ClientCA != "" {
		pem, err := os.ReadFile(f.ClientCA)
		if err != nil {
			return nil, fmt.Errorf("read who signs the forces' certificates: %w", err)
		}
		config.ClientCAs = x509.NewCertPool()
		if !config.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read who signs the forces' certificates: %s holds no certificate in PEM", f.ClientCA)
		}
		// A certificate that is shown must be good. One that is missing is refused
		// by the door, which can say why.
		config.ClientAuth = tls.VerifyClientCertIfGiven
	}
	return tls.NewListener(l, config), nil
}
