package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"processor/internal/checkpoint"
	"processor/internal/pipeline"
)

// The bounds of a disk that are worth a finding.
const (
	spaceLittle = 1 << 30   // bytes
	spaceNone   = 100 << 20 // bytes
	syncSlow    = 100 * time.Millisecond
	syncTries   = 5
)

// disk looks at the directory of the checkpoint.
func (e *examination) disk() {
	if e.Service.CheckpointStore == pipeline.StoreKafka {
		return
	}
	dir := e.Service.CheckpointDir
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		e.add("disk.directory", Note, dir, "", "it does not exist yet: the first start makes it")
		for errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir) {
			dir = filepath.Dir(dir)
			info, err = os.Stat(dir)
		}
	}
	switch {
	case err != nil:
		e.add("disk.directory", Error, dir, "make it, and give it to the service's user", "%v", err)
		return
	case info.Mode()&fs.ModeSymlink != 0:
		e.add("disk.directory", Error, dir, "checkpoint.dir: the directory itself", "it is a symbolic link, which a start refuses")
		return
	case !info.IsDir():
		e.add("disk.directory", Error, dir, "checkpoint.dir: a directory of its own", "it is not a directory")
		return
	case info.Mode().Perm()&0o002 != 0 && dir == e.Service.CheckpointDir:
		e.add("disk.permissions", Error, dir, "chmod 700 "+dir, "everyone may write to it (mode %v), which a start refuses", info.Mode().Perm())
	}
	e.space(dir)
	e.sync(dir)
}

// space looks at how much is free, and whether a restart of the machine takes it away.
func (e *examination) space(dir string) {
	free, memory, err := statOf(dir)
	if err != nil {
		e.add("disk.space", Note, dir, "", "how much is free is not known: %v", err)
		return
	}
	text := fmt.Sprintf("%.1f GiB are free", float64(free)/(1<<30))
	switch {
	case free < spaceNone:
		e.add("disk.space", Error, dir, "make room, or mount a larger volume", "%s: the next checkpoint may not fit", text)
	case free < spaceLittle:
		e.add("disk.space", Warning, dir, "make room, or mount a larger volume", "%s", text)
	default:
		e.add("disk.space", Fine, dir, "", "%s", text)
	}
	if memory {
		e.add("disk.memory", Warning, dir, "mount a disk at checkpoint.dir", "it lies in memory (tmpfs): a restart of the machine loses the checkpoint")
	}
}

// sync writes small files and waits for the disk.
func (e *examination) sync(dir string) {
	var took []time.Duration
	for range syncTries {
		begun := time.Now()
		if err := writeSynced(dir); err != nil {
			e.add("disk.permissions", Error, dir, fmt.Sprintf("chown %d %s, or run the service as its owner", os.Geteuid(), dir), "this user (%d) cannot write there: %v", os.Geteuid(), err)
			return
		}
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	median := took[syncTries/2]
	if median > syncSlow {
		e.add("disk.sync", Warning, dir, "use a disk of its own, with a write cache that survives a power cut", "a synced write takes %s: each checkpoint waits for some", median.Round(time.Millisecond))
		return
	}
	e.add("disk.sync", Fine, dir, "", "a synced write takes %s", median.Round(time.Microsecond))
}

func writeSynced(dir string) error {
	f, err := os.CreateTemp(dir, "doctor-*.tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, 4096))
	return errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name()))
}

// checkpointOld is an age that no running service reaches.
const checkpointOld = time.Hour

// checkpoint looks at what a restart would go on from.
func (e *examination) checkpoint(ctx context.Context) {
	kept, err := pipeline.OpenKept(ctx, e.Service)
	place := e.Service.CheckpointDir
	if e.Service.CheckpointStore == pipeline.StoreKafka {
		place = e.Service.Prefix + "state"
	}
	switch {
	case errors.Is(err, checkpoint.ErrLocked):
		e.add("checkpoint.locked", Fine, place, "", "a running service has it")
		return
	case errors.Is(err, checkpoint.ErrNothing), errors.Is(err, fs.ErrNotExist), errors.Is(err, checkpoint.ErrForeign) && isEmpty(place):
		e.none(place)
		return
	case errors.Is(err, checkpoint.ErrForeign):
		e.add("checkpoint.foreign", Error, place, "checkpoint.dir: a directory that holds nothing else", "%v", err)
		return
	case err != nil:
		e.add("checkpoint.readable", Error, place, checkpointRemedy(err), "%v", err)
		return
	}
	defer func() { _ = kept.Close() }() // it was only read
	e.shards(ctx, kept)
}

func isEmpty(dir string) bool {
	entries, err := os.ReadDir(dir)
	return errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0
}

// none says what a start without a checkpoint does.
func (e *examination) none(place string) {
	for _, s := range e.Service.Sources {
		if e.beginnings[s.Topic] {
			e.add("checkpoint.none", Error, place, "put back the checkpoint that belongs to this log", "there is none, and %s has lost its first records: a start refuses", s.Topic)
			return
		}
	}
	e.add("checkpoint.none", Note, place, "", "there is none: a start reads the sources from their beginning")
}

// shards reads every shard, and compares what it was written for.
func (e *examination) shards(ctx context.Context, kept *pipeline.Kept) {
	var newest time.Time
	saved, accounts := 0, int64(0)
	for _, number := range kept.Shards() {
		s, err := kept.Inspect(ctx, number)
		if err != nil {
			e.add("checkpoint.readable", Error, kept.Place, checkpointRemedy(err), "%v", err)
			return
		}
		if s.Saved.IsZero() {
			continue
		}
		saved++
		accounts += s.Accounts
		if s.Saved.After(newest) {
			newest = s.Saved
		}
	}
	if saved == 0 {
		e.none(kept.Place)
		return
	}
	partitions := max(e.partitions, 1)
	if e.partitions == 0 { // the sources could not be asked: their number is not compared
		partitions = partitionsOf(kept.Meaning)
	}
	if differences := kept.MeaningDifferences(partitions); len(differences) > 0 {
		var texts []string
		for _, d := range differences {
			texts = append(texts, d.String())
		}
		e.add("checkpoint.meaning", Error, kept.Place, "processor rebuild --from checkpoint --config FILE, or take the settings back",
			"it was written for another meaning of the numbers: %s", strings.Join(texts, "; "))
	}
	age := e.Now().Sub(newest)
	if age > checkpointOld {
		e.add("checkpoint.age", Warning, kept.Place, "processor run --config FILE: the sources must still hold what came since", "its last save was %s ago", age.Round(time.Minute))
	}
	e.add("checkpoint.readable", Fine, kept.Place, "", "%d shard(s) with %d account(s) were read, every checksum compared", saved, accounts)
}

// partitionsOf is the number with which a meaning begins.
func partitionsOf(meaning string) int {
	n := 1
	_, _ = fmt.Sscanf(meaning, "Partitions %d;", &n) // 1 where it says nothing
	return n
}

func checkpointRemedy(err error) string {
	switch {
	case errors.Is(err, checkpoint.ErrCorrupt):
		return "start with an empty checkpoint directory while the sources hold everything (processor rebuild --from log), or restore a copy of it"
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("give it to the service's user (chown -R %d)", os.Geteuid())
	}
	return ""
}
