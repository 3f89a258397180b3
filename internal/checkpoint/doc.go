// Package checkpoint keeps what the core needs to go on after a restart: its kept records and one
// marker (positions, watermark, epoch) for each shard. Records and marker are saved together or not
// at all. The package knows nothing of what a record means, never decides when to save, and never
// repairs: what it cannot prove to be exactly what was saved, it refuses.
//
// Dir is the store for one instance: a Pebble database in a directory.
//
//	FORMAT    which format this is and what the configuration meant; changed by Switch only
//	WITNESS   the number of the last save of each shard, so that an older state is recognised
//	IDENTITY  a name of the directory, drawn at random
//	LOCK      held while the directory is open
//	the rest  Pebble's: 4 bytes of shard (big endian), then the caller's key -> checksum, value
//
// Four things must agree before a shard is handed back: each record's checksum, which is bound to its
// shard and key; the number of records; the digest over all of them, which is independent of order;
// and the save number in WITNESS.
//
// A failed write is treated as the death of the disk (see gate): nothing is written any more, every
// call returns ErrReopen, and a new Open finds the last checkpoint or the one that was being written.
package checkpoint
