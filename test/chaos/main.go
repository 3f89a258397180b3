// Command chaos proves that the service is exact under failure: it starts three Apache Kafka brokers
// and so many processors on this machine, produces a deterministic stream of billing events, kills,
// pauses and cuts off brokers and processors as a seed decides, then lets everything drain and holds
// the final rows against `processor replay`, against an oracle in another language that knows nothing
// but the events, and against what the rows say of themselves. It listens on the loopback interface
// only and must never leave a process behind, however it ends. README.md has the rest.
//
//	go run ./test/chaos -seed 7 -minutes 5 -libs ~/.cache/processor-kafka/4.1.0/libs
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	o, err := parseOptions(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := 0
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "chaos: FAILED:", err)
		code = 1
	}
	stop()
	os.Exit(code)
}
