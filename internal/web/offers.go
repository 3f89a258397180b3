package web

// offers says what panels of the page may ask this server for. What it has not got they do not ask for: a
// sentence in the panel's place is right there, and an error in the browser's console is not.
func (s *Server) offers() map[string]bool {
	return map[string]bool{"alerts": s.options.Alerts != nil, "readiness": true, "explain": s.options.Explain != nil}
}
