// Package registry asks a schema registry (the interface of Confluent's) for the schemas that records name
// by number, and decodes such records; and it registers the schemas of our rows, and encodes those. Schemas never
// change, so what was asked for is kept, up to a bound. It must never let an outage of the registry reject a
// record, or lose a row: that a schema is unknown or refused is said only when the registry says so.
//
// Read in this order: client, ask, cache, decoder, register, rows.
package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"processor/internal/event/avro"
)

// Options are what a client depends on. URL is required.
type Options struct {
	URL       string
	Username  string // with Password; empty: no login
	Password  string
	TLS       *tls.Config       // nil: the system's authorities
	Timeout   time.Duration     // of one answer; 5 s when 0
	SchemaMax int               // schemas that are kept; 1,000 when 0
	Clock     func() time.Time  // time.Now when nil
	Transport http.RoundTripper // of a test; the network when nil
}

// The kinds of schemas, as a registry names them.
const (
	KindAvro = "AVRO"
	KindJSON = "JSON"
)

// Schema is what a registry knows under a number.
type Schema struct {
	Kind string
	Text string       // of KindAvro
	Avro *avro.Schema // of KindAvro
	Err  error        // why it cannot be used: an answer for ever, as schemas never change
}

// ErrUnknown means that the registry knows no schema of a number.
var ErrUnknown = errors.New("the schema registry knows no schema of this number")

// Client asks one registry. It is safe for use by several goroutines.
type Client struct {
	options Options
	base    string
	http    *http.Client
	asking  chan struct{} // one request at a time: many records wait for the same schema

	mu      sync.Mutex
	cache   cache
	reading Reading
	failed  error // of the last request, until retryAt
	retryAt time.Time
	pause   time.Duration
}

// Reading is what a client counted since its start.
type Reading struct {
	Answered int64 // requests that gave a schema
	Unknown  int64 // requests that the registry knows no schema for
	Failed   int64 // requests without an answer that decides
	Schemas  int   // that are kept
}

// Pauses between requests while the registry does not answer, and how long an unknown number is believed to
// be unknown: a registry with followers may lag behind its producer.
const (
	pauseFirst = time.Second
	pauseMax   = 30 * time.Second
	unknownFor = 30 * time.Second
)

// New is a client. It does no I/O.
func New(o Options) (*Client, error) {
	base, err := url.Parse(o.URL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, errors.New("registry: Options.URL is no URL of a server")
	}
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	if o.SchemaMax <= 0 {
		o.SchemaMax = 1000
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	var transport http.RoundTripper = &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: o.TLS, ResponseHeaderTimeout: o.Timeout,
		MaxIdleConns: 2, IdleConnTimeout: 30 * time.Second, MaxResponseHeaderBytes: 64 << 10,
	}
	if o.Transport != nil {
		transport = o.Transport
	}
	return &Client{
		options: o, base: strings.TrimRight(o.URL, "/"), asking: make(chan struct{}, 1), cache: newCache(o.SchemaMax),
		http: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}, nil
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Read copies the current counters.
func (c *Client) Read() Reading {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.reading
	r.Schemas = c.cache.len()
	return r
}

// Schema is the schema of a number. ErrUnknown is the registry's own word; every other error means that it
// could not be asked now, and is given at once while the pause after a failure lasts.
func (c *Client) Schema(ctx context.Context, id uint32) (*Schema, error) {
	if s, err, found := c.known(id); found {
		return s, err
	}
	select {
	case c.asking <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-c.asking }()
	if s, err, found := c.known(id); found { // somebody else has asked meanwhile
		return s, err
	}
	s, err := c.ask(ctx, id)
	c.note(ctx, id, s, err)
	return s, err
}

// known is what needs no request: a schema that is kept, a number that is unknown for a while, or the pause
// after a failure.
func (c *Client) known(id uint32) (*Schema, error, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.options.Clock()
	if s, found := c.cache.get(id, now); found {
		if s == nil {
			return nil, ErrUnknown, true
		}
		return s, nil, true
	}
	if c.failed != nil && now.Before(c.retryAt) {
		return nil, c.failed, true
	}
	return nil, nil, false
}

// note counts and keeps an answer.
func (c *Client) note(ctx context.Context, id uint32, s *Schema, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.options.Clock()
	switch {
	case err == nil:
		c.reading.Answered++
		c.cache.put(id, s, time.Time{})
	case errors.Is(err, ErrUnknown):
		c.reading.Unknown++
		c.cache.put(id, nil, now.Add(unknownFor))
	case ctx.Err() != nil:
		return // we gave up, not the registry
	default:
		c.reading.Failed++
		c.pause = min(max(2*c.pause, pauseFirst), pauseMax)
		c.failed, c.retryAt = fmt.Errorf("schema registry: %w", err), now.Add(c.pause)
		return
	}
	c.failed, c.pause = nil, 0
}
