package web

import (
	"context"
	"net/http"

	"processor/internal/aggregate"
	"processor/internal/row"
)

// Explainer tells why an account's number is what it is, of an interval or of the whole life (nil). A
// Refusal says why it does not.
type Explainer func(ctx context.Context, account string, within *aggregate.Interval) (*aggregate.Explanation, error)

// IntervalWanted says how intervals are named.
const IntervalWanted = "an interval is a day, week, month, quarter or year: 2026-03-05, 2026-W10, 2026-03, 2026-Q1 or 2026"

// explain answers with the explanation of an account.
func (s *Server) explain(w http.ResponseWriter, r *http.Request, q query) {
	interval := q.values["interval"]
	var within *aggregate.Interval
	if interval != "" {
		named, ok := aggregate.IntervalNamed(interval)
		if !ok {
			problem(w, http.StatusBadRequest, IntervalWanted)
			return
		}
		within = &named
	}
	if s.options.Explain == nil {
		refuse(w, r, errNoAccounts)
		return
	}
	explanation, err := s.options.Explain(r.Context(), r.PathValue("id"), within)
	if err != nil {
		s.refuseOr500(w, r, err)
		return
	}
	body, err := row.Explain(explanation, interval).JSON()
	if err != nil {
		s.failed(w, r, err)
		return
	}
	answer(w, r, body)
}
