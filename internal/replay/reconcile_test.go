package replay_test

import "processor/internal/aggregate"

func reconcile(t table, core aggregate.Options) []string { return nil }
