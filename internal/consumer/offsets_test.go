package consumer

import (
	"errors"
	"strings"
	"testing"
)

// A partition that a broker leaves out of its answer is an error, not an offset of 0.
func TestUnansweredPartitions(t *testing.T) {
	a, b := TopicPartition{Topic: "t", Partition: 0}, TopicPartition{Topic: "t", Partition: 1}
	both := []TopicPartition{a, b}
	if err := unanswered(both, map[TopicPartition]int64{a: 0}, nil); err == nil || !strings.Contains(err.Error(), "t/1") {
		t.Errorf("one of two is missing: %v", err)
	}
	if err := unanswered(both, map[TopicPartition]int64{a: 0, b: 7}, nil); err != nil {
		t.Errorf("none is missing: %v", err)
	}
	if err := unanswered(both, nil, []error{errors.New("refused")}); err != nil {
		t.Errorf("the refusal says why: %v", err)
	}
}
