package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"processor/internal/aggregate"
	"processor/internal/config"
	"processor/internal/row"
)

const (
	serviceTimeout  = 30 * time.Second
	redirectsMax    = 2         // shards may move once while we ask
	serviceBytesMax = 256 << 20 // far beyond what the bounds of an explanation allow
)

// explainFromService asks a running service.
func explainFromService(cmd *cobra.Command, flags *explainFlags, account string, _ *aggregate.Interval) (*row.Explanation, error) {
	target, err := explainURL(flags.url, account, flags.interval)
	if err != nil {
		return nil, err
	}
	token, err := readToken(flags.tokenFile)
	if err != nil {
		return nil, err
	}
	code, body, err := ask(cmd.Context(), target, token)
	if err != nil {
		return nil, err
	}
	var refusal struct {
		Detail  string
		Nearest []string
	}
	switch {
	case code == http.StatusOK:
		e := new(row.Explanation)
		if err := json.Unmarshal(body, e); err != nil || e.Account != account {
			return nil, fmt.Errorf("%s does not answer as a processor does: is it the service's address?", target.Redacted())
		}
		return e, nil
	case json.Unmarshal(body, &refusal) != nil || refusal.Detail == "" || code == http.StatusNotFound && refusal.Nearest == nil:
		return nil, fmt.Errorf("%s answers %d %s: is it the address of a processor of this version?", target.Redacted(), code, http.StatusText(code))
	case code == http.StatusNotFound:
		return nil, errUnknownAccount(account, refusal.Nearest)
	default:
		return nil, fmt.Errorf("the service answers %d: %s", code, refusal.Detail)
	}
}

// explainURL is where the explanation of an account is, behind the address of a service.
func explainURL(address, account, interval string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, usagef("--url %q is not the address of a service, such as http://127.0.0.1:8080", address)
	}
	escaped := url.PathEscape(account)
	if strings.Trim(account, ".") == "" { // a path would take dots for a way up
		escaped = strings.ReplaceAll(account, ".", "%2E")
	}
	base, baseEscaped := strings.TrimRight(u.Path, "/"), strings.TrimRight(u.EscapedPath(), "/")
	u.Path, u.RawPath = base+"/api/v1/accounts/"+account+"/explain", baseEscaped+"/api/v1/accounts/"+escaped+"/explain"
	if interval != "" {
		u.RawQuery = url.Values{"interval": {interval}}.Encode()
	}
	return u, nil
}

// readToken is what a file holds; "" without a file.
func readToken(path string) (config.Secret, error) {
	if path == "" {
		return "", nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", usagef("--token-file: %w", err)
	}
	return config.Secret(strings.TrimSpace(string(text))), nil
}

// ask asks the service, and the instance that it leads to: that one is trusted with the token as well.
func ask(ctx context.Context, target *url.URL, token config.Secret) (code int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, serviceTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return 0, nil, err
	}
	authorise := func(r *http.Request) {
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token.Reveal())
		} else if user := target.User; user != nil {
			password, _ := user.Password()
			r.SetBasicAuth(user.Username(), password)
		}
	}
	authorise(request)
	client := &http.Client{CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) > redirectsMax || via[0].URL.Scheme == "https" && r.URL.Scheme != "https" {
			return http.ErrUseLastResponse
		}
		authorise(r)
		return nil
	}}
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, fmt.Errorf("ask the service: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if body, err = io.ReadAll(io.LimitReader(response.Body, serviceBytesMax)); err != nil {
		return 0, nil, fmt.Errorf("read the service's answer: %w", err)
	}
	return response.StatusCode, body, nil
}
