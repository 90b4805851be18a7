import java.io.File;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.List;
import org.apache.cassandra.config.DatabaseDescriptor;
import org.apache.cassandra.io.sstable.CQLSSTableWriter;

/**
 * Has Cassandra write SSTables. The argument is a script of lines, with tabs between words:
 * "table", directory, CREATE TABLE, CREATE TYPE... begins a table; "write", statement an SSTable of that table;
 * "row", values in hex or "-" for null, executes the statement.
 */
public final class OfflineWriter {
  public static void main(String[] args) throws Exception {
    DatabaseDescriptor.toolInitialization();
    String[] table = {};
    CQLSSTableWriter writer = null;
    for (String line : Files.readAllLines(Paths.get(args[0]), StandardCharsets.UTF_8)) {
      String[] words = line.split("\t", -1);
      if (words[0].equals("row")) {
        List<ByteBuffer> values = new ArrayList<>();
        for (int i = 1; i < words.length; i++) values.add(words[i].equals("-") ? null : ByteBuffer.wrap(bytes(words[i])));
        writer.rawAddRow(values);
        continue;
      }
      if (writer != null) writer.close();
      writer = null;
      if (words[0].equals("table")) {
        table = words;
        continue;
      }
      File directory = new File(table[1]);
      directory.mkdirs();
      CQLSSTableWriter.Builder builder = CQLSSTableWriter.builder().inDirectory(directory.getPath());
      for (int i = 3; i < table.length; i++) builder.withType(table[i]);
      writer = builder.forTable(table[2]).using(words[1]).build();
    }
    if (writer != null) writer.close();
  }

  private static byte[] bytes(String hex) {
    byte[] bytes = new byte[hex.length() / 2];
    for (int i = 0; i < bytes.length; i++) bytes[i] = (byte) Integer.parseInt(hex.substring(2 * i, 2 * i + 2), 16);
    return bytes;
  }
}
