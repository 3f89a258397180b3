package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"processor/internal/config"
	"processor/internal/pipeline"
)

// instanceOf says who this instance is, and which shards are its where no group shares them out.
func instanceOf(c *config.Config, o *pipeline.Options) error {
	o.Name = c.Instance.Name
	if c.Instance.Count <= 1 {
		return nil
	}
	if c.Checkpoint.Store == pipeline.StoreKafka {
		return fmt.Errorf("instance.count is %d and checkpoint.store is kafka: with that store the group shares the partitions out; leave instance.count out",
			c.Instance.Count)
	}
	ordinal := c.Instance.Ordinal
	if ordinal == "auto" {
		host, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("instance.ordinal is auto, and the host's name cannot be read: %w", err)
		}
		if ordinal = trailingNumber(host); ordinal == "" {
			return fmt.Errorf("instance.ordinal is auto, and the host's name %q does not end in a number: set instance.ordinal", host)
		}
	}
	n, err := strconv.Atoi(ordinal)
	if err != nil || n >= c.Instance.Count {
		return fmt.Errorf("instance.ordinal is %s of %d instances: it must be from 0 to %d", ordinal, c.Instance.Count, c.Instance.Count-1)
	}
	o.Instances, o.Ordinal = c.Instance.Count, n
	return nil
}

// trailingNumber is the number at the end of a name such as processor-3; empty without one.
func trailingNumber(name string) string {
	host, _, _ := strings.Cut(name, ".")
	return host[len(strings.TrimRight(host, "0123456789")):]
}
