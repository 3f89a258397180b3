package embedded

import (
	"encoding/binary"
	"hash/crc32"
	"net"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// This file gives kfake what it lacks: topics with message.timestamp.type=LogAppendTime. kfake
// keeps that setting but does not act on it. It does stamp a batch whose attributes ask for it,
// but then leaves the batch's checksum as it was, so that every careful reader refuses the batch.
// Hence two steps: batches for such topics are marked on the way in, and stamped batches get their
// checksum on the way out.

// The fields of a record batch of format 2 that matter here, as byte positions.
const (
	atLength      = 8
	atMagic       = 16
	atCRC         = 17
	atAttributes  = 21
	batchHeader   = 61
	appendTimeBit = 0x08
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func sum(batch []byte) uint32 { return crc32.Checksum(batch[atAttributes:], castagnoli) }

// markProduced is a control function of kfake that looks at produce requests and lets them pass.
func (b *Broker) markProduced(req kmsg.Request) (kmsg.Response, error, bool) {
	r, ok := req.(*kmsg.ProduceRequest)
	if !ok {
		return nil, nil, false
	}
	for i := range r.Topics {
		t := &r.Topics[i]
		info := b.Cluster.TopicInfo(t.Topic)
		if t.Topic == "" {
			info = b.Cluster.TopicIDInfo(t.TopicID)
		}
		if info == nil {
			continue
		}
		if kind := info.Configs["message.timestamp.type"]; kind == nil || *kind != "LogAppendTime" {
			continue
		}
		for j := range t.Partitions {
			markAppendTime(t.Partitions[j].Records)
		}
	}
	return nil, nil, false
}

// markAppendTime sets the timestamp type of a batch and redoes its checksum. A batch with a wrong
// checksum is left alone, so that the broker still refuses it.
func markAppendTime(batch []byte) {
	if len(batch) < batchHeader || batch[atMagic] != 2 || binary.BigEndian.Uint32(batch[atCRC:]) != sum(batch) {
		return
	}
	batch[atAttributes+1] |= appendTimeBit
	binary.BigEndian.PutUint32(batch[atCRC:], sum(batch))
}

// stampListener wraps the connections that kfake accepts.
type stampListener struct{ net.Listener }

func (l stampListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &stampConn{Conn: c, fetches: map[int32]int16{}}, nil
}

// stampConn follows the requests of a connection, and completes the answers to fetch requests.
// kfake writes every answer with one call of Write.
type stampConn struct {
	net.Conn

	head []byte // the beginning of the request being read: size, key, version, correlation
	skip int    // bytes left of it after the head

	mu      sync.Mutex
	fetches map[int32]int16 // correlation -> version of the fetch requests under way
}

const requestHead = 12

func (c *stampConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.follow(b[:n])
	return n, err
}

func (c *stampConn) follow(b []byte) {
	for len(b) > 0 {
		if c.skip > 0 {
			n := min(c.skip, len(b))
			c.skip, b = c.skip-n, b[n:]
			continue
		}
		n := min(requestHead-len(c.head), len(b))
		c.head, b = append(c.head, b[:n]...), b[n:]
		if len(c.head) < requestHead {
			return
		}
		c.skip = max(int(binary.BigEndian.Uint32(c.head))+4-requestHead, 0)
		if key := int16(binary.BigEndian.Uint16(c.head[4:])); key == int16(kmsg.Fetch) {
			c.mu.Lock()
			c.fetches[int32(binary.BigEndian.Uint32(c.head[8:]))] = int16(binary.BigEndian.Uint16(c.head[6:]))
			c.mu.Unlock()
		}
		c.head = c.head[:0]
	}
}

// Write completes the answer in place: the bytes are kfake's copy for this connection.
func (c *stampConn) Write(b []byte) (int, error) {
	if len(b) > 8 {
		correlation := int32(binary.BigEndian.Uint32(b[4:]))
		c.mu.Lock()
		version, ok := c.fetches[correlation]
		delete(c.fetches, correlation)
		c.mu.Unlock()
		if ok {
			completeFetch(b[8:], version)
		}
	}
	return c.Conn.Write(b)
}

// completeFetch redoes the checksums of the stamped batches in a fetch answer.
func completeFetch(answer []byte, version int16) {
	resp := kmsg.NewPtrFetchResponse()
	resp.SetVersion(version)
	if resp.IsFlexible() {
		answer = answer[1:] // the empty tag section of the answer's header
	}
	if resp.ReadFrom(answer) != nil {
		return
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			for set := p.RecordBatches; len(set) >= batchHeader; {
				size := int(int32(binary.BigEndian.Uint32(set[atLength:]))) + atLength + 4
				if size < batchHeader || size > len(set) {
					break
				}
				if batch := set[:size]; batch[atMagic] == 2 && batch[atAttributes+1]&appendTimeBit != 0 {
					binary.BigEndian.PutUint32(batch[atCRC:], sum(batch))
				}
				set = set[size:]
			}
		}
	}
}
