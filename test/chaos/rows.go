package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// rowTopics are those whose final rows replay gives too.
var rowTopics = []string{"movements", "accounts", "account_months", "metrics", "signals", "signal_metrics"}

// logged is one record of the source topic as it lies there.
type logged struct {
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	Appended  string `json:"appended"` // RFC 3339, milliseconds
	Value     string `json:"value"`
}

// readLog reads the source topic, partition by partition, which keeps the order that counts: that of
// the records of an account.
func readLog(ctx context.Context, k *cluster) ([]logged, error) {
	byPartition := make([][]logged, k.options.partitions)
	err := readAll(ctx, k, []string{sourceTopic}, func(r *kgo.Record) error {
		byPartition[r.Partition] = append(byPartition[r.Partition], logged{
			Partition: r.Partition, Offset: r.Offset, Appended: r.Timestamp.UTC().Format(time.RFC3339Nano), Value: string(r.Value),
		})
		return nil
	})
	var all []logged
	for _, list := range byPartition {
		all = append(all, list...)
	}
	return all, err
}

// output is what lies in the output topics.
type output struct {
	rows    map[string]string   // the latest row of each key that is not deleted, by "topic key"
	letters map[place]letterMap // dead letters, by source position
	doubles int                 // letters that were sent more than once
	records map[string]int      // records by topic
	back    map[string]int      // by topic: rows behind one of the same key with a larger version
	repeats map[string]int      // by topic: rows of a key with the same version as the one before
}

// letterMap are reasons by offset.
type letterMap map[int64]string

// readOutput reads every output topic. Of a key the row with the largest version counts, as readers
// are told to do; where versions go back it is noted.
func readOutput(ctx context.Context, k *cluster) (*output, error) {
	out := &output{
		rows: map[string]string{}, letters: map[place]letterMap{}, records: map[string]int{}, back: map[string]int{}, repeats: map[string]int{},
	}
	versions := map[string]uint64{}
	var topics []string
	for _, t := range rowTopics {
		topics = append(topics, prefix+t)
	}
	topics = append(topics, prefix+"dead-letters")
	return out, readAll(ctx, k, topics, func(r *kgo.Record) error {
		topic := strings.TrimPrefix(r.Topic, prefix)
		out.records[topic]++
		if topic == "dead-letters" {
			return out.letter(r)
		}
		if len(r.Value) == 0 {
			return nil // a tombstone behind its deleted row
		}
		name := topic + " " + string(r.Key)
		content, version, deleted, err := parted(r.Value)
		if err != nil {
			return fmt.Errorf("%s/%d offset %d: %w", r.Topic, r.Partition, r.Offset, err)
		}
		switch last, known := versions[name]; {
		case known && version < last:
			out.back[topic]++
			return nil
		case known && version == last:
			out.repeats[topic]++
		}
		versions[name] = version
		if deleted {
			delete(out.rows, name)
		} else {
			out.rows[name] = content
		}
		return nil
	})
}

func (o *output) letter(r *kgo.Record) error {
	headers := map[string]string{}
	for _, h := range r.Headers {
		headers[h.Key] = string(h.Value)
	}
	partition, err := strconv.ParseInt(headers["partition"], 10, 32)
	offset, offsetErr := strconv.ParseInt(headers["offset"], 10, 64)
	if err = errors.Join(err, offsetErr); err != nil {
		return fmt.Errorf("dead letter at offset %d: %w", r.Offset, err)
	}
	at := place{headers["source_topic"], int32(partition)}
	if o.letters[at] == nil {
		o.letters[at] = letterMap{}
	}
	if _, twice := o.letters[at][offset]; twice {
		o.doubles++
	}
	o.letters[at][offset] = headers["reason"] + " " + headers["detail"]
	return nil
}

// parted is a row without what every sending changes: version, known_at and restated.
func parted(value []byte) (content string, version uint64, deleted bool, err error) {
	from := bytes.LastIndex(value, []byte(`,"version":`))
	to := bytes.LastIndex(value, []byte(`,"final":`))
	if from < 0 || to < from {
		return "", 0, false, errors.New("it does not end as a row does")
	}
	var end struct {
		Version uint64 `json:"version"`
		Deleted bool   `json:"deleted"`
	}
	if err := json.Unmarshal(append([]byte{'{'}, value[from+1:]...), &end); err != nil {
		return "", 0, false, err
	}
	return string(value[:from]) + string(value[to:]), end.Version, end.Deleted, nil
}

// writeLines writes one JSON value a line.
func writeLines[T any](path string, all []T) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriter(file)
	encoder := json.NewEncoder(buffered)
	encoder.SetEscapeHTML(false)
	for i := range all {
		if err := encoder.Encode(all[i]); err != nil {
			return errors.Join(err, file.Close())
		}
	}
	return errors.Join(buffered.Flush(), file.Close())
}

// rejected is a dead letter, for the oracle.
type rejected struct {
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	Reason    string `json:"reason"`
}

// rejections are the dead letters, in order.
func (o *output) rejections() []rejected {
	var all []rejected
	for at, list := range o.letters {
		for _, offset := range sorted(list) {
			reason, _, _ := strings.Cut(list[offset], " ")
			all = append(all, rejected{at.partition, offset, reason})
		}
	}
	return all
}

// writeRows writes the final rows in replay's form, as of one watermark, for the oracle and for people.
func (o *output) writeRows(path, asOf string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriter(file)
	for _, name := range sorted(o.rows) {
		topic, key, _ := strings.Cut(name, " ")
		row := o.rows[name]
		end := strings.LastIndex(row, `,"final":`)
		stamp := fmt.Sprintf(`,"version":1,"known_at":%q,"restated":false`, asOf)
		line := fmt.Sprintf(`{"topic":%q,"key":%s,"value":%s}`, topic, key, row[:end]+stamp+row[end:])
		if _, err := buffered.WriteString(line + "\n"); err != nil {
			return errors.Join(err, file.Close())
		}
	}
	return errors.Join(buffered.Flush(), file.Close())
}
