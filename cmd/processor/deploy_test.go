package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"processor/internal/config"
	"processor/internal/pipeline"
)

const (
	scaledFile = "../../deploy/k8s/scaled/processor.yaml"
	topicsFile = "../../deploy/k8s/components/strimzi/topics.yaml"
	partitions = 12
)

// The topics that Strimzi makes are those that the program would make: the same names, partitions and settings.
// To write the file: go test ./cmd/processor -run TopicsOfStrimzi -update.
func TestTopicsOfStrimziAreTheProgramsOwn(t *testing.T) {
	c, err := config.Load(scaledFile, []string{"POD_NAME=processor-0"}, config.ForRun)
	if err != nil {
		t.Fatal(err)
	}
	options, err := pipelineOptions(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(options.Cluster.Close)
	specs, err := pipeline.Outputs(options, partitions)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# The topics of ../../scaled/processor.yaml, made by `go test ./cmd/processor -run TopicsOfStrimzi -update`. All that hold\n"+
		"# rows by account have as many partitions as the source. The source's records are stamped by the broker\n"+
		"# (message.timestamp.type), and kept for as long as a rebuild from the log should reach back.\n")
	for _, source := range c.Sources {
		strimziTopic(&b, source.Topic, partitions, map[string]string{"message.timestamp.type": "LogAppendTime", "retention.ms": "-1"})
	}
	for _, spec := range specs {
		strimziTopic(&b, spec.Name, spec.Partitions, spec.Configs)
	}
	if *update {
		if err := os.WriteFile(topicsFile, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(topicsFile)
	if err != nil || string(text) != b.String() {
		t.Errorf("%s is not what the program writes to (%v); run this test with -update", topicsFile, err)
	}
}

// strimziTopic writes one; three replicas of which two must have a record are what survives the loss of a broker.
func strimziTopic(b *strings.Builder, name string, partitions int, settings map[string]string) {
	resource := strings.ReplaceAll(name, "_", "-") // names of Kubernetes have no underscore
	fmt.Fprintf(b, "---\napiVersion: kafka.strimzi.io/v1\nkind: KafkaTopic\nmetadata:\n  name: %s\n  labels:\n    strimzi.io/cluster: kafka\nspec:\n", resource)
	if resource != name {
		fmt.Fprintf(b, "  topicName: %s\n", name)
	}
	fmt.Fprintf(b, "  partitions: %d\n  replicas: 3\n  config:\n    min.insync.replicas: \"2\"\n", partitions)
	keys := make([]string, 0, len(settings))
	for key := range settings {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		fmt.Fprintf(b, "    %s: %q\n", key, settings[key])
	}
}
