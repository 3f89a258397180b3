package web

import (
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
)

// Request names requests that are counted together: by the route's pattern and the status of the answer.
// Both are of closed sets.
type Request struct {
	Route string // "none" for what no route was asked for
	Code  int
}

// Reading is what the server counted since its start.
type Reading struct {
	Requests       map[Request]int64 // answered
	InFlight       int64             // being answered, open streams among them
	Connections    int64             // open
	Streams        int               // open
	StreamsRefused int64             // because too many were open
	Refused        int64             // requests whose sender may not read that
	ConfigFailures int64             // changes of the web configuration that could not be used
}

// Read copies the present values.
func (s *Server) Read() Reading {
	s.count.mu.Lock()
	requests := maps.Clone(s.count.requests)
	s.count.mu.Unlock()
	return Reading{
		Requests: requests, InFlight: s.count.inFlight.Load(), Connections: s.count.connections.Load(), Streams: len(s.streams),
		StreamsRefused: s.count.streamsRefused.Load(), Refused: s.count.refused.Load(), ConfigFailures: s.options.Gate.Failures(),
	}
}

// noRoute is the label of requests that reached no route.
const noRoute = "none"

type counter struct {
	routes         map[string]bool
	inFlight       atomic.Int64
	connections    atomic.Int64
	streamsRefused atomic.Int64
	refused        atomic.Int64

	mu       sync.Mutex
	requests map[Request]int64
}

func newCounter(table []route) *counter {
	c := &counter{routes: map[string]bool{}, requests: map[Request]int64{}}
	for _, rt := range table {
		c.routes[rt.pattern] = true
	}
	return c
}

// counted is an answer whose status is counted.
type counted struct {
	http.ResponseWriter
	counter *counter
	code    int
}

func (c *counter) begin(w http.ResponseWriter) *counted {
	c.inFlight.Add(1)
	return &counted{ResponseWriter: w, counter: c}
}

// WriteHeader notes the status.
func (c *counted) WriteHeader(code int) {
	if c.code == 0 && code >= http.StatusOK {
		c.code = code
	}
	c.ResponseWriter.WriteHeader(code)
}

// Write notes that the status is 200 where none was written.
func (c *counted) Write(b []byte) (int, error) {
	if c.code == 0 {
		c.code = http.StatusOK
	}
	return c.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *counted) end(route string) {
	c.counter.inFlight.Add(-1)
	if !c.counter.routes[route] {
		route = noRoute
	}
	if c.code == 0 {
		c.code = http.StatusOK
	}
	c.counter.mu.Lock()
	defer c.counter.mu.Unlock()
	c.counter.requests[Request{route, c.code}]++
}
