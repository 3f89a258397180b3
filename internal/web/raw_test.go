package web

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// rawServer serves on a port of its own with short timeouts, and is asked byte by byte.
func rawServer(t *testing.T, o Options, limits timeouts) (*Server, string) {
	t.Helper()
	s, err := New(NewBoard(BoardOptions{}), o)
	if err != nil {
		t.Fatal(err)
	}
	s.timeouts = limits
	ctx, stop := context.WithCancel(t.Context())
	l, err := Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return s, l.Addr().String()
}

// short are timeouts that a test can wait for.
var short = timeouts{header: time.Second, read: 2 * time.Second, write: 10 * time.Second, idle: time.Second}

// dial opens a connection that the test ends.
func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return c
}

// say sends bytes and returns the statuses of all answers until the server closes the connection.
func say(t *testing.T, address, bytes string) (codes []int) {
	t.Helper()
	c := dial(t, address)
	go func() { _, _ = io.WriteString(c, bytes) }() // the server may close before it has read all
	in := bufio.NewReader(c)
	for {
		answer, err := http.ReadResponse(in, nil)
		if err != nil {
			return codes
		}
		codes = append(codes, answer.StatusCode)
		_, _ = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
	}
}

// F73: what does not come to its end, is too large, or could be read in two ways has an answer of its own,
// and nothing after it is believed.
func TestRawRequests(t *testing.T) {
	_, address := rawServer(t, Options{}, short)
	const host = "Host: localhost\r\n"
	for _, c := range []struct {
		name  string
		bytes string
		codes string
	}{
		{"a good one", "GET /livez HTTP/1.1\r\n" + host + "\r\n", "200"},
		{"two good ones", strings.Repeat("GET /livez HTTP/1.1\r\n"+host+"\r\n", 2), "200 200"},
		{"a header that never ends", "GET /livez HTTP/1.1\r\n" + host + "X-Slow: ", "408"},
		{"a request line that never ends", "GET /live", "408"},
		{"nothing at all", "", ""},
		{"a huge header", "GET /livez HTTP/1.1\r\n" + host + "X-Huge: " + strings.Repeat("a", 64<<10) + "\r\n\r\n", "431"},
		{"many headers", "GET /livez HTTP/1.1\r\n" + host + strings.Repeat("X-A: b\r\n", 8<<10) + "\r\n", "431"},
		{"a huge path", "GET /" + strings.Repeat("a", 64<<10) + " HTTP/1.1\r\n" + host + "\r\n", "431"},
		{"a huge body", "GET /livez HTTP/1.1\r\n" + host + "Content-Length: 65537\r\n\r\n" + strings.Repeat("a", 65537), "413"},
		{"a huge body that is announced only", "GET /livez HTTP/1.1\r\n" + host + "Content-Length: 99999999999\r\n\r\n", "413"},
		{"a small body", "GET /livez HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nhello", "200"},
		{"a body that never ends", "GET /livez HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nhel", "408"},
		{"a body in chunks", "GET /livez HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "400"},
		{"smuggling behind a body", "GET /livez HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nhelloGET /api/v1/status HTTP/1.1\r\n" + host + "\r\n", "200"},
		{"smuggling: length and chunks", "GET /livez HTTP/1.1\r\n" + host + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /api/v1/status HTTP/1.1\r\n" + host + "\r\n", "400"},
		{"smuggling: two lengths", "GET /livez HTTP/1.1\r\n" + host + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "400"},
		{"smuggling: a hidden encoding", "GET /livez HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "501"},
		{"smuggling: two encodings", "GET /livez HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", "501"},
		{"smuggling: a space before the colon", "GET /livez HTTP/1.1\r\n" + host + "Content-Length : 5\r\n\r\nhello", "400"},
		{"smuggling: a bare CR", "GET /livez HTTP/1.1\r\n" + host + "X: a\rContent-Length: 5\r\n\r\n", "400"},
		{"smuggling: a folded header", "GET /livez HTTP/1.1\r\n" + host + "X: a\r\n Content-Length: 5\r\n\r\n", "200"},
		{"two hosts", "GET /livez HTTP/1.1\r\n" + host + "Host: other\r\n\r\n", "400"},
		{"no host", "GET /livez HTTP/1.1\r\n\r\n", "400"},
		{"no HTTP", "hello\r\n\r\n", "400"},
		{"a TLS handshake", "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n", "400"},
		{"another method", "POST /livez HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nhello", "405"},
		{"a proxy's method", "CONNECT other:80 HTTP/1.1\r\n" + host + "\r\n", "405"},
		{"HTTP/2 without TLS", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "405"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, code := range say(t, address, c.bytes) {
				got = append(got, strconv.Itoa(code))
			}
			if strings.Join(got, " ") != c.codes {
				t.Errorf("%q, want %q", got, c.codes)
			}
		})
	}
}

// A body that does not come to its end is told so in words, since its header is known.
func TestASlowBodyIsToldInWords(t *testing.T) {
	_, address := rawServer(t, Options{}, short)
	c := dial(t, address)
	if _, err := io.WriteString(c, "GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhel"); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if kind := answer.Header.Get("Content-Type"); answer.StatusCode != http.StatusRequestTimeout || kind != "application/problem+json" {
		t.Errorf("%s, %q", answer.Status, kind)
	}
}

// F74: whatever a path says, nothing but the routes and the page's own files is answered.
func TestRawPaths(t *testing.T) {
	_, address := rawServer(t, Options{}, short)
	for _, path := range []string{
		"/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc/passwd", "/static/../../board.go", "//etc/passwd", "/api/v1/accounts/../../../etc/passwd",
		"/page.js%00.html", "/\\..\\..\\etc\\passwd", "/api/v1/accounts/..%2f..%2fetc%2fpasswd", "/debug/pprof/", "/debug/pprof/heap", "/debug/vars", "/.git/config",
	} {
		for _, code := range say(t, address, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n") {
			if code == http.StatusOK {
				t.Errorf("GET %s: %d", path, code)
			}
		}
	}
}

// The timeout of a request does not end a stream, which lives on in silence.
func TestStreamOutlivesTheTimeoutOfItsRequest(t *testing.T) {
	s, address := rawServer(t, Options{StreamEvery: time.Millisecond}, timeouts{header: 200 * time.Millisecond, read: 400 * time.Millisecond, write: time.Minute, idle: time.Minute})
	c := dial(t, address)
	if _, err := io.WriteString(c, "GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(c)
	for begun := time.Now(); time.Since(begun) < 3*s.timeouts.read; {
		s.board.SetStatus(Status{Phase: "running"})
		if _, err := in.ReadString('\n'); err != nil {
			t.Fatalf("the stream ended after %s: %v", time.Since(begun), err)
		}
	}
}

// Slow clients hold places of their own and nothing else: with 500 of them a normal request is answered, and when
// their time is over they are gone.
func TestSlowClientsAreLetGo(t *testing.T) {
	s, address := rawServer(t, Options{}, timeouts{header: 8 * time.Second, read: 10 * time.Second, write: time.Minute, idle: time.Minute})
	for range 500 {
		if _, err := io.WriteString(dial(t, address), "GET /livez HTTP/1.1\r\nHost: local"); err != nil {
			t.Fatal(err)
		}
	}
	for s.count.connections.Load() < 500 {
		if codes := say(t, address, "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); len(codes) != 1 || codes[0] != http.StatusOK {
			t.Fatalf("a normal request among slow clients: %v", codes)
		}
	}
	if codes := say(t, address, "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); len(codes) != 1 || codes[0] != http.StatusOK {
		t.Errorf("with 500 slow clients: %v", codes)
	}
	for s.count.connections.Load() > 0 {
		if codes := say(t, address, ""); len(codes) != 0 {
			t.Fatal(codes)
		}
	}
}
