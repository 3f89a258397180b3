package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"processor/internal/aggregate"
	"processor/internal/row"
)

// Explainer tells why an account's number is what it is, of an interval or of the whole life (nil). A
// Refusal says why it does not.
type Explainer func(ctx context.Context, account string, within *aggregate.Interval) (*aggregate.Explanation, error)

// Refusal is an error that a reader is told, with the status of its answer.
type Refusal struct {
	Code    int
	Text    string
	Nearest []string // ids that were probably meant, of an account that is not known
}

// Error is the text.
func (r *Refusal) Error() string { return r.Text }

// refusalJSON is a Refusal on the wire.
type refusalJSON struct {
	Error   string   `json:"error"`
	Nearest []string `json:"nearest,omitzero"` // always there, be it empty, where the account is not known
}

// IntervalWanted says how intervals are named.
const IntervalWanted = "an interval is a day, week, month, quarter or year: 2026-03-05, 2026-W10, 2026-03, 2026-Q1 or 2026"

// explain answers with the explanation of an account.
func (s *Server) explain(w http.ResponseWriter, r *http.Request) {
	interval, within, wrong := explainQuery(r)
	if wrong != "" {
		problem(w, http.StatusBadRequest, wrong)
		return
	}
	if s.options.Explain == nil {
		refuse(w, &Refusal{Code: http.StatusServiceUnavailable, Text: "there are no accounts here"})
		return
	}
	explanation, err := s.options.Explain(r.Context(), r.PathValue("id"), within)
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal):
		refuse(w, refusal)
		return
	case err != nil:
		s.options.Log.ErrorContext(r.Context(), "an explanation failed", "error", err)
		problem(w, http.StatusInternalServerError, "the explanation failed; the log says why")
		return
	}
	body, err := row.Explain(explanation, interval).JSON()
	if err != nil {
		problem(w, http.StatusInternalServerError, "the explanation cannot be written")
		return
	}
	answer(w, body)
}

// explainQuery reads the query; wrong says what is not understood.
func explainQuery(r *http.Request) (interval string, within *aggregate.Interval, wrong string) {
	query := r.URL.Query()
	for name := range query {
		if name != "interval" {
			return "", nil, "the parameter is interval"
		}
	}
	interval = query.Get("interval")
	if interval == "" {
		return "", nil, ""
	}
	named, ok := aggregate.IntervalNamed(interval)
	if !ok {
		return "", nil, IntervalWanted
	}
	return interval, &named, ""
}

// refuse answers with a refusal.
func refuse(w http.ResponseWriter, r *Refusal) {
	if r.Code == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	nearest := r.Nearest
	if r.Code == http.StatusNotFound && nearest == nil {
		nearest = []string{}
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(r.Code)
	body, _ := json.Marshal(refusalJSON{r.Text, nearest})
	_, _ = w.Write(append(body, '\n'))
}
