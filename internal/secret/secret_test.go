package secret_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"processor/internal/secret"
)

const canary = "canary-3e08"

// A program that dies with a secret in its hand does not print it.
func TestAPanicShowsNoSecret(t *testing.T) {
	if os.Getenv("SECRET_PANICS") != "" {
		panic(secret.Text(canary))
	}
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAPanicShowsNoSecret$") //nolint:gosec // this very test
	c.Env = append(os.Environ(), "SECRET_PANICS=1")
	out, err := c.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "panic:") {
		t.Fatalf("it did not panic: %v\n%s", err, out)
	}
	if strings.Contains(string(out), canary) {
		t.Errorf("the panic shows the secret:\n%s", out)
	}
}

func TestErrorChainsShowNoSecret(t *testing.T) {
	inner := fmt.Errorf("login with %v, %s, %q, %+v, %#v", secret.Text(canary), secret.Text(canary), secret.Text(canary), secret.Text(canary), secret.Text(canary))
	if text := errors.Join(fmt.Errorf("connect: %w", inner), inner).Error(); strings.Contains(text, canary) || !strings.Contains(text, secret.Mask) {
		t.Error(text)
	}
	if secret.Text(canary).Reveal() != canary {
		t.Error("Reveal does not reveal")
	}
}
