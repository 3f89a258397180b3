package broker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/segmentio/kafka-go/sasl"

	"processor/internal/secret"
)

// Token is an OAuth 2 bearer token.
type Token struct {
	Value   secret.Text
	Expires time.Time // zero: not known
}

// TokenSource gives a token that can be used now. It is asked at each login, from several goroutines.
type TokenSource func(ctx context.Context) (Token, error)

// bearer is the mechanism OAUTHBEARER (RFC 7628, KIP-255), which the client library does not have.
type bearer struct {
	token      TokenSource
	extensions string // as they are sent, in the order of their names
}

var (
	extensionName  = regexp.MustCompile(`^[A-Za-z]+$`)
	extensionValue = regexp.MustCompile(`^[\x21-\x7E \t\r\n]+$`)
	tokenText      = regexp.MustCompile(`^[A-Za-z0-9\-._~+/]+=*$`) // RFC 6750, 2.1
)

// newBearer checks the extensions, which KIP-342 restricts.
func newBearer(token TokenSource, extensions map[string]string) (*bearer, error) {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(extensions)) {
		if !extensionName.MatchString(name) || name == "auth" || !extensionValue.MatchString(extensions[name]) {
			return nil, fmt.Errorf("broker: SASL extension %q: its name is letters only and not auth, and its value printable ASCII", name)
		}
		b.WriteString(name + "=" + extensions[name] + "\x01")
	}
	return &bearer{token: token, extensions: b.String()}, nil
}

// Name satisfies sasl.Mechanism.
func (*bearer) Name() string { return "OAUTHBEARER" }

// Start satisfies sasl.Mechanism.
func (b *bearer) Start(ctx context.Context) (sasl.StateMachine, []byte, error) {
	token, err := b.token(ctx)
	if err != nil {
		return nil, nil, &LoginError{fmt.Errorf("get a token: %w", err)}
	}
	if !tokenText.MatchString(token.Value.Reveal()) {
		return nil, nil, &LoginError{errors.New("get a token: what came is not one: it has a character that no bearer token has, or nothing in it")}
	}
	return bearerAnswer{}, []byte("n,,\x01auth=Bearer " + token.Value.Reveal() + "\x01" + b.extensions + "\x01"), nil
}

// bearerAnswer takes the broker's answer: nothing, or why it refuses.
type bearerAnswer struct{}

// Next satisfies sasl.StateMachine. After a refusal the broker waits for one more message, and then says
// that the login failed.
func (bearerAnswer) Next(_ context.Context, challenge []byte) (done bool, response []byte, err error) {
	if len(challenge) == 0 {
		return true, nil, nil
	}
	return false, []byte{1}, nil
}
