package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"processor/internal/aggregate"
	"processor/internal/web/access"
)

// The limits of one server (spec: faults 1b). net/http has none of its own.
const (
	headerBytes   = 16 << 10
	bodyBytes     = 64 << 10
	streamsOfConn = 32 // requests at the same time on one connection of HTTP/2
	stopTimeout   = 5 * time.Second

	// ConnectionsDefault and StreamsDefault are how many connections and event streams may be open. There are
	// fewer streams, so that they alone never use up the connections.
	ConnectionsDefault = 512
	StreamsDefault     = 256
)

// timeouts bound what a client may take its time for.
type timeouts struct{ header, read, write, idle time.Duration }

var defaultTimeouts = timeouts{
	header: 5 * time.Second, read: 15 * time.Second,
	write: 30 * time.Second, // not of the stream, which has one for each event
	idle:  60 * time.Second,
}

// Options of a server.
type Options struct {
	Currency        string   // the reporting currency, shown beside amounts
	Groupings       []string // the configured ones, as in rows: "region", "plan_tier,region"; `all` is always there
	Dimensions      []string // of accounts, as rows of accounts and movements have them
	Windows         []aggregate.Window
	Zone            *time.Location // of the reporting calendar; UTC when nil
	FiscalYearStart int            // number of its first month; 1 when 0

	Metrics http.Handler   // answers /metrics; nil: there is none
	Live    func() error   // answers /livez; nil: always live
	Explain Explainer      // answers for accounts; nil: there are none
	Asker   Asker          // the same; nil: there are none
	Ledger  *Ledger        // lists of accounts and movements; nil: empty
	Alerts  func() []Alert // the latest rows of alerts; nil: there are none

	Gate        *access.Gate // who may ask; nil: everybody
	Loopback    bool         // only this machine reaches the address
	Advertise   string       // the address that readers use, as http://host:port; empty: not known
	Connections int          // that may be open; ConnectionsDefault when 0
	Streams     int          // event streams that may be open; StreamsDefault when 0
	StreamEvery time.Duration
	Log         *slog.Logger
}

// Server answers over HTTP from a board. It is read-only.
type Server struct {
	options  Options
	timeouts timeouts
	board    *Board
	handler  http.Handler
	count    *counter
	kinds    map[string]rowKind
	document []byte        // of OpenAPI
	streams  chan struct{} // one place for each open stream
	scans    chan struct{} // one place for each request that looks through a whole list
	setting  setting

	mu     sync.Mutex
	frames map[View]*frame
}

// New prepares a server. It does no I/O.
func New(b *Board, o Options) (*Server, error) {
	if b == nil {
		return nil, errors.New("web: a server needs a board")
	}
	o = o.withDefaults()
	s := &Server{
		options: o, timeouts: defaultTimeouts, board: b, kinds: kindsOf(&o),
		streams: make(chan struct{}, o.Streams), scans: make(chan struct{}, scansMax), frames: map[View]*frame{},
	}
	table := s.routes()
	s.count = newCounter(table)
	for _, rt := range table {
		if rt.role == access.Unset {
			return nil, fmt.Errorf("web: the route %s has no role", rt.pattern)
		}
	}
	s.setting = setting{currency: o.Currency, places: placesOf(o.Groupings), offers: s.offers(), alerts: o.Alerts}
	s.document = documentOf(s, table)
	s.handler = s.guard(s.mount(table))
	return s, nil
}

func (o Options) withDefaults() Options {
	if o.StreamEvery <= 0 {
		o.StreamEvery = time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Connections <= 0 {
		o.Connections = ConnectionsDefault
	}
	if o.Streams <= 0 {
		o.Streams = StreamsDefault
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.FiscalYearStart == 0 {
		o.FiscalYearStart = 1
	}
	if o.Ledger == nil {
		o.Ledger = NewLedger(LedgerOptions{Accounts: 1, Movements: 1})
	}
	o.Groupings = append([]string{aggregate.SegmentAll}, o.Groupings...)
	return o
}

// Handler answers requests; Serve uses it.
func (s *Server) Handler() http.Handler { return s.handler }

func (s *Server) ledger() *Ledger { return s.options.Ledger }

// Serve answers on a listener until ctx ends, then lets requests finish and closes the streams. It
// returns nil after such an end.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	secret := s.options.Gate.TLS()
	places := limit(l, s.options.Connections)
	places.plain, places.open = secret == nil, &s.count.connections
	return serve(ctx, s.httpServer(ctx, secret), places)
}

// httpServer is net/http's server with its limits.
func (s *Server) httpServer(ctx context.Context, secret *tls.Config) *http.Server {
	return &http.Server{
		Handler: s.handler, TLSConfig: secret,
		ReadHeaderTimeout: s.timeouts.header, ReadTimeout: s.timeouts.read, WriteTimeout: s.timeouts.write, IdleTimeout: s.timeouts.idle,
		MaxHeaderBytes: headerBytes,
		HTTP2:          &http.HTTP2Config{MaxConcurrentStreams: streamsOfConn},
		ErrorLog:       slog.NewLogLogger(s.options.Log.Handler(), slog.LevelDebug), // a client's broken connection is no news
		ConnContext:    withPlace,
		BaseContext:    func(net.Listener) context.Context { return ctx }, // ends the streams
	}
}

// serve answers until ctx ends, then lets requests finish.
func serve(ctx context.Context, server *http.Server, l net.Listener) error {
	served := make(chan error, 1)
	go func() {
		if server.TLSConfig != nil {
			served <- server.ServeTLS(l, "", "")
		} else {
			served <- server.Serve(l)
		}
	}()
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

// Looking through a whole list takes a processor some milliseconds. So many requests do it at the same
// time; the others wait a little.
const (
	scansMax   = 2
	scanWithin = 2 * time.Second
)

// enterScan waits for a place; without one it answers, and is false.
func (s *Server) enterScan(w http.ResponseWriter, r *http.Request) bool {
	ctx, cancel := context.WithTimeout(r.Context(), scanWithin)
	defer cancel()
	select {
	case s.scans <- struct{}{}:
		return true
	case <-ctx.Done():
		refuse(w, r, &Refusal{Code: http.StatusServiceUnavailable, Text: "too many lists are asked for; ask again"})
		return false
	}
}

func (s *Server) leaveScan() { <-s.scans }

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
