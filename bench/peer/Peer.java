import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;

import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.state.KeyValueBytesStoreSupplier;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * The work of `processor run` as it would be written with Kafka Streams: each event once by its id, MRR and class of each
 * change, rows of movements and accounts, sums of segments by calendar interval and rolling window. It does less: events
 * count in the order in which they come, nothing is restated, and there are no typed parts, steps, currencies or retention.
 *
 * java Peer BROKERS TOPIC APPLICATION memory|rocksdb at_least_once|exactly_once_v2 DIRECTORY INTERVAL
 *
 * INTERVAL, in milliseconds: how often it commits and sends rows of segments.
 */
public final class Peer {
    private Peer() {}

    public static void main(String[] args) throws Exception {
        String brokers = args[0];
        String topic = args[1];
        String application = args[2];
        boolean inMemory = args[3].equals("memory");
        int interval = Integer.parseInt(args[6]);
        var config = new Properties();
        config.putAll(Map.of(
                StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, brokers,
                StreamsConfig.APPLICATION_ID_CONFIG, application,
                StreamsConfig.PROCESSING_GUARANTEE_CONFIG, args[4],
                StreamsConfig.STATE_DIR_CONFIG, args[5],
                StreamsConfig.NUM_STREAM_THREADS_CONFIG, 2,
                StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, interval, // as often as `run` sends its rows of accounts and metrics
                StreamsConfig.REPLICATION_FACTOR_CONFIG, 1,
                StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest",
                StreamsConfig.producerPrefix("compression.type"), "lz4",
                StreamsConfig.producerPrefix("linger.ms"), interval / 10));
        createTopics(brokers, topic, application);
        var streams = new KafkaStreams(topology(topic, application, inMemory, interval), config);
        var stopped = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            streams.close();
            stopped.countDown();
        }));
        streams.start();
        stopped.await();
    }

    private static void createTopics(String brokers, String topic, String application) throws Exception {
        try (var admin = Admin.create(Map.<String, Object>of("bootstrap.servers", brokers))) {
            int partitions = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size();
            var wanted = new ArrayList<NewTopic>();
            for (String name : new String[] {"movements", "accounts", "metrics", "deltas", "dead-letters"}) {
                wanted.add(new NewTopic(application + "." + name, partitions, (short) 1));
            }
            admin.createTopics(wanted).all().get();
        }
    }

    private static Topology topology(String topic, String application, boolean inMemory, int interval) {
        Serde<String> text = Serdes.String();
        Serializer<Object> value = (t, v) -> text.serializer().serialize(t, (String) v);
        Serializer<Object> delta = (t, v) -> Delta.serde().serializer().serialize(t, (Delta) v);
        var t = new Topology();
        t.addSource("events", text.deserializer(), Serdes.ByteArray().deserializer(), topic);
        t.addProcessor("ledger", Ledger::new, "events");
        t.addStateStore(store(Ledger.ACCOUNTS, Account.serde(), inMemory), "ledger");
        t.addStateStore(store(Ledger.SEEN, Serdes.Long(), inMemory), "ledger");
        t.addSink("movements", application + ".movements", text.serializer(), value, "ledger");
        t.addSink("account-rows", application + ".accounts", text.serializer(), value, "ledger");
        t.addSink("dead-letters", application + ".dead-letters", text.serializer(), value, "ledger");
        t.addSink("deltas", application + ".deltas", text.serializer(), delta, "ledger");
        t.addSource("changes", text.deserializer(), Delta.serde().deserializer(), application + ".deltas");
        t.addProcessor("segments", () -> new Segments(interval), "changes");
        t.addStateStore(store(Segments.REGISTERS, sums(), inMemory), "segments");
        t.addSink("metrics", application + ".metrics", text.serializer(), text.serializer(), "segments");
        return t;
    }

    private static <V> StoreBuilder<?> store(String name, Serde<V> serde, boolean inMemory) {
        KeyValueBytesStoreSupplier supplier = inMemory ? Stores.inMemoryKeyValueStore(name) : Stores.persistentKeyValueStore(name);
        return Stores.keyValueStoreBuilder(supplier, Serdes.String(), serde).withCachingEnabled().withLoggingEnabled(Map.of());
    }

    private static Serde<long[]> sums() {
        Serializer<long[]> write = (t, s) -> {
            if (s == null) {
                return null;
            }
            var out = ByteBuffer.allocate(8 * s.length);
            for (long one : s) {
                out.putLong(one);
            }
            return out.array();
        };
        Deserializer<long[]> read = (t, b) -> {
            if (b == null) {
                return null;
            }
            var in = ByteBuffer.wrap(b);
            var s = new long[b.length / 8];
            for (int i = 0; i < s.length; i++) {
                s[i] = in.getLong();
            }
            return s;
        };
        return Serdes.serdeFrom(write, read);
    }
}
