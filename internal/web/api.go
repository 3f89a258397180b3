package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"processor/internal/aggregate"
	"processor/internal/row"
)

// problem answers with an error that people and programs can read.
func problem(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	body, _ := json.Marshal(map[string]string{"error": text})
	_, _ = w.Write(append(body, '\n'))
}

// answer sends JSON that holds <, > and & escaped only.
func answer(w http.ResponseWriter, body []byte) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, '\n'))
}

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

// readyz says whether the figures are those of everything that was in the sources at the start.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	status := s.board.Status()
	code, text := http.StatusOK, "ready\n"
	if !status.Ready {
		code, text = http.StatusServiceUnavailable, "not ready: "+status.Phase+"\n"
	}
	if r.URL.Query().Has("verbose") {
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

func (s *Server) status(w http.ResponseWriter, _ *http.Request) {
	s.board.mu.RLock()
	status := s.board.statusOf()
	s.board.mu.RUnlock()
	body, err := json.Marshal(status)
	if err != nil {
		problem(w, http.StatusInternalServerError, "the status cannot be written")
		return
	}
	answer(w, body)
}

const (
	limitDefault = 100
	limitMax     = 1000
)

// metrics answers with rows of metrics as the topic has them, but for their version, which only the
// topic gives.
func (s *Server) metrics(w http.ResponseWriter, r *http.Request) {
	filter, limit, wrong := parseFilter(r.URL.Query())
	if wrong != "" {
		problem(w, http.StatusBadRequest, wrong)
		return
	}
	rows, total, watermark := s.board.Select(filter, limit)
	var (
		encoder row.Encoder
		list    = []byte(`{"total":` + strconv.Itoa(total) + `,"rows":[`)
		one     []byte
	)
	for i, found := range rows {
		if i > 0 {
			list = append(list, ',')
		}
		one = encoder.Metric(one[:0], found, row.Stamp{KnownAt: watermark})
		// Quotes inside of a text are escaped, so these bytes are the field and nothing else.
		list = append(list, bytes.Replace(one, []byte(`,"version":0,`), []byte(","), 1)...)
	}
	list = append(list, `]}`...)
	var safe bytes.Buffer
	json.HTMLEscape(&safe, list)
	answer(w, safe.Bytes())
}

// parseFilter reads the query of metrics; wrong says what is not understood.
func parseFilter(query url.Values) (f Filter, limit int, wrong string) {
	limit = limitDefault
	for name, values := range query {
		value := values[len(values)-1]
		switch name {
		case "grouping":
			f.Grouping = value
		case "segment":
			f.Segment = value
		case "interval":
			f.Interval = value
		case "interval_kind":
			kinds := kindNames()
			if !slices.Contains(kinds, value) {
				return f, 0, "interval_kind is one of " + strings.Join(kinds, ", ")
			}
			f.Kind = value
		case "limit":
			n, err := strconv.Atoi(value)
			if err != nil || n < 1 || n > limitMax {
				return f, 0, fmt.Sprintf("limit is a number from 1 to %d", limitMax)
			}
			limit = n
		default:
			return f, 0, "the parameters are grouping, segment, interval_kind, interval and limit"
		}
	}
	return f, limit, ""
}

func kindNames() (names []string) {
	for k := aggregate.KindDay; k <= aggregate.KindRolling; k++ {
		names = append(names, k.String())
	}
	return names
}
