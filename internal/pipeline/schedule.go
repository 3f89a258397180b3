package pipeline

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"processor/internal/broker"
)

// schedule is when the loops' work is done, and on which goroutine. A simulation has its own: one
// goroutine, and an order that its seed decides.
type schedule interface {
	// Now is what flushes and checkpoints are due by. Watermarks and whatever else goes into rows
	// know Options.Clock only.
	Now() time.Time
	// Beside starts work beside the caller, who waits for it by a channel, after Await of its name.
	Beside(name string, work func())
	Await(name string)
	// Sleep waits, or until ctx ends.
	Sleep(ctx context.Context, d time.Duration) error
	// Processors is how much computing is done at the same time.
	Processors() int
	// Parallel calls work for 0 to n-1 and joins the errors.
	Parallel(n int, work func(i int) error) error
	// Together is Parallel for work that waits and does not compute.
	Together(n int, work func(i int) error) error
}

// The work that is done beside the ledger's loop.
const (
	besideFetch = "fetch"
	besideSave  = "save"
	besideOpen  = "open " // and the number of the shard
)

// goroutines is the schedule of the service.
type goroutines struct{}

func (goroutines) Now() time.Time { return time.Now() }

func (goroutines) Beside(_ string, work func()) { go work() }

func (goroutines) Await(string) {}

func (goroutines) Sleep(ctx context.Context, d time.Duration) error { return broker.Sleep(ctx, d) }

func (goroutines) Processors() int { return runtime.GOMAXPROCS(0) }

// Parallel works on so many at a time as there are processors.
func (goroutines) Parallel(n int, work func(i int) error) error {
	problems := make([]error, n)
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	var wait sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			problems[i] = work(i)
		})
	}
	wait.Wait()
	return errors.Join(problems...)
}

// Together works on all at the same time.
func (goroutines) Together(n int, work func(i int) error) error {
	problems := make([]error, n)
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() { problems[i] = work(i) })
	}
	wait.Wait()
	return errors.Join(problems...)
}
