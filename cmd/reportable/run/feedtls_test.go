package run

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

// authority signs certificates for a test.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.sign("authority", nil)
	return a
}

func (a *authority) sign(name string, by *authority) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IsCA: by == nil, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(name+".pem", "CERTIFICATE", der)
	a.write(name+".key", "EC PRIVATE KEY", private)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

func (a *authority) write(name, kind string, der []byte) {
	if err := os.WriteFile(filepath.Join(a.dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

// keys are those of two forces.
type keys map[string]string

func (k keys) ForceByKey(_ context.Context, hash []byte) (postgres.ForceKey, error) {
	for key, force := range k {
		if string(access.HashForceKey(key)) == string(hash) {
			return postgres.ForceKey{Force: force, ExpiresAt: time.Now().Add(time.Hour)}, nil
		}
	}
	return postgres.ForceKey{}, casework.ErrNotFound
}

func TestAForceIsKnownByItsCertificateAndItsKey(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	a.sign("127.0.0.1", a)
	a.sign("heddlu-de.example", a)
	a.sign("stranger.example", a)
	other.sign("heddlu-de.example", other)
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	clients := map[string]string{"heddlu-de.example": "62"}
	l, err := FeedTLS{Certificate: a.path("127.0.0.1.pem"), Key: a.path("127.0.0.1.key"), ClientCA: a.path("authority.pem"), Clients: clients}.listener(plain)
	if err != nil {
		t.Fatal(err)
	}
	door := access.ForceDoor{Keys: keys{"k62": "62", "k61": "61"}, Certificates: clients}
	s := &http.Server{Handler: door.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(access.ForceOf(r.Context()))) }))}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })

	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	for name, test := range map[string]struct {
		of     *authority
		cert   string
		key    string
		status int // 0: the handshake fails
	}{
		"both of one force":                  {a, "heddlu-de.example", "k62", 200},
		"a key without a certificate":        {a, "", "k62", 401},
		"a certificate without a key":        {a, "heddlu-de.example", "", 401},
		"a key of another force":             {a, "heddlu-de.example", "k61", 403},
		"a certificate of nobody we know":    {a, "stranger.example", "k62", 403},
		"a certificate signed by a stranger": {other, "heddlu-de.example", "k62", 0},
	} {
		config := &tls.Config{RootCAs: pool}
		if test.cert != "" {
			pair, err := tls.LoadX509KeyPair(test.of.path(test.cert+".pem"), test.of.path(test.cert+".key"))
			if err != nil {
				t.Fatal(err)
			}
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		}
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
		r, err := http.NewRequest("GET", "https://"+plain.Addr().String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Api-Key", test.key)
		answer, err := client.Do(r)
		got := 0
		if err == nil {
			got = answer.StatusCode
			answer.Body.Close()
		}
		if got != test.status {
			t.Errorf("%s: got %d, want %d", name, got, test.status)
		}
	}
}

func TestHalfASetOfTLSFilesIsRefusedWithTheRemedy(t *testing.T) {
	for name, f := range map[string]FeedTLS{
		"no key":              {Certificate: "x"},
		"clients without CA":  {Certificate: "x", Key: "y", Clients: map[string]string{"a": "62"}},
		"a force that is not": {Certificate: "x", Key: "y", ClientCA: "z", Clients: map[string]string{"a": "98"}},
	} {
		if _, err := f.listener(nil); err == nil {
			t.Errorf("%s: want it refused", name)
		}
	}
}
