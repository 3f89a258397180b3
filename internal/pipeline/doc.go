// Package pipeline is the service's loops: the ledger's shards, which read the source topics, and
// the rollup, which reads what they say and writes the metrics. It owns the order of durability:
// fetch, apply, publish, checkpoint, commit. It must never decide what an event means, and never
// save a position that is ahead of an unacknowledged row (invariant I5).
//
// Read in this order: pipeline, options, check, session, ownership, shard, source, watermark, flush, resend,
// marker, rollup, sent, vintage, observe; then what is copied before it is counted, route, feed, inflow,
// origin; then, beside the service, difference and rebuild.
package pipeline
