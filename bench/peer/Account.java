import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;

/** What the peer keeps of an account. Money is in millionths of the reporting currency. */
final class Account {
    String region = "";
    String tier = "";
    boolean paid;
    long licensed;                                  // of all subscriptions, a month
    long usage;                                     // the level of the latest month
    final Map<String, Long> subscriptions = new HashMap<>(); // MRR by name
    final Map<String, Price> prices = new HashMap<>();       // of metered items, by subscription/item
    final Map<String, Long> quantities = new HashMap<>();    // used, by subscription/item@month, in millionths
    final List<Moved> moved = new ArrayList<>();    // of the last 365 days, for the account's windows

    long mrr() {
        return licensed + usage;
    }

    /** What a unit of usage costs beyond what is included. */
    record Price(long included, double unit) {}

    /** A change of MRR: its instant in seconds, and whether it was expansion or contraction. */
    record Moved(long at, boolean up, long amount) {}

    /** A compact binary form: what a store writes at each change. */
    static Serde<Account> serde() {
        Serializer<Account> write = (topic, a) -> a == null ? null : a.bytes();
        Deserializer<Account> read = (topic, b) -> b == null ? null : of(b);
        return Serdes.serdeFrom(write, read);
    }

    private byte[] bytes() {
        try {
            var all = new ByteArrayOutputStream(512);
            var out = new DataOutputStream(all);
            out.writeUTF(region);
            out.writeUTF(tier);
            out.writeBoolean(paid);
            out.writeLong(licensed);
            out.writeLong(usage);
            writeAmounts(out, subscriptions);
            out.writeInt(prices.size());
            for (var p : prices.entrySet()) {
                out.writeUTF(p.getKey());
                out.writeLong(p.getValue().included());
                out.writeDouble(p.getValue().unit());
            }
            writeAmounts(out, quantities);
            out.writeInt(moved.size());
            for (var m : moved) {
                out.writeLong(m.at());
                out.writeBoolean(m.up());
                out.writeLong(m.amount());
            }
            return all.toByteArray();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Account of(byte[] bytes) {
        try {
            var in = new DataInputStream(new ByteArrayInputStream(bytes));
            var a = new Account();
            a.region = in.readUTF();
            a.tier = in.readUTF();
            a.paid = in.readBoolean();
            a.licensed = in.readLong();
            a.usage = in.readLong();
            readAmounts(in, a.subscriptions);
            for (int n = in.readInt(); n > 0; n--) {
                a.prices.put(in.readUTF(), new Price(in.readLong(), in.readDouble()));
            }
            readAmounts(in, a.quantities);
            for (int n = in.readInt(); n > 0; n--) {
                a.moved.add(new Moved(in.readLong(), in.readBoolean(), in.readLong()));
            }
            return a;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void writeAmounts(DataOutputStream out, Map<String, Long> amounts) throws IOException {
        out.writeInt(amounts.size());
        for (var e : amounts.entrySet()) {
            out.writeUTF(e.getKey());
            out.writeLong(e.getValue());
        }
    }

    private static void readAmounts(DataInputStream in, Map<String, Long> amounts) throws IOException {
        for (int n = in.readInt(); n > 0; n--) {
            amounts.put(in.readUTF(), in.readLong());
        }
    }
}
