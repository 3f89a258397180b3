package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// children starts every process of a run, and ends them all. The kernel kills a child when the thread
// that started it ends (Pdeathsig), so one thread starts them all and lives as long as this process:
// nothing is left behind even when the harness itself is killed.
type children struct {
	starts chan func()

	mu  sync.Mutex
	all []*child
}

// child is one process. It is in a group of its own, so that a Ctrl-C at a terminal reaches the
// harness only.
type child struct {
	name  string
	cmd   *exec.Cmd
	began time.Time
	ended chan struct{}
	err   error // how it ended; read it after ended
}

func newChildren() *children {
	c := &children{starts: make(chan func())}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the process
		for start := range c.starts {
			start()
		}
	}()
	return c
}

// start runs a program with its output in a file, to which it appends.
func (c *children) start(name, output string, environment []string, program string, arguments ...string) (*child, error) {
	file, err := os.OpenFile(output, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("output of %s: %w", name, err)
	}
	defer func() { _ = file.Close() }() // the child has its own
	one := &child{name: name, cmd: exec.CommandContext(context.Background(), program, arguments...), ended: make(chan struct{})}
	one.cmd.Stdout, one.cmd.Stderr = file, file
	one.cmd.Env = append(os.Environ(), environment...)
	one.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	c.starts <- func() { started <- one.cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	one.began = time.Now()
	c.mu.Lock()
	c.all = append(c.all, one)
	c.mu.Unlock()
	go func() {
		one.err = one.cmd.Wait()
		close(one.ended)
	}()
	return one, nil
}

// signal is for a process that may have ended already.
func (c *child) signal(s syscall.Signal) {
	if c.alive() {
		_ = syscall.Kill(c.cmd.Process.Pid, s)
	}
}

func (c *child) alive() bool {
	select {
	case <-c.ended:
		return false
	default:
		return true
	}
}

// exitCode is -1 for a process that a signal ended. It is for processes that have ended.
func (c *child) exitCode() int { return c.cmd.ProcessState.ExitCode() }

// wait waits for the end of the process, of ctx or of the time.
func (c *child) wait(ctx context.Context, within time.Duration) error {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-c.ended:
		return nil
	case <-timer.C:
		return fmt.Errorf("%s (process %d) did not end within %s", c.name, c.cmd.Process.Pid, within)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// endAll kills what still runs and waits for it, then says whether anything is left.
func (c *children) endAll() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var problems []error
	for _, one := range c.all {
		one.signal(syscall.SIGKILL) // also ends what is stopped
	}
	for _, one := range c.all {
		if err := one.wait(context.Background(), 20*time.Second); err != nil {
			problems = append(problems, fmt.Errorf("left behind: %w", err))
		}
	}
	return errors.Join(problems...)
}
