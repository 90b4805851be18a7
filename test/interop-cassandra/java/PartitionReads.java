import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.apache.cassandra.db.ClusteringComparator;
import org.apache.cassandra.db.DecoratedKey;
import org.apache.cassandra.db.Slice;
import org.apache.cassandra.db.Slices;
import org.apache.cassandra.db.filter.ColumnFilter;
import org.apache.cassandra.db.rows.Row;
import org.apache.cassandra.db.rows.Unfiltered;
import org.apache.cassandra.db.rows.UnfilteredRowIterator;
import org.apache.cassandra.io.sstable.Descriptor;
import org.apache.cassandra.io.sstable.ISSTableScanner;
import org.apache.cassandra.io.sstable.format.SSTableReader;

/**
 * Reads every partition of an SSTable by its key, as a server would: through bloom filter, summary, index and promoted
 * index, forwards and backwards, whole and in slices, and compares with what a scan of the whole file finds.
 */
public final class PartitionReads {
  private final SSTableReader sstable;
  private final ColumnFilter columns;
  private final ClusteringComparator comparator;
  private final Method iterator;
  private int partitions;
  private int reads;

  private PartitionReads(SSTableReader sstable) throws Exception {
    this.sstable = sstable;
    Object metadata = metadataOf(sstable);
    this.columns = (ColumnFilter) call(ColumnFilter.class, null, "all", metadata);
    this.comparator = (ClusteringComparator) metadata.getClass().getField("comparator").get(metadata);
    this.iterator = iteratorOf(sstable);
  }

  public static void main(String[] args) throws Exception {
    System.setProperty("cassandra.partition.reads", "1");
    Class<?> tool = Class.forName("org.apache.cassandra.tools.SSTableExport"); // sets Cassandra up for tools
    tool.getDeclaredConstructors();
    Class.forName(tool.getName(), true, tool.getClassLoader());
    PartitionReads reads = new PartitionReads(open(args[0]));
    reads.all();
    System.out.println(reads.partitions + " partitions, " + reads.reads + " reads");
  }

  private void all() throws Exception {
    try (ISSTableScanner scanner = sstable.getScanner()) {
      while (scanner.hasNext()) {
        try (UnfilteredRowIterator partition = scanner.next()) {
          partitions++;
          DecoratedKey key = partition.partitionKey();
          List<Unfiltered> scanned = elements(partition);
          check(key, Slices.ALL, rows(scanned));
          expect(key, "as a whole", scanned.toString(), elements(read(key, Slices.ALL, false)).toString());
          slices(key, rows(scanned));
        }
      }
    }
  }

  private void slices(DecoratedKey key, List<Row> rows) throws Exception {
    if (rows.isEmpty() || comparator.size() == 0) return;
    int step = Math.max(1, rows.size() / 8);
    for (int from = 0; from < rows.size(); from += step) {
      int to = Math.min(rows.size() - 1, from + step / 2);
      Slice one = Slice.make(rows.get(from).clustering());
      check(key, Slices.with(comparator, one), rows.subList(from, from + 1));
      Slice range = Slice.make(rows.get(from).clustering(), rows.get(to).clustering());
      check(key, Slices.with(comparator, range), rows.subList(from, to + 1));
    }
  }

  /** That the slices hold these rows, read in either direction. */
  private void check(DecoratedKey key, Slices slices, List<Row> expected) throws Exception {
    expect(key, "forwards in " + slices, expected.toString(), rows(elements(read(key, slices, false))).toString());
    List<Row> backwards = new ArrayList<>(expected);
    Collections.reverse(backwards);
    expect(key, "backwards in " + slices, backwards.toString(), rows(elements(read(key, slices, true))).toString());
  }

  private void expect(DecoratedKey key, String how, String scanned, String read) {
    reads++;
    if (!scanned.equals(read)) {
      throw new AssertionError(key + " read " + how + ":\n" + cut(read) + "\nscanned:\n" + cut(scanned));
    }
  }

  private static String cut(String text) {
    return text.length() > 2000 ? text.substring(0, 2000) + "..." : text;
  }

  private UnfilteredRowIterator read(DecoratedKey key, Slices slices, boolean reversed) throws Exception {
    Object[] values = new Object[iterator.getParameterCount()];
    boolean isReversedNext = true;
    for (int i = 0; i < values.length; i++) {
      Class<?> type = iterator.getParameterTypes()[i];
      if (type == DecoratedKey.class) values[i] = key;
      else if (type == Slices.class) values[i] = slices;
      else if (type == ColumnFilter.class) values[i] = columns;
      else if (type == boolean.class) {
        values[i] = isReversedNext && reversed;
        isReversedNext = false;
      } else values[i] = type.getField("NOOP_LISTENER").get(null);
    }
    return (UnfilteredRowIterator) iterator.invoke(sstable, values);
  }

  private static List<Unfiltered> elements(UnfilteredRowIterator partition) {
    List<Unfiltered> list = new ArrayList<>();
    try (UnfilteredRowIterator closed = partition) {
      while (closed.hasNext()) list.add(closed.next());
    }
    return list;
  }

  private static List<Row> rows(List<Unfiltered> elements) {
    List<Row> rows = new ArrayList<>();
    for (Unfiltered element : elements) if (element.isRow()) rows.add((Row) element);
    return rows;
  }

  /** The methods that have other names or parameters from version to version. */
  private static SSTableReader open(String path) throws Exception {
    Descriptor descriptor;
    try {
      descriptor = (Descriptor) Descriptor.class.getMethod("fromFilename", String.class).invoke(null, path);
    } catch (NoSuchMethodException absent) {
      Class<?> file = Class.forName("org.apache.cassandra.io.util.File");
      Object data = file.getConstructor(String.class).newInstance(path);
      descriptor = (Descriptor) Descriptor.class.getMethod("fromFile", file).invoke(null, data);
    }
    Class<?> tools = Class.forName("org.apache.cassandra.tools.Util");
    Object metadata;
    try {
      metadata = tools.getMethod("metadataFromSSTable", Descriptor.class).invoke(null, descriptor);
      metadata = call(Class.forName("org.apache.cassandra.schema.TableMetadataRef"), null, "forOfflineTools", metadata);
    } catch (NoSuchMethodException absent) {
      metadata = Class.forName("org.apache.cassandra.tools.SSTableExport")
          .getMethod("metadataFromSSTable", Descriptor.class).invoke(null, descriptor);
    }
    for (Method method : SSTableReader.class.getMethods()) {
      if (!method.getName().equals("openNoValidation")) continue;
      Class<?>[] types = method.getParameterTypes();
      if (types.length == 2 && types[1].isInstance(metadata)) return (SSTableReader) method.invoke(null, descriptor, metadata);
      if (types.length == 3 && types[1] == Descriptor.class && types[2].isInstance(metadata)) {
        return (SSTableReader) method.invoke(null, null, descriptor, metadata);
      }
    }
    throw new AssertionError("no way to open an SSTable");
  }

  private static Object metadataOf(SSTableReader sstable) throws Exception {
    try {
      return SSTableReader.class.getMethod("metadata").invoke(sstable);
    } catch (NoSuchMethodException absent) {
      return SSTableReader.class.getField("metadata").get(sstable);
    }
  }

  private static Method iteratorOf(SSTableReader sstable) {
    for (Method method : SSTableReader.class.getMethods()) {
      Class<?>[] types = method.getParameterTypes();
      boolean isNamed = method.getName().equals("iterator") || method.getName().equals("rowIterator");
      if (isNamed && types.length >= 5 && types[0] == DecoratedKey.class) {
        method.setAccessible(true);
        return method;
      }
    }
    throw new AssertionError("no way to read a partition");
  }

  private static Object call(Class<?> type, Object target, String name, Object argument) throws Exception {
    for (Method method : type.getMethods()) {
      Class<?>[] types = method.getParameterTypes();
      if (method.getName().equals(name) && types.length == 1 && types[0].isInstance(argument)) return method.invoke(target, argument);
    }
    throw new NoSuchMethodException(type + "." + name);
  }
}
