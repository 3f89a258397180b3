package access_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"processor/internal/kafkatest"
)

// authority signs certificates.
type authority struct {
	*kafkatest.Authority
	pem []byte
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := kafkatest.NewAuthority(t)
	return &authority{a, contentOf(t, a.CAFile)}
}

// issue makes a certificate of a name, which is good for this machine too, and its key, as PEM.
func (a *authority) issue(t *testing.T, name string) (cert, key []byte) {
	t.Helper()
	pair := a.Sign(t, name, time.Now().Add(time.Hour), "127.0.0.1")
	return contentOf(t, pair.CertFile), contentOf(t, pair.KeyFile)
}

func contentOf(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// write writes a file of a folder and returns its path.
func write(t *testing.T, dir, name string, text []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
