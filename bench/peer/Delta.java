import java.nio.ByteBuffer;

import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;

/** What one change adds to a segment: its kind, and the change of MRR in millionths. */
record Delta(int kind, long amount) {
    static final int NEW = 0;
    static final int EXPANSION = 1;
    static final int CONTRACTION = 2;
    static final int CHURN = 3;
    static final int REACTIVATION = 4;
    static final int TRANSFER = 5;
    static final String[] NAMES = {"new", "expansion", "contraction", "churn", "reactivation", "transfer"};

    static Serde<Delta> serde() {
        Serializer<Delta> write = (topic, d) -> ByteBuffer.allocate(9).put((byte) d.kind()).putLong(d.amount()).array();
        Deserializer<Delta> read = (topic, b) -> {
            ByteBuffer in = ByteBuffer.wrap(b);
            return new Delta(in.get(), in.getLong());
        };
        return Serdes.serdeFrom(write, read);
    }
}
