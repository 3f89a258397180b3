package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"processor/internal/config"
)

// supportFlags are the flags of `support-bundle`.
type supportFlags struct {
	config   string
	out      string
	url      string
	log      string
	lines    int
	accounts bool
}

// The bounds of a bundle.
const (
	supportPartMax   = 16 << 20 // bytes of one file in it
	supportLinesMax  = 100_000
	supportAskWithin = 10 * time.Second
)

// supportCommand gathers what somebody needs who did not write the service and cannot reach it.
func supportCommand() *cobra.Command {
	flags := supportFlags{lines: 5000}
	cmd := &cobra.Command{
		Use:   "support-bundle --config FILE [--out FILE]",
		Short: "Gather configuration, findings, metrics, status, progress and log lines into one archive",
		Long: `Gather into one archive what somebody needs to help: the configuration with its secrets masked, the version,
the findings of processor doctor, the metrics page and the status of a running service (--url), the progress
rows, and the end of a log file (--log).

What events hold is never in it. Names of accounts in findings and log lines are masked, unless --with-accounts is
given. Look through the archive before it leaves the house.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if flags.lines < 1 || flags.lines > supportLinesMax {
				return usagef("--lines %d: it must be 1 to %d", flags.lines, supportLinesMax)
			}
			loaded, err := loadConfig(flags.config, config.ForRun)
			if err != nil {
				return err
			}
			return supportBundle(cmd.Context(), loaded, &flags, cmd.OutOrStdout())
		},
	}
	addConfigFlag(cmd, &flags.config)
	cmd.Flags().StringVar(&flags.out, "out", "", "the archive, a `FILE` that must not exist (default processor-support-TIME.tar.gz)")
	cmd.Flags().StringVar(&flags.url, "url", "", "the `ADDRESS` of a running service (default http.address of the configuration)")
	cmd.Flags().StringVar(&flags.log, "log", "", "a log `FILE`, of which the last lines are taken")
	cmd.Flags().IntVar(&flags.lines, "lines", flags.lines, "so `MANY` of them")
	cmd.Flags().BoolVar(&flags.accounts, "with-accounts", false, "leave the names of accounts in findings and log lines")
	// The only failure is a flag that does not exist; it was added just above.
	_ = cmd.MarkFlagRequired("config")
	return cmd
}

// bundlePart is one file of a bundle; a failure to make it is what is in it.
type bundlePart struct {
	name string
	make func(ctx context.Context, w io.Writer) error
}

func supportBundle(ctx context.Context, c *config.Config, flags *supportFlags, out io.Writer) (err error) {
	now := time.Now().UTC()
	name := flags.out
	if name == "" {
		name = "processor-support-" + now.Format("20060102T150405Z") + ".tar.gz"
	}
	file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the operator names it
	if err != nil {
		return usagef("--out: %w", err)
	}
	compressed := gzip.NewWriter(file)
	archive := tar.NewWriter(compressed)
	for _, part := range supportParts(c, flags) {
		content := &cappedBuffer{max: supportPartMax}
		if failed := part.make(ctx, content); failed != nil {
			// What could not be gathered says why: that is news too.
			text := failed.Error()
			if !flags.accounts {
				text = masked(text)
			}
			content.note("could not be gathered: " + text)
		}
		header := &tar.Header{Name: "processor-support/" + part.name, Mode: 0o600, Size: int64(content.Len()), ModTime: now}
		if err = errors.Join(err, archive.WriteHeader(header)); err == nil {
			_, err = archive.Write(content.Bytes())
		}
		if err != nil {
			break
		}
	}
	if err = errors.Join(err, archive.Close(), compressed.Close(), file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	_, err = fmt.Fprintf(out, "%s: look through it before you send it (tar -xzf %s)\n", name, name)
	return err
}

func supportParts(c *config.Config, flags *supportFlags) []bundlePart {
	base := strings.TrimSuffix(flags.url, "/")
	if base == "" {
		base = "http://" + c.HTTP.Address
	}
	parts := []bundlePart{
		{"version.txt", func(_ context.Context, w io.Writer) error {
			v, commit := buildIdentity()
			_, err := fmt.Fprintf(w, "processor %s\ncommit %s\n%s %s/%s\n%d CPUs\n", v, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
			return err
		}},
		{"config.yaml", func(_ context.Context, w io.Writer) error { return c.WriteYAML(w) }},
		{"doctor.json", func(ctx context.Context, w io.Writer) error {
			findings, err := examine(ctx, c)
			if err != nil {
				return err
			}
			for i := range findings {
				if !flags.accounts { // that a record has another key than its account names both
					findings[i].Text = masked(findings[i].Text)
				}
			}
			return writeFindingsJSON(w, findings)
		}},
		{"progress.ndjson", func(ctx context.Context, w io.Writer) error { return writeProgress(ctx, c, w) }},
		{"metrics.txt", fetched(base + "/metrics")},
		{"status.json", fetched(base + "/api/v1/status")},
		{"ready.txt", fetched(base + "/readyz?verbose")},
	}
	if flags.log != "" {
		parts = append(parts, bundlePart{"log.txt", func(_ context.Context, w io.Writer) error {
			return lastLines(w, flags.log, flags.lines, flags.accounts)
		}})
	}
	return parts
}

// fetched is a page of the running service.
func fetched(address string) func(ctx context.Context, w io.Writer) error {
	return func(ctx context.Context, w io.Writer) error {
		ctx, cancel := context.WithTimeout(ctx, supportAskWithin)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusServiceUnavailable {
			return fmt.Errorf("%s answered %s", address, response.Status)
		}
		_, err = io.Copy(w, response.Body)
		return err
	}
}

// cappedBuffer takes so many bytes, and says that there were more.
type cappedBuffer struct {
	taken bytes.Buffer
	max   int
	full  bool
}

func (b *cappedBuffer) Write(p []byte) (int, error) {
	if room := b.max - b.taken.Len(); len(p) > room {
		b.full = true
		b.taken.Write(p[:room])
		return len(p), nil
	}
	return b.taken.Write(p)
}

// note adds a line behind what there is.
func (b *cappedBuffer) note(text string) {
	if b.taken.Len() > 0 {
		b.taken.WriteByte('\n')
	}
	b.taken.WriteString(text + "\n")
}

// Bytes are what was taken.
func (b *cappedBuffer) Bytes() []byte {
	if b.full {
		b.full = false
		b.note(fmt.Sprintf("cut off at %d bytes", b.max))
	}
	return b.taken.Bytes()
}

// Len is the length of Bytes.
func (b *cappedBuffer) Len() int { return len(b.Bytes()) }
