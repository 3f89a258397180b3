package web

import (
	"net/http"
	"net/url"
)

// offers says what panels of the page may ask this server for. What it has not got they do not ask for: a
// sentence in the panel's place is right there, and an error in the browser's console is not.
func (s *Server) offers() map[string]bool {
	mux := s.routes()
	has := func(path string) bool {
		_, pattern := mux.Handler(&http.Request{Method: http.MethodGet, URL: &url.URL{Path: path}})
		return pattern != "/"
	}
	return map[string]bool{"alerts": has("/api/v1/alerts"), "readiness": has("/api/v1/accounts"), "explain": s.options.Explain != nil}
}
