package web

import (
	"crypto/sha256"
	"encoding/hex"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"processor/internal/web/access"
)

// rolesWanted is who may read what. A new route fails the test below until it stands here.
var rolesWanted = map[string]access.Role{
	"/livez": access.Nobody, "/readyz": access.Nobody,
	"/": access.Viewer, "/metrics": access.Viewer, "/api/v1/openapi.json": access.Viewer, "/api/v1/status": access.Viewer, "/api/v1/metrics": access.Viewer,
	"/api/v1/segments": access.Viewer, "/api/v1/accounts": access.Viewer, "/api/v1/accounts/{id}": access.Viewer, "/api/v1/accounts/{id}/explain": access.Viewer,
	"/api/v1/movements": access.Viewer, "/api/v1/alerts": access.Viewer, "/api/v1/stream": access.Viewer,
	"/debug/pprof/": access.Admin, "/debug/pprof/profile": access.Admin, "/debug/pprof/trace": access.Admin, "/debug/pprof/symbol": access.Admin,
}

// gateOf has a token of each role, named like the role.
func gateOf(t *testing.T) *access.Gate {
	t.Helper()
	text := "bearer_tokens:\n"
	for _, role := range []access.Role{access.Viewer, access.Admin} {
		sum := sha256.Sum256([]byte(role.String()))
		text += "- {name: " + role.String() + ", role: " + role.String() + ", sha256: " + hex.EncodeToString(sum[:]) + "}\n"
	}
	path := filepath.Join(t.TempDir(), "web.yml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	g, err := access.Open(path, access.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// Every route is asked by everybody: who may not read it hears so, and nothing else.
func TestEveryRouteHasItsRole(t *testing.T) {
	scrape := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "up 1\n") })
	o := Options{Gate: gateOf(t), Metrics: scrape}
	s, err := New(NewBoard(BoardOptions{}), o)
	if err != nil {
		t.Fatal(err)
	}
	debug := DebugServer(o)
	seen := map[string]bool{}
	for server, table := range map[*Server][]route{s: s.routes(), debug: debugRoutes()} {
		for _, rt := range table {
			seen[rt.pattern] = true
			wanted, known := rolesWanted[rt.pattern]
			if !known || rt.role != wanted {
				t.Errorf("%s needs the role %s, want %s: every route has a line in rolesWanted", rt.pattern, rt.role, wanted)
				continue
			}
			for _, asking := range []access.Role{access.Nobody, access.Viewer, access.Admin} {
				r := httptest.NewRequestWithContext(t.Context(), http.MethodHead, strings.ReplaceAll(rt.pattern, "{id}", "acme"), nil)
				if asking > access.Nobody {
					r.Header.Set("Authorization", "Bearer "+asking.String())
				}
				if asking >= rt.role && strings.HasPrefix(rt.pattern, "/debug/pprof/") && rt.pattern != "/debug/pprof/" && rt.pattern != "/debug/pprof/symbol" {
					continue // takes a profile of many seconds
				}
				w := httptest.NewRecorder()
				server.Handler().ServeHTTP(w, r)
				turnedAway := w.Code == http.StatusUnauthorized || w.Code == http.StatusForbidden
				switch {
				case turnedAway != (asking < rt.role):
					t.Errorf("%s asks for %s: %d", asking, rt.pattern, w.Code)
				case asking == access.Nobody && turnedAway && (w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") != `Bearer realm="processor"`):
					t.Errorf("%s asks for %s: %d, challenge %q", asking, rt.pattern, w.Code, w.Header().Get("WWW-Authenticate"))
				case asking == access.Viewer && turnedAway && w.Code != http.StatusForbidden:
					t.Errorf("%s asks for %s: %d", asking, rt.pattern, w.Code)
				}
			}
		}
	}
	for pattern := range rolesWanted {
		if !seen[pattern] {
			t.Errorf("there is no route %s any more", pattern)
		}
	}
}

// A line without a role does not start.
func TestARouteWithoutARoleIsRefused(t *testing.T) {
	s := &Server{options: Options{}.withDefaults()}
	s.count = newCounter(nil)
	h := s.mount([]route{{pattern: "/", plain: (*Server).livez}})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	if w.Code == http.StatusOK {
		t.Error("a route without a role was answered")
	}
}

// There is one way into a server: the table. Nothing else in the package registers a handler.
func TestRoutesAreMountedInOnePlace(t *testing.T) {
	err := fs.WalkDir(os.DirFS("."), ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if f, ok := call.Fun.(*ast.SelectorExpr); ok && (f.Sel.Name == "Handle" || f.Sel.Name == "HandleFunc") && path != "routes.go" {
					t.Errorf("%s: a handler beside the table of routes", set.Position(n.Pos()))
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A process without authentication has no admin, so nobody takes a profile of it.
func TestProfilesAreForAdminsOnly(t *testing.T) {
	open := DebugServer(Options{})
	guarded := DebugServer(Options{Gate: gateOf(t)})
	for _, c := range []struct {
		server *Server
		token  string
		code   int
	}{{open, "", http.StatusForbidden}, {open, "admin", http.StatusForbidden}, {guarded, "viewer", http.StatusForbidden}, {guarded, "admin", http.StatusOK}} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/debug/pprof/goroutine?debug=1", nil)
		if c.token != "" {
			r.Header.Set("Authorization", "Bearer "+c.token)
		}
		w := httptest.NewRecorder()
		c.server.Handler().ServeHTTP(w, r)
		if w.Code != c.code {
			t.Errorf("%q: %d, want %d", c.token, w.Code, c.code)
		}
	}
}

// On loopback without authentication only this machine's names lead here: a page of the web cannot have its own
// name point to it and read along.
func TestForeignHosts(t *testing.T) {
	for _, c := range []struct {
		options Options
		host    string
		code    int
	}{
		{Options{Loopback: true}, "127.0.0.1:8080", 200},
		{Options{Loopback: true}, "[::1]:8080", 200},
		{Options{Loopback: true}, "localhost", 200},
		{Options{Loopback: true}, "evil.example", 421},
		{Options{Loopback: true}, "evil.example:8080", 421},
		{Options{Loopback: true}, "localhost.evil.example", 421},
		{Options{Loopback: true, Advertise: "https://figures.example/x"}, "figures.example", 200},
		{Options{Loopback: true, Advertise: "https://figures.example"}, "evil.example", 421},
		{Options{}, "processor.monitoring.svc:8080", 200},
		{Options{Loopback: true, Gate: gateOf(t)}, "figures.example", 200},
	} {
		s, err := New(NewBoard(BoardOptions{}), c.options)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/livez", nil)
		r.Host = c.host
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != c.code {
			t.Errorf("%s: %d, want %d", c.host, w.Code, c.code)
		}
	}
}

// A page of another site cannot have a browser send anything; whoever sends nothing may ask.
func TestOtherSitesAreRefused(t *testing.T) {
	s, err := New(NewBoard(BoardOptions{}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for header, code := range map[string]int{"Sec-Fetch-Site: cross-site": 403, "Origin: https://evil.example": 403, "Sec-Fetch-Site: same-origin": 405} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/status", strings.NewReader("x"))
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Set(name, value)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != code || w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %d, want %d", header, w.Code, code)
		}
	}
}

// What is counted has labels of closed sets only, whatever is asked for.
func TestRequestsAreCountedByRoute(t *testing.T) {
	s, err := New(NewBoard(BoardOptions{}), Options{Gate: gateOf(t)})
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"/livez", "/livez", "/nothing/" + strings.Repeat("x", 100), "/api/v1/accounts/a", "/api/v1/accounts/b", "/../x"} {
		for _, method := range []string{http.MethodGet, "INVENTED"} {
			s.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), method, target, nil))
		}
	}
	r := s.Read()
	if r.Requests[Request{"/livez", 200}] != 2 || r.Requests[Request{"/api/v1/accounts/{id}", 401}] != 2 || r.Requests[Request{"none", 405}] != 6 || r.InFlight != 0 || r.Refused < 3 {
		t.Errorf("%+v", r)
	}
	for q := range r.Requests {
		if _, known := rolesWanted[q.Route]; !known && q.Route != "none" {
			t.Errorf("the label %q", q.Route)
		}
	}
}
