package server

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/everpoint/everpoint/internal/config"
)

// certificateLife is how long a self-made certificate is valid: some systems refuse more than 825 days.
const certificateLife = 820 * 24 * time.Hour

// serverTLS gives the TLS settings of the configuration, nil when encryption is off, and the fingerprint of a self-made
// certificate.
func serverTLS(c config.TLS, dataDir, address string) (*tls.Config, string, error) {
	if !c.Enabled() {
		return nil, "", nil
	}
	if !c.SelfSigned {
		cert, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, "", fmt.Errorf("the certificate of tls.cert and tls.key cannot be used: %w", err)
		}
		return tlsConfig(cert), "", nil
	}
	names, err := ownNames(address)
	if err != nil {
		return nil, "", err
	}
	cert, err := ownCertificate(dataDir, names, time.Now())
	if err != nil {
		return nil, "", fmt.Errorf("a certificate of our own cannot be made in %s: %w", dataDir, err)
	}
	return tlsConfig(cert), fingerprint(cert), nil
}

func tlsConfig(cert tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
}

// ownNames are the names and addresses that a self-made certificate is for: this machine's, and the one of the
// configuration.
func ownNames(address string) ([]string, error) {
	names := []string{"localhost", "127.0.0.1", "::1"}
	if host, err := os.Hostname(); err == nil && host != "" {
		names = append(names, host)
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); host != "" && (ip == nil || !ip.IsUnspecified()) {
		names = append(names, host)
	}
	slices.Sort(names[3:])
	return slices.Compact(names), nil
}

// ownCertificate reads the self-made certificate of the data folder. It makes one when there is none, when it is about to
// end or when it lacks one of the names. tls.pem holds both the certificate and its key and is readable by its owner
// alone; tls-cert.pem holds the certificate, to be handed to clients.
func ownCertificate(dataDir string, names []string, now time.Time) (tls.Certificate, error) {
	path := filepath.Join(dataDir, "tls.pem")
	data, err := os.ReadFile(path)
	switch {
	case err == nil:
		cert, err := tls.X509KeyPair(data, data)
		if err == nil && stillGood(cert.Leaf, names, now) {
			return cert, nil
		}
	case !errors.Is(err, fs.ErrNotExist):
		return tls.Certificate{}, err
	}
	if data, err = makeCertificate(names, now); err != nil {
		return tls.Certificate{}, err
	}
	public, _ := pem.Decode(data)
	if err := writeFile(filepath.Join(dataDir, "tls-cert.pem"), pem.EncodeToMemory(public), 0o644); err != nil {
		return tls.Certificate{}, err
	}
	if err := writeFile(path, data, 0o600); err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(data, data)
}

func stillGood(leaf *x509.Certificate, names []string, now time.Time) bool {
	if leaf == nil || now.Before(leaf.NotBefore) || now.Add(24*time.Hour).After(leaf.NotAfter) {
		return false
	}
	return !slices.ContainsFunc(names, func(n string) bool { return leaf.VerifyHostname(n) != nil })
}

// makeCertificate makes a key and a certificate that it signs itself, both in one PEM text. The certificate may sign, so
// that clients can be given it as the authority to trust.
func makeCertificate(names []string, now time.Time) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "Everpoint"},
		NotBefore:    now.Add(-time.Hour), // clocks differ
		NotAfter:     now.Add(certificateLife),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA:         true, BasicConstraintsValid: true, MaxPathLenZero: true,
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, n)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = errors.Join(
		pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.Encode(&b, &pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
	return b.Bytes(), err
}

// writeFile puts a file in place at once, never half of it.
func writeFile(path string, data []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+"-*") // 0600 until it is whole
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // does nothing once it is renamed
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(mode), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// fingerprint is the SHA-256 of a certificate as browsers show it.
func fingerprint(cert tls.Certificate) string {
	sum := sha256.Sum256(cert.Certificate[0])
	pairs := make([]string, len(sum))
	for i, b := range sum {
		pairs[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(pairs, ":")
}
