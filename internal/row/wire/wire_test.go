package wire_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/twmb/avro"

	"processor/internal/companytest"
	"processor/internal/row"
	"processor/internal/row/wire"
)

// cut is a row without what is finer than a microsecond, which Avro does not keep.
func cut(value string) string { return strings.ReplaceAll(value, ".123456789Z", ".123456Z") }

// What is read back is the very row that was written, in each form: everything that a start compares is bytes.
func TestRowsComeBackAsTheyWere(t *testing.T) {
	tables, rows := companytest.Rows(t)
	connect := wire.NewConnect(tables)
	seen := map[row.Topic]int{}
	for _, r := range rows {
		seen[r.Topic]++
		if r.Topic == row.TopicDeadLetters { // a record's own bytes: no form touches them
			if k, v, err := connect.Encode(r.Topic, r.Key, r.Value); err != nil || string(k) != string(r.Key) || string(v) != string(r.Value) {
				t.Fatalf("%s became %s, %v", r.Value, v, err)
			}
			continue
		}
		k, v, err := connect.Encode(r.Topic, r.Key, r.Value)
		if err != nil || wire.FormOf(k) != wire.ConnectJSON || wire.FormOf(v) != wire.ConnectJSON || !json.Valid(k) || !json.Valid(v) {
			t.Fatalf("%s: %v: %s", r.Topic, err, v)
		}
		key, value, err := connect.Decode(r.Topic, k, v)
		if err != nil || string(key) != string(r.Key) || string(value) != string(r.Value) {
			t.Fatalf("%s: %v\n got %s\nwant %s", r.Topic, err, value, r.Value)
		}
		keys, values, err := wire.AvroSides(row.TableOf(tables, r.Topic))
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range []struct {
			side *wire.AvroSide
			text string
		}{{keys, string(r.Key)}, {values, string(r.Value)}} {
			b, err := one.side.Encode(258, []byte(one.text))
			if err != nil || string(b[:5]) != "\x00\x00\x00\x01\x02" || wire.FormOf(b) != wire.Avro {
				t.Fatalf("%s: %v", r.Topic, err)
			}
			got, err := one.side.Decode(one.side.Own(), b)
			if err != nil || string(got) != cut(one.text) {
				t.Fatalf("%s: %v\n got %s\nwant %s", r.Topic, err, got, one.text)
			}
		}
	}
	for i := range tables {
		if topic := tables[i].Topic; seen[topic] == 0 && topic != row.TopicProgress {
			t.Errorf("no row of %s: nothing is proven", topic)
		}
	}
}

// signalRow is a row with every type.
const (
	signalKey = `{"account":"a\"c","signal":"s"}`
	signalRow = `{"account":"a\"c","signal":"s","name":"usage","threshold":80,"subscription":null,"item":null,"detail":"ö\n","opened_at":"2026-03-05T12:00:00.5Z",` +
		`"ends_at":null,"state":"open","closed_at":null,"movement":null,"days_to_expand":null,"value":"-170141183460469231731.687303","bound":"0.000000",` +
		`"utilization":null,"utilization_reason":"zero_base","reached_on":"2026-03-05","projected_on":null,"potential_mrr":null,"expansion_mrr":"-0.000001",` +
		`"gated_by":null,"version":1099511627777,"known_at":"2026-03-05T12:00:00Z","restated":false,"final":true,"deleted":false}`
)

// The payload is what JsonConverter takes for its schema: decimals as exact numbers, dates as days.
func TestConnectForm(t *testing.T) {
	connect := wire.NewConnect(row.Tables(nil, nil))
	key, value, err := connect.Encode(row.TopicSignals, []byte(signalKey), []byte(signalRow))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"schema":{"type":"struct","optional":false,"name":"expansion.signals_key","fields":[{"type":"string","optional":false,"field":"account"},` +
		`{"type":"string","optional":false,"field":"signal"}]},"payload":{"account":"a\"c","signal":"s"}}`
	if string(key) != want {
		t.Errorf("got  %s\nwant %s", key, want)
	}
	for _, part := range []string{
		`{"type":"bytes","optional":true,"name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"connect.decimal.precision":"38","scale":"6"},"field":"value"}`,
		`{"type":"string","optional":false,"name":"io.debezium.time.ZonedTimestamp","version":1,"field":"opened_at"}`,
		`{"type":"int32","optional":true,"name":"org.apache.kafka.connect.data.Date","version":1,"field":"reached_on"}`,
		`"value":-170141183460469231731.687303,"bound":0.000000,"utilization":null,"utilization_reason":"zero_base","reached_on":20517,"projected_on":null`,
		`"version":1099511627777,"known_at":"2026-03-05T12:00:00Z","restated":false,"final":true,"deleted":false}}`,
	} {
		if !strings.Contains(string(value), part) {
			t.Errorf("it has no %s:\n%s", part, value)
		}
	}
	if _, tombstone, err := connect.Encode(row.TopicSignals, []byte(signalKey), nil); err != nil || tombstone != nil {
		t.Errorf("a tombstone became %q, %v", tombstone, err)
	}
	if k, v, err := connect.Decode(row.TopicSignals, key, nil); err != nil || string(k) != signalKey || v != nil {
		t.Errorf("a tombstone came back as %s %q, %v", k, v, err)
	}
}

// What another library decodes with our schema is what the row says.
func TestAvroForm(t *testing.T) {
	_, value, err := wire.AvroSides(row.TableOf(row.Tables(nil, nil), row.TopicSignals))
	if err != nil {
		t.Fatal(err)
	}
	b, err := value.Encode(7, []byte(signalRow))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if rest, err := avro.MustParse(value.Schema).Decode(b[5:], &got); err != nil || len(rest) > 0 {
		t.Fatal(err)
	}
	exact, _ := new(big.Rat).SetString("-170141183460469231731.687303")
	least := big.NewRat(-1, 1_000_000)
	if v, ok := got["value"].(*big.Rat); !ok || v.Cmp(exact) != 0 {
		t.Errorf("value is %v", got["value"])
	}
	if v, ok := got["expansion_mrr"].(*big.Rat); !ok || v.Cmp(least) != 0 {
		t.Errorf("expansion_mrr is %v", got["expansion_mrr"])
	}
	if at, ok := got["opened_at"].(time.Time); !ok || !at.Equal(time.Date(2026, 3, 5, 12, 0, 0, 500_000_000, time.UTC)) {
		t.Errorf("opened_at is %v", got["opened_at"])
	}
	if got["detail"] != "ö\n" || got["account"] != `a"c` || got["version"] != int64(1099511627777) || got["final"] != true || got["item"] != nil {
		t.Errorf("%v", got)
	}
}

// Decimals are the shortest two's complement, as Java's BigInteger has them.
func TestAvroDecimals(t *testing.T) {
	table := row.Table{Topic: "t", Columns: []row.Column{{Name: "n", Type: row.Amount, Key: true}}}
	_, value, err := wire.AvroSides(&table)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"0.000000": "AA==", "0.000001": "AQ==", "0.000127": "fw==", "0.000128": "AIA=", "0.000255": "AP8=", "0.000256": "AQA=",
		"-0.000001": "/w==", "-0.000128": "gA==", "-0.000129": "/38=", "-0.000256": "/wA=", "-0.032768": "gAA=", "0.032768": "AIAA",
	} {
		b, err := value.Encode(1, []byte(`{"n":"`+text+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := base64.StdEncoding.EncodeToString(b[6:]); got != want || int(b[5]) != 2*len(b[6:]) {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
}

// A row of other dimensions and windows is read as one of ours, and can be sent as one: it is to be taken back.
func TestRowsOfAnotherConfiguration(t *testing.T) {
	before, after := row.Tables([]string{"region", "tier"}, nil), row.Tables([]string{"cohort", "region"}, nil)
	key, old := `{"account":"a","month":"2026-03"}`, monthRow(`"dim_region":"eu","dim_tier":null,`)
	want := monthRow(`"dim_cohort":null,"dim_region":"eu",`)

	k, v, err := wire.NewConnect(before).Encode(row.TopicAccountMonths, []byte(key), []byte(old))
	if err != nil {
		t.Fatal(err)
	}
	connect := wire.NewConnect(after)
	if k, v, err = connect.Decode(row.TopicAccountMonths, k, v); err != nil || string(v) != old {
		t.Fatalf("%s: %v", v, err)
	}
	if k, v, err = connect.Encode(row.TopicAccountMonths, k, v); err != nil {
		t.Fatal(err)
	}
	if _, v, err = connect.Decode(row.TopicAccountMonths, k, v); err != nil || string(v) != want {
		t.Errorf("got  %s\nwant %s, %v", v, want, err)
	}

	_, written, err := wire.AvroSides(row.TableOf(before, row.TopicAccountMonths))
	if err != nil {
		t.Fatal(err)
	}
	_, ours, err := wire.AvroSides(row.TableOf(after, row.TopicAccountMonths))
	if err != nil {
		t.Fatal(err)
	}
	b, err := written.Encode(3, []byte(old))
	if err != nil {
		t.Fatal(err)
	}
	reader, err := ours.Reader(written.Schema)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ours.Decode(reader, b); err != nil || string(got) != want {
		t.Errorf("got  %s\nwant %s, %v", got, want, err)
	}
}

// monthRow is a row of account_months with such dimensions.
func monthRow(dims string) string {
	var b strings.Builder
	for _, c := range row.TableOf(row.Tables(nil, nil), row.TopicAccountMonths).Columns {
		switch {
		case c.Name == "account":
			b.WriteString(`{"account":"a",`)
		case c.Name == "month":
			b.WriteString(`"month":"2026-03",`)
		case c.Type == row.Amount:
			b.WriteString(`"` + c.Name + `":"1.500000",`)
		}
	}
	return b.String() + dims + `"version":1,"known_at":null,"restated":false,"final":false,"deleted":false}`
}

// What is in another form is said to be, and what is no row at all is an error and never a panic.
func TestWhatIsInAnotherForm(t *testing.T) {
	tables := row.Tables(nil, nil)
	connect := wire.NewConnect(tables)
	_, avroSide, err := wire.AvroSides(row.TableOf(tables, row.TopicSignals))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := connect.Decode(row.TopicSignals, []byte(signalKey), []byte(signalRow)); !errors.Is(err, wire.ErrForm) {
		t.Errorf("JSON as Connect's: %v", err)
	}
	if _, err := wire.Number([]byte(signalRow)); !errors.Is(err, wire.ErrForm) {
		t.Errorf("JSON as Avro: %v", err)
	}
	k, v, err := connect.Encode(row.TopicSignals, []byte(signalKey), []byte(signalRow))
	if err != nil {
		t.Fatal(err)
	}
	if err := (wire.Plain{}).Check(k, v); !errors.Is(err, wire.ErrForm) {
		t.Errorf("Connect's as JSON: %v", err)
	}
	if err := (wire.Plain{}).Check([]byte(signalKey), []byte(signalRow)); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{
		"", "{", "{}", `{"`, `{"account"`, `{"account":`, `{"account":"`, `{"account":"a"`, `{"account":"a",`, `{"account":{}}`, "[]", "\x00", "\x00\x00\x00\x00\x01",
		`{"schema":`, `{"schema":{},"payload":`, `{"schema":{},"payload":{"account":}}`, `{"account":"a","reached_on":"soon"}`, `{"value":"1.5"}`,
	} {
		if _, _, err := connect.Encode(row.TopicSignals, []byte(bad), []byte(bad)); err == nil && bad != `{"value":"1.5"}` {
			t.Errorf("Connect's JSON of %q", bad)
		}
		if _, err := avroSide.Encode(1, []byte(bad)); err == nil {
			t.Errorf("Avro of %q", bad)
		}
		if _, _, err := connect.Decode(row.TopicSignals, []byte(bad), []byte(bad)); err == nil {
			t.Errorf("%q was read as Connect's JSON", bad)
		}
		if _, err := avroSide.Decode(avroSide.Own(), []byte(bad)); err == nil {
			t.Errorf("%q was read as Avro", bad)
		}
	}
}

func BenchmarkForms(b *testing.B) {
	tables, rows := companytest.Rows(b)
	connect := wire.NewConnect(tables)
	var metrics []companytest.Row
	for _, r := range rows {
		if r.Topic == row.TopicMetrics {
			metrics = append(metrics, r)
		}
	}
	_, side, err := wire.AvroSides(row.TableOf(tables, row.TopicMetrics))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("connect-json", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			r := &metrics[i%len(metrics)]
			if _, _, err := connect.Encode(r.Topic, r.Key, r.Value); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("avro", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if _, err := side.Encode(1, metrics[i%len(metrics)].Value); err != nil {
				b.Fatal(err)
			}
		}
	})
}
