package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports are taken below those that the kernel gives to outgoing connections, so that a broker or
// processor that comes back finds its own free.
const (
	portFirst = 20_000
	portLast  = 32_000
)

// freePorts finds so many free ports on the loopback interface.
func freePorts(ctx context.Context, n int) ([]int, error) {
	var ports []int
	var held []net.Listener
	defer func() {
		for _, l := range held {
			_ = l.Close()
		}
	}()
	var config net.ListenConfig
	for tries := 0; len(ports) < n; tries++ {
		port := portFirst + rand.IntN(portLast-portFirst)
		l, err := config.Listen(ctx, "tcp", loopback(port))
		if err != nil {
			if tries > 1000 || ctx.Err() != nil {
				return nil, fmt.Errorf("find %d free ports: %w", n, err)
			}
			continue
		}
		held = append(held, l)
		ports = append(ports, port)
	}
	return ports, nil
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
