//go:build failpoints

package pipeline

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// failpointFile is where the program reads at which point it kills itself: "published:3" is the third
// pass of that point from then on. The file is looked for at every point, so that the one who writes
// it chooses when. It exists with the build tag failpoints only, for test/chaos.
var failpointFile = os.Getenv("PROCESSOR_FAILPOINT_FILE")

var failpoint struct {
	sync.Mutex
	armed  string // what the file says
	passes int
}

func init() {
	if failpointFile != "" {
		defaultStep = killAtFailpoint
	}
}

// killAtFailpoint ends the process as the kernel would for want of memory: nothing is flushed, closed
// or said.
func killAtFailpoint(point string) error {
	text, err := os.ReadFile(failpointFile)
	if err != nil {
		return nil //nolint:nilerr // no file, no kill
	}
	name, pass, _ := strings.Cut(strings.TrimSpace(string(text)), ":")
	wanted, err := strconv.Atoi(pass)
	if name != point || err != nil {
		return nil //nolint:nilerr // half a file: the next pass sees the whole
	}
	failpoint.Lock()
	defer failpoint.Unlock()
	if failpoint.armed != string(text) {
		failpoint.armed, failpoint.passes = string(text), 0
	}
	if failpoint.passes++; failpoint.passes >= wanted {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		time.Sleep(time.Minute) //nolint:forbidigo // nothing after the point may happen
	}
	return nil
}
