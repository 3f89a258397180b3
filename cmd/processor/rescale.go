package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"processor/internal/config"
	"processor/internal/pipeline"
)

// rescaleFlags are the flags of `rescale`.
type rescaleFlags struct {
	config     string
	group      string
	prefix     string
	dir        string
	dirGiven   bool // it is not the one that follows from the old
	partitions int
	out        string
	dryRun     bool
}

// rescaleCommand writes the configuration of a new generation of a service whose sources have grown.
func rescaleCommand() *cobra.Command {
	var flags rescaleFlags
	cmd := &cobra.Command{
		Use:   "rescale --config FILE [--out FILE]",
		Short: "Begin a new generation beside the old one when a source has another number of partitions",
		Long: `Begin a new generation of the service when a source has another number of partitions than the
service was begun with, or when the service shall have another number itself.

Records of an account then lie in several partitions, so the new generation copies the source by
account and reads it from its start, under another group, output prefix and checkpoint. This command
checks that it can, says what is different, and writes its configuration: the given one with these
four things changed and every other byte as it is. The old generation, its topics and its checkpoint
are left alone; readers switch to the new prefix when it has caught up.

It refuses when a source has lost its beginning or is compacted, when the new group has members or
positions, when the new topics have been written to, and when the new checkpoint directory is not
empty. With --partitions it also creates the topics of the copies, if output.create_topics allows it.

The configuration goes to standard output, and what there is to say to standard error; with --out
the configuration goes to a file that must not exist, and the rest to standard output.

Exit codes: 0 done, or nothing to do; 1 failed; 2 refused, with every reason.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, err := loadConfig(flags.config, config.ForRun)
			if err != nil {
				return err
			}
			if err := flags.complete(cmd, loaded); err != nil {
				return err
			}
			return rescale(cmd.Context(), loaded, &flags, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	addConfigFlag(cmd, &flags.config)
	cmd.Flags().StringVar(&flags.group, "to-group", "", "`NAME` of the new group (default that of the old one with -g2, then -g3, ...)")
	cmd.Flags().StringVar(&flags.prefix, "to-prefix", "", "`PREFIX` of the new topics (default likewise)")
	cmd.Flags().StringVar(&flags.dir, "checkpoint-dir", "", "`DIR` of the new checkpoint, with checkpoint.store: dir (default likewise)")
	cmd.Flags().IntVar(&flags.partitions, "partitions", 0, "`N` partitions of the copies and of the outputs (default those of the sources)")
	cmd.Flags().StringVar(&flags.out, "out", "", "write the configuration to `FILE`, which must not exist")
	cmd.Flags().BoolVar(&flags.dryRun, "dry-run", false, "check, say what is different, and write nothing")
	// The only failure is a flag that does not exist; it was added just above.
	_ = cmd.MarkFlagRequired("config")
	return cmd
}

// complete fills in the names that were not given.
func (f *rescaleFlags) complete(cmd *cobra.Command, c *config.Config) error {
	switch {
	case f.partitions < 0 || f.partitions == 0 && cmd.Flags().Changed("partitions"):
		return usagef("--partitions %d: it must be 1 or more", f.partitions)
	case f.dir != "" && c.Checkpoint.Store != pipeline.StoreDir:
		return usagef("--checkpoint-dir is for checkpoint.store: dir; with %s the checkpoint is the topic state under the new prefix", c.Checkpoint.Store)
	}
	f.dirGiven = f.dir != ""
	for _, one := range []struct {
		name *string
		old  string
	}{{&f.group, c.Group}, {&f.prefix, c.Output.Prefix}, {&f.dir, c.Checkpoint.Dir}} {
		if *one.name == "" {
			*one.name = nextGeneration(one.old)
		}
	}
	return nil
}

// generationName is a name that this command made, with its number and what follows that.
var generationName = regexp.MustCompile(`^(.*-g)([0-9]{1,6})([./_-]*)$`)

// nextGeneration is the name of the generation after the named one.
func nextGeneration(name string) string {
	if m := generationName.FindStringSubmatch(name); m != nil {
		n, _ := strconv.Atoi(m[2]) // at most six digits
		return m[1] + strconv.Itoa(n+1) + m[3]
	}
	stem := strings.TrimRight(name, "./_-")
	return stem + "-g2" + name[len(stem):]
}

func rescale(ctx context.Context, c *config.Config, flags *rescaleFlags, out, errOut io.Writer) error {
	options, err := pipelineOptions(c)
	if err != nil {
		return withCode(exitUsage, err)
	}
	defer options.Cluster.Close()
	options.ConfigFile = flags.config
	way, err := pipeline.PlanRescale(ctx, options, pipeline.RescaleTo{Group: flags.group, Prefix: flags.prefix, Partitions: flags.partitions})
	local := errors.Join(flags.checkDir(c), flags.checkOut())
	switch {
	case err != nil && !errors.Is(err, pipeline.ErrRefused):
		return exitOf(err)
	case err != nil || local != nil:
		return withCode(exitUsage, errors.Join(err, local))
	case !way.Changed:
		return reportRescale(out, way, c, flags)
	}
	text, err := rescaledConfig(c, flags, way)
	if err != nil {
		return withCode(exitUsage, err)
	}
	report := out
	if !flags.dryRun {
		if err := way.Prepare(ctx); err != nil {
			return exitOf(err)
		}
		if report, err = writeRescaled(text, flags, out, errOut); err != nil {
			return err
		}
	}
	return reportRescale(report, way, c, flags)
}

// checkDir refuses a directory for the checkpoint that holds something.
func (f *rescaleFlags) checkDir(c *config.Config) error {
	if c.Checkpoint.Store != pipeline.StoreDir {
		return nil
	}
	if filepath.Clean(f.dir) == filepath.Clean(c.Checkpoint.Dir) {
		return fmt.Errorf("the new generation needs another checkpoint directory than %q", c.Checkpoint.Dir)
	}
	entries, err := os.ReadDir(f.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("look at the new checkpoint directory: %w", err)
	case len(entries) > 0:
		return fmt.Errorf("the new checkpoint directory %q is not empty: choose another one with --checkpoint-dir", f.dir)
	}
	return nil
}

// checkOut refuses to write over a file.
func (f *rescaleFlags) checkOut() error {
	if f.out == "" {
		return nil
	}
	if _, err := os.Lstat(f.out); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("--out %s: the file exists, and is not written over", f.out)
	}
	return nil
}

// rescaledConfig is the configuration file of the new generation. It is read back: what a variable of the
// environment would set otherwise is refused, and so is anything else that has become different.
func rescaledConfig(c *config.Config, flags *rescaleFlags, way *pipeline.Rescale) ([]byte, error) {
	file, err := config.NewRewriter(flags.config)
	if err != nil {
		return nil, err
	}
	file.Set("group", flags.group)
	file.Set("output.prefix", flags.prefix)
	changed := []string{"group", "output.prefix", "sources"}
	if c.Checkpoint.Store == pipeline.StoreDir {
		file.Set("checkpoint.dir", flags.dir)
		changed = append(changed, "checkpoint.dir")
	}
	for i, s := range way.Sources {
		if c.Sources[i].KeyedByAccount != s.KeyedByAccount {
			file.SetSource(i, "keyed_by_account", s.KeyedByAccount)
		}
	}
	for _, s := range c.Settings() {
		if name, set := strings.CutPrefix(s.Origin, "env "); set && slices.Contains(changed, s.Key) {
			return nil, fmt.Errorf("the variable %s stands above %s in the new configuration too: write its value into %s, unset it, "+
				"and run the command again", name, s.Key, flags.config)
		}
	}
	text, err := file.Bytes()
	if err != nil {
		return nil, err
	}
	again, err := config.LoadText(flags.config, text, os.Environ(), config.ForRun)
	if err != nil {
		return nil, fmt.Errorf("the new configuration:\n%w", err)
	}
	return text, sameBut(c, again, flags, way)
}

// sameBut makes sure that the new configuration is what it should be.
func sameBut(old, now *config.Config, flags *rescaleFlags, way *pipeline.Rescale) error {
	dir := old.Checkpoint.Dir
	if old.Checkpoint.Store == pipeline.StoreDir {
		dir = flags.dir
	}
	wrong := now.Group != flags.group || now.Output.Prefix != flags.prefix || now.Checkpoint.Dir != dir || len(now.Sources) != len(way.Sources)
	for i, s := range way.Sources {
		wrong = wrong || now.Sources[i].Topic != s.Topic || now.Sources[i].KeyedByAccount != s.KeyedByAccount
	}
	before := old.Settings()
	for i, s := range now.Settings() {
		same := fmt.Sprint(s.Value) == fmt.Sprint(before[i].Value)
		wrong = wrong || !same && !slices.Contains([]string{"group", "sources", "output.prefix", "checkpoint.dir"}, s.Key)
	}
	if wrong {
		return fmt.Errorf("%s cannot be changed without changing what it means: write group, sources, output.prefix and checkpoint.dir plainly", flags.config)
	}
	return nil
}

// writeRescaled writes the configuration, readable for whom the old one is, and says where the rest is
// to be told.
func writeRescaled(text []byte, flags *rescaleFlags, out, errOut io.Writer) (report io.Writer, err error) {
	if flags.out == "" {
		_, err := out.Write(text)
		return errOut, err
	}
	mode := fs.FileMode(0o600)
	if info, err := os.Stat(flags.config); err == nil && info.Mode().IsRegular() {
		mode = info.Mode().Perm()
	}
	file, err := os.OpenFile(flags.out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return nil, fmt.Errorf("write the new configuration: %w", err)
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, errors.Join(fmt.Errorf("write the new configuration: %w", err), os.Remove(flags.out))
	}
	return out, nil
}
