package main

// mistake is one deliberate error: a text of a source file, which occurs in it exactly once, and what
// stands there instead.
type mistake struct {
	name string
	file string // from the root of the module
	old  string
	new  string
	by   harness
}

// harness is what must notice.
type harness struct {
	pkg string
	run string // the test's name, as go test's -run takes it
}

// The harnesses. What lies between the logs and the rows is the simulation's; what lies on the wire, on
// the disk or in a single figure is that of the package which owns it.
var (
	simulation  = harness{"./internal/pipeline", "^TestSimulation$"}
	traces      = harness{"./internal/pipeline", "^TestSimulationIsDeterministic$"}
	kept        = harness{"./internal/pipeline", "^TestKeptSeeds$"} // of what one seed in ten thousand finds
	cuts        = harness{"./internal/pipeline", "^TestCutsThatAreFollowed$"}
	wholes      = harness{"./internal/pipeline", "^TestHalfAFlushIsNotSummed$"}
	rebuilds    = harness{"./internal/pipeline", "^(TestRebuildFromTheCheckpoint|TestARebuildLeavesWhatIsFrozen)$"}
	vintages    = harness{"./internal/pipeline", "^TestVintageWaitsForShardsThatReadAgain$"}
	judge       = harness{"./internal/pipeline", "^TestJudge$"}
	debts       = harness{"./internal/pipeline", "^(TestDebtOutlivesACheckpoint|TestRowsOfACrashedRunAreTakenBack)$"}
	floor       = harness{"./internal/pipeline", "^(TestYearsOfHistoryGiveTheRowsOfReplay|TestFrozenRowsAreNotTakenBack)$"}
	diskCrashes = harness{"./internal/checkpoint", "^(TestCrashAtEveryOperation|TestCrashInRecovery)$"}
	reader      = harness{"./internal/consumer", ""}
	writer      = harness{"./internal/sink", ""}
	figures     = harness{"./internal/money", ""}
	sums        = harness{"./internal/rollup", ""}
	stories     = harness{"./internal/replay", "^(TestScripts|TestManyCases)$"}
)

// mistakes are in the order of a record's way: read, applied, sent, kept, opened again, summed.
var mistakes = []mistake{
	// Reading.
	{
		"ignore the CRC of a batch", "internal/consumer/batch.go",
		"castagnoli); sum != binary.BigEndian.Uint32(batch[atCRC:]) {", "castagnoli); sum == 0 {", reader,
	},
	{
		"hand out the records of aborted transactions", "internal/consumer/aborted.go",
		"return transactional && !control && f.find(producer) >= 0", "return transactional && control && f.find(producer) >= 0", reader,
	},
	{
		"ask again for what the batches under way hold already", "internal/pipeline/session.go",
		"if next, ok := after[at.TopicPartition]; ok {", "if next, ok := after[at.TopicPartition]; !ok {", simulation,
	},
	{
		"go on silently over what retention took", "internal/pipeline/open.go",
		"outside && !s.jump(src, start) {", "outside && src.Next < start && !s.jump(src, start) {\n\t\t\tsrc.Next, src.last = start, consumer.Mark{}\n\t\t} else if outside && src.Next != start {", simulation,
	},
	{
		"a future event moves the watermark", "internal/pipeline/source.go",
		"s.move(min(e.Time, appended))", "s.move(e.Time)", judge,
	},
	{
		"the watermark of a shard is that of its fastest partition", "internal/pipeline/flush.go",
		"least = min(least, src.watermark(s.options.Lateness, clock))", "least = max(least, src.watermark(s.options.Lateness, clock))", simulation,
	},
	{
		"an idle partition follows the clock of the flush, not of its answer", "internal/pipeline/session.go",
		"wholeMinute(s.asked, s.options.Lateness)", "wholeMinute(s.options.Clock(), s.options.Lateness)", simulation,
	},
	{
		"a partition with an open transaction counts as read to its end", "internal/pipeline/shard.go",
		"src.atEnd = b.Next >= max(b.LastStable, b.HighWatermark)", "src.atEnd = b.Next >= b.LastStable", simulation,
	},

	// Applying.
	{
		"no deduplication by the content of an event", "internal/aggregate/state.go",
		"case !f.kept || f.record.current() != e && e.Type != event.TypeEventRevoked:\n\t\treturn Duplicate, nil",
		"case !f.kept:\n\t\treturn Applied, nil", stories,
	},
	{
		"money is added in binary floating point", "internal/money/amount.go",
		"\treturn Amount{hi: hi, lo: lo}\n}\n\n// Sub is a - b.",
		"\tif hi == 0 && lo < 1<<62 {\n\t\tlo = uint64(float64(lo) / 1e6 * 1e6)\n\t}\n\treturn Amount{hi: hi, lo: lo}\n}\n\n// Sub is a - b.", figures,
	},
	{
		"halves are rounded up and not to even", "internal/money/exact.go",
		"if c > 0 || c == 0 && q.Bit(0) == 1 {", "if c >= 0 {", figures,
	},
	{
		"rows below the floor are taken back", "internal/pipeline/resend.go",
		"\tif s.isFrozen(rec.Value) {\n", "\tif s.isFrozen(nil) {\n", rebuilds,
	},
	{
		"freeze before what was read is derived", "internal/pipeline/shard.go",
		"\t\ts.flushEarly()\n", "", floor,
	},

	// Sending.
	{
		"dead letters are dropped", "internal/pipeline/flush.go",
		"\ts.outbox.messages = append(s.outbox.messages, s.letters...)\n", "", simulation,
	},
	{
		"a flush sends before it derives", "internal/pipeline/flush.go",
		"\ts.derive(s.watermark(clock))\n\ts.outbox.messages = append", "\tdefer s.derive(s.watermark(clock))\n\ts.outbox.messages = append", simulation,
	},
	{
		"rows in the order of a map", "internal/pipeline/flush.go",
		"for _, key := range slices.Sorted(maps.Keys(s.accounts)) {", "for _, key := range slices.Collect(maps.Keys(s.accounts)) {", traces,
	},
	{
		"versions without the epoch", "internal/pipeline/flush.go",
		"return s.epoch<<40 | s.flushes", "return s.flushes", simulation,
	},
	{
		"a sending without an answer counts as acknowledged", "internal/pipeline/session.go",
		"acknowledged, err := out.Send(ctx, messages)\n\tif err != nil {",
		"acknowledged, err := out.Send(ctx, messages)\n\tif err != nil && ctx.Err() != nil {", simulation,
	},
	{
		"another partitioner than the Java client's", "internal/sink/partition.go",
		"return int(murmur2(key)&0x7fffffff) % n", "return int(murmur2(key)>>1) % n", writer,
	},
	{
		"the sequence number of an unanswered batch is used again", "internal/sink/producer_send.go",
		"if b := q.head; b.maybeStored || q.lane.unsure != nil {", "if b := q.head; b.maybeStored && q.lane.unsure != nil && b.records < 0 {", writer,
	},

	// Keeping.
	{
		"a position is saved before its rows are sent", "internal/pipeline/session.go",
		"\tslow := now.Sub(s.slowed) >= s.options.MetricsInterval\n",
		"\tslow := now.Sub(s.slowed) >= s.options.MetricsInterval\n\tif err := s.checkpoint(ctx, true); err != nil {\n\t\treturn err\n\t}\n", simulation,
	},
	{
		"positions are saved without their records", "internal/pipeline/save.go",
		"\tone.kept = s.takeKept()\n", "\ts.takeKept()\n", simulation,
	},
	{
		"of two values of a key the older is saved", "internal/pipeline/shard.go",
		"\t\tlatest[string(k.Key)] = i\n", "\t\tif _, known := latest[string(k.Key)]; !known {\n\t\t\tlatest[string(k.Key)] = i\n\t\t}\n", simulation,
	},
	{
		"the store does not wait for the disk", "internal/checkpoint/save.go",
		"batch.Commit(pebble.Sync)", "batch.Commit(pebble.NoSync)", diskCrashes,
	},
	{
		"the marker is not in the batch of the records", "internal/checkpoint/save.go",
		"\tif err := batch.Set(markerKey(shard), seal(markerKey(shard), next.encode()), nil); err != nil {\n\t\treturn 0, err\n\t}\n\tsize = batch.Len()\n\tif err := d.commit(batch); err != nil {",
		"\tsize = batch.Len()\n\tif err := d.commit(batch); err != nil {\n\t\treturn 0, err\n\t}\n\tif err := d.db.Set(markerKey(shard), seal(markerKey(shard), next.encode()), pebble.Sync); err != nil {", diskCrashes,
	},
	{
		"the rows behind a checkpoint are noted while some are still owed", "internal/pipeline/session.go",
		"\t\t\tif s.resend.owes(out) {\n\t\t\t\tcontinue", "\t\t\tif s.resend.owes(out) && s.resend.Everything {\n\t\t\t\tcontinue", debts,
	},

	// Opening again.
	{
		"an empty state at a position", "internal/pipeline/open.go",
		"\t\treturn s.restore(key, value)\n", "\t\treturn nil\n", simulation,
	},
	{
		"an empty state at a position, and a digest that agrees", "internal/pipeline/shard.go",
		"\treturn s.state.RestoreKept(key, bytes.Clone(value))\n", "\t_ = bytes.Clone(value)\n\treturn nil\n", simulation,
	},
	{
		"the epoch does not rise at a start", "internal/pipeline/open.go",
		"s.epoch = max(s.epoch, epoch) + 1", "s.epoch = max(s.epoch, epoch, 1)", simulation,
	},
	{
		"the epoch is the checkpoint's alone", "internal/pipeline/open.go",
		"s.epoch = max(s.epoch, epoch) + 1", "s.epoch += 1 + 0*epoch", simulation,
	},
	{
		"the results of the run before are forgotten", "internal/pipeline/shard.go",
		"s.epoch, s.results, s.rows = m.Epoch, m.Results, m.Rows", "s.epoch, s.rows = m.Epoch, m.Rows", simulation,
	},
	{
		"what a crashed run sent is not sent again", "internal/pipeline/open.go",
		"if debt.Everything || debt.Registers || len(debt.Ranges) > 0 {", "if debt.Everything || debt.Registers {", simulation,
	},
	{
		"registers go out while rows are owed", "internal/pipeline/flush.go",
		"if slow && s.resend == nil { // see holdsBack", "if slow && (s.resend == nil || !s.resend.Everything) {", kept,
	},
	{
		"registers that were held back are forgotten at a restart", "internal/pipeline/shard.go",
		"Registers: s.holdsBack(), ", "", simulation,
	},
	{
		"a row is taken back as often as it was sent", "internal/pipeline/resend.go",
		"\t\tliving[string(rec.Key)] = struct{}{} // it", "\t\t_ = struct{}{} // it", simulation,
	},
	{
		"rows that a crashed run sent are not taken back", "internal/pipeline/resend.go",
		"\tvalue, ok := deletedRow(rec.Value, s.stamp())\n\tif !ok {", "\tvalue, ok := deletedRow(rec.Value, s.stamp())\n\tif !ok || s.number >= 0 {", debts,
	},
	{
		"after a silent start, accounts and registers that waited are forgotten", "internal/pipeline/cut.go",
		"s.applyUpTo(ctx, p, c.Sent, p.saveOpened)", "s.applyUpTo(ctx, p, c.At, p.saveOpened)", simulation,
	},
	{
		"a silent start is saved although rows wait", "internal/pipeline/cut.go",
		"\treturn p.catchUpInSilence(ctx, s, c, logs)\n",
		"\tif err := p.catchUpInSilence(ctx, s, c, logs); err != nil {\n\t\treturn err\n\t}\n\treturn p.saveOpened(ctx, s)\n", simulation,
	},
	{
		"after a silent start the flushes are numbered from 0", "internal/pipeline/cut.go",
		"\ts.rows = c.Rows ", "\ts.flushes, s.rows = 0, c.Rows ", simulation,
	},
	{
		"a silent start goes on at a cut that lies behind the checkpoint", "internal/pipeline/cut.go",
		"known && next < src.Next {", "known && next < 0*src.Next {", cuts,
	},
	{
		"a cut forgets what was owed", "internal/pipeline/cut.go",
		"Rows: s.rows, Debt: s.debt(), ", "Rows: s.rows, ", simulation,
	},
	{
		"no cut is claimed while rows are owed", "internal/pipeline/cut.go",
		"if s.options.Delivery != ExactlyOnce {\n\t\treturn nil", "if s.options.Delivery != ExactlyOnce || s.resend != nil {\n\t\treturn nil", simulation,
	},

	// Summing.
	{
		"a register of an older version replaces a newer one", "internal/rollup/rollup.go",
		"if v.shards[i].version > version {", "if v.shards[i].version > version && register == nil {", sums,
	},
	{
		"registers count before the mark that closes their flush", "internal/pipeline/rollup.go",
		"\t\tm.waiting[at] = append(m.waiting[at], p)\n\t\treturn nil\n",
		"\t\treturn m.sums.Put(p.Shard, p.Segment, p.Kind, p.Index, p.Register, p.Version)\n", wholes,
	},
	{
		"a segment that begins in the future keeps rows of before", "internal/rollup/rollup.go",
		"\t\tfirst = clean // it has not begun yet", "\t\treturn nil // it has not begun yet", sums,
	},
	{
		"rows of metrics that are made no more stay", "internal/pipeline/sent.go",
		"\tif s.swept {\n", "\tif s.swept || len(s.keys) >= 0 {\n", rebuilds,
	},
	{
		"the metrics are sent before the vintage", "internal/pipeline/publish.go",
		"\tif err := p.sendVintage(ctx); err != nil {\n\t\treturn err\n\t}\n",
		"\tdefer func() { _ = p.sendVintage(ctx) }()\n", simulation,
	},
	{
		"what was reported is forgotten at a start", "internal/pipeline/vintage.go",
		"\t\t\tv[hashKey(r.Key)] = struct{}{}\n", "\t\t\t_ = hashKey(r.Key)\n", simulation,
	},
	{
		"a period is reported while a shard is behind where it was", "internal/pipeline/vintage.go",
		"\t\tif m.watermarkOf(shard) < m.sums.Watermark() {\n", "\t\tif m.watermarkOf(shard) < 0 {\n", vintages,
	},
}
