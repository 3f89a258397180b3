package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"processor/internal/kafkatest"
)

// unpacked are the files of an archive.
func unpacked(t *testing.T, name string) map[string]string {
	t.Helper()
	f, err := os.Open(name) //nolint:gosec // the test's own
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for archive := tar.NewReader(z); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		files[strings.TrimPrefix(header.Name, "processor-support/")] = string(text)
	}
}

// A bundle has everything that helps, and nothing that must not leave the house: neither a secret of the
// configuration, wherever it is from, nor the name of an account, nor what an event holds.
func TestSupportBundle(t *testing.T) {
	const password, token = "canary-password-19c2", "canary-client-77ab"
	k := kafkatest.StartFake(t, 1, kfake.EnableSASL(), kfake.Superuser("PLAIN", "ada", password))
	for _, topic := range []string{"billing", "other"} {
		if err := k.Fake.CreateTopic(topic, 1, map[string]string{"message.timestamp.type": "LogAppendTime"}); err != nil {
			t.Fatal(err)
		}
	}
	served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprintln(w, "page of", r.URL.Path) }))
	t.Cleanup(served.Close)
	t.Setenv("KAFKA_PASSWORD", password)
	secret := written(t, "secret", token)
	state := filepath.Join(t.TempDir(), "state")
	yaml := fmt.Sprintf("kafka:\n  brokers: [%q]\n  sasl: {mechanism: plain, username: ada, password: \"${KAFKA_PASSWORD}\"}\ngroup: g\nsources: [{topic: billing, keyed_by_account: true}]\n"+
		"output: {prefix: x.}\ncheckpoint: {dir: %q}\n", k.Brokers[0], state)
	file := written(t, "processor.yaml", yaml)
	if code, log := runService(t, yaml+"http: {address: \"127.0.0.1:0\"}\n", "caught up"); code != exitFine || strings.Contains(log, password) {
		t.Fatalf("exit code %d, log:\n%s", code, log)
	}
	stored, err := os.ReadDir(state)
	if err != nil || len(stored) == 0 {
		t.Fatalf("no checkpoint: %v", err)
	}
	for _, entry := range stored {
		text, err := os.ReadFile(filepath.Join(state, entry.Name())) //nolint:gosec // the test's own
		if err != nil || strings.Contains(string(text), password) {
			t.Errorf("the checkpoint's %s shows the password, or cannot be read: %v", entry.Name(), err)
		}
	}
	log := written(t, "processor.log", strings.Repeat("old line\n", 10)+`{"level":"INFO","msg":"shard opened","account":"acme-corp","n":1}`+"\n"+
		`level=ERROR error="the record at billing/0 offset 3 has key \"acme-corp\" and subject \"acme-corp\""`+"\n"+"load: record 0961636d652d636f7270: damaged\nlast line")
	for _, c := range []struct {
		args  []string
		wants map[string]string
		names bool // of accounts
	}{
		{nil, map[string]string{
			"version.txt": "processor ", "config.yaml": `password: "***"`, "doctor.json": `"check": "brokers.version"`, "progress.ndjson": `"positions":"billing/0:0"`,
			"metrics.txt": "page of /metrics", "status.json": "page of /api/v1/status", "ready.txt": "page of /readyz", "log.txt": "last line",
		}, false},
		{[]string{"--with-accounts"}, map[string]string{"log.txt": "acme-corp"}, true},
		{[]string{"--lines", "2"}, map[string]string{"log.txt": "load: record ***: damaged\nlast line"}, false},
	} {
		out := filepath.Join(t.TempDir(), "bundle.tar.gz")
		args := append([]string{"support-bundle", "--config", file, "--url", served.URL, "--log", log, "--out", out}, c.args...)
		code, text, errOut := command(t, args...)
		if code != exitFine || !strings.Contains(text, "look through it") {
			t.Fatalf("%v: %d %s%s", c.args, code, text, errOut)
		}
		files := unpacked(t, out)
		for name, want := range c.wants {
			if !strings.Contains(files[name], want) {
				t.Errorf("%v: %s has not %q:\n%s", c.args, name, want, files[name])
			}
		}
		if slices.Contains(c.args, "2") && strings.Contains(files["log.txt"], "old line") {
			t.Errorf("more than two lines:\n%s", files["log.txt"])
		}
		for name, text := range files {
			for _, canary := range []string{password, token, "6163", "acme-corp"} {
				if strings.Contains(text, canary) && !(c.names && name == "log.txt" && (canary == "acme-corp" || canary == "6163")) {
					t.Errorf("%v: %s shows %s:\n%s", c.args, name, canary, text)
				}
			}
		}
		if code, _, errOut := command(t, args...); code != exitUsage || !strings.Contains(errOut, "exists") {
			t.Errorf("over a file: %d %s", code, errOut)
		}
	}
	noSecretAnywhere(t, yaml, secret, password, token)
}

// noSecretAnywhere runs every command that prints with secrets in the configuration, right and wrong ones.
func noSecretAnywhere(t *testing.T, yaml, secret string, canaries ...string) {
	t.Helper()
	wrong := strings.Replace(yaml, "\"${KAFKA_PASSWORD}\"", "\"${file:"+secret+"}\"", 1)
	bearer := strings.Replace(yaml, "mechanism: plain, username: ada, password: \"${KAFKA_PASSWORD}\"",
		"mechanism: oauthbearer, oauth: {token_url: \"http://127.0.0.1:1/t\", client_id: c, client_secret: \"${file:"+secret+"}\"}", 1)
	for _, text := range []string{yaml, wrong, bearer} {
		file := written(t, "processor.yaml", text)
		for _, args := range [][]string{
			{"config", "show"},
			{"config", "show", "-o", "json"},
			{"validate"},
			{"doctor"},
			{"doctor", "-o", "json"},
			{"dead-letters", "list"},
			{"dead-letters", "redrive"},
			{"checkpoint", "inspect"},
			{"checkpoint", "verify"},
			{"checkpoint", "export"},
			{"rebuild", "--from", "log", "--dry-run"},
		} {
			_, out, errOut := command(t, append(args, "--config", file)...)
			for _, canary := range canaries {
				if strings.Contains(out+errOut, canary) {
					t.Errorf("%v shows %s:\n%s%s", args, canary, out, errOut)
				}
			}
		}
	}
}
