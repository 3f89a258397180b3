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

// streamFor is how long a stream lasts. The browser then connects anew by itself, and says again who asks.
const streamFor = time.Hour

// streamBytes is what all streams together send in a second, about: with more viewers than that allows each
// sees the figures less often, and the service has its processors for the figures.
const streamBytes = 4 << 20

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
		s.count.streamsRefused.Add(1)
		w.Header().Set("Retry-After", "5")
		problem(w, http.StatusServiceUnavailable, "too many streams are open; http.max_streams allows more")
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // for proxies that would hold the events back
	if r.Method == http.MethodHead {
		return
	}
	out := http.NewResponseController(w)
	begun := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for sent, quiet := uint64(0), 0; time.Since(begun) < streamFor; quiet++ {
		select {
		case <-r.Context().Done():
			return
		case <-timer.C:
		}
		next, err := s.frame(v, time.Now())
		if err != nil {
			s.options.Log.ErrorContext(r.Context(), "a stream ended", "error", err)
			return
		}
		event := next.event
		switch {
		case next.number != sent:
			sent, quiet = next.number, 0
		case quiet >= quietMax:
			event, quiet = []byte(":\n\n"), 0
		default:
			event = nil
		}
		if event != nil && !sendEvent(w, out, event) {
			return
		}
		timer.Reset(max(s.options.StreamEvery, s.share(len(next.event))))
	}
}

// share is the time in which all streams may send so many bytes each.
func (s *Server) share(bytes int) time.Duration {
	return time.Duration(len(s.streams)) * time.Duration(bytes) * time.Second / streamBytes
}

// sendEvent writes one event. It is false when the client is gone.
func sendEvent(w http.ResponseWriter, out *http.ResponseController, event []byte) bool {
	if out.SetWriteDeadline(time.Now().Add(eventTimeout)) != nil {
		return false
	}
	if _, err := w.Write(event); err != nil {
		return false
	}
	return out.Flush() == nil
}
