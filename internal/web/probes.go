package web

import (
	"encoding/json"
	"fmt"
	"net/http"

	"processor/internal/web/access"
)

// livez says whether the process works at all; a supervisor restarts it otherwise.
func (s *Server) livez(w http.ResponseWriter, _ *http.Request) {
	if s.options.Live != nil {
		if err := s.options.Live(); err != nil {
			plain(w, http.StatusServiceUnavailable, "not live: "+err.Error()+"\n")
			return
		}
	}
	plain(w, http.StatusOK, "live\n")
}

// readyz says whether the figures are those of everything that was in the sources at the start. More is
// for those who may see it.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	status := s.board.Status()
	code, text := http.StatusOK, "ready\n"
	if !status.Ready {
		code, text = http.StatusServiceUnavailable, "not ready: "+status.Phase+"\n"
	}
	if r.URL.Query().Has("verbose") {
		if role, _ := s.options.Gate.Role(r); role < access.Viewer {
			plain(w, code, text+"more is for those who say who they are\n")
			return
		}
		text += fmt.Sprintf("phase %s\nshards %d of %d\nlag %d records\n", status.Phase, len(status.Shards), status.Of, status.LagRecords)
		for _, shard := range status.Shards {
			state := "behind"
			if shard.CaughtUp {
				state = "caught up"
			}
			text += fmt.Sprintf("shard %d %s: %d accounts, lag %d records\n", shard.Shard, state, shard.Accounts, shard.LagRecords)
		}
	}
	plain(w, code, text)
}

func plain(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(text))
}

func (s *Server) status(w http.ResponseWriter, r *http.Request, _ query) {
	s.board.mu.RLock()
	status := s.board.statusOf()
	s.board.mu.RUnlock()
	body, err := json.Marshal(status)
	if err != nil {
		s.failed(w, r, err)
		return
	}
	answer(w, r, body)
}
