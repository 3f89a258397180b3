package broker

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"processor/internal/secret"
)

// The bounds of a source of tokens.
const (
	tokenWithin   = 30 * time.Second // one attempt
	tokenBytesMax = 64 << 10
	tokenMargin   = 30 * time.Second // a token is not used any more so long before its end
)

// TokenFile reads the token from a file, at each login: what renews it, such as a projected service
// account token, writes it there.
func TokenFile(path string) TokenSource {
	return func(context.Context) (Token, error) {
		text, err := readSecretFile(path)
		text = secret.Text(strings.TrimSpace(text.Reveal()))
		return Token{Value: text, Expires: expiryOf(text)}, err
	}
}

// TokenCommand runs a program and takes what it prints as the token. It is run again when the token's own
// text says that it ends, and at each login where it does not say.
func TokenCommand(command []string) TokenSource {
	return kept(func(ctx context.Context) (Token, error) {
		ctx, cancel := context.WithTimeout(ctx, tokenWithin)
		defer cancel()
		var out limitedBuffer
		c := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // the operator names it
		c.Stdout = &out
		c.WaitDelay = time.Second
		err := c.Run()
		switch {
		case ctx.Err() != nil:
			return Token{}, fmt.Errorf("the command %s did not end within %s", command[0], tokenWithin)
		case out.full:
			return Token{}, fmt.Errorf("the command %s printed more than %d bytes", command[0], tokenBytesMax)
		case err != nil: // what it printed is not shown: it may be a secret
			return Token{}, fmt.Errorf("the command %s: %w; run it by hand to see why", command[0], err)
		}
		text := secret.Text(strings.TrimSpace(out.taken.String()))
		return Token{Value: text, Expires: expiryOf(text)}, nil
	})
}

// TokenEndpoint are the client credentials of OAuth 2 (RFC 6749, 4.4).
type TokenEndpoint struct {
	URL          string
	ClientID     string
	ClientSecret secret.Text
	SecretFile   string // instead of ClientSecret; read for each token
	Scopes       []string
}

// Source asks the endpoint for a token when there is none that can still be used.
func (e TokenEndpoint) Source() (TokenSource, error) {
	at, err := url.Parse(e.URL)
	if err != nil || at.Host == "" || at.Scheme != "https" && !(at.Scheme == "http" && isLoopback(at.Hostname())) {
		return nil, errors.New("broker: the token endpoint must be an https:// address (http:// only on this machine)")
	}
	client := &http.Client{Timeout: tokenWithin}
	return kept(func(ctx context.Context) (Token, error) {
		password := e.ClientSecret
		if e.SecretFile != "" {
			if password, err = readSecretFile(e.SecretFile); err != nil {
				return Token{}, fmt.Errorf("read the client secret: %w", err)
			}
		}
		c := clientcredentials.Config{ClientID: e.ClientID, ClientSecret: password.Reveal(), TokenURL: e.URL, Scopes: e.Scopes}
		t, err := c.Token(context.WithValue(ctx, oauth2.HTTPClient, client))
		if err != nil {
			return Token{}, endpointError(at.Host, err)
		}
		return Token{Value: secret.Text(t.AccessToken), Expires: t.Expiry}, nil
	}), nil
}

// endpointError says what an endpoint refused, without its answer, which may repeat what was sent.
func endpointError(host string, err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response != nil {
		code := ""
		if known := oauthErrors[refused.ErrorCode]; known != "" {
			code = ": " + refused.ErrorCode + " (" + known + ")"
		}
		return fmt.Errorf("the token endpoint %s answered %s%s", host, refused.Response.Status, code)
	}
	var asked *url.Error
	if errors.As(err, &asked) {
		return fmt.Errorf("the token endpoint %s: %w", host, asked.Err)
	}
	return fmt.Errorf("the token endpoint %s gave no token", host)
}

// oauthErrors are the refusals of RFC 6749, 5.2, with what to look at.
var oauthErrors = map[string]string{
	"invalid_client":         "is client_id right, and client_secret?",
	"invalid_scope":          "is scope right?",
	"unauthorized_client":    "the client may not use client credentials", //nolint:misspell // the protocol's word
	"unsupported_grant_type": "the endpoint does not offer client credentials",
	"invalid_request":        "the endpoint wants something else in the request",
	"invalid_grant":          "the credentials have ended or were withdrawn",
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// kept keeps a token until shortly before its end, and lets one login at a time ask for the next.
func kept(source TokenSource) TokenSource {
	var mu sync.Mutex
	var last Token
	return func(ctx context.Context) (Token, error) {
		mu.Lock()
		defer mu.Unlock()
		if last.Value != "" && time.Until(last.Expires) > tokenMargin {
			return last, nil
		}
		token, err := source(ctx)
		if err == nil {
			last = token
		}
		return token, err
	}
}

// expiryOf is when a token in the form of a JWT says that it ends; zero where it does not say. The signature
// is the broker's to check.
func expiryOf(token secret.Text) time.Time {
	parts := strings.Split(token.Reveal(), ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return time.Time{}
	}
	var c struct {
		Expires json.Number `json:"exp"`
	}
	if json.Unmarshal(claims, &c) != nil {
		return time.Time{}
	}
	seconds, err := c.Expires.Int64()
	if err != nil || seconds <= 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}

// limitedBuffer takes so much, and notes that there was more. It has no other method of a buffer, by which
// more would get in.
type limitedBuffer struct {
	taken bytes.Buffer
	full  bool
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.taken.Len()+len(p) > tokenBytesMax {
		b.full = true
		return len(p), nil
	}
	return b.taken.Write(p)
}
