package sink

import (
	"math/rand/v2"
	"testing"

	"github.com/segmentio/kafka-go"
)

// The hashes are those of org.apache.kafka.common.utils.UtilsTest.testMurmur2.
func TestMurmur2IsJavas(t *testing.T) {
	for key, want := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
		"abc": 479470107,
	} {
		if got := int32(murmur2([]byte(key))); got != want {
			t.Errorf("murmur2(%q) = %d, want %d", key, got, want)
		}
	}
}

func TestPartitionAgreesWithAnotherClient(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		key, n := make([]byte, random.IntN(40)), 1+random.IntN(300)
		for i := range key {
			key[i] = byte(random.Uint32())
		}
		partitions := make([]int, n)
		for i := range partitions {
			partitions[i] = i
		}
		want := kafka.Murmur2Balancer{}.Balance(kafka.Message{Key: key}, partitions...)
		if got := Partition(key, n); got != want {
			t.Fatalf("Partition(%x, %d) = %d, want %d", key, n, got, want)
		}
	}
}
