package broker_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"processor/internal/broker"
	"processor/internal/kafkatest"
	"processor/internal/secret"
)

// ask connects with the options and asks one question.
func ask(t *testing.T, o broker.Options) error {
	t.Helper()
	c, err := broker.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	_, err = c.Topics(kafkatest.Context(t), "any")
	return err
}

func TestALoginIsWholeBeforeAnyConnection(t *testing.T) {
	for _, test := range []struct {
		login broker.Login
		want  string
	}{
		{broker.Login{}, ""},
		{broker.Login{Username: "u", Password: "sesame"}, "no mechanism"},
		{broker.Login{Mechanism: "PLAIN", Username: "u"}, "needs a user and a password"},
		{broker.Login{Mechanism: "scram-sha-256", Password: "sesame"}, "needs a user and a password"},
		{broker.Login{Mechanism: "SCRAM-SHA-512", Username: "u", Password: "\u0007sesame"}, "cannot be prepared"},
		{broker.Login{Mechanism: "GSSAPI", Username: "u", Password: "sesame"}, "unknown SASL mechanism"},
		{broker.Login{Mechanism: "oauthbearer"}, "needs a source of tokens"},
		{broker.Login{Mechanism: "oauthbearer", Token: broker.TokenFile("f"), Extensions: map[string]string{"auth": "x"}}, `SASL extension "auth"`},
	} {
		_, err := broker.New(broker.Options{Brokers: []string{"a:1"}, Login: test.login})
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%+v: %v", test.login, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%+v: %v, want %s", test.login, err, test.want)
		case err != nil && strings.Contains(err.Error(), "sesame"):
			t.Errorf("%+v: the password is shown: %v", test.login, err)
		}
	}
}

// The right password opens, a wrong one does not and is not shown, and one that was changed in its file counts
// without a restart.
func TestPasswords(t *testing.T) {
	for _, name := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(name, func(t *testing.T) {
			k := kafkatest.StartFake(t, 1, kfake.EnableSASL(), kfake.Superuser(name, "ada", "sesame"))
			for _, test := range []struct {
				password secret.Text
				right    bool
			}{{"sesame", true}, {"guess-71", false}} {
				err := ask(t, broker.Options{Brokers: k.Brokers, Login: broker.Login{Mechanism: name, Username: "ada", Password: test.password}})
				switch {
				case test.right != (err == nil):
					t.Errorf("right %t: %v", test.right, err)
				case err != nil && (strings.Contains(err.Error(), "guess-71") || !strings.Contains(broker.Remedy(err), "kafka.sasl")):
					t.Errorf("%v: remedy %q", err, broker.Remedy(err))
				}
			}
			file := filepath.Join(t.TempDir(), "password")
			write := func(text string) {
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			c, err := broker.New(broker.Options{Brokers: k.Brokers, Login: broker.Login{Mechanism: name, Username: "ada", PasswordFile: file}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(c.Close)
			var login *broker.LoginError
			if _, err := c.Topics(kafkatest.Context(t), "any"); !errors.As(err, &login) || !strings.Contains(err.Error(), file) {
				t.Errorf("without the file: %v", err)
			}
			write("old\n")
			if _, err := c.Topics(kafkatest.Context(t), "any"); err == nil {
				t.Errorf("with the old password: %v", err)
			}
			write("sesame\n")
			if _, err := c.Topics(kafkatest.Context(t), "any"); err != nil {
				t.Errorf("with the new password: %v", err)
			}
		})
	}
}

func TestABrokerWithAnotherMechanismOrNone(t *testing.T) {
	k := kafkatest.StartFake(t, 1, kfake.EnableSASL(), kfake.Superuser("PLAIN", "ada", "sesame"))
	err := ask(t, broker.Options{Brokers: k.Brokers, Login: broker.Login{Mechanism: "OAUTHBEARER", Token: token("t")}})
	if !errors.Is(err, kafka.UnsupportedSASLMechanism) || !strings.Contains(broker.Remedy(err), "kafka.sasl.mechanism") {
		t.Errorf("%v: remedy %q", err, broker.Remedy(err))
	}
	if err := ask(t, broker.Options{Brokers: k.Brokers}); err == nil || !strings.Contains(broker.Remedy(err), "kafka.sasl") {
		t.Errorf("no login: %v, remedy %q", err, broker.Remedy(err))
	}
}

// Every way in which certificates do not fit is refused, with the setting to look at.
func TestCertificates(t *testing.T) {
	ours, theirs := kafkatest.NewAuthority(t), kafkatest.NewAuthority(t)
	later, ago := time.Now().Add(time.Hour), time.Now().Add(-time.Minute)
	here := ours.Sign(t, "127.0.0.1", later)
	client := ours.Sign(t, "expansion", later)
	plain := func(p kafkatest.Pair) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{p.Certificate}} } //nolint:gosec // the client's minimum counts
	mutual := func() *tls.Config {
		c := plain(here)
		c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, ours.Pool
		return c
	}
	old := plain(here)
	old.MaxVersion = tls.VersionTLS11
	for _, test := range []struct {
		name   string
		server *tls.Config
		client *broker.TLS
		remedy string // of the refusal; "" where it fits
	}{
		{"it fits", plain(here), &broker.TLS{CAFile: ours.CAFile}, ""},
		{"another authority", plain(here), &broker.TLS{CAFile: theirs.CAFile}, "kafka.tls.ca_file"},
		{"the system's authorities", plain(here), &broker.TLS{}, "kafka.tls.ca_file"},
		{"another host", plain(ours.Sign(t, "kafka.internal", later)), &broker.TLS{CAFile: ours.CAFile}, "kafka.tls.server_name"},
		{"another host that is named", plain(ours.Sign(t, "kafka.internal", later)), &broker.TLS{CAFile: ours.CAFile, ServerName: "kafka.internal"}, ""},
		{"a certificate that has ended", plain(ours.Sign(t, "127.0.0.1", ago)), &broker.TLS{CAFile: ours.CAFile}, "has ended"},
		{"not verified, as was asked for", plain(theirs.Sign(t, "other", ago)), &broker.TLS{InsecureSkipVerify: true}, ""},
		{"TLS 1.1", old, &broker.TLS{CAFile: ours.CAFile}, "refused the connection's encryption"},
		{"no TLS at the client", plain(here), nil, "may want TLS"},
		{"a client certificate", mutual(), &broker.TLS{CAFile: ours.CAFile, CertFile: client.CertFile, KeyFile: client.KeyFile}, ""},
		{"no client certificate", mutual(), &broker.TLS{CAFile: ours.CAFile}, "kafka.tls.cert_file"},
		{"a client certificate of another authority", mutual(), pairOf(ours, theirs.Sign(t, "expansion", later)), "kafka.tls.cert_file"},
		{"a client certificate that has ended", mutual(), pairOf(ours, ours.Sign(t, "expansion", ago)), "kafka.tls.cert_file"},
	} {
		t.Run(test.name, func(t *testing.T) {
			k := kafkatest.StartFake(t, 1, kfake.TLS(test.server))
			err := ask(t, broker.Options{Brokers: k.Brokers, TLS: test.client, RequestTimeout: 5 * time.Second})
			if test.remedy == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(broker.Remedy(err), test.remedy) {
				t.Errorf("%v\nremedy %q, want one about %q", err, broker.Remedy(err), test.remedy)
			}
		})
	}
}

func pairOf(a *kafkatest.Authority, p kafkatest.Pair) *broker.TLS {
	return &broker.TLS{CAFile: a.CAFile, CertFile: p.CertFile, KeyFile: p.KeyFile}
}

func TestFilesOfTLSAreReadBeforeAnyConnection(t *testing.T) {
	a := kafkatest.NewAuthority(t)
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	one, other := a.Sign(t, "one", time.Now().Add(time.Hour)), a.Sign(t, "other", time.Now().Add(time.Hour))
	for want, o := range map[string]broker.TLS{
		"kafka.tls.ca_file: stat /nowhere":                                         {CAFile: "/nowhere"},
		"holds no certificate in PEM form":                                         {CAFile: empty},
		"is not a regular file":                                                    {CAFile: filepath.Dir(empty)},
		"kafka.tls.cert_file and key_file: stat /nowhere":                          {CertFile: "/nowhere", KeyFile: one.KeyFile},
		"kafka.tls.cert_file and key_file: tls: private key does not match public": {CertFile: one.CertFile, KeyFile: other.KeyFile},
	} {
		if _, err := broker.New(broker.Options{Brokers: []string{"a:1"}, TLS: &o}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", o, err, want)
		}
	}
}

// Files that are replaced while the program runs count for the next connection; while they cannot be used,
// what was read before still counts, and that is told.
func TestCertificatesAreReplacedWithoutARestart(t *testing.T) {
	before, after := kafkatest.NewAuthority(t), kafkatest.NewAuthority(t)
	ends := time.Now().Add(time.Hour)
	server := &tls.Config{ //nolint:gosec // the client's minimum counts
		Certificates: []tls.Certificate{after.Sign(t, "127.0.0.1", ends).Certificate}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: after.Pool,
	}
	k := kafkatest.StartFake(t, 1, kfake.TLS(server))
	first, second := before.Sign(t, "expansion", ends), after.Sign(t, "expansion", ends.Add(24*time.Hour))
	dir := t.TempDir()
	o := broker.TLS{CAFile: filepath.Join(dir, "ca"), CertFile: filepath.Join(dir, "cert"), KeyFile: filepath.Join(dir, "key")}
	stamp := time.Now().Add(-time.Hour)
	replace := func(ca, cert, key string) {
		t.Helper()
		stamp = stamp.Add(time.Second) // the files' times differ, however fast the test is
		for to, from := range map[string]string{o.CAFile: ca, o.CertFile: cert, o.KeyFile: key} {
			text, err := os.ReadFile(from)
			if err == nil {
				err = errors.Join(os.WriteFile(to, text, 0o600), os.Chtimes(to, stamp, stamp))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	replace(before.CAFile, first.CertFile, first.KeyFile)
	c, err := broker.New(broker.Options{Brokers: k.Brokers, TLS: &o, RequestTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if _, err := c.Topics(kafkatest.Context(t), "any"); err == nil {
		t.Fatal("the certificates of before are accepted")
	}
	replace(after.CAFile, second.CertFile, first.KeyFile) // in the middle of a change
	if s := c.Security(); s.Reading == nil || s.Certificate.Unix() != ends.Unix() || !s.Encrypted || s.Unverified {
		t.Errorf("half changed: %+v", s)
	}
	replace(after.CAFile, second.CertFile, second.KeyFile)
	if _, err := c.Topics(kafkatest.Context(t), "any"); err != nil {
		t.Errorf("after the change: %v", err)
	}
	if s := c.Security(); s.Reading != nil || s.Certificate.Unix() != ends.Add(24*time.Hour).Unix() {
		t.Errorf("after the change: %+v", s)
	}
}

// A session that the broker limits ends while requests go on: each is answered, over as many logins as it takes.
func TestSessionsThatEndCostNoAnswer(t *testing.T) {
	k := kafkatest.StartFake(t, 1, kfake.EnableSASL(), kfake.Superuser("PLAIN", "ada", "sesame"), kfake.BrokerConfigs(map[string]string{"connections.max.reauth.ms": "50"}))
	c, err := broker.New(broker.Options{Brokers: k.Brokers, Login: broker.Login{Mechanism: "PLAIN", Username: "ada", Password: "sesame"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	ctx := kafkatest.Context(t)
	for begun := time.Now(); time.Since(begun) < 400*time.Millisecond; {
		if _, err := c.Topics(ctx, "any"); err != nil {
			t.Fatalf("after %s: %v", time.Since(begun), err)
		}
	}
}

func TestRemediesForTheRest(t *testing.T) {
	for want, err := range map[string]error{
		"does not speak TLS":        fmt.Errorf("handshake: %w", tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}),
		"check kafka.sasl.username": fmt.Errorf("login: %w", kafka.SASLAuthenticationFailed),
		"kafka.brokers":             fmt.Errorf("dial: %w", errOf(t, "127.0.0.1:1")),
		"processor doctor":          kafka.TopicAuthorizationFailed,
		"--group":                   kafka.GroupAuthorizationFailed,
		"prefixed":                  kafka.TransactionalIDAuthorizationFailed,
		"IdempotentWrite":           kafka.ClusterAuthorizationFailed,
		"leave out kafka.sasl":      kafka.IllegalSASLState,
	} {
		if got := broker.Remedy(err); !strings.Contains(got, want) {
			t.Errorf("%v: remedy %q, want one about %s", err, got, want)
		}
	}
	if got := broker.Remedy(errors.New("something else")); got != "" {
		t.Errorf("a remedy for everything: %q", got)
	}
}

// errOf is the error of a port on which nothing listens.
func errOf(t *testing.T, address string) error {
	t.Helper()
	return ask(t, broker.Options{Brokers: []string{address}, RequestTimeout: time.Second})
}
