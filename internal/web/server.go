package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"processor/internal/aggregate"
)

// The limits of one server (spec: faults 1b). net/http has none of its own.
const (
	headerTimeout  = 5 * time.Second
	readTimeout    = 15 * time.Second
	writeTimeout   = 30 * time.Second // not of the stream, which has one for each event
	idleTimeout    = 60 * time.Second
	headerBytes    = 16 << 10
	bodyBytes      = 64 << 10
	connectionsMax = 512
	streamsMax     = 256 // so that streams alone never use up the connections
	stopTimeout    = 5 * time.Second
	encodedMax     = 64 // views whose bytes are shared; a page may ask for as many as there are segments
)

// Options of a server.
type Options struct {
	Currency    string       // the reporting currency, shown beside amounts
	Groupings   []string     // the configured ones, as in rows: "region", "plan_tier,region"; `all` is always there
	Metrics     http.Handler // answers /metrics; nil: there is none
	Live        func() error // answers /livez; nil: always live
	Explain     Explainer    // answers for accounts; nil: there are none
	StreamEvery time.Duration
	Log         *slog.Logger
}

// Server answers over HTTP from a board. It is read-only.
type Server struct {
	options Options
	board   *Board
	handler http.Handler
	streams chan struct{} // one place for each open stream
	setting setting

	mu       sync.Mutex
	encoded  map[View][]byte // of the board's state encodeAt
	encodeAt uint64
}

// New prepares a server. It does no I/O.
func New(b *Board, o Options) (*Server, error) {
	if b == nil {
		return nil, errors.New("web: a server needs a board")
	}
	if o.StreamEvery <= 0 {
		o.StreamEvery = time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Groupings = append([]string{aggregate.SegmentAll}, o.Groupings...)
	s := &Server{options: o, board: b, streams: make(chan struct{}, streamsMax), encoded: map[View][]byte{}}
	s.setting = setting{currency: o.Currency, places: placesOf(o.Groupings), offers: s.offers()}
	s.handler = s.guard(s.routes())
	return s, nil
}

// Handler answers requests; Serve uses it.
func (s *Server) Handler() http.Handler { return s.handler }

func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("/livez", s.livez)
	mux.HandleFunc("/readyz", s.readyz)
	mux.HandleFunc("/api/v1/status", s.status)
	mux.HandleFunc("/api/v1/metrics", s.metrics)
	mux.HandleFunc("/api/v1/stream", s.stream)
	mux.HandleFunc("/api/v1/accounts/{id}/explain", s.explain)
	if s.options.Metrics != nil {
		mux.Handle("/metrics", s.options.Metrics)
	}
	mux.HandleFunc("/", s.page)
	return mux
}

// Listen opens an address. It is apart from Serve, so that a taken port is known before anything
// else starts.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return l, nil
}

// Serve answers on a listener until ctx ends, then lets requests finish and closes the streams. It
// returns nil after such an end.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: headerBytes,
		ErrorLog:       slog.NewLogLogger(s.options.Log.Handler(), slog.LevelDebug), // a client's broken connection is no news
		BaseContext:    func(net.Listener) context.Context { return ctx },           // ends the streams
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(limit(l, connectionsMax)) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if server.Shutdown(stopping) != nil {
		_ = server.Close() // the requests that are left had their time
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", l.Addr(), err)
	}
	return nil
}

// view reads the query of a page's stream; problem says what is wrong with it.
func (s *Server) view(r *http.Request) (v View, problem string) {
	query := r.URL.Query()
	v = View{
		Grouping: query.Get("grouping"), Interval: query.Get("interval"), Period: query.Get("period"),
		Segment: query.Get("segment"), Type: query.Get("type"),
	}
	if v.Grouping == "" {
		v.Grouping = s.options.Groupings[min(1, len(s.options.Groupings)-1)]
	}
	if v.Interval == "" {
		v.Interval = aggregate.KindMonth.String()
	}
	switch {
	case !slices.Contains(s.options.Groupings, v.Grouping):
		return v, "there is no such grouping"
	case !isInterval(v.Interval):
		return v, "there is no such interval: day, week, month, quarter, year or a window such as 30d"
	case v.Type != "" && !slices.Contains(aggregate.UpNames[:], v.Type):
		return v, "there is no such type of expansion"
	}
	return v, ""
}

func isInterval(label string) bool {
	for k := aggregate.KindDay; k < aggregate.KindRolling; k++ {
		if k.String() == label {
			return true
		}
	}
	_, ok := aggregate.WindowNamed(label)
	return ok
}

// snapshot is what a view shows now. Streams that look at the same share the bytes.
func (s *Server) snapshot(v View) ([]byte, error) {
	at := s.board.state()
	s.mu.Lock()
	defer s.mu.Unlock()
	if at != s.encodeAt || len(s.encoded) >= encodedMax {
		clear(s.encoded)
		s.encodeAt = at
	}
	if encoded, ok := s.encoded[v]; ok {
		return encoded, nil
	}
	encoded, err := s.board.snapshot(v, s.setting)
	if err == nil {
		s.encoded[v] = encoded
	}
	return encoded, err
}
