import java.io.BufferedReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.Properties;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * What a consumer that is not ours sees of a run with delivery exactly_once, reading committed records from the
 * first to the last:
 *
 * <ul>
 * <li>a key's versions rise, so that none comes twice or goes back; a dead letter comes once;
 * <li>per shard the progress rows' epoch and flush rise and their positions never go back;
 * <li>within an epoch of a shard, `rows` of the progress rows grow by as many records as there are, no more and no less:
 *     to the record at the epoch's end, and between bounds at each flush, since an account's row may wait for a later one;
 * <li>the last row of each key is the one in a file, which was held against replay.
 * </ul>
 *
 * <pre>java -cp 'libs/*' Checker.java HOST:PORT,... PREFIX rows.ndjson</pre>
 *
 * The topics must not have been compacted. Exit code 1 and the first differences when something is otherwise.
 */
public final class Checker {
    private static final List<String> ROWS = List.of("movements", "accounts", "account_months", "signals", "metrics", "signal_metrics");
    /** Of the rollup, whose rows no shard counts. */
    private static final Set<String> SUMMED = Set.of("metrics", "signal_metrics", "vintage");
    private static final List<String> OTHERS = List.of("vintage", "dead-letters", "partials", "progress");
    private static final Pattern VERSION = Pattern.compile("\"version\":(\\d+)");
    private static final int SHOWN = 20;

    private final Map<String, Long> versions = new HashMap<>();
    private final Map<String, String> last = new HashMap<>();
    private final Map<String, Integer> letters = new HashMap<>();
    private final Map<Integer, List<Progress>> progress = new TreeMap<>();
    /** By shard and version: how many records there are, and of them rows of accounts. */
    private final Map<Integer, TreeMap<Long, int[]>> sent = new HashMap<>();
    /** By shard: when the dead letters, which carry no version, were appended. */
    private final Map<Integer, List<Long>> lettersAt = new HashMap<>();
    private int wrong;
    private long records;
    private long flushes;

    private record Progress(long offset, long at, long epoch, long flush, long rows, Map<String, Long> positions) {}

    public static void main(String[] arguments) throws Exception {
        if (arguments.length != 3) {
            System.err.println("usage: Checker HOST:PORT,... PREFIX rows.ndjson");
            System.exit(2);
        }
        Checker checker = new Checker();
        checker.read(arguments[0], arguments[1]);
        checker.checkProgress();
        checker.compare(Path.of(arguments[2]));
        System.out.printf("%d records, %d keys, %d flushes of %d shards, %d rows as in the file, %d wrong%n", checker.records,
            checker.versions.size(), checker.flushes, checker.progress.size(), checker.last.size(), checker.wrong);
        System.exit(checker.wrong == 0 ? 0 : 1);
    }

    private void fail(String format, Object... arguments) {
        if (++wrong <= SHOWN) {
            System.out.printf(format + "%n", arguments);
        }
    }

    private void read(String brokers, String prefix) {
        Properties settings = new Properties();
        settings.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, brokers);
        settings.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
        settings.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
        settings.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 5000);
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> partitions = new ArrayList<>();
            for (List<String> topics : List.of(ROWS, OTHERS)) {
                for (String topic : topics) {
                    for (PartitionInfo info : consumer.partitionsFor(prefix + topic)) {
                        partitions.add(new TopicPartition(info.topic(), info.partition()));
                    }
                }
            }
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions); // the last stable offsets
            while (partitions.stream().anyMatch(p -> consumer.position(p) < ends.get(p))) {
                for (ConsumerRecord<byte[], byte[]> r : consumer.poll(Duration.ofMillis(500))) {
                    records++;
                    take(r.topic().substring(prefix.length()), r);
                }
            }
        }
    }

    private void take(String topic, ConsumerRecord<byte[], byte[]> r) {
        switch (topic) {
            case "progress" -> takeProgress(r);
            case "partials" -> {
                if (r.value() != null) {
                    count(shardOfPartial(r.key()), ByteBuffer.wrap(r.value()).getLong(), false);
                }
            }
            case "dead-letters" -> {
                lettersAt.computeIfAbsent(r.partition(), p -> new ArrayList<>()).add(r.timestamp());
                String key = text(r.key());
                if (letters.merge(key, 1, Integer::sum) > 1) {
                    fail("the dead letter %s comes twice, at %s/%d offset %d", key, r.topic(), r.partition(), r.offset());
                }
            }
            default -> takeRow(topic, r);
        }
    }

    private void takeRow(String topic, ConsumerRecord<byte[], byte[]> r) {
        if (r.value() == null) {
            return; // a tombstone behind its deleted row
        }
        String name = topic + " " + text(r.key());
        String value = text(r.value());
        int stamp = value.lastIndexOf(",\"version\":");
        Matcher found = VERSION.matcher(value);
        if (stamp < 0 || !found.find(stamp)) {
            fail("%s at offset %d does not end as a row does: %s", name, r.offset(), value);
            return;
        }
        long version = Long.parseLong(found.group(1));
        Long before = versions.put(name, version);
        if (before != null && before >= version) {
            fail("%s at offset %d: version %d after %d", name, r.offset(), version, before);
        }
        if (!SUMMED.contains(topic)) {
            count(r.partition(), version, topic.equals("accounts"));
        }
        if (!ROWS.contains(topic)) {
            return;
        }
        if (value.endsWith("\"deleted\":true}")) {
            last.remove(name);
        } else {
            last.put(name, plain(value));
        }
    }

    /** A row without what every sending changes. */
    private static String plain(String value) {
        return value.substring(0, value.lastIndexOf(",\"version\":")) + value.substring(value.lastIndexOf(",\"final\":"));
    }

    private void takeProgress(ConsumerRecord<byte[], byte[]> r) {
        String value = text(r.value());
        Map<String, Long> positions = new HashMap<>();
        String list = group(value, "\"positions\":\"([^\"]*)\"");
        for (String one : list.split(",")) {
            int colon = one.lastIndexOf(':');
            positions.put(one.substring(0, colon), Long.parseLong(one.substring(colon + 1)));
        }
        progress.computeIfAbsent(r.partition(), p -> new ArrayList<>()).add(new Progress(r.offset(), r.timestamp(), number(value, "epoch"),
            number(value, "flush"), number(value, "rows"), positions));
    }

    private void checkProgress() {
        progress.forEach((shard, list) -> {
            flushes += list.size();
            for (int i = 1; i < list.size(); i++) {
                Progress a = list.get(i - 1);
                Progress b = list.get(i);
                if (b.epoch < a.epoch || b.epoch == a.epoch && b.flush <= a.flush) {
                    fail("shard %d offset %d: epoch %d flush %d after epoch %d flush %d", shard, b.offset, b.epoch, b.flush, a.epoch, a.flush);
                }
                a.positions.forEach((partition, next) -> {
                    if (b.positions.getOrDefault(partition, -1L) < next) {
                        fail("shard %d offset %d: %s is at %s after %d", shard, b.offset, partition, b.positions.get(partition), next);
                    }
                });
            }
            checkCounts(shard, list);
        });
    }

    private void checkCounts(int shard, List<Progress> list) {
        for (int i = 0; i < list.size(); ) {
            int next = i;
            while (next < list.size() && list.get(next).epoch == list.get(i).epoch) {
                next++;
            }
            long until = next < list.size() ? list.get(next).at : Long.MAX_VALUE;
            checkEpoch(shard, list.subList(i, next), until);
            i = next;
        }
    }

    /** The first row of an epoch comes before everything else in it. */
    private void checkEpoch(int shard, List<Progress> list, long until) {
        Progress first = list.get(0);
        long letters = lettersAt.getOrDefault(shard, List.of()).stream().filter(at -> at >= first.at && at < until).count();
        for (Progress p : list) {
            int[] there = new int[2];
            boolean last = p == list.get(list.size() - 1);
            long end = last ? first.epoch + 1 << 40 : (first.epoch << 40 | p.flush) + 1;
            sent.getOrDefault(shard, new TreeMap<>()).subMap(first.epoch << 40, end).values().forEach(n -> {
                there[0] += n[0];
                there[1] += n[1];
            });
            long said = p.rows - first.rows;
            if (said > there[0] + letters || said < there[0] - there[1] || last && said != there[0] + letters) {
                fail("shard %d epoch %d flush %d says that %d rows were sent, there are %d and %d dead letters", shard, p.epoch, p.flush, said,
                    there[0], letters);
            }
        }
    }

    private void count(int shard, long version, boolean account) {
        int[] n = sent.computeIfAbsent(shard, s -> new TreeMap<>()).computeIfAbsent(version, v -> new int[2]);
        n[0]++;
        n[1] += account ? 1 : 0;
    }

    /** A partial's key: one byte for its kind, then the shard in base 128, the lowest digits first. */
    private static int shardOfPartial(byte[] key) {
        int shard = 0;
        for (int i = 1, shift = 0; ; i++, shift += 7) {
            shard |= (key[i] & 0x7f) << shift;
            if (key[i] >= 0) {
                return shard;
            }
        }
    }

    private void compare(Path file) throws Exception {
        int compared = 0;
        try (BufferedReader lines = Files.newBufferedReader(file)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                int key = line.indexOf(",\"key\":");
                int value = line.indexOf(",\"value\":", key);
                String name = group(line, "^\\{\"topic\":\"([^\"]*)\"") + " " + line.substring(key + 7, value);
                String want = plain(line.substring(value + 9, line.length() - 1));
                String got = last.get(name);
                compared++;
                if (!want.equals(got)) {
                    fail("%s%n  got  %s%n  want %s", name, got, want);
                }
            }
        }
        if (compared != last.size()) {
            fail("%d rows are left, the file has %d", last.size(), compared);
        }
    }

    private static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }

    private static long number(String value, String name) {
        return Long.parseLong(group(value, "\"" + name + "\":(\\d+)"));
    }

    private static String group(String value, String pattern) {
        Matcher found = Pattern.compile(pattern).matcher(value);
        if (!found.find()) {
            throw new IllegalStateException(pattern + " is not in " + value);
        }
        return found.group(1);
    }
}
