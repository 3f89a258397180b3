package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// echo is a server that sends back what it gets.
func echo(t *testing.T) (address string) {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(c, c)
				c.Close()
			}()
		}
	}()
	return l.Addr().String()
}

// proxied is a network with one proxy in front of a server, and a way to connect through it.
func proxied(t *testing.T) (*network, func() net.Conn) {
	t.Helper()
	n := &network{changed: make(chan struct{}), connections: map[net.Conn]struct{}{}}
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n.listeners = append(n.listeners, l)
	target := echo(t)
	n.wait.Go(func() { n.accept(l, target) })
	t.Cleanup(n.close)
	return n, func() net.Conn {
		var dialer net.Dialer
		c, err := dialer.DialContext(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
}

// answered says whether a word comes back within a time.
func answered(c net.Conn, word string, within time.Duration) bool {
	if _, err := io.WriteString(c, word); err != nil {
		return false
	}
	got := make([]byte, len(word))
	c.SetReadDeadline(time.Now().Add(within))
	_, err := io.ReadFull(c, got)
	return err == nil && bytes.Equal(got, []byte(word))
}

const soon, never = 20 * time.Second, 100 * time.Millisecond

func TestNetworkPassesAndIsCut(t *testing.T) {
	n, connect := proxied(t)
	c := connect()
	if !answered(c, "hello", soon) {
		t.Fatal("nothing passes")
	}
	n.set(networkState{cut: true})
	if answered(c, "hello", soon) || answered(connect(), "hello", soon) {
		t.Error("something passes a network that is cut")
	}
	n.set(networkState{})
	if !answered(connect(), "again", soon) {
		t.Error("nothing passes a network that is whole again")
	}
}

// A half-open connection says nothing, and what was held back arrives once it is whole.
func TestNetworkIsSilent(t *testing.T) {
	n, connect := proxied(t)
	c := connect()
	if !answered(c, "hello", soon) {
		t.Fatal("nothing passes")
	}
	n.set(networkState{silent: true})
	if answered(c, "held", never) {
		t.Error("something passes a silent network")
	}
	n.set(networkState{})
	got := make([]byte, 4)
	c.SetReadDeadline(time.Now().Add(soon))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "held" {
		t.Errorf("after the silence came %q, %v", got, err)
	}
}

func TestNetworkDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{changed: make(chan struct{}), state: networkState{delaying: 3 * time.Second}}
		begun := time.Now()
		if !n.pass() || time.Since(begun) != 3*time.Second {
			t.Errorf("passed after %s", time.Since(begun))
		}
	})
}

// No child outlives the end of a run, stopped ones included.
func TestChildrenEnd(t *testing.T) {
	c := newChildren()
	var all []*child
	for range 3 {
		one, err := c.start("sleeper", t.TempDir()+"/output", nil, "sleep", "600")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	all[1].signal(19) // SIGSTOP
	if err := c.endAll(); err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		if one.alive() || one.wait(context.Background(), time.Second) != nil {
			t.Errorf("process %d lives", one.cmd.Process.Pid)
		}
	}
}
