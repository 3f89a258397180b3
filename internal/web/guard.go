package web

import (
	"net"
	"net/http"
	"runtime/debug"
	"sync"
)

// guard is in front of every route: what the browser may do with the answer, which methods there
// are, and what happens when an answer panics.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "+
			"img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			problem(w, http.StatusMethodNotAllowed, "the service is read-only: GET and HEAD")
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, bodyBytes)
		defer s.recover(w, r)
		next.ServeHTTP(w, r)
	})
}

// recover answers 500 for a panic and goes on: an answer never stops the figures.
func (s *Server) recover(w http.ResponseWriter, r *http.Request) {
	caught := recover()
	if caught == nil {
		return
	}
	if caught == http.ErrAbortHandler { //nolint:errorlint // net/http compares so
		panic(caught)
	}
	s.options.Log.ErrorContext(r.Context(), "an answer failed", "path", r.URL.Path, "panic", caught, "stack", string(debug.Stack()))
	problem(w, http.StatusInternalServerError, "the answer failed; the log says why")
}

// limit lets at most n connections of a listener be open; the next one waits to be accepted.
func limit(l net.Listener, n int) net.Listener {
	return &limited{Listener: l, places: make(chan struct{}, n), closed: make(chan struct{})}
}

type limited struct {
	net.Listener
	places chan struct{}
	once   sync.Once
	closed chan struct{}
}

// Accept waits for a place and a connection.
func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &place{Conn: c, free: sync.OnceFunc(func() { <-l.places })}, nil
}

// Close ends Accept, also where it waits for a place.
func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// place is a connection that frees its place when it is closed.
type place struct {
	net.Conn
	free func()
}

// Close closes the connection.
func (p *place) Close() error {
	err := p.Conn.Close()
	p.free()
	return err
}
