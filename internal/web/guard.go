package web

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"strings"

	"processor/internal/web/access"
)

// guard is in front of every route: what the browser may do with the answer, which methods, hosts and
// bodies there are, and what happens when an answer panics.
func (s *Server) guard(next http.Handler) http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		headerIsComplete(r)
		counted := s.count.begin(w)
		defer func() { counted.end(r.Pattern) }()
		defer s.recover(counted, r)
		secure(counted.Header(), s.options.Gate)
		if crossOrigin.Check(r) != nil {
			problem(counted, http.StatusForbidden, "another site's page may not send this")
			return
		}
		if s.isForeign(r.Host) {
			problem(counted, http.StatusMisdirectedRequest, "the service answers on this machine under localhost or an IP address; "+
				"behind a proxy set http.advertise to the address that readers use")
			return
		}
		if !acceptable(counted, r) {
			return
		}
		next.ServeHTTP(counted, r)
	})
}

// secure says what a browser may do with an answer.
func secure(h http.Header, gate *access.Gate) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "+
		"img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	for name, value := range gate.Headers() {
		h.Set(name, value)
	}
}

// acceptable refuses what a service that is only read has no use for. A connection that has sent a body is
// closed after the answer: whatever follows on it may have been meant to be part of it.
func acceptable(w http.ResponseWriter, r *http.Request) bool {
	hasBody := r.ContentLength != 0
	if hasBody {
		w.Header().Set("Connection", "close")
	}
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		problem(w, http.StatusMethodNotAllowed, "the service is read-only: GET and HEAD")
		return false
	case len(r.TransferEncoding) > 0:
		problem(w, http.StatusBadRequest, "a request to read has no body in chunks")
		return false
	case r.ContentLength > bodyBytes:
		problem(w, http.StatusRequestEntityTooLarge, "a request to read has no body")
		return false
	case !hasBody:
		return true
	}
	_, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, bodyBytes))
	_, tooLarge := errors.AsType[*http.MaxBytesError](err)
	switch {
	case err == nil:
		return true
	case tooLarge:
		problem(w, http.StatusRequestEntityTooLarge, "a request to read has no body")
	case errors.Is(err, os.ErrDeadlineExceeded):
		problem(w, http.StatusRequestTimeout, "the body did not arrive in time; a request to read needs none")
	default:
		problem(w, http.StatusBadRequest, "the body did not arrive as it was announced; a request to read needs none")
	}
	return false
}

// isForeign says whether a request is for a name that is not this service's. Where everybody on the machine
// may read, a page of the web could otherwise have its own name lead here and read too.
func (s *Server) isForeign(host string) bool {
	if !s.options.Loopback || s.options.Gate.Authenticates() {
		return false
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") || net.ParseIP(host) != nil {
		return false
	}
	own, err := url.Parse(s.options.Advertise)
	return err != nil || own.Hostname() == "" || !strings.EqualFold(own.Hostname(), host)
}

// turnAway answers those who may not read.
func turnAway(w http.ResponseWriter, gate *access.Gate, role, needed access.Role, err error) {
	switch {
	case errors.Is(err, access.ErrBusy):
		w.Header().Set("Retry-After", "1")
		problem(w, http.StatusServiceUnavailable, err.Error())
	case errors.Is(err, access.ErrRate):
		w.Header().Set("Retry-After", "1")
		problem(w, http.StatusTooManyRequests, err.Error())
	case err != nil || role < access.Viewer:
		for _, challenge := range gate.Challenges() {
			w.Header().Add("WWW-Authenticate", challenge)
		}
		problem(w, http.StatusUnauthorized, access.ErrUnauthenticated.Error())
	default:
		problem(w, http.StatusForbidden, "this needs the role "+needed.String()+": see admins in http.web_config_file")
	}
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
