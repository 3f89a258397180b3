package deploy

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// inImage runs a command in a root that is what the Dockerfile leaves: one program and an empty folder, read-only but for
// that folder, as the user 65532 and no other group, in a mount namespace of its own.
const inImage = `set -eu
mount --make-rprivate /
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
mount -t tmpfs -o mode=0700,uid=65532,gid=65532 tmpfs "$1/var/lib/processor"
shift
exec chroot --userspec=65532:65532 --groups=65532 "$ROOT" "$@"`

// The pod and the container give the program a root that it cannot write to, no other user and no other file. Everything
// that it does is done there once: a broker, the service with its checkpoints, the page, the closing check.
func TestTheProgramNeedsNoMoreThanItsImage(t *testing.T) {
	if os.Getuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("CI runs this as root")
		}
		t.Skip("only root may make a root for it")
	}
	image := t.TempDir()
	for _, folder := range []string{"usr/local/bin", "var/lib/processor"} {
		if err := os.MkdirAll(filepath.Join(image, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	program, err := os.ReadFile(processor(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(image, "usr/local/bin/processor"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(image, 0o755); err != nil {
		t.Fatal(err)
	}
	run := func(environment []string, command ...string) (string, string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "unshare", append([]string{"--mount", "sh", "-c", inImage, "sh", image}, command...)...)
		cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "ROOT=" + image}, environment...)
		var out, said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &said
		err := cmd.Run()
		return out.String(), said.String(), err
	}
	demo := []string{"/usr/local/bin/processor", "demo", "--events", "2000", "--once", "--address", "127.0.0.1:0"}
	out, said, err := run([]string{"TMPDIR=/var/lib/processor"}, demo...)
	if err != nil || !strings.Contains(out, "\nreconciled: opening + movements = closing for ") {
		t.Errorf("%v\n%s%s", err, out, said)
	}
	// The same without a place to write to ends at once: the root is what this test takes it for.
	if _, said, err := run([]string{"TMPDIR=/usr/local"}, demo...); err == nil || !strings.Contains(said, "/usr/local") {
		t.Errorf("it can write to its root: %v\n%s", err, said)
	}
	left, err := filepath.Glob(filepath.Join(image, "*"))
	if err != nil || len(left) != 2 {
		t.Errorf("it left %v in its root (%v)", left, err)
	}
}
