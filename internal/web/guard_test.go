package web

import (
	"net"
	"testing"
)

// With all places taken, the next connection waits for a place and not for the listener; a closed
// connection gives its place back once, however often it is closed.
func TestConnectionsAreBounded(t *testing.T) {
	inner, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := limit(inner, 1)
	dial := func() {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", inner.Addr().String())
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { c.Close() })
	}
	dial()
	first, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	first.Close()
	dial()
	if _, err := l.Accept(); err != nil {
		t.Fatal(err)
	}
	waiting := make(chan error, 1)
	go func() {
		_, err := l.Accept()
		waiting <- err
	}()
	dial() // there is a connection to accept, but no place for it
	l.Close()
	if err := <-waiting; err != net.ErrClosed { //nolint:errorlint // the listener's own error wraps it
		t.Errorf("a second connection was accepted, or waited for at the listener: %v", err)
	}
}
