package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"processor/internal/aggregate"
	"processor/internal/config"
	"processor/internal/event"
	"processor/internal/pipeline"
	"processor/internal/web"
)

// webConfig writes a web configuration and a configuration that names it.
func webConfig(t *testing.T, text, http string) (path string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "web.yml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "processor.yaml")
	yaml := "kafka: {brokers: [\"127.0.0.1:1\"]}\ngroup: g\nsources: [{topic: t, keyed_by_account: true}]\nhttp: {web_config_file: " + file + http + "}\n"
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func tokenLine(name, token, role string) string {
	return "- {name: " + name + ", role: " + role + ", sha256: " + sumText(token) + "}\n"
}

func sumText(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// What cannot be served safely is refused before anything starts, by `validate` and by `run`, with the remedy.
func TestServingIsRefused(t *testing.T) {
	viewer := "bearer_tokens:\n" + tokenLine("a", "b", "viewer")
	for _, c := range []struct{ text, http, says string }{
		{"", `, address: "0.0.0.0:8080"`, "asks nobody who they are: add basic_auth_users"},
		{viewer, `, debug_address: "127.0.0.1:6060"`, "name some under admins"},
		{"basic_auth_users: {a: b}\n", "", "web.yml:1: basic_auth_users.a: is not a bcrypt hash"},
	} {
		path := webConfig(t, c.text, c.http)
		for _, args := range [][]string{{"validate", "--config", path}, {"run", "--config", path}} {
			var out, errOut bytes.Buffer
			if code := execute(t.Context(), args, strings.NewReader(""), &out, &errOut); code != exitUsage || !strings.Contains(errOut.String(), c.says) {
				t.Errorf("%v: exit code %d: %s, want %s", args[0], code, &errOut, c.says)
			}
		}
	}
	for _, c := range []struct{ text, http string }{
		{viewer, `, address: "0.0.0.0:8080"`},
		{"", ""},
		{"", `, address: "0.0.0.0:8080", insecure: true`},
		{"bearer_tokens:\n" + tokenLine("a", "b", "admin"), `, debug_address: "127.0.0.1:6060"`},
	} {
		var out, errOut bytes.Buffer
		if code := execute(t.Context(), []string{"validate", "--config", webConfig(t, c.text, c.http)}, strings.NewReader(""), &out, &errOut); code != exitFine {
			t.Errorf("%s: exit code %d: %s", c.http, code, &errOut)
		}
	}
}

// --insecure is http.insecure.
func TestInsecureFlag(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.yaml")
	if err := os.WriteFile(path, []byte("kafka: {brokers: [\"127.0.0.1:1\"]}\ngroup: g\nsources: [{topic: t, keyed_by_account: true}]\nhttp: {address: \"0.0.0.0:0\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadConfigWith(path, config.ForRun, insecureSetting(false)...); err == nil {
		t.Error("an open address without a word")
	}
	if c, err := loadConfigWith(path, config.ForRun, insecureSetting(true)...); err != nil || !c.HTTP.Insecure {
		t.Error(err)
	}
}

// syncLog is a log that several goroutines write.
type syncLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *syncLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// A secret of the configuration, of the web configuration or of a request is in no answer, no profile and no line of
// the log, whatever is asked for and whatever goes wrong.
func TestSecretsStayInside(t *testing.T) {
	const password, token, sasl = "canary-of-a-password", "canary-of-a-token", "canary-of-sasl"
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	path := webConfig(t, "basic_auth_users: {keeper: "+string(hash)+"}\nadmins: {users: [keeper]}\nbearer_tokens:\n"+tokenLine("scrape", token, "admin"), `, address: "127.0.0.1:0", debug_address: "127.0.0.1:0"`)
	t.Setenv("EXPANSION_KAFKA_SASL_MECHANISM", "plain")
	t.Setenv("EXPANSION_KAFKA_SASL_USERNAME", "expansion")
	t.Setenv("EXPANSION_KAFKA_SASL_PASSWORD", sasl)
	loaded, err := config.Load(path, os.Environ(), config.ForRun)
	if err != nil {
		t.Fatal(err)
	}
	log := &syncLog{}
	options, err := serverOptions(loaded, slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	f, err := newFace(new(pipeline.Metrics), aggregate.Options{Currency: "USD", ReportingStart: event.NoTime}, options)
	if err != nil {
		t.Fatal(err)
	}
	options.Metrics = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("broken") })
	broken, err := web.New(f.board, options)
	if err != nil {
		t.Fatal(err)
	}
	secrets := []string{password, token, sasl, string(hash), sumText(token)}
	clean := func(where, text string) {
		t.Helper()
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows %s", where, secret)
			}
		}
	}
	asked := 0
	for handler, targets := range map[*web.Server][]string{
		f.server:                     {"/", "/metrics", "/readyz?verbose", "/api/v1/status", "/api/v1/openapi.json", "/api/v1/accounts/" + token, "/api/v1/accounts?limit=" + token, "/api/v1/movements?account=" + password, "/" + token},
		broken:                       {"/metrics"},
		web.DebugServer(f.transport): {"/debug/pprof/", "/debug/pprof/goroutine?debug=2", "/debug/pprof/heap?debug=1", "/debug/pprof/cmdline", "/debug/pprof/allocs"},
	} {
		for _, target := range targets {
			for _, header := range []func(*http.Request){
				func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) },
				func(r *http.Request) { r.SetBasicAuth("keeper", password) },
				func(r *http.Request) { r.SetBasicAuth("keeper", token) },
				func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+password) },
			} {
				r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
				header(r)
				w := httptest.NewRecorder()
				handler.Handler().ServeHTTP(w, r)
				clean(target, w.Body.String())
				asked++
			}
		}
	}
	if !strings.Contains(log.text.String(), "broken") || asked < 50 {
		t.Errorf("%d requests, and no panic in the log", asked)
	}
	clean("the log", strings.ReplaceAll(log.text.String(), `"path":"/`+token, ""))
	var shown bytes.Buffer
	if code := execute(t.Context(), []string{"config", "show", "--config", path}, strings.NewReader(""), &shown, &shown); code != exitFine {
		t.Fatalf("exit code %d: %s", code, &shown)
	}
	clean("config show", shown.String())
}

// Profiles are on an address of their own, and both end together.
func TestDebugAddress(t *testing.T) {
	path := webConfig(t, "bearer_tokens:\n"+tokenLine("oncall", "abc", "admin")+tokenLine("scrape", "def", "viewer"), `, address: "127.0.0.1:0", debug_address: "127.0.0.1:0"`)
	loaded, err := config.Load(path, nil, config.ForRun)
	if err != nil {
		t.Fatal(err)
	}
	log := &syncLog{}
	options, err := serverOptions(loaded, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := newFace(new(pipeline.Metrics), aggregate.Options{Currency: "USD", ReportingStart: event.NoTime}, options)
	if err != nil {
		t.Fatal(err)
	}
	serve, err := f.listen(loaded)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx) }()
	addresses := map[string]string{}
	for line := range strings.Lines(log.text.String()) {
		_, address, _ := strings.Cut(strings.TrimSpace(line), "address=")
		addresses[strings.Split(line, "served")[0][len(strings.Split(line, "msg=")[0]):]] = address
	}
	var page, debug string
	for message, address := range addresses {
		if strings.Contains(message, "profiles") {
			debug = address
		} else {
			page = address
		}
	}
	for _, c := range []struct {
		url, token string
		code       int
	}{
		{page + "/debug/pprof/", "abc", http.StatusNotFound},
		{page + "/api/v1/status", "def", http.StatusOK},
		{page + "/api/v1/status", "", http.StatusUnauthorized},
		{page + "/livez", "", http.StatusOK},
		{debug + "/debug/pprof/", "abc", http.StatusOK},
		{debug + "/debug/pprof/", "def", http.StatusForbidden},
		{debug + "/debug/pprof/", "", http.StatusUnauthorized},
		{debug + "/api/v1/status", "abc", http.StatusNotFound},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+c.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.token != "" {
			r.Header.Set("Authorization", "Bearer "+c.token)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		if answer.StatusCode != c.code {
			t.Errorf("%s as %q: %d, want %d", c.url, c.token, answer.StatusCode, c.code)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// `explain` asks any instance: it follows to the one that has the account, and says there again who asks.
func TestExplainFollowsToTheOwner(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("abc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	heard := map[string]string{}
	serveWith := func(name string, explain web.Explainer) *httptest.Server {
		s, err := web.New(web.NewBoard(web.BoardOptions{}), web.Options{Explain: explain})
		if err != nil {
			t.Fatal(err)
		}
		served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			heard[name] = r.Header.Get("Authorization")
			s.Handler().ServeHTTP(w, r)
		}))
		t.Cleanup(served.Close)
		return served
	}
	owner := serveWith("owner", func(_ context.Context, account string, _ *aggregate.Interval) (*aggregate.Explanation, error) {
		return &aggregate.Explanation{Account: account, Start: event.NoTime, End: event.NoTime}, nil
	})
	other := serveWith("other", func(context.Context, string, *aggregate.Interval) (*aggregate.Explanation, error) {
		return nil, &web.Refusal{Code: http.StatusTemporaryRedirect, Owner: strings.Replace(owner.URL, "127.0.0.1", "localhost", 1)}
	})
	if x := explanationOf(t, "a/b c", "--url", other.URL, "--token-file", file); x.Account != "a/b c" {
		t.Errorf("%+v", x)
	}
	if heard["other"] != "Bearer abc" || heard["owner"] != "Bearer abc" {
		t.Errorf("%q", heard)
	}
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
	}))
	defer endless.Close()
	if code, _, errOut := explained(t, "acme", "--url", endless.URL); code != exitFailed || !strings.Contains(errOut, "answers 307") {
		t.Errorf("led in a circle: exit code %d: %s", code, errOut)
	}
}
