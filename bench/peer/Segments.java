import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.time.temporal.IsoFields;
import java.util.HashSet;
import java.util.Set;

import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/** Adds the changes of a segment's accounts up by day, week, month, quarter and year, and by rolling window. */
final class Segments implements Processor<String, Delta, String, String> {
    static final String REGISTERS = "registers";
    private static final int[] WINDOWS = {1, 7, 28, 30, 90, 365};

    private final int interval;
    private ProcessorContext<String, String> context;
    private KeyValueStore<String, long[]> registers;
    private final Set<String> dirty = new HashSet<>();
    private final Set<String> moved = new HashSet<>();
    private LocalDate latest = LocalDate.EPOCH;

    Segments(int interval) {
        this.interval = interval;
    }

    @Override
    public void init(ProcessorContext<String, String> c) {
        context = c;
        registers = c.getStateStore(REGISTERS);
        c.schedule(Duration.ofMillis(interval), PunctuationType.WALL_CLOCK_TIME, now -> send());
    }

    @Override
    public void process(Record<String, Delta> record) {
        LocalDate day = Instant.ofEpochMilli(record.timestamp()).atZone(ZoneOffset.UTC).toLocalDate();
        if (day.isAfter(latest)) {
            latest = day;
        }
        int quarter = (day.getMonthValue() + 2) / 3;
        String[] intervals = {
            "day|" + day, "week|" + day.get(IsoFields.WEEK_BASED_YEAR) + "-W" + day.get(IsoFields.WEEK_OF_WEEK_BASED_YEAR),
            "month|" + day.toString().substring(0, 7), "quarter|" + day.getYear() + "-Q" + quarter, "year|" + day.getYear(),
        };
        for (String interval : intervals) {
            String key = record.key() + "|" + interval;
            long[] sums = registers.get(key);
            if (sums == null) {
                sums = new long[7];
            }
            sums[record.value().kind()] += record.value().amount();
            sums[6]++;
            registers.put(key, sums);
            dirty.add(key);
        }
        moved.add(record.key());
    }

    private void send() {
        long now = System.currentTimeMillis();
        for (String key : dirty) {
            context.forward(new Record<>(key, row(key, registers.get(key)), now));
        }
        dirty.clear();
        for (String segment : moved) {
            for (int days : WINDOWS) {
                long[] sums = new long[7];
                for (int i = 0; i < days; i++) {
                    long[] day = registers.get(segment + "|day|" + latest.minusDays(i));
                    for (int j = 0; day != null && j < sums.length; j++) {
                        sums[j] += day[j];
                    }
                }
                String key = segment + "|rolling|" + days + "d";
                context.forward(new Record<>(key, row(key, sums), now));
            }
        }
        moved.clear();
    }

    private static String row(String key, long[] sums) {
        var b = new StringBuilder(256).append("{\"key\":\"").append(key).append('"');
        for (int i = 0; i < Delta.NAMES.length; i++) {
            b.append(",\"").append(Delta.NAMES[i]).append("\":\"").append(Ledger.money(sums[i])).append('"');
        }
        return b.append(",\"changes\":").append(sums[6]).append('}').toString();
    }
}
