package web

import (
	"net/http"
	"time"
)

// eventTimeout is how long one event may take to leave: a client that does not read is let go.
const eventTimeout = 10 * time.Second

// quietMax is after how many turns without a change a comment shows the client that the
// connection lives.
const quietMax = 15

// stream sends what a view shows, now and whenever it changed, at most once a second. There is no
// queue: a slow client misses snapshots in between, each of which is whole.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	v, wrong := s.view(r)
	if wrong != "" {
		problem(w, http.StatusNotFound, wrong)
		return
	}
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		w.Header().Set("Retry-After", "5")
		problem(w, http.StatusServiceUnavailable, "too many streams are open")
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // for proxies that would hold the events back
	if r.Method == http.MethodHead {
		return
	}
	ticker := time.NewTicker(s.options.StreamEvery)
	defer ticker.Stop()
	out := http.NewResponseController(w)
	for sent, quiet := uint64(0), 0; ; quiet++ {
		if state := s.board.state() + 1; state != sent || quiet >= quietMax {
			if !s.sendEvent(w, out, v, state != sent) {
				return
			}
			sent, quiet = state, 0
		}
		select {
		case <-r.Context().Done():
			return
		case <-ticker.C:
		}
	}
}

// sendEvent writes one snapshot, or a comment when nothing changed. It is false when the client is
// gone.
func (s *Server) sendEvent(w http.ResponseWriter, out *http.ResponseController, v View, changed bool) bool {
	event := []byte(":\n\n")
	if changed {
		snapshot, err := s.snapshot(v)
		if err != nil {
			s.options.Log.Error("a stream ended", "error", err)
			return false
		}
		event = append(append([]byte("data: "), snapshot...), "\n\n"...) // JSON without line breaks
	}
	if out.SetWriteDeadline(time.Now().Add(eventTimeout)) != nil {
		return false
	}
	if _, err := w.Write(event); err != nil {
		return false
	}
	return out.Flush() == nil
}
