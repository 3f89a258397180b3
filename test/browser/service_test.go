package browser

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long anything may take on a slow machine; nothing is judged by it.
const patience = 4 * time.Minute

// program is the built processor.
var program string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "processor-browser-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "processor")
	build := exec.CommandContext(context.Background(), "go", "build", "-o", program, "./cmd/processor")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the program: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// demo starts the program's demo on a free port and returns the page's address. The test's end stops it.
func demo(t *testing.T, args ...string) (address string) {
	t.Helper()
	command := exec.CommandContext(context.Background(), program, append([]string{"demo", "--address", "127.0.0.1:0"}, args...)...)
	said, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGKILL) // nobody reads its closing summary
		_ = command.Wait()
	})
	wanted := regexp.MustCompile(`the page is at (http://\S+)`)
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		if found := wanted.FindStringSubmatch(lines.Text()); found != nil {
			go func() {
				for lines.Scan() {
				}
			}()
			return found[1]
		}
	}
	t.Fatalf("the demo ended without a page: %v", lines.Err())
	return ""
}

// events writes native events into a file for `demo --file`.
func events(t *testing.T, lines ...string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "events.ndjson")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
