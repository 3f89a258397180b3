package pipeline

import (
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/cespare/xxhash/v2"
)

// program names what this process runs: the hash of its executable file. Two builds of one source are the same
// file, and a build with any change of the core is another one. Where the file cannot be read the name is
// one that no other process has.
var program = sync.OnceValue(func() string {
	hash, err := hashOfProgram()
	if err != nil {
		return rand.Text()
	}
	return fmt.Sprintf("%016x", hash)
})

// trust is the text under which what a state derives is kept for the next start.
func (o *Options) trust(generation uint64) string {
	name := o.program
	if name == "" {
		name = program()
	}
	return fmt.Sprintf("%s %016x", name, generation)
}

func hashOfProgram() (uint64, error) {
	path, err := os.Executable()
	if err != nil {
		return 0, err
	}
	f, err := os.Open(path) //nolint:gosec // this program's own file
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	h := xxhash.New()
	if _, err := io.Copy(h, f); err != nil {
		return 0, err
	}
	return h.Sum64(), nil
}
