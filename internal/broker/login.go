package broker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"processor/internal/secret"
)

// Login says who this program is at the brokers (SASL). The zero Login is nobody.
type Login struct {
	Mechanism string // PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, in any capitals; "" for none

	// Of PLAIN and SCRAM: the user, and the password or a file that holds it. The file is read at each
	// login, so that a password that is changed there counts from the next connection on.
	Username     string
	Password     secret.Text
	PasswordFile string

	// Of OAUTHBEARER: where tokens come from, and what is sent beside them.
	Token      TokenSource
	Extensions map[string]string
}

// passwordBytesMax bounds a password file.
const passwordBytesMax = 64 << 10

// mechanism is the login as the client library wants it; nil for none. No secret is ever part of an
// error.
func (l Login) mechanism() (sasl.Mechanism, error) {
	name := strings.ToUpper(strings.TrimSpace(l.Mechanism))
	hasPassword := l.Password != "" || l.PasswordFile != ""
	switch name {
	case "":
		if l.Username != "" {
			return nil, errors.New("broker: a SASL user is given but no mechanism; set PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER")
		}
		return nil, nil
	case "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512":
		if l.Username == "" || !hasPassword {
			return nil, fmt.Errorf("broker: SASL %s needs a user and a password", name)
		}
		m := passwordLogin{name: name, login: l}
		if l.PasswordFile == "" { // what cannot be prepared is said now, and not at the first connection
			if _, err := m.with(l.Password); err != nil {
				return nil, err
			}
		}
		return m, nil
	case "OAUTHBEARER":
		if l.Token == nil {
			return nil, errors.New("broker: SASL OAUTHBEARER needs a source of tokens")
		}
		return newBearer(l.Token, l.Extensions)
	default:
		return nil, fmt.Errorf("broker: unknown SASL mechanism %q; use PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER", l.Mechanism)
	}
}

// passwordLogin logs in with the password that there is at that time.
type passwordLogin struct {
	name  string
	login Login
}

// Name satisfies sasl.Mechanism.
func (m passwordLogin) Name() string { return m.name }

// Start satisfies sasl.Mechanism.
func (m passwordLogin) Start(ctx context.Context) (sasl.StateMachine, []byte, error) {
	password := m.login.Password
	if m.login.PasswordFile != "" {
		text, err := readSecretFile(m.login.PasswordFile)
		if err != nil {
			return nil, nil, &LoginError{fmt.Errorf("read the password: %w", err)}
		}
		password = text
	}
	with, err := m.with(password)
	if err != nil {
		return nil, nil, &LoginError{err}
	}
	return with.Start(ctx)
}

func (m passwordLogin) with(password secret.Text) (sasl.Mechanism, error) {
	algorithm := scram.SHA512
	switch m.name {
	case "PLAIN":
		return plain.Mechanism{Username: m.login.Username, Password: password.Reveal()}, nil
	case "SCRAM-SHA-256":
		algorithm = scram.SHA256
	}
	with, err := scram.Mechanism(algorithm, m.login.Username, password.Reveal())
	if err != nil {
		return nil, fmt.Errorf("broker: SASL %s: user or password cannot be prepared (SASLprep)", m.name)
	}
	return with, nil
}

// LoginError means that this side could not begin to log in: a file that cannot be read, a token that
// is not given. It may pass by itself.
type LoginError struct{ cause error }

// Error names the cause, which has no secret.
func (e *LoginError) Error() string { return "log in at the broker: " + e.cause.Error() }

// Unwrap is the cause.
func (e *LoginError) Unwrap() error { return e.cause }

// readSecretFile is the content of a file without its last line end.
func readSecretFile(path string) (secret.Text, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names it
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	content, err := io.ReadAll(io.LimitReader(f, passwordBytesMax+1))
	switch {
	case err != nil:
		return "", err
	case len(content) > passwordBytesMax:
		return "", fmt.Errorf("%s is larger than %d bytes", path, passwordBytesMax)
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	if text == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return secret.Text(text), nil
}
