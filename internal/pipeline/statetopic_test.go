package pipeline

import (
	"testing"
)

// statePoints are the places of a crash with the store kafka.
var statePoints = append([]string{"shard taken", "saving to the topic"}, points...)

// Crashes at every point, also inside the transaction of a save, leave the rows of a replay.
func TestStateTopicCrashes(t *testing.T) { crashEverywhere(t, StoreKafka, statePoints) }
