package broker

import (
	"context"
	"errors"
	"strings"
	"testing"

	"processor/internal/secret"
)

// What goes over the wire is RFC 7628's message, with KIP-342's extensions in it.
func TestBearerMessage(t *testing.T) {
	b, err := newBearer(func(context.Context) (Token, error) { return Token{Value: "abc.def=="}, nil }, map[string]string{"pool": "p 1", "cluster": "c"})
	if err != nil {
		t.Fatal(err)
	}
	machine, first, err := b.Start(t.Context())
	want := "n,,\x01auth=Bearer abc.def==\x01cluster=c\x01pool=p 1\x01\x01"
	if err != nil || string(first) != want {
		t.Fatalf("%q (%v), want %q", first, err, want)
	}
	if done, answer, err := machine.Next(t.Context(), nil); !done || answer != nil || err != nil {
		t.Errorf("accepted: %t %q %v", done, answer, err)
	}
	if done, answer, err := machine.Next(t.Context(), []byte(`{"status":"invalid_token"}`)); done || string(answer) != "\x01" || err != nil {
		t.Errorf("refused: %t %q %v", done, answer, err)
	}
}

// A token could carry further fields into the message, if anything were taken for one.
func TestOnlyATokenIsSentAsOne(t *testing.T) {
	for _, text := range []string{"", "a\x01b", "a b", "a\nb", "=a", "ä"} {
		b, err := newBearer(func(context.Context) (Token, error) { return Token{Value: secret.Text(text)}, nil }, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, first, err := b.Start(t.Context())
		var login *LoginError
		if !errors.As(err, &login) || first != nil || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%q is sent: %q %v", text, first, err)
		}
	}
}
