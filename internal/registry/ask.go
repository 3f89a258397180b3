package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"processor/internal/event/avro"
)

// Bounds of one schema.
const (
	answerMax    = 4 << 20 // bytes of one answer
	referenceMax = 100     // schemas that one may refer to, over all levels
)

// answer is what a registry says about a schema. One without a kind is Avro.
type answer struct {
	Schema     string      `json:"schema"`
	Kind       string      `json:"schemaType"`
	References []reference `json:"references"`
}

// reference is another schema that one is built on.
type reference struct {
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

// errMissing is a registry's own "not found".
var errMissing = errors.New("not found")

// ask asks for a schema and those that it refers to.
func (c *Client) ask(ctx context.Context, id uint32) (*Schema, error) {
	a, err := c.get(ctx, "/schemas/ids/"+strconv.FormatUint(uint64(id), 10))
	if errors.Is(err, errMissing) {
		return nil, ErrUnknown
	}
	if err != nil {
		return nil, err
	}
	s := &Schema{Kind: a.Kind}
	if s.Kind == "" {
		s.Kind = KindAvro
	}
	if s.Kind != KindAvro {
		return s, nil
	}
	below := references{client: c, seen: map[string]bool{}}
	switch err = below.collect(ctx, a.References); {
	case errors.Is(err, errMissing) || errors.Is(err, errTooMany):
		s.Err = err
		return s, nil
	case err != nil:
		return nil, err
	}
	s.Text = a.Schema
	s.Avro, s.Err = avro.Parse(a.Schema, below.texts...)
	return s, nil
}

// references collects schemas that others refer to, each behind those that it refers to itself.
type references struct {
	client *Client
	seen   map[string]bool
	texts  []string
}

var errTooMany = fmt.Errorf("a schema refers to more than %d others", referenceMax)

func (r *references) collect(ctx context.Context, list []reference) error {
	for _, one := range list {
		path := "/subjects/" + url.PathEscape(one.Subject) + "/versions/" + strconv.Itoa(one.Version)
		if r.seen[path] {
			continue
		}
		if r.seen[path] = true; len(r.seen) > referenceMax {
			return errTooMany
		}
		a, err := r.client.get(ctx, path)
		if err != nil {
			return err
		}
		if err := r.collect(ctx, a.References); err != nil {
			return err
		}
		r.texts = append(r.texts, a.Schema)
	}
	return nil
}

// get asks for one path.
func (c *Client) get(ctx context.Context, path string) (*answer, error) {
	status, body, err := c.request(ctx, http.MethodGet, path, nil)
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusNotFound && isMissing(body):
		return nil, fmt.Errorf("GET %s: %w", path, errMissing)
	case status != http.StatusOK:
		return nil, fmt.Errorf("GET %s: %d %s%s", path, status, http.StatusText(status), remedy(status))
	}
	var a answer
	if err := json.Unmarshal(body, &a); err != nil || a.Schema == "" {
		return nil, fmt.Errorf("GET %s: the answer is none of a schema registry; check schema_registry.url", path)
	}
	return &a, nil
}

// contentType is what a registry speaks.
const contentType = "application/vnd.schemaregistry.v1+json"

// request is one request, with all of its answer. Nothing of the login is in an error.
func (c *Client) request(ctx context.Context, method, path string, body []byte) (status int, answered []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Accept", contentType+", application/json")
	if body != nil {
		request.Header.Set("Content-Type", contentType)
	}
	if c.options.Username != "" {
		request.SetBasicAuth(c.options.Username, c.options.Password)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	answered, err = io.ReadAll(io.LimitReader(response.Body, answerMax+1))
	switch {
	case err != nil:
		return 0, nil, fmt.Errorf("%s %s: %w", method, path, err)
	case len(answered) > answerMax:
		return 0, nil, fmt.Errorf("%s %s: the answer is larger than %d bytes", method, path, answerMax)
	}
	return response.StatusCode, answered, nil
}

// isMissing tells a registry's "not found" from that of any server under a wrong address: it has a number
// of its own, 40401 to 40403.
func isMissing(body []byte) bool {
	var said struct {
		Code int `json:"error_code"`
	}
	return json.Unmarshal(body, &said) == nil && strings.HasPrefix(strconv.Itoa(said.Code), "404") && said.Code > 404
}

func remedy(status int) string {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return "; check schema_registry.username and password"
	case http.StatusNotFound, http.StatusMovedPermanently, http.StatusFound, http.StatusPermanentRedirect, http.StatusTemporaryRedirect:
		return "; check schema_registry.url"
	}
	return ""
}
