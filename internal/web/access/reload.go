package access

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Options of a gate.
type Options struct {
	Log *slog.Logger     // nil: silent
	Now func() time.Time // time.Now when nil
}

// lookEvery is how often the files are looked at while requests come: a certificate or a user that was
// changed on disk counts so soon.
const lookEvery = time.Second

// Gate lets requests in by the web configuration file, and reads that file and the certificates again
// when they change. A nil Gate is that of a service without one. While the changed files cannot be used,
// the gate goes on as it was: the log and Failures say so.
type Gate struct {
	path      string
	options   Options
	passwords *passwords
	failures  atomic.Int64

	mu     sync.Mutex
	looked time.Time
	state  *state
}

// state is what one reading of the files means.
type state struct {
	file    file
	users   map[string]string
	anyHash string
	tokens  []token
	limiter *rate.Limiter
	tls     *tls.Config // nil: plain HTTP

	texts map[string][]byte // of every file it was read from
	bad   map[string][]byte // the texts that were tried last and cannot be used
}

// Open reads a web configuration file and what it names. Every problem is reported, with its line.
func Open(path string, o Options) (*Gate, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	g := &Gate{path: path, options: o, passwords: newPasswords(), looked: o.Now()}
	texts, err := textsOf(path)
	if err != nil {
		return nil, fmt.Errorf("web configuration: %w", err)
	}
	g.state, err = build(path, texts)
	return g, err
}

// textsOf are the texts of the file and of those it names.
func textsOf(path string) (map[string][]byte, error) {
	text, err := readBounded(path)
	if err != nil {
		return nil, err
	}
	texts := map[string][]byte{path: text}
	d, err := parse(path, text)
	if err != nil || d.file.TLS == nil {
		return texts, nil //nolint:nilerr // build says what is wrong
	}
	for _, name := range []string{d.file.TLS.CertFile, d.file.TLS.KeyFile, d.file.TLS.ClientCAFile} {
		if name != "" {
			texts[name], _ = d.read(name) // build says what is wrong
		}
	}
	return texts, nil
}

// build makes a state of what was read.
func build(path string, texts map[string][]byte) (*state, error) {
	d, err := parse(path, texts[path])
	if err != nil {
		return nil, err
	}
	s := &state{file: d.file, users: d.file.Users, anyHash: costliest(d.file.Users), tokens: tokensOf(&d.file), texts: texts}
	if d.file.TLS != nil {
		if s.tls, err = d.file.TLS.config(d); err != nil {
			return nil, err
		}
		if s.tls.NextProtos = []string{"h2", "http/1.1"}; !s.http2() {
			s.tls.NextProtos = []string{"http/1.1"}
		}
	}
	if r := d.file.Rate; r.Interval > 0 {
		s.limiter = rate.NewLimiter(rate.Every(r.Interval), r.Burst)
	}
	return s, nil
}

func (s *state) http2() bool { return s.file.HTTP.HTTP2 == nil || *s.file.HTTP.HTTP2 }

// now is the state as of the last look at the files; nil without a gate.
func (g *Gate) now() *state {
	if g == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if now := g.options.Now(); now.Sub(g.looked) >= lookEvery {
		g.looked = now
		g.look()
	}
	return g.state
}

// look reads the files and takes them over if they are other than they were and can be used.
func (g *Gate) look() {
	texts, err := textsOf(g.path)
	if err == nil && same(texts, g.state.texts) {
		g.state.bad = nil
		return
	}
	if err == nil && g.state.bad != nil && same(texts, g.state.bad) {
		return // was said before
	}
	var fresh *state
	if err == nil {
		fresh, err = build(g.path, texts)
	}
	if err == nil && (fresh.tls == nil) != (g.state.tls == nil) {
		err = errors.New("TLS cannot be switched on or off while the service runs: restart it")
	}
	if err != nil {
		g.failures.Add(1)
		g.state.bad = texts
		g.options.Log.Error("the web configuration has changed and cannot be used; the one before it still counts", "file", g.path, "error", err)
		return
	}
	g.state = fresh
	g.options.Log.Info("the web configuration has changed and counts", "file", g.path)
}

func same(a, b map[string][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for name, text := range a {
		if other, there := b[name]; !there || !bytes.Equal(text, other) {
			return false
		}
	}
	return true
}

// Failures counts the changes of the files that could not be used.
func (g *Gate) Failures() int64 {
	if g == nil {
		return 0
	}
	return g.failures.Load()
}

// Authenticates says whether only those come in who say who they are.
func (g *Gate) Authenticates() bool {
	s := g.now()
	return s != nil && (len(s.users) > 0 || len(s.tokens) > 0 || s.file.TLS.demands())
}

// HasAdmin says whether somebody has the role admin.
func (g *Gate) HasAdmin() bool {
	s := g.now()
	if s == nil || !g.Authenticates() {
		return false
	}
	for _, t := range s.tokens {
		if t.role == Admin {
			return true
		}
	}
	return len(s.file.Admins.Users) > 0 || len(s.file.Admins.ClientSANs) > 0
}

// Headers are those that the file adds to every answer.
func (g *Gate) Headers() map[string]string {
	if s := g.now(); s != nil {
		return s.file.HTTP.Headers
	}
	return nil
}

// TLS is the server's configuration, nil for plain HTTP. It asks for the present certificates at every
// handshake.
func (g *Gate) TLS() *tls.Config {
	s := g.now()
	if s == nil || s.tls == nil {
		return nil
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: s.tls.NextProtos,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return g.now().tls, nil },
	}
}
