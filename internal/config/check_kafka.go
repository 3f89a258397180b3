package config

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/url"
	"regexp"
	"strings"
)

// authoritiesBytesMax is several times what the largest public bundles of authorities need.
const authoritiesBytesMax = 2 << 20

// checkTLS refuses settings that would have no effect, and files that could not be used.
func (l *loader) checkTLS() {
	settings := l.config.Kafka.TLS
	if !settings.Enabled {
		l.checkNoTLS(settings)
		return
	}
	l.checkAuthorities("kafka.tls.ca_file", settings.CAFile)
	switch cert, key := settings.CertFile != "", settings.KeyFile != ""; {
	case cert && !key:
		l.complain(l.place("kafka.tls.cert_file"), "kafka.tls.cert_file", "needs kafka.tls.key_file too")
	case key && !cert:
		l.complain(l.place("kafka.tls.key_file"), "kafka.tls.key_file", "needs kafka.tls.cert_file too")
	case cert:
		if _, err := tls.LoadX509KeyPair(settings.CertFile, settings.KeyFile); err != nil {
			l.complain(l.place("kafka.tls.cert_file"), "kafka.tls.cert_file", "cannot be used: %s", osReason(err))
		}
	}
}

// checkAuthorities refuses a file of authorities that could not be used.
func (l *loader) checkAuthorities(path, file string) {
	if file == "" || !l.isSet(path) {
		return
	}
	text, err := readRegular(file, authoritiesBytesMax)
	if err != nil {
		l.complain(l.place(path), path, "cannot be read: %s", osReason(err))
	} else if !x509.NewCertPool().AppendCertsFromPEM(text) {
		l.complain(l.place(path), path, "holds no certificate in PEM form")
	}
}

// checkNoTLS refuses settings of an encryption that is off: whoever wrote them expects it to be on.
func (l *loader) checkNoTLS(settings KafkaTLS) {
	if l.bad["kafka.tls.enabled"] {
		return
	}
	for _, setting := range []struct {
		name string
		set  bool
	}{
		{"ca_file", settings.CAFile != ""},
		{"cert_file", settings.CertFile != ""},
		{"key_file", settings.KeyFile != ""},
		{"server_name", settings.ServerName != ""},
		{"insecure_skip_verify", settings.InsecureSkipVerify},
	} {
		path := "kafka.tls." + setting.name
		if setting.set && !l.bad[path] {
			l.complain(l.place(path), path, "has no effect unless kafka.tls.enabled is true")
		}
	}
}

// checkSASL wants the keys of a login together, and no others.
func (l *loader) checkSASL() {
	login := l.config.Kafka.SASL
	if l.bad["kafka.sasl.mechanism"] {
		return
	}
	bearer, named := login.Mechanism == "oauthbearer", login.Mechanism != ""
	for _, k := range []struct {
		path string
		set  bool
		of   bool // whether the mechanism reads it
	}{
		{"kafka.sasl.username", login.Username != "", named && !bearer},
		{"kafka.sasl.password", login.Password != "", named && !bearer},
		{"kafka.sasl.password_file", login.PasswordFile != "", named && !bearer},
		{"kafka.sasl.oauth.token_file", login.OAuth.TokenFile != "", bearer},
		{"kafka.sasl.oauth.token_command", len(login.OAuth.TokenCommand) > 0, bearer},
		{"kafka.sasl.oauth.token_url", login.OAuth.TokenURL != "", bearer},
		{"kafka.sasl.oauth.client_id", login.OAuth.ClientID != "", bearer},
		{"kafka.sasl.oauth.client_secret", login.OAuth.ClientSecret != "", bearer},
		{"kafka.sasl.oauth.client_secret_file", login.OAuth.ClientSecretFile != "", bearer},
		{"kafka.sasl.oauth.scope", login.OAuth.Scope != "", bearer},
		{"kafka.sasl.oauth.extensions", len(login.OAuth.Extensions) > 0, bearer},
	} {
		switch {
		case !k.set || k.of || l.bad[k.path]:
		case !named:
			l.complain(l.place(k.path), k.path, "has no effect without kafka.sasl.mechanism")
		default:
			l.complain(l.place(k.path), k.path, "has no effect with kafka.sasl.mechanism: %s", login.Mechanism)
		}
	}
	switch {
	case bearer:
		l.checkOAuth(&login.OAuth)
	case named:
		l.needOne("kafka.sasl.mechanism", login.Mechanism, login.Username != "", "kafka.sasl.username")
		l.needOne("kafka.sasl.mechanism", login.Mechanism, login.Password != "", "kafka.sasl.password")
		l.notBoth("kafka.sasl.password_file", "kafka.sasl.password")
		l.checkReadable("kafka.sasl.password_file", login.PasswordFile)
	}
}

// alternatives are the keys that may stand instead of another.
var alternatives = map[string]string{
	"kafka.sasl.password":            "kafka.sasl.password_file",
	"kafka.sasl.oauth.client_secret": "kafka.sasl.oauth.client_secret_file",
}

// needOne complains about a key that is missing, at the key that needs it.
func (l *loader) needOne(needing, word string, set bool, path string) {
	instead := alternatives[path]
	if set || l.bad[path] || l.isSet(instead) || l.bad[instead] {
		return
	}
	if instead != "" {
		_, leaf := cutLeaf(instead)
		l.complain(l.place(needing), path, "is missing; %s needs it (or %s)", word, leaf)
		return
	}
	l.complain(l.place(needing), path, "is missing; %s needs it", word)
}

// notBoth complains about the second of two keys that say the same.
func (l *loader) notBoth(path, other string) {
	if l.isSet(path) && l.isSet(other) {
		_, leaf := cutLeaf(other)
		l.complain(l.place(path), path, "stands beside %s: leave out one of them", leaf)
	}
}

// checkReadable complains about a file of a secret that cannot be read now.
func (l *loader) checkReadable(path, file string) {
	if file == "" || !l.isSet(path) {
		return
	}
	if _, err := readRegular(file, secretBytesMax); err != nil {
		l.complain(l.place(path), path, "cannot be read: %s", osReason(err))
	}
}

// checkOAuth wants one source of tokens, and what an endpoint needs.
func (l *loader) checkOAuth(o *OAuth) {
	var sources []string
	for _, path := range []string{"kafka.sasl.oauth.token_file", "kafka.sasl.oauth.token_command", "kafka.sasl.oauth.token_url"} {
		if l.found[path] != nil {
			sources = append(sources, path)
		}
	}
	switch {
	case len(sources) == 0:
		l.complain(l.place("kafka.sasl.mechanism"), "kafka.sasl.oauth", "is missing; oauthbearer needs one of token_file, token_command or token_url in it")
		return
	case len(sources) > 1:
		_, leaf := cutLeaf(sources[0])
		l.complain(l.place(sources[1]), sources[1], "stands beside %s: tokens come from one place", leaf)
		return
	}
	l.checkReadable("kafka.sasl.oauth.token_file", o.TokenFile)
	switch {
	case l.bad["kafka.sasl.oauth.token_url"]:
		return
	case o.TokenURL != "":
		l.needOne("kafka.sasl.oauth.token_url", "token_url", o.ClientID != "", "kafka.sasl.oauth.client_id")
		l.needOne("kafka.sasl.oauth.token_url", "token_url", o.ClientSecret != "", "kafka.sasl.oauth.client_secret")
		l.notBoth("kafka.sasl.oauth.client_secret_file", "kafka.sasl.oauth.client_secret")
		l.checkReadable("kafka.sasl.oauth.client_secret_file", o.ClientSecretFile)
		return
	}
	for _, path := range []string{"client_id", "client_secret", "client_secret_file", "scope"} {
		if path = "kafka.sasl.oauth." + path; l.isSet(path) {
			l.complain(l.place(path), path, "has no effect without kafka.sasl.oauth.token_url")
		}
	}
}

// checkTokenURL wants an address to which a secret may be sent.
func checkTokenURL(text string) string {
	at, err := url.Parse(text)
	if err != nil || at.Host == "" || at.User != nil {
		return "must be an address such as https://login.example.com/oauth2/token, without a user in it"
	}
	ip := net.ParseIP(at.Hostname())
	if at.Scheme != "https" && !(at.Scheme == "http" && (at.Hostname() == "localhost" || ip != nil && ip.IsLoopback())) {
		return "must begin with https://, because the client secret goes there"
	}
	return ""
}

var extensionPair = regexp.MustCompile(`^[A-Za-z]+=[\x20-\x7E]+$`)

func checkExtension(text string) string {
	if name, _, _ := strings.Cut(text, "="); !extensionPair.MatchString(text) || name == "auth" {
		return "must be NAME=VALUE, such as logicalCluster=lkc-1; a name is letters only and not auth"
	}
	return ""
}
