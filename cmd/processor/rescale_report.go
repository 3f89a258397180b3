package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"processor/internal/config"
	"processor/internal/pipeline"
)

// reportRescale says what is different, what was written, and what to run next.
func reportRescale(w io.Writer, way *pipeline.Rescale, c *config.Config, flags *rescaleFlags) error {
	p := &printer{w: w}
	reportSources(p, way)
	if !way.Changed {
		p.printf("No source that the service reads itself has changed: it can go on, and no new generation is needed. Nothing was written.\n"+
			"next: processor run --config %s\n", flags.config)
		return p.err
	}
	p.printf("group: %s -> %s\noutput.prefix: %s -> %s\n", c.Group, flags.group, c.Output.Prefix, flags.prefix)
	if c.Checkpoint.Store == pipeline.StoreDir {
		p.printf("checkpoint.dir: %s -> %s\n", c.Checkpoint.Dir, flags.dir)
	}
	if flags.dryRun {
		p.printf("Nothing was written.\nto do it: %s\n", flags.command())
		return p.err
	}
	if way.Creates {
		p.printf("created: topic %s with %s\n", way.Copies, plural(int64(way.After), "partition"))
	}
	reportSteps(p, way, c, flags)
	return p.err
}

// reportSources says how each source was and will be read.
func reportSources(p *printer, way *pipeline.Rescale) {
	p.printf("partitions of the service: %d -> %d\n", way.Before, way.After)
	for _, s := range way.Sources {
		how := "read by the shards themselves, as before"
		if s.Copied != "" {
			how = "copied by account to " + way.Copies + ": " + s.Copied
		}
		p.printf("  %s, %s: %s\n", s.Topic, plural(int64(s.Partitions), "partition"), how)
		var limits []string
		if s.Retention >= 0 {
			limits = append(limits, "after "+s.Retention.String())
		}
		if s.RetentionSize >= 0 {
			limits = append(limits, fmt.Sprintf("beyond %d bytes of a partition", s.RetentionSize))
		}
		if len(limits) > 0 {
			p.printf("    it begins at its first record now, and Kafka may delete that %s: raise retention.ms and retention.bytes until the new generation has caught up\n",
				strings.Join(limits, " or "))
		}
	}
}

// reportSteps are the commands from here to the end of the old generation.
func reportSteps(p *printer, way *pipeline.Rescale, c *config.Config, flags *rescaleFlags) {
	file, brokers := flags.out, strings.Join(c.Kafka.Brokers, ",")
	if file == "" {
		file = "FILE" // what standard output goes to
	}
	p.printf("next:\n"+
		"1. beside the old one (on the same machine with another http.address, such as EXPANSION_HTTP_ADDRESS=127.0.0.1:8081):\n"+
		"   processor run --config %s\n"+
		"2. until /readyz of the new one answers 200 and nothing is behind:\n", file)
	groups := []string{flags.group}
	if way.Copies != "" {
		groups = append(groups, flags.group+"-intake")
	}
	for _, group := range groups {
		p.printf("   kafka-consumer-groups.sh --bootstrap-server %s --describe --group %s\n", brokers, group)
	}
	p.printf("3. compare an account, and the API's metrics, of both:\n"+
		"   processor explain ACCOUNT --url http://%s\n"+
		"   processor explain ACCOUNT --url http://127.0.0.1:8081\n"+
		"4. switch the readers from %s* to %s*\n"+
		"5. stop the old one, and when nobody reads them any more, delete its topics, groups and checkpoint:\n"+
		"   kafka-topics.sh --bootstrap-server %s --delete --topic '%s'\n", c.HTTP.Address, c.Output.Prefix, flags.prefix, brokers,
		strings.ReplaceAll(strings.Join(way.OldTopics, "|"), ".", `\.`))
	groups = []string{c.Group}
	if slices.Contains(way.OldTopics, c.Output.Prefix+"intake") {
		groups = append(groups, c.Group+"-intake")
	}
	for _, group := range groups {
		p.printf("   kafka-consumer-groups.sh --bootstrap-server %s --delete --group %s\n", brokers, group)
	}
	if c.Checkpoint.Store == pipeline.StoreDir {
		p.printf("   rm -r %s\n", c.Checkpoint.Dir)
	}
}

// command is the command line without --dry-run.
func (f *rescaleFlags) command() string {
	line := fmt.Sprintf("processor rescale --config %s --to-group %s --to-prefix %s", f.config, f.group, f.prefix)
	if f.dirGiven {
		line += " --checkpoint-dir " + f.dir
	}
	if f.partitions > 0 {
		line += fmt.Sprintf(" --partitions %d", f.partitions)
	}
	if f.out != "" {
		line += " --out " + f.out
	}
	return line
}
