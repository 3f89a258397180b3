package web

import (
	"net/http"

	"processor/internal/aggregate"
	"processor/internal/web/access"
)

// route is one line of the table of everything that is answered: there is no other way into the server. The
// roles, the checks of parameters, the label of a request's metric and the OpenAPI document come from it.
type route struct {
	pattern string      // of net/http, without the method
	role    access.Role // that a reader needs; a line without one is a mistake that New reports
	summary string
	allowed []parameter

	asked func(*Server, http.ResponseWriter, *http.Request, query) // with its parameters checked
	plain func(*Server, http.ResponseWriter, *http.Request)

	rows     string // of a list: the kind of its rows, in Server.kinds
	document any    // of another answer: its Go type, nil: text
	missing  bool   // it can answer 404: the path names an account
	when     func(*Options) bool
}

var (
	groupingParameter = parameter{name: "grouping", doc: "Name of a grouping, as rows have it: `all`, `region`, `plan_tier,region`."}
	segmentParameter  = parameter{name: "segment", doc: "Name of a segment of the grouping, as rows have it: `eu`, `smb,eu`."}
	intervalParameter = parameter{name: "interval", doc: "A day, week, month, quarter or year: `2026-03-05`, `2026-W10`, `2026-03`, `2026-Q1`, `2026`."}
)

// routes is the table.
func (s *Server) routes() []route {
	return []route{
		{pattern: "/livez", role: access.Nobody, plain: (*Server).livez, summary: "Whether the process works; 503 asks for its restart."},
		{pattern: "/readyz", role: access.Nobody, plain: (*Server).readyz, summary: "Whether the figures are those of everything that was in the sources at the start; `?verbose` tells viewers more."},
		{
			pattern: "/metrics", role: access.Viewer, plain: func(s *Server, w http.ResponseWriter, r *http.Request) { s.options.Metrics.ServeHTTP(w, r) },
			summary: "Prometheus' scrape.", when: func(o *Options) bool { return o.Metrics != nil },
		},
		{pattern: "/api/v1/openapi.json", role: access.Viewer, plain: (*Server).openAPI, summary: "This document."},
		{pattern: "/api/v1/status", role: access.Viewer, asked: (*Server).status, document: statusJSON{}, summary: "Where the service stands."},
		{
			pattern: "/api/v1/metrics", role: access.Viewer, asked: (*Server).metrics, rows: "metrics",
			summary: "Rows of metrics by segment and interval: the latest of each, or those of one interval.",
			allowed: ofList(
				groupingParameter, segmentParameter,
				parameter{name: "interval_kind", doc: "Kind of the intervals.", words: kindNames()},
				parameter{name: "interval", doc: "A period, as `2026-03`, or a window, as `30d`; the latest of each kind when absent."},
			),
		},
		{
			pattern: "/api/v1/segments", role: access.Viewer, asked: (*Server).segments, rows: "segments",
			summary: "The segments there are, each with its open month.", allowed: ofList(groupingParameter),
		},
		{
			pattern: "/api/v1/accounts", role: access.Viewer, asked: (*Server).accounts, rows: "accounts",
			summary: "The accounts of this instance's shards that expand most, shrink most, or pay most.",
			allowed: ofList(
				parameter{name: "sort", doc: "What orders them: an amount of the window, the MRR, how ready they are to expand, or the id; expansion when absent. Accounts without the window's amount, or without readiness, are left out.", words: []string{byExpansion, byContraction, byNetChange, byMRR, byReadiness, byAccount}},
				parameter{name: "gated", doc: "Only accounts that had better be left alone now, or only others; both are accounts whose readiness is known.", words: []string{"true", "false"}},
				parameter{name: "order", doc: "desc, the largest first, when absent.", words: []string{"desc", "asc"}},
				parameter{name: "window", doc: "The rolling window of the amounts; 30d when absent, or the longest that is configured.", words: s.windowNames()},
				parameter{name: "status", doc: "Only accounts of this status.", words: []string{"paying", "paused", "churned", "never_paid"}},
				groupingParameter, segmentParameter,
			),
		},
		{
			pattern: "/api/v1/accounts/{id}", role: access.Viewer, asked: (*Server).account, document: rowOf("accounts"), missing: true,
			summary: "An account now.",
		},
		{
			pattern: "/api/v1/accounts/{id}/explain", role: access.Viewer, asked: (*Server).explain, document: explanationJSON, missing: true,
			summary: "Why an account's number is what it is, down to the events.", allowed: []parameter{intervalParameter},
		},
		{
			pattern: "/api/v1/movements", role: access.Viewer, asked: (*Server).movements, rows: "movements", missing: true,
			summary: "Movements of an account, or the latest of this instance's shards.",
			allowed: ofList(
				parameter{name: "account", doc: "Id of an account: all movements that its shard has."}, intervalParameter,
				parameter{name: "class", doc: "Only movements of this class.", words: classNames()},
			),
		},
		{
			pattern: "/api/v1/alerts", role: access.Viewer, asked: (*Server).alerts, rows: "alerts",
			summary: "The latest row of each alert.", allowed: ofList(parameter{name: "rule", doc: "Name of a rule."}, groupingParameter, segmentParameter),
		},
		{pattern: "/api/v1/stream", role: access.Viewer, plain: (*Server).stream, summary: "Server-sent events: what the page shows, whenever it changes (`grouping`, `interval`)."},
		{pattern: "/", role: access.Viewer, plain: (*Server).page, summary: "The page and its files."},
	}
}

// ofList are the parameters of a list.
func ofList(own ...parameter) []parameter { return append(own, paging...) }

func (s *Server) windowNames() []string {
	names := make([]string, 0, len(s.options.Windows))
	for _, w := range s.options.Windows {
		names = append(names, w.Name)
	}
	return names
}

func classNames() (names []string) {
	for c := aggregate.ClassNone; c <= aggregate.ClassRevoked; c++ {
		names = append(names, c.String())
	}
	return names
}

// mount makes the routes of the table ready to answer.
func (s *Server) mount(table []route) *http.ServeMux {
	mux := http.NewServeMux()
	for _, rt := range table {
		if rt.when != nil && !rt.when(&s.options) {
			continue
		}
		mux.HandleFunc(rt.pattern, func(w http.ResponseWriter, r *http.Request) {
			if !s.admit(w, r, rt.role) {
				return
			}
			if rt.plain != nil {
				rt.plain(s, w, r)
				return
			}
			q, wrong := ask(r, rt.allowed)
			if wrong != "" {
				problem(w, http.StatusBadRequest, wrong)
				return
			}
			rt.asked(s, w, r, q)
		})
	}
	return mux
}

// admit lets a request in whose sender has the role, and answers the others.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, needed access.Role) bool {
	if needed == access.Nobody {
		return true
	}
	role, err := s.options.Gate.Role(r)
	if err == nil && role >= needed && needed != access.Unset {
		return true
	}
	s.count.refused.Add(1)
	turnAway(w, s.options.Gate, role, needed, err)
	return false
}
