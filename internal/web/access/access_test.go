package access_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"processor/internal/web/access"
)

func hashOf(t *testing.T, password string) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(hash)
}

func sumOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// clock is moved by the test.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func openGate(t *testing.T, dir, text string, o access.Options) *access.Gate {
	t.Helper()
	g, err := access.Open(write(t, dir, "web.yml", []byte(text)), o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func request(t *testing.T, header string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	if user, password, isBasic := strings.Cut(header, ":"); isBasic {
		r.SetBasicAuth(user, password)
	} else if header != "" {
		r.Header.Set("Authorization", header)
	}
	return r
}

func TestWhoMayDoWhat(t *testing.T) {
	g := openGate(t, t.TempDir(), "basic_auth_users: {reader: "+hashOf(t, "open")+", keeper: "+hashOf(t, "sesame")+"}\n"+
		"admins: {users: [keeper]}\nbearer_tokens:\n- {name: scrape, sha256: "+sumOf("abc")+"}\n- {name: oncall, sha256: "+sumOf("def")+", role: admin}\n", access.Options{})
	for header, want := range map[string]access.Role{
		"": access.Nobody, "reader:open": access.Viewer, "reader:sesame": access.Nobody, "reader:": access.Nobody, "nobody:open": access.Nobody, "nobody:sesame": access.Nobody, ":open": access.Nobody,
		"keeper:sesame": access.Admin, "Bearer abc": access.Viewer, "bearer abc": access.Viewer, "Bearer def": access.Admin, "Bearer abcd": access.Nobody,
		"Bearer ": access.Nobody, "Bearer " + sumOf("abc"): access.Nobody, "Digest abc": access.Nobody,
	} {
		for range 2 { // the second time it is remembered
			role, err := g.Role(request(t, header))
			if role != want || (err == nil) != (want >= access.Viewer) || err != nil && !errors.Is(err, access.ErrUnauthenticated) {
				t.Errorf("%q: %s, %v, want %s", header, role, err, want)
			}
		}
	}
	if !g.Authenticates() || !g.HasAdmin() || len(g.Challenges()) != 2 {
		t.Errorf("%t %t %q", g.Authenticates(), g.HasAdmin(), g.Challenges())
	}
}

func TestWithoutAGateEverybodyReads(t *testing.T) {
	var g *access.Gate
	if role, err := g.Role(request(t, "")); role != access.Viewer || err != nil {
		t.Error(role, err)
	}
	if g.Authenticates() || g.HasAdmin() || g.TLS() != nil || g.Failures() != 0 || g.Headers() != nil || g.Challenges() != nil {
		t.Error("there is something")
	}
}

// A user who is taken out of the file, and a token that is put in, count without a restart; a file that cannot be
// used changes nothing, is counted once and is not shown.
func TestTheFileIsReadAgain(t *testing.T) {
	dir, now := t.TempDir(), &clock{now: time.Unix(0, 0)}
	var log bytes.Buffer
	g := openGate(t, dir, "basic_auth_users: {reader: "+hashOf(t, "open")+"}\n", access.Options{Now: now.Now, Log: slog.New(slog.NewTextHandler(&log, nil))})
	is := func(header string, want access.Role) {
		t.Helper()
		if role, _ := g.Role(request(t, header)); role != want {
			t.Errorf("%q is %s, want %s", header, role, want)
		}
	}
	is("reader:open", access.Viewer)
	write(t, dir, "web.yml", []byte("bearer_tokens: [{name: a, sha256: "+sumOf("abc")+"}]\n"))
	is("reader:open", access.Viewer) // nobody has looked
	now.pass(time.Second)
	is("reader:open", access.Nobody)
	is("Bearer abc", access.Viewer)
	write(t, dir, "web.yml", []byte("bearer_tokens: [{name: a, sha256: canary}]\n"))
	for range 3 {
		now.pass(time.Second)
		is("Bearer abc", access.Viewer)
	}
	if g.Failures() != 1 || !strings.Contains(log.String(), "cannot be used") || strings.Contains(log.String(), "canary") {
		t.Errorf("%d failures, log %s", g.Failures(), &log)
	}
	write(t, dir, "web.yml", []byte("bearer_tokens: [{name: a, sha256: "+sumOf("xyz")+"}]\n"))
	now.pass(time.Second)
	is("Bearer abc", access.Nobody)
	is("Bearer xyz", access.Viewer)
}

func TestRateLimit(t *testing.T) {
	g := openGate(t, t.TempDir(), "rate_limit: {interval: 1h, burst: 2}\n", access.Options{})
	for i, want := range []error{nil, nil, access.ErrRate} {
		if _, err := g.Role(request(t, "")); !errors.Is(err, want) {
			t.Errorf("request %d: %v", i, err)
		}
	}
}

// Strangers who try passwords take one processor at most, and those who wait for it are bounded.
func TestPasswordsAreCheckedOneAtATime(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("open"), 8)
	if err != nil {
		t.Fatal(err)
	}
	g := openGate(t, t.TempDir(), "basic_auth_users: {reader: "+string(hash)+"}\n", access.Options{})
	busy := make(chan struct{}, 200)
	var trying sync.WaitGroup
	for i := range cap(busy) {
		trying.Go(func() {
			if _, err := g.Role(request(t, "reader:"+strings.Repeat("x", i+1))); errors.Is(err, access.ErrBusy) {
				busy <- struct{}{}
			}
		})
	}
	trying.Wait()
	if len(busy) == 0 {
		t.Error("200 at once, and none was turned away")
	}
	if role, err := g.Role(request(t, "reader:open")); role != access.Viewer {
		t.Errorf("afterwards: %s, %v", role, err)
	}
}

// Each mistake is told with its line and what to do, all of them at once, and without what the file says.
func TestMistakes(t *testing.T) {
	ca := newAuthority(t)
	cert, key := ca.issue(t, "localhost")
	_, otherKey := ca.issue(t, "localhost")
	dir := t.TempDir()
	write(t, dir, "cert.pem", cert)
	write(t, dir, "key.pem", key)
	write(t, dir, "other.pem", otherKey)
	write(t, dir, "empty.pem", nil)
	const pair = "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n"
	for text, want := range map[string]string{
		"basic_auth_users:\n  canary-user: canary\n":                                                      "web.yml:2: basic_auth_users.canary-user: is not a bcrypt hash",
		"basic_auth_users:\n  a: $2y$16$" + strings.Repeat("a", 53) + "\n":                                "web.yml:2: basic_auth_users.a: its bcrypt cost is 16; at most 14",
		"bearer_tokens:\n- {name: a, sha256: canary}\n":                                                   "web.yml:1: bearer_tokens[0]: sha256 is the token's SHA-256",
		"bearer_tokens:\n- {sha256: " + sumOf("a") + "}\n":                                                "each token has a name",
		"bearer_tokens:\n- {name: a, role: king, sha256: " + sumOf("a") + "}\n":                           "role is viewer or admin",
		"admins: {users: [b]}\n":                                                                          `web.yml:1: admins.users: "b" is not among basic_auth_users`,
		"admins:\n  client_sans: [b]\n":                                                                   "web.yml:2: admins.client_sans: no client certificate is verified",
		"http_server_config: {headers: {Set-Cookie: canary}}\n":                                           "the headers that can be set are Strict-Transport-Security",
		"rate_limit: {interval: 1s}\n":                                                                    "needs an interval such as 10ms and a burst",
		"basic_auth_user: {}\n":                                                                           `unknown field "basic_auth_user"`,
		"basic_auth_users: [\n":                                                                           "web.yml: ",
		pair + "  client_auth_type: Always\n":                                                             "web.yml:4: tls_server_config.client_auth_type: is NoClientCert",
		pair + "  client_auth_type: RequireAndVerifyClientCert\n":                                         "tls_server_config.client_auth_type: needs client_ca_file",
		pair + "  client_ca_file: cert.pem\n":                                                             "needs client_auth_type",
		pair + "  client_ca_file: empty.pem\n  client_auth_type: RequireAndVerifyClientCert\n":            "holds no certificate",
		pair + "  min_version: TLS10\n":                                                                   "web.yml:4: tls_server_config.min_version: is TLS12 or TLS13",
		pair + "  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]\n":                                            "not a cipher suite that is held for safe",
		pair + "  curve_preferences: [P1]\n":                                                              "are CurveP256",
		pair + "  client_allowed_sans: [a]\n":                                                             "needs client_auth_type: RequireAndVerifyClientCert",
		pair + "  cert: canary\n":                                                                         "cert_file: and cert say the same",
		"tls_server_config:\n  cert_file: cert.pem\n":                                                     "tls_server_config.key_file: is missing",
		"tls_server_config:\n  cert_file: cert.pem\n  key_file: other.pem\n":                              "web.yml:2: tls_server_config.cert_file: the certificate and its key cannot be used",
		"tls_server_config:\n  cert_file: missing.pem\n  key_file: key.pem\n":                             "cannot be read",
		"tls_server_config:\n  cert: canary\n  key: canary\n":                                             "cannot be used",
		"basic_auth_users: {a: canary}\nbearer_tokens: [{name: b, sha256: c}]\nrate_limit: {burst: -1}\n": "bearer_tokens[0]",
	} {
		_, err := access.Open(write(t, dir, "web.yml", []byte(text)), access.Options{})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(strings.ReplaceAll(err.Error(), "canary-user", ""), "canary") {
			t.Errorf("%s\n got %v\nwant %s", text, err, want)
		}
	}
	if _, err := access.Open(dir+"/nothing.yml", access.Options{}); err == nil || !strings.Contains(err.Error(), "nothing.yml") {
		t.Error(err)
	}
	for _, text := range []string{"", "# nothing\n", "{}\n"} {
		if g := openGate(t, dir, text, access.Options{}); g.Authenticates() {
			t.Errorf("%q asks who it is", text)
		}
	}
}

// tlsServer serves by a gate and tells the client's role.
func tlsServer(t *testing.T, g *access.Gate) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		role, err := g.Role(r)
		if err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(role.String()))
	}))
	s.TLS = g.TLS()
	s.EnableHTTP2 = true
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

// reply is what a client with some certificates of its own hears, and the serial number of the server's.
func reply(t *testing.T, url string, trusted []byte, own ...tls.Certificate) (text, serial string) {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(trusted)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: own, ServerName: "localhost", MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return "refused", ""
	}
	defer answer.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(answer.Body); err != nil {
		return "refused", ""
	}
	if answer.StatusCode != http.StatusOK {
		return answer.Status, ""
	}
	return body.String(), answer.TLS.PeerCertificates[0].SerialNumber.String()
}

func TestMutualTLS(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	dir := t.TempDir()
	cert, key := ca.issue(t, "localhost")
	write(t, dir, "cert.pem", cert)
	write(t, dir, "key.pem", key)
	write(t, dir, "ca.pem", ca.pem)
	g := openGate(t, dir, "tls_server_config: {cert_file: cert.pem, key_file: key.pem, client_ca_file: ca.pem, client_auth_type: RequireAndVerifyClientCert, "+
		"client_allowed_sans: [reader, keeper]}\nadmins: {client_sans: [keeper]}\n", access.Options{})
	url := tlsServer(t, g)
	pairOf := func(a *authority, name string) tls.Certificate {
		cert, key := a.issue(t, name)
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		return pair
	}
	for name, c := range map[string]struct {
		own  []tls.Certificate
		want string
	}{
		"without one":      {nil, "refused"},
		"of another":       {[]tls.Certificate{pairOf(other, "reader")}, "refused"},
		"of another name":  {[]tls.Certificate{pairOf(ca, "stranger")}, "refused"},
		"a reader":         {[]tls.Certificate{pairOf(ca, "reader")}, "viewer"},
		"an administrator": {[]tls.Certificate{pairOf(ca, "keeper")}, "admin"},
	} {
		if got, _ := reply(t, url, ca.pem, c.own...); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	if !g.Authenticates() || !g.HasAdmin() {
		t.Error("a demanded certificate says who asks")
	}
}

// A certificate that is exchanged on disk is used for the next connection.
func TestCertificatesAreReadAgain(t *testing.T) {
	ca, dir, now := newAuthority(t), t.TempDir(), &clock{now: time.Unix(0, 0)}
	renew := func() {
		cert, key := ca.issue(t, "localhost")
		write(t, dir, "cert.pem", cert)
		write(t, dir, "key.pem", key)
	}
	renew()
	g := openGate(t, dir, "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n", access.Options{Now: now.Now})
	url := tlsServer(t, g)
	_, first := reply(t, url, ca.pem)
	renew()
	if _, same := reply(t, url, ca.pem); same != first || first == "" {
		t.Errorf("certificates %s and %s before anybody looked", first, same)
	}
	now.pass(time.Second)
	_, second := reply(t, url, ca.pem)
	if second == first || second == "" {
		t.Errorf("certificates %s and %s", first, second)
	}
	write(t, dir, "key.pem", []byte("half a key"))
	now.pass(time.Second)
	if _, still := reply(t, url, ca.pem); still != second || g.Failures() != 1 {
		t.Errorf("with a broken key: certificate %s, want %s; %d failures", still, second, g.Failures())
	}
}
