package web

import (
	"net/http"
	"net/http/pprof"
	"time"

	"processor/internal/web/access"
)

// DebugServer answers /debug/pprof/ on an address of its own, for admins only: a profile tells what the
// process has in memory. There is no gate that lets everybody in here.
func DebugServer(o Options) *Server {
	o = o.withDefaults()
	s := &Server{options: o, timeouts: defaultTimeouts}
	s.timeouts.write = debugWriteTimeout
	table := debugRoutes()
	s.count = newCounter(table)
	mux := s.mount(table)
	s.handler = s.guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !o.Gate.Authenticates() {
			problem(w, http.StatusForbidden, "profiles are for admins: see admins in http.web_config_file")
			return
		}
		mux.ServeHTTP(w, r)
	}))
	return s
}

// debugWriteTimeout lets a profile of a minute and a half be taken.
const debugWriteTimeout = 2 * time.Minute

// debugRoutes is the table of the debug server.
func debugRoutes() []route {
	plainly := func(h http.HandlerFunc) func(*Server, http.ResponseWriter, *http.Request) {
		return func(_ *Server, w http.ResponseWriter, r *http.Request) { h(w, r) }
	}
	return []route{
		{pattern: "/debug/pprof/", role: access.Admin, plain: plainly(pprof.Index), summary: "Profiles by name."},
		{pattern: "/debug/pprof/profile", role: access.Admin, plain: plainly(pprof.Profile), summary: "Where the processors spend their time."},
		{pattern: "/debug/pprof/trace", role: access.Admin, plain: plainly(pprof.Trace), summary: "An execution trace."},
		{pattern: "/debug/pprof/symbol", role: access.Admin, plain: plainly(pprof.Symbol), summary: "Names of program counters."},
	}
}
