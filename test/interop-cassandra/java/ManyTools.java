import java.io.ByteArrayOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.security.Permission;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Runs many of Cassandra's command-line tools in one JVM. Standard input has a line for each: the tool's class, a file for
 * what it prints, its arguments, with tabs between. Standard output gets a line for each: exit code, milliseconds.
 */
public final class ManyTools {
  private static final class Exit extends SecurityException {
    final int code;

    Exit(int code) {
      super("exit " + code);
      this.code = code;
    }
  }

  /** Turns System.exit into an exception. The first code counts: some tools catch the exception and exit once more. */
  private static final class ExitTrap extends SecurityManager {
    Integer first;

    @Override
    public void checkExit(int code) {
      if (first == null) first = code;
      throw new Exit(first);
    }

    @Override
    public void checkPermission(Permission permission) {}

    @Override
    public void checkPermission(Permission permission, Object context) {}
  }

  public static void main(String[] args) throws Exception {
    PrintStream report = new PrintStream(new FileOutputStream(FileDescriptor.out), true);
    List<String> lines = new ArrayList<>();
    try (java.util.Scanner in = new java.util.Scanner(System.in, "UTF-8")) {
      while (in.hasNextLine()) lines.add(in.nextLine());
    }
    ExitTrap trap = new ExitTrap();
    System.setSecurityManager(trap);
    for (String line : lines) {
      String[] parts = line.split("\t");
      trap.first = null;
      int code = run(parts[0], Paths.get(parts[1]), Arrays.copyOfRange(parts, 2, parts.length));
      report.println(code);
    }
    System.setSecurityManager(null);
    System.exit(0); // tools leave threads behind
  }

  private static int run(String tool, Path output, String[] args) throws Exception {
    ByteArrayOutputStream errors = new ByteArrayOutputStream();
    PrintStream err = new PrintStream(errors, true, "UTF-8");
    int code;
    try (PrintStream out = new PrintStream(new java.io.BufferedOutputStream(new FileOutputStream(output.toFile()), 1 << 16), false, "UTF-8")) {
      System.setOut(out);
      System.setErr(err);
      code = call(tool, args, err);
    }
    if (errors.size() > 0) Files.write(Paths.get(output + ".err"), errors.toByteArray());
    return code;
  }

  private static int call(String tool, String[] args, PrintStream err) throws Exception {
    try {
      Class.forName(tool).getMethod("main", String[].class).invoke(null, (Object) args);
      return 0;
    } catch (Throwable thrown) {
      for (Throwable cause = thrown; cause != null; cause = cause.getCause()) {
        if (cause instanceof Exit) return ((Exit) cause).code;
      }
      thrown.printStackTrace(err);
      return 70;
    }
  }
}
