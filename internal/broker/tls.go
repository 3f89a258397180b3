package broker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// TLS says how connections are encrypted: 1.2 or newer, and the brokers' certificates are checked. The files
// are looked at before each connection and read again when they have changed.
type TLS struct {
	CAFile            string // authorities as PEM; empty: the system's
	CertFile, KeyFile string // of this program, as PEM; both or none
	ServerName        string // that the certificates must carry; empty: each broker's host

	// InsecureSkipVerify accepts any certificate: whoever is on the way can read and change everything.
	InsecureSkipVerify bool
}

// certificatesMax bounds a file of certificates or a key, in bytes.
const certificatesMax = 2 << 20

// encryption is what the files hold, and since when.
type encryption struct {
	options TLS

	mu     sync.Mutex
	stamps [3]fileStamp // of the files as they were read
	config *tls.Config
	ends   time.Time // of this program's certificate; zero without one
	failed error     // of the last reading; what was read before it still counts
}

// fileStamp tells two contents of a file apart without reading it.
type fileStamp struct {
	changed time.Time
	size    int64
}

// newEncryption reads the files for the first time.
func newEncryption(o TLS) (*encryption, error) {
	e := &encryption{options: o}
	if _, err := e.current(); err != nil {
		return nil, err
	}
	return e, nil
}

// current is the configuration that the files hold now. Files that cannot be used, because somebody is in
// the middle of changing them, leave the last one in place.
func (e *encryption) current() (*tls.Config, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	stamps := [3]fileStamp{stampOf(e.options.CAFile), stampOf(e.options.CertFile), stampOf(e.options.KeyFile)}
	if e.config != nil && e.failed == nil && stamps == e.stamps {
		return e.config, nil
	}
	config, ends, err := e.options.read()
	e.failed = err
	switch {
	case err == nil:
		e.config, e.ends, e.stamps = config, ends, stamps
	case e.config == nil:
		return nil, err
	}
	return e.config, nil
}

// stampOf is zero for a file that cannot be looked at, which reading it will say.
func stampOf(path string) fileStamp {
	info, err := os.Stat(path)
	if path == "" || err != nil {
		return fileStamp{}
	}
	return fileStamp{info.ModTime(), info.Size()}
}

// read makes a configuration of the files, or says all that is wrong with them.
func (o TLS) read() (config *tls.Config, ends time.Time, err error) {
	config = &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: o.ServerName,
		InsecureSkipVerify: o.InsecureSkipVerify, //nolint:gosec // the operator's loud and named wish
	}
	var problems []error
	if o.CAFile != "" {
		pem, err := readBounded(o.CAFile)
		if err != nil {
			problems = append(problems, fmt.Errorf("kafka.tls.ca_file: %w", err))
		} else if config.RootCAs = x509.NewCertPool(); !config.RootCAs.AppendCertsFromPEM(pem) {
			problems = append(problems, fmt.Errorf("kafka.tls.ca_file: %s holds no certificate in PEM form", o.CAFile))
		}
	}
	if o.CertFile != "" || o.KeyFile != "" {
		certificate, err := loadPair(o.CertFile, o.KeyFile)
		if err != nil {
			problems = append(problems, fmt.Errorf("kafka.tls.cert_file and key_file: %w", err))
		} else {
			config.Certificates, ends = []tls.Certificate{certificate}, certificate.Leaf.NotAfter
		}
	}
	return config, ends, errors.Join(problems...)
}

func loadPair(certFile, keyFile string) (tls.Certificate, error) {
	certificate, certErr := readBounded(certFile)
	key, keyErr := readBounded(keyFile)
	if err := errors.Join(certErr, keyErr); err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(certificate, key)
}

func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	case info.Size() > certificatesMax:
		return nil, fmt.Errorf("%s is larger than %d bytes", path, certificatesMax)
	}
	return os.ReadFile(path) //nolint:gosec // the operator names it
}

// over encrypts a connection to address, which is host:port.
func (e *encryption) over(ctx context.Context, conn net.Conn, address string) (net.Conn, error) {
	config, err := e.current()
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if config.ServerName == "" {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		config = config.Clone()
		config.ServerName = host
	}
	encrypted := tls.Client(conn, config)
	if err := encrypted.HandshakeContext(ctx); err != nil {
		_ = conn.Close() // what is wrong is the handshake
		return nil, fmt.Errorf("TLS with %s: %w", address, err)
	}
	return encrypted, nil
}

// Security is how the connections are protected at present.
type Security struct {
	Encrypted   bool
	Unverified  bool      // certificates of brokers are not checked
	Certificate time.Time // end of this program's certificate; zero without one
	Reading     error     // why files that have changed could not be used; nil when they could
}

// Security looks at the files again where they have changed.
func (c *Cluster) Security() Security {
	if c.encryption == nil {
		return Security{}
	}
	_, _ = c.encryption.current() // the last reading is told below
	e := c.encryption
	e.mu.Lock()
	defer e.mu.Unlock()
	return Security{Encrypted: true, Unverified: e.options.InsecureSkipVerify, Certificate: e.ends, Reading: e.failed}
}
