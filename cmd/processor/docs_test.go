package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"

	"processor/internal/kafkatest"
)

const docsFolder = "../../docs"

// Blocks of a page that are run in order, in one empty folder: `sh` blocks must succeed, and of a `console` block each
// command, behind "$ ", must print what follows it. A line "…" stands for any lines. The command is the program.
var shellBlock = regexp.MustCompile("(?ms)^```(sh|console)\n(.*?)^```$")

// TestPagesThatAreRun does what the pages for newcomers say. To write what their commands print:
// go test ./cmd/processor -run PagesThatAreRun -update.
func TestPagesThatAreRun(t *testing.T) {
	for _, page := range []string{"tutorial.md", "tutorial-kafka.md"} {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(docsFolder, page)
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			folder, commands := t.TempDir(), 0
			environment := programOnPath(t)
			// What the pages call Kafka and the page are here, and in the next run elsewhere.
			here, there := strings.NewReplacer(), strings.NewReplacer()
			if strings.Contains(string(text), "localhost:9092") {
				kafka, address := kafkatest.StartFake(t, 1).Brokers[0], freeAddress(t)
				here = strings.NewReplacer("localhost:9092", kafka, "127.0.0.1:8080", address)
				there = strings.NewReplacer(kafka, "localhost:9092", address, "127.0.0.1:8080")
			}
			written := shellBlock.ReplaceAllStringFunc(string(text), func(block string) string {
				parts := shellBlock.FindStringSubmatch(block)
				if parts[1] == "sh" {
					commands++
					if said, err := shell(t, folder, environment, here.Replace(parts[2])); err != nil {
						t.Errorf("%s: %v\n%s\n%s", page, err, parts[2], said)
					}
					return block
				}
				out := "```console\n"
				for _, piece := range strings.Split("\n"+parts[2], "\n$ ")[1:] {
					commands++
					command, want, _ := strings.Cut(piece, "\n")
					want = strings.TrimSuffix(want, "\n")
					said, err := shell(t, folder, environment, here.Replace(command))
					said = there.Replace(strings.TrimSuffix(said, "\n"))
					if err != nil {
						t.Errorf("%s: $ %s: %v\n%s", page, command, err, said)
					}
					if !*update && !asShown(said, want) {
						t.Errorf("%s: $ %s prints\n%s\nand not\n%s", page, command, said, want)
					}
					if out += "$ " + command + "\n"; !strings.Contains(want, "…") {
						want = said
					}
					out += want + "\n"
				}
				return out + "```"
			})
			if commands < 5 {
				t.Errorf("%s has %d commands only", page, commands)
			}
			if *update {
				if err := os.WriteFile(file, []byte(written), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// programOnPath is an environment in which `processor` is this test's own program, as in the stories.
func programOnPath(t *testing.T) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.Symlink(self, filepath.Join(folder, "processor")); err != nil {
		t.Fatal(err)
	}
	return []string{"PATH=" + folder + ":" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LANG=C.UTF-8"}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func shell(t *testing.T, folder string, environment []string, command string) (string, error) {
	t.Helper()
	run := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", command)
	run.Dir, run.Env = folder, environment
	run.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // what a page leaves running ends with the test
	t.Cleanup(func() {
		if run.Process != nil {
			_ = syscall.Kill(-run.Process.Pid, syscall.SIGKILL)
		}
	})
	said, err := run.CombinedOutput()
	return string(said), err
}

// asShown compares line by line; "…" stands for any number of lines.
func asShown(said, want string) bool {
	var pattern strings.Builder
	pattern.WriteString(`(?s)^`)
	for i, line := range strings.Split(want, "\n") {
		switch {
		case line == "…":
			pattern.WriteString(`(?:.*\n)?`)
		case i < strings.Count(want, "\n"):
			pattern.WriteString(regexp.QuoteMeta(line) + `\n`)
		default:
			pattern.WriteString(regexp.QuoteMeta(line))
		}
	}
	return regexp.MustCompile(pattern.String() + `$`).MatchString(said)
}

var (
	commandInDocs = regexp.MustCompile("(?m)(?:^|[`$ (])(?:go run \\./cmd/)?processor ((?:[a-z][a-z-]*)(?: [^`|\\n)]*)?)")
	flagInDocs    = regexp.MustCompile(`(?:^|\s)(--[a-z-]+)`)
)

// Every command that a page names is there, with the flags that it is given.
func TestDocsNameCommandsThatAreThere(t *testing.T) {
	pages := []string{"../../README.md"}
	for _, pattern := range []string{"/*.md", "/how-to/*.md", "/runbooks/*.md"} {
		found, err := filepath.Glob(docsFolder + pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	seen := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		code := strings.Join(codeOf(string(text)), "\n")
		for _, use := range commandInDocs.FindAllStringSubmatch(code, -1) {
			seen++
			if err := known(strings.Fields(use[1])); err != nil {
				t.Errorf("%s: processor %s: %v", page, use[1], err)
			}
		}
	}
	if seen < 60 {
		t.Errorf("%d commands are named: the pages are read wrongly", seen)
	}
}

var (
	fenced = regexp.MustCompile("(?ms)^```(?:sh|console|)\n(.*?)^```$")
	inline = regexp.MustCompile("`processor [^`\n]+`")
)

// codeOf are the lines of a page that somebody may type.
func codeOf(text string) (lines []string) {
	for _, block := range fenced.FindAllStringSubmatch(text, -1) {
		for line := range strings.Lines(block[1]) {
			if line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "$ ")); strings.HasPrefix(line, "processor ") || strings.HasPrefix(line, "go run ./cmd/processor ") {
				lines = append(lines, line)
			}
		}
	}
	for _, use := range inline.FindAllString(text, -1) {
		lines = append(lines, strings.Trim(use, "`"))
	}
	return lines
}

func known(words []string) error {
	command, _, err := rootCommand().Find(words)
	if err != nil {
		return err
	}
	if command.HasAvailableSubCommands() && len(words) > 1 && !strings.HasPrefix(words[1], "-") && !anySub(command, words[1]) {
		return errors.New("no such command")
	}
	for _, flag := range flagInDocs.FindAllStringSubmatch(" "+strings.Join(words, " "), -1) {
		if name := strings.TrimPrefix(flag[1], "--"); command.Flags().Lookup(name) == nil && command.InheritedFlags().Lookup(name) == nil && name != "help" {
			return errors.New("no flag " + flag[1])
		}
	}
	return nil
}

func anySub(command *cobra.Command, word string) bool {
	for _, sub := range command.Commands() {
		if sub.Name() == word {
			return true
		}
	}
	return false
}

// The index names every page that somebody may look for; runbooks and decisions are found by their folders.
func TestEveryPageIsInTheIndex(t *testing.T) {
	index, err := os.ReadFile(filepath.Join(docsFolder, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var pages []string
	for _, pattern := range []string{"*.md", "how-to/*.md", "reference/*.md"} {
		found, err := filepath.Glob(filepath.Join(docsFolder, pattern))
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	for _, page := range pages {
		name, err := filepath.Rel(docsFolder, page)
		if err != nil {
			t.Fatal(err)
		}
		if name != "README.md" && !strings.Contains(string(index), "("+filepath.ToSlash(name)+")") {
			t.Errorf("docs/README.md does not lead to %s", name)
		}
	}
	links := regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range links.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), link[1])); err != nil {
				t.Errorf("%s leads to %s, which is not there", page, link[1])
			}
		}
	}
}
