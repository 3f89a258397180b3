package broker_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"processor/internal/broker"
	"processor/internal/secret"
)

// token is a source of one token.
func token(text secret.Text) broker.TokenSource {
	return func(context.Context) (broker.Token, error) { return broker.Token{Value: text}, nil }
}

// jwt is a token that says when it ends. Nobody signed it.
func jwt(ends time.Time) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"none"}`)) + "." + part(fmt.Appendf(nil, `{"sub":"ada","exp":%d}`, ends.Unix())) + ".sig"
}

func TestTokenFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	source := broker.TokenFile(file)
	if _, err := source(t.Context()); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("no file: %v", err)
	}
	ends := time.Now().Add(time.Hour).Truncate(time.Second)
	for _, text := range []string{"one", jwt(ends)} {
		if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := source(t.Context())
		if err != nil || got.Value.Reveal() != text || (text != "one") != got.Expires.Equal(ends) {
			t.Errorf("%q until %s (%v), want %q", got.Value.Reveal(), got.Expires, err, text)
		}
	}
	if err := os.WriteFile(file, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := source(t.Context()); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("an empty file: %v", err)
	}
}

// The command is run again when its token has ended, and not before; what it prints is never shown.
func TestTokenCommand(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "token.sh")
	counted := func(runs string) int {
		text, err := os.ReadFile(runs)
		if err != nil {
			t.Fatal(err)
		}
		return len(text)
	}
	write := func(body string) {
		if err := os.WriteFile(script, []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil { //nolint:gosec // it is run
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		token string
		runs  int // of three logins
	}{{jwt(time.Now().Add(time.Hour)), 1}, {jwt(time.Now().Add(time.Second)), 3}, {"opaque", 3}} {
		runs := filepath.Join(dir, "runs")
		if err := os.WriteFile(runs, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		write("printf x >> " + runs + "; echo " + test.token)
		source := broker.TokenCommand([]string{"/bin/sh", script})
		for range 3 {
			if got, err := source(t.Context()); err != nil || got.Value.Reveal() != test.token {
				t.Fatalf("%q (%v), want %q", got.Value.Reveal(), err, test.token)
			}
		}
		if n := counted(runs); n != test.runs {
			t.Errorf("%s: run %d times, want %d", test.token, n, test.runs)
		}
	}
	for _, test := range []struct{ body, want string }{
		{"echo sesame; echo sesame >&2; exit 3", "exit status 3"},
		{"head -c 70000 /dev/zero", "printed more than 65536 bytes"},
	} {
		write(test.body)
		_, err := broker.TokenCommand([]string{"/bin/sh", script})(t.Context())
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: %v, want %s", test.body, err, test.want)
		}
	}
}

func TestTokenEndpoint(t *testing.T) {
	var asked atomic.Int32
	lasts := 3600
	refuse := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		id, password, _ := r.BasicAuth()
		if id == "" {
			id, password = r.FormValue("client_id"), r.FormValue("client_secret")
		}
		if refuse != "" || id != "ada" || password != "sesame" || r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "a b" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprintf(w, `{"error":"invalid_client","error_description":"you sent %s"}`, password)
			return
		}
		_, _ = fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"Bearer","expires_in":%d}`, asked.Add(1), lasts)
	}))
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	endpoint := broker.TokenEndpoint{URL: server.URL, ClientID: "ada", ClientSecret: "sesame", Scopes: []string{"a", "b"}}
	source := mustSource(t, endpoint)
	for range 2 {
		if got, err := source(t.Context()); err != nil || got.Value.Reveal() != "token-1" {
			t.Errorf("%q (%v), want the one token", got.Value.Reveal(), err)
		}
	}
	lasts = 10 // less than the margin: each login asks
	endpoint.ClientSecret, endpoint.SecretFile = "", file
	source = mustSource(t, endpoint)
	for want := 2; want < 4; want++ {
		if got, err := source(t.Context()); err != nil || got.Value.Reveal() != fmt.Sprint("token-", want) {
			t.Errorf("%q (%v), want token-%d", got.Value.Reveal(), err, want)
		}
	}
	refuse = "yes"
	if _, err := source(t.Context()); err == nil || !strings.Contains(err.Error(), "invalid_client (is client_id right") || strings.Contains(err.Error(), "sesame") {
		t.Errorf("a refusal: %v", err)
	}
	server.Close()
	if _, err := source(t.Context()); err == nil || !strings.Contains(err.Error(), "the token endpoint") {
		t.Errorf("no server: %v", err)
	}
	for _, url := range []string{"http://login.example.com/token", "login", "ftp://127.0.0.1/x"} {
		if _, err := (broker.TokenEndpoint{URL: url}).Source(); err == nil {
			t.Errorf("%s is accepted: the secret would go there", url)
		}
	}
}

func mustSource(t *testing.T, e broker.TokenEndpoint) broker.TokenSource {
	t.Helper()
	source, err := e.Source()
	if err != nil {
		t.Fatal(err)
	}
	return source
}
