package web

import "time"

// framesMax is how many views have a frame that is shared: a page may ask for as many as there are segments and periods.
const framesMax = 64

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
	encoded, err := s.board.snapshot(v, s.setting)
	if err != nil {
		return frame{}, err
	}
	event := make([]byte, 0, len(encoded)+len(encoded)/16+16)
	event = append(harmless(append(event, "data: "...), encoded), "\n\n"...) // JSON without line breaks
	made := &frame{event: event, number: 1, state: state, made: now}
	if known != nil {
		made.number = known.number + 1
	}
	if known == nil && len(s.frames) >= framesMax { // those who look at the others have them made again
		clear(s.frames)
	}
	s.frames[v] = made
	return *made, nil
}
