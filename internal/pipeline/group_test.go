package pipeline

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"processor/internal/kafkatest"
)

// commit sets the group's offsets as anybody may who is allowed to, while no member is there.
func (w *world) commit(offset int64) {
	w.t.Helper()
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.Generation = w.prefix+"group", -1
	rt := kmsg.NewOffsetCommitRequestTopic()
	rt.Topic = w.topic
	for p := range w.partitions {
		rp := kmsg.NewOffsetCommitRequestTopicPartition()
		rp.Partition, rp.Offset = int32(p), offset
		rt.Partitions = append(rt.Partitions, rp)
	}
	req.Topics = append(req.Topics, rt)
	client := w.kafka.Client(w.t, kgo.MaxVersions(kversion.V3_6_0())) // later ones name topics by id
	defer client.Close()
	answer, err := req.RequestWith(kafkatest.Context(w.t), client)
	if err == nil {
		err = kerr.ErrorForCode(answer.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		w.t.Fatalf("commit: %v", err)
	}
}

// forget deletes the group, as brokers do with one that was away for too long.
func (w *world) forget() {
	w.t.Helper()
	req := kmsg.NewPtrDeleteGroupsRequest()
	req.Groups = []string{w.prefix + "group"}
	client := w.kafka.Client(w.t)
	defer client.Close()
	answer, err := req.RequestWith(kafkatest.Context(w.t), client)
	if err == nil {
		err = kerr.ErrorForCode(answer.Groups[0].ErrorCode)
	}
	if err != nil {
		w.t.Fatalf("delete the group: %v", err)
	}
}

// Whatever stands in the group's offsets, or nothing, reading goes on at the checkpoint (fault F44e, F43).
func TestTheGroupsOffsetsDecideNothing(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newWorld(t, 2)
	records := companyEvents(t, 160, "light")
	next := func() {
		t.Helper()
		w.write(records[:40])
		records = records[40:]
		before := w.metrics.Read()
		w.run()
		w.compare()
		var read int64
		for at, p := range w.metrics.Read().Partitions {
			read += p.Read - before.Partitions[at].Read
		}
		if read != 40 {
			t.Errorf("%d records were read, 40 are new", read)
		}
	}
	next()
	w.commit(1) // set back
	next()
	w.commit(1 << 40) // far behind the end
	next()
	w.forget()
	next()
}
