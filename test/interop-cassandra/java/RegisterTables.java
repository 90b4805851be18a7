import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import org.apache.cassandra.config.DatabaseDescriptor;
import org.apache.cassandra.io.sstable.CQLSSTableWriter;

/**
 * Makes tables known to the tools that follow in this JVM, which take them from the schema. The argument is a file with a line
 * for each: directory, CREATE TABLE, a statement with bind markers, CREATE TYPE..., with tabs between.
 */
public final class RegisterTables {
  public static void main(String[] args) throws Exception {
    DatabaseDescriptor.toolInitialization();
    for (String line : Files.readAllLines(Paths.get(args[0]), StandardCharsets.UTF_8)) {
      String[] words = line.split("\t", -1);
      Files.createDirectories(Paths.get(words[0]));
      CQLSSTableWriter.Builder builder = CQLSSTableWriter.builder().inDirectory(words[0]);
      for (int i = 3; i < words.length; i++) builder.withType(words[i]);
      builder.forTable(words[1]).using(words[2]).build().close();
    }
  }
}
