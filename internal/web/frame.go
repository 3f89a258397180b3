package web

import "time"

// frame is one event of a stream: what a view shows, encoded once for all who look at it.
type frame struct {
	event  []byte // with `data: ` and the line breaks
	number uint64 // of the frames of this view; rises
	state  uint64 // of the board
	made   time.Time
}

// frame is the newest event of a view. Viewers come at their own times: within half of StreamEvery they all
// get the same one, so that a view is encoded at most twice in that time, however many there are.
func (s *Server) frame(v View, now time.Time) (frame, error) {
	state := s.board.state()
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.frames[v]
	if known != nil && (known.state == state || now.Sub(known.made) < s.options.StreamEvery/2) {
		return *known, nil
	}
	encoded, err := s.board.snapshot(v, s.options.Currency)
	if err != nil {
		return frame{}, err
	}
	event := make([]byte, 0, len(encoded)+len(encoded)/16+16)
	event = append(harmless(append(event, "data: "...), encoded), "\n\n"...) // JSON without line breaks
	made := &frame{event: event, number: 1, state: state, made: now}
	if known != nil {
		made.number = known.number + 1
	}
	s.frames[v] = made
	return *made, nil
}
