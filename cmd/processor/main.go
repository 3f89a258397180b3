// Command processor computes expansion revenue in real time from the events of subscriptions.
//
// Each command is one file with one function that returns its *cobra.Command; root.go lists them.
// The commands parse flags and print; what they do lives in the packages below internal.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // zones must mean the same on a machine without a zone database
)

func main() {
	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks to stop in order; the second one ends the process as ever.
	context.AfterFunc(ctx, restore)
	os.Exit(execute(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
