import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.Instant;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/** One event at a time: known already, or a change of its account, which moves its segments. */
final class Ledger implements Processor<String, byte[], String, Object> {
    static final String ACCOUNTS = "accounts";
    static final String SEEN = "seen";
    private static final long YEAR = 365L * 86_400;
    private static final long[] WINDOWS = {1, 7, 28, 30, 90, 365};

    private final ObjectMapper json = new ObjectMapper();
    private ProcessorContext<String, Object> context;
    private KeyValueStore<String, Account> accounts;
    private KeyValueStore<String, Long> seen;

    @Override
    public void init(ProcessorContext<String, Object> c) {
        context = c;
        accounts = c.getStateStore(ACCOUNTS);
        seen = c.getStateStore(SEEN);
    }

    @Override
    public void process(Record<String, byte[]> record) {
        JsonNode e;
        try {
            e = json.readTree(record.value());
        } catch (Exception bad) {
            context.forward(new Record<>(record.key(), new String(record.value()), record.timestamp()), "dead-letters");
            return;
        }
        String id = e.path("source").asText() + "/" + e.path("id").asText();
        long revision = e.path("revision").asLong();
        Long known = seen.get(id);
        if (known != null && known >= revision) {
            return;
        }
        seen.put(id, revision);
        String name = e.path("subject").asText();
        Account a = accounts.get(name);
        if (a == null) {
            a = new Account();
        }
        Instant at = Instant.parse(e.path("time").asText());
        JsonNode data = e.path("data");
        switch (e.path("type").asText()) {
            case "subscription.changed" -> subscription(name, a, id, at, data);
            case "usage.recorded" -> usage(name, a, id, at, data);
            case "account.changed" -> attributes(name, a, at, data);
            default -> { }
        }
        accounts.put(name, a);
    }

    private void subscription(String name, Account a, String id, Instant at, JsonNode data) {
        String subscription = data.path("subscription").asText();
        String status = data.path("status").asText();
        long mrr = 0;
        if (!status.equals("canceled") && !status.equals("trialing")) {
            for (JsonNode item : data.path("items")) {
                if (item.path("kind").asText().equals("metered")) {
                    double unit = item.has("tiers") ? item.path("tiers").get(0).path("unit_price").asDouble() : item.path("unit_price").asDouble();
                    a.prices.put(subscription + "/" + item.path("item").asText(), new Account.Price(item.path("included").asLong(), unit));
                } else {
                    mrr += monthly(item, data.path("discounts"));
                }
            }
        }
        long before = a.licensed;
        a.licensed += mrr - a.subscriptions.getOrDefault(subscription, 0L);
        a.subscriptions.put(subscription, mrr);
        move(name, a, id, at, before, a.licensed, a.usage);
    }

    /** An item's MRR in millionths: price x quantity by month, less its discounts and the subscription's. */
    private static long monthly(JsonNode item, JsonNode shared) {
        BigDecimal quantity = new BigDecimal(item.path("quantity").asText("1"));
        BigDecimal net = item.has("amount") ? new BigDecimal(item.path("amount").asText()) : new BigDecimal(item.path("unit_price").asText("0")).multiply(quantity);
        JsonNode interval = item.path("interval");
        long months = interval.path("count").asLong(1) * (interval.path("unit").asText("month").equals("year") ? 12 : 1);
        for (JsonNode discounts : new JsonNode[] {item.path("discounts"), shared}) {
            for (JsonNode d : discounts) {
                net = d.has("percent")
                        ? net.multiply(BigDecimal.ONE.subtract(new BigDecimal(d.path("percent").asText()).movePointLeft(2)))
                        : net.subtract(new BigDecimal(d.path("amount").asText("0")));
            }
        }
        return net.movePointRight(6).divide(BigDecimal.valueOf(months), 0, RoundingMode.HALF_EVEN).longValue();
    }

    private void usage(String name, Account a, String id, Instant at, JsonNode data) {
        String item = data.path("subscription").asText() + "/" + data.path("item").asText();
        String month = item + "@" + at.toString().substring(0, 7);
        long micros = new BigDecimal(data.path("quantity").asText("0")).movePointRight(6).longValue();
        long used = a.quantities.merge(month, micros, Long::sum);
        Account.Price price = a.prices.get(item);
        if (price == null) {
            return;
        }
        long level = (long) (Math.max(0, used / 1e6 - price.included()) * price.unit() * 1e6);
        long before = a.usage;
        a.usage = level;
        move(name, a, id, at, a.licensed + before, a.licensed + level, 0);
    }

    private void attributes(String name, Account a, Instant at, JsonNode data) {
        JsonNode named = data.path("attributes");
        String region = named.path("region").asText(a.region);
        String tier = named.path("plan_tier").asText(a.tier);
        if (region.equals(a.region) && tier.equals(a.tier)) {
            return;
        }
        forward(a, at, new Delta(Delta.TRANSFER, -a.mrr()));
        a.region = region;
        a.tier = tier;
        forward(a, at, new Delta(Delta.TRANSFER, a.mrr()));
    }

    /** Books a change of MRR: its row, the account's row, and what its segments have to know. */
    private void move(String name, Account a, String id, Instant at, long before, long after, long beside) {
        if (before == after) {
            return;
        }
        int kind;
        long was = before + beside;
        long is = after + beside;
        if (was == 0) {
            kind = a.paid ? Delta.REACTIVATION : Delta.NEW;
        } else if (is == 0) {
            kind = Delta.CHURN;
        } else {
            kind = is > was ? Delta.EXPANSION : Delta.CONTRACTION;
        }
        a.paid = true;
        long change = is - was;
        long now = at.getEpochSecond();
        a.moved.removeIf(m -> m.at() < now - YEAR);
        a.moved.add(new Account.Moved(now, change > 0, Math.abs(change)));
        ObjectNode row = json.createObjectNode();
        row.put("account", name).put("movement", id).put("effective_at", at.toString()).put("class", Delta.NAMES[kind])
                .put("change", money(change)).put("mrr_before", money(was)).put("mrr_after", money(is))
                .put("region", a.region).put("plan_tier", a.tier);
        context.forward(new Record<>(name + "|" + id, (Object) text(row), at.toEpochMilli()), "movements");
        row = json.createObjectNode();
        row.put("account", name).put("mrr", money(a.mrr())).put("usage", money(a.usage)).put("region", a.region).put("plan_tier", a.tier);
        for (long days : WINDOWS) {
            long up = 0;
            long down = 0;
            for (var m : a.moved) {
                if (m.at() > now - days * 86_400) {
                    up += m.up() ? m.amount() : 0;
                    down += m.up() ? 0 : m.amount();
                }
            }
            row.put("expansion_" + days + "d", money(up)).put("contraction_" + days + "d", money(down));
        }
        context.forward(new Record<>(name, (Object) text(row), at.toEpochMilli()), "account-rows");
        forward(a, at, new Delta(kind, change));
    }

    private void forward(Account a, Instant at, Delta delta) {
        for (String segment : new String[] {"all=all", "region=" + a.region, "plan_tier,region=" + a.tier + "," + a.region}) {
            context.forward(new Record<>(segment, (Object) delta, at.toEpochMilli()), "deltas");
        }
    }

    private String text(ObjectNode row) {
        try {
            return json.writeValueAsString(row);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    static String money(long millionths) {
        return BigDecimal.valueOf(millionths, 6).toPlainString();
    }
}
