package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"regexp"

	"processor/internal/config"
	"processor/internal/pipeline"
)

// progressRows bounds those of one shard that are gathered: the last ones.
const progressRows = 20

// writeProgress writes the last rows that said how far the shards are. They hold positions and times, and no
// account.
func writeProgress(ctx context.Context, c *config.Config, w io.Writer) error {
	options, err := pipelineOptions(c)
	if err != nil {
		return err
	}
	defer options.Cluster.Close()
	return pipeline.LastProgress(ctx, options, progressRows, func(row []byte) error {
		_, err := w.Write(append(row, '\n'))
		return err
	})
}

// tailBytes bounds what is read of a log file, from its end.
const tailBytes = supportPartMax

// lastLines writes the end of a log file.
func lastLines(w io.Writer, name string, lines int, accounts bool) error {
	f, err := os.Open(name) //nolint:gosec // the operator names it
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New(name + " is not a regular file")
	}
	if info.Size() > tailBytes {
		if _, err := f.Seek(-tailBytes, io.SeekEnd); err != nil {
			return err
		}
	}
	kept := make([]string, 0, lines)
	reader := bufio.NewReaderSize(io.LimitReader(f, tailBytes), 1<<16)
	for read := 0; ; read++ {
		line, err := reader.ReadString('\n')
		switch {
		case line == "":
			read--
		case len(kept) < lines:
			kept = append(kept, line)
		default:
			kept[read%lines] = line
		}
		if errors.Is(err, io.EOF) {
			return writeLines(w, kept, read+1, accounts)
		}
		if err != nil {
			return err
		}
	}
}

// writeLines writes a ring of lines from its oldest on, which is the one that the next would have replaced.
func writeLines(w io.Writer, kept []string, next int, accounts bool) error {
	for i := range kept {
		line := kept[(next+i)%len(kept)]
		if !accounts {
			line = masked(line)
		}
		if _, err := io.WriteString(w, line); err != nil {
			return err
		}
	}
	return nil
}

// masked is a text without what names an account in it.
func masked(text string) string {
	return storedKey.ReplaceAllString(named.ReplaceAllString(text, "${1}***"), "${1}***")
}

var (
	// named finds a value after a word for an account: account "acme", "subject":"acme", key=acme.
	named = regexp.MustCompile(`(?i)((?:accounts?|subject|key)\\?"?\s*[:= ]\s*)(?:\\?"(?:[^"\\]|\\[^"])*\\?"|[^\s,}"\\]+)`)
	// storedKey finds the key of a record of a checkpoint, which begins with the account.
	storedKey = regexp.MustCompile(`(record )[0-9a-f]{2,}`)
)
