package access

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// tlsServer is tls_server_config, in the words of the exporter-toolkit.
type tlsServer struct {
	CertFile         string   `yaml:"cert_file"`
	KeyFile          string   `yaml:"key_file"`
	Cert             string   `yaml:"cert"` // PEM
	Key              string   `yaml:"key"`  // PEM
	ClientAuthType   string   `yaml:"client_auth_type"`
	ClientCAFile     string   `yaml:"client_ca_file"`
	ClientCA         string   `yaml:"client_ca"` // PEM
	ClientSANs       []string `yaml:"client_allowed_sans"`
	MinVersion       string   `yaml:"min_version"`
	MaxVersion       string   `yaml:"max_version"`
	CipherSuites     []string `yaml:"cipher_suites"`
	CurvePreferences []string `yaml:"curve_preferences"`

	// PreferServerCipherSuites has no effect since Go 1.17; files of other exporters have it.
	PreferServerCipherSuites *bool `yaml:"prefer_server_cipher_suites"`
}

// The closed sets of words. TLS before 1.2 is left out on purpose.
var (
	clientAuthTypes = map[string]tls.ClientAuthType{
		"": tls.NoClientCert, "NoClientCert": tls.NoClientCert, "RequestClientCert": tls.RequestClientCert,
		"RequireAnyClientCert": tls.RequireAnyClientCert, "RequireClientCert": tls.RequireAnyClientCert,
		"VerifyClientCertIfGiven": tls.VerifyClientCertIfGiven, "RequireAndVerifyClientCert": tls.RequireAndVerifyClientCert,
	}
	tlsVersions = map[string]uint16{"TLS12": tls.VersionTLS12, "TLS13": tls.VersionTLS13}
	curves      = map[string]tls.CurveID{"CurveP256": tls.CurveP256, "CurveP384": tls.CurveP384, "CurveP521": tls.CurveP521, "X25519": tls.X25519}
)

// verifies says whether a certificate that a client shows is held against client_ca.
func (t *tlsServer) verifies() bool {
	kind := clientAuthTypes[t.ClientAuthType]
	return kind == tls.VerifyClientCertIfGiven || kind == tls.RequireAndVerifyClientCert
}

// demands says whether only clients with a verified certificate come in.
func (t *tlsServer) demands() bool {
	return t != nil && clientAuthTypes[t.ClientAuthType] == tls.RequireAndVerifyClientCert
}

// config is what the settings mean; every problem is reported.
func (t *tlsServer) config(d *document) (*tls.Config, error) {
	var problems []error
	complain := func(text string, keys ...string) {
		problems = append(problems, d.problem(text, append([]string{"tls_server_config"}, keys...)...))
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	certificate, err := t.certificate(d)
	if err != nil {
		problems = append(problems, err)
	}
	c.Certificates = []tls.Certificate{certificate}
	kind, known := clientAuthTypes[t.ClientAuthType]
	if c.ClientAuth = kind; !known {
		complain("is NoClientCert, RequestClientCert, RequireAnyClientCert, VerifyClientCertIfGiven or RequireAndVerifyClientCert", "client_auth_type")
	}
	if c.ClientCAs, err = t.authorities(d); err != nil {
		problems = append(problems, err)
	}
	switch {
	case c.ClientCAs != nil && kind == tls.NoClientCert && known:
		complain("needs client_auth_type, such as RequireAndVerifyClientCert", "client_ca_file")
	case c.ClientCAs == nil && t.verifies() && err == nil:
		complain("needs client_ca_file", "client_auth_type")
	case len(t.ClientSANs) > 0 && !t.verifies():
		complain("needs client_auth_type: RequireAndVerifyClientCert", "client_allowed_sans")
	}
	for _, v := range []struct {
		key, name string
		to        *uint16
	}{{"min_version", t.MinVersion, &c.MinVersion}, {"max_version", t.MaxVersion, &c.MaxVersion}} {
		if v.name == "" {
			continue
		}
		if *v.to, known = tlsVersions[v.name]; !known {
			complain("is TLS12 or TLS13", v.key)
		}
	}
	for _, name := range t.CipherSuites {
		i := slices.IndexFunc(tls.CipherSuites(), func(s *tls.CipherSuite) bool { return s.Name == name })
		if i < 0 {
			complain(fmt.Sprintf("%q is not a cipher suite that is held for safe", name), "cipher_suites")
			continue
		}
		c.CipherSuites = append(c.CipherSuites, tls.CipherSuites()[i].ID)
	}
	for _, name := range t.CurvePreferences {
		id, known := curves[name]
		if !known {
			complain("are CurveP256, CurveP384, CurveP521 and X25519", "curve_preferences")
		}
		c.CurvePreferences = append(c.CurvePreferences, id)
	}
	if len(t.ClientSANs) > 0 {
		c.VerifyConnection = func(state tls.ConnectionState) error { // also of a resumed session
			if len(state.PeerCertificates) > 0 && !hasSAN(state.PeerCertificates[0], t.ClientSANs) {
				return errors.New("the client's certificate has none of the allowed names")
			}
			return nil
		}
	}
	return c, errors.Join(problems...)
}

// certificate is the server's own.
func (t *tlsServer) certificate(d *document) (tls.Certificate, error) {
	cert, err := t.pem(d, "cert_file", t.CertFile, "cert", t.Cert)
	key, keyErr := t.pem(d, "key_file", t.KeyFile, "key", t.Key)
	if err = errors.Join(err, keyErr); err != nil {
		return tls.Certificate{}, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return pair, d.problem("the certificate and its key cannot be used: "+err.Error(), "tls_server_config", "cert_file")
	}
	return pair, nil
}

// authorities are those that sign the clients' certificates; nil where none are named.
func (t *tlsServer) authorities(d *document) (*x509.CertPool, error) {
	if t.ClientCAFile == "" && t.ClientCA == "" {
		return nil, nil
	}
	text, err := t.pem(d, "client_ca_file", t.ClientCAFile, "client_ca", t.ClientCA)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, d.problem("holds no certificate in PEM form", "tls_server_config", "client_ca_file")
	}
	return pool, nil
}

// pem is what a file holds, or the text that stands in its place.
func (t *tlsServer) pem(d *document, fileKey, name, textKey, text string) ([]byte, error) {
	switch {
	case name != "" && text != "":
		return nil, d.problem("and "+textKey+" say the same: leave one out", "tls_server_config", fileKey)
	case text != "":
		return []byte(text), nil
	case name == "":
		return nil, d.problem("is missing", "tls_server_config", fileKey)
	}
	content, err := d.read(name)
	if err != nil {
		return nil, d.problem("cannot be read: "+err.Error(), "tls_server_config", fileKey)
	}
	return content, nil
}

// hasSAN says whether a certificate has one of the names.
func hasSAN(cert *x509.Certificate, wanted []string) bool {
	names := slices.Concat(cert.DNSNames, cert.EmailAddresses)
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	for _, uri := range cert.URIs {
		names = append(names, uri.String())
	}
	return slices.ContainsFunc(names, func(name string) bool {
		return slices.ContainsFunc(wanted, func(w string) bool { return strings.EqualFold(w, name) })
	})
}
