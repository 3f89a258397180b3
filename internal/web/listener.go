package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
)

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

// limit lets at most n connections of a listener be open; the next one waits to be accepted.
func limit(l net.Listener, n int) *limited {
	return &limited{Listener: l, places: make(chan struct{}, n), closed: make(chan struct{})}
}

type limited struct {
	net.Listener
	places chan struct{}
	once   sync.Once
	closed chan struct{}
	plain  bool          // HTTP without TLS
	open   *atomic.Int64 // nil: not counted
}

// Accept waits for a place and a connection.
func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	l.counted(1)
	free := sync.OnceFunc(func() {
		l.counted(-1)
		<-l.places
	})
	return &place{Conn: c, plain: l.plain, free: free}, nil
}

func (l *limited) counted(change int64) {
	if l.open != nil {
		l.open.Add(change)
	}
}

// Close ends Accept, also where it waits for a place.
func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// place is a connection that frees its place when it is closed.
type place struct {
	net.Conn
	free func()

	plain bool
	stage atomic.Int32
}

// The stages of a connection.
const (
	stageIdle     int32 = iota // nothing came since the last answer
	stageHeader                // a request has begun
	stageAnswered              // its header is complete: whoever answers says what is wrong with the rest
)

// Read notes whether a request has begun. One whose header does not come to its end in time hears so, which
// net/http leaves out.
func (p *place) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	if n > 0 {
		p.stage.CompareAndSwap(stageIdle, stageHeader)
	}
	if err != nil && p.plain && errors.Is(err, os.ErrDeadlineExceeded) && p.stage.CompareAndSwap(stageHeader, stageAnswered) {
		_, _ = p.Conn.Write([]byte("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
		_ = p.Conn.Close() // before somebody makes a request of the half
	}
	return n, err
}

// Write is an answer: what comes after it is the next request.
func (p *place) Write(b []byte) (int, error) {
	p.stage.Store(stageIdle)
	return p.Conn.Write(b)
}

// placeKey is the key of a request's connection in its context.
type placeKey struct{}

// withPlace is for http.Server.ConnContext.
func withPlace(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, placeKey{}, c)
}

// headerIsComplete notes that a request is being answered.
func headerIsComplete(r *http.Request) {
	if p, ok := r.Context().Value(placeKey{}).(*place); ok {
		p.stage.Store(stageAnswered)
	}
}

// Close closes the connection.
func (p *place) Close() error {
	err := p.Conn.Close()
	p.free()
	return err
}
