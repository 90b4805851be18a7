import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CassandraVersion } from './cassandra-versions.ts';
import { installJars } from './install.ts';

/** One run of a Java class with a `main`; `output` gets what it prints, `<output>.err` what it complains of. */
export interface ToolRun {
  readonly tool: string;
  readonly output: string;
  readonly args: readonly string[];
}

/** Packages that Cassandra reaches into, which Java closes since 9. */
const OPENED: readonly string[] = [
  ...[
    'lang',
    'lang.module',
    'lang.ref',
    'lang.reflect',
    'io',
    'net',
    'nio',
    'util',
    'util.concurrent',
    'util.concurrent.atomic',
  ].map((name) => `java.base/java.${name}`),
  ...['loader', 'math', 'misc', 'module', 'ref', 'reflect', 'util.jar'].map((name) => `java.base/jdk.internal.${name}`),
  'java.base/sun.nio.ch',
  'java.management/sun.management',
  'java.rmi/sun.rmi.registry',
  'java.rmi/sun.rmi.transport',
  'java.rmi/sun.rmi.transport.tcp',
  'java.sql/java.sql',
  'jdk.management/com.sun.management.internal',
];
const TIME_LIMIT_MS = 240_000;
const WARNINGS_ONLY = `<configuration><appender name="E" class="ch.qos.logback.core.ConsoleAppender"><target>System.err</target>
<encoder><pattern>%level %logger - %msg%n%ex</pattern></encoder></appender>
<root level="WARN"><appender-ref ref="E"/></root></configuration>\n`;

/** The classes of one Cassandra version, and ours that use them, compiled against it. */
export class CassandraTools {
  readonly #java: string;
  readonly #classPath: string;
  readonly #scratch: string;

  /** @param scratch an existing directory for configuration and whatever Cassandra leaves behind */
  constructor(cassandra: CassandraVersion, jdkBin: string, cache: string, scratch: string) {
    const jars = installJars(cassandra, cache);
    this.#java = join(jdkBin, 'java');
    this.#scratch = join(scratch, cassandra.version);
    mkdirSync(this.#scratch);
    const classes = join(this.#scratch, 'classes');
    const sources = readdirSync(join(import.meta.dirname, 'java')).map((name) =>
      join(import.meta.dirname, 'java', name),
    );
    const options = ['-nowarn', '-Xlint:none', '-encoding', 'UTF-8', '-cp', join(jars, '*'), '-d', classes];
    const compiled = spawnSync(join(jdkBin, 'javac'), [...options, ...sources], {
      encoding: 'utf8',
      timeout: TIME_LIMIT_MS,
    });
    if (compiled.status !== 0) throw new Error(`javac against Cassandra ${cassandra.version}:\n${compiled.stderr}`);
    this.#classPath = `${classes}:${join(jars, '*')}`;
    writeFileSync(join(this.#scratch, 'logback.xml'), WARNINGS_ONLY);
    this.#configure('');
  }

  /** Where Cassandra looks for the tables of its schema. */
  get dataDirectory(): string {
    return join(this.#scratch, 'storage/data');
  }

  /**
   * Runs all in one JVM.
   * @param settings lines for cassandra.yaml
   * @throws Error that tells what failed first
   */
  run(runs: readonly ToolRun[], settings: string): void {
    this.#configure(settings);
    for (const { output } of runs) rmSync(`${output}.err`, { force: true });
    const [java, ...options] = this.command('ManyTools', []);
    const done = spawnSync(java!, options, {
      input: runs.map(({ tool, output, args }) => `${[tool, output, ...args].join('\t')}\n`).join(''),
      encoding: 'utf8',
      cwd: this.#scratch,
      timeout: TIME_LIMIT_MS,
    });
    const codes = done.stdout.split('\n').filter((line) => line !== '');
    for (const [i, { tool, output, args }] of runs.entries()) {
      if (codes[i] === '0') continue;
      const errors = existsSync(`${output}.err`) ? readFileSync(`${output}.err`, 'utf8') : done.stderr;
      throw new Error(
        `${tool} ${args.join(' ')}: ended with ${codes[i] ?? done.signal ?? done.status}\n${errors.slice(0, 6000)}`,
      );
    }
  }

  /** The command line that runs a class by itself. */
  command(tool: string, args: readonly string[]): string[] {
    const options = [
      ...OPENED.flatMap((name) => [`--add-opens=${name}=ALL-UNNAMED`, `--add-exports=${name}=ALL-UNNAMED`]),
      '-Djava.security.manager=allow',
      '-Djdk.attach.allowAttachSelf=true',
      '-Duser.timezone=UTC',
      '-Dfile.encoding=UTF-8',
      '-Xmx1g',
      `-Dlogback.configurationFile=${join(this.#scratch, 'logback.xml')}`,
      `-Dcassandra.storagedir=${join(this.#scratch, 'storage')}`,
      `-Dcassandra.config=file://${join(this.#scratch, 'cassandra.yaml')}`,
      `-Djava.io.tmpdir=${this.#scratch}`,
    ];
    return [this.#java, ...options, '-cp', this.#classPath, tool, ...args];
  }

  #configure(settings: string): void {
    writeFileSync(
      join(this.#scratch, 'cassandra.yaml'),
      `${configuration(join(this.#scratch, 'storage'))}${settings}\n`,
    );
  }
}

function configuration(storage: string): string {
  return `cluster_name: interop
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
commitlog_sync: periodic
commitlog_sync_period_in_ms: 10000
commitlog_directory: ${storage}/commitlog
hints_directory: ${storage}/hints
saved_caches_directory: ${storage}/caches
cdc_raw_directory: ${storage}/cdc
data_file_directories: [${storage}/data]
disk_failure_policy: stop
commit_failure_policy: stop
listen_address: 127.0.0.1
endpoint_snitch: SimpleSnitch
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters: [{seeds: 127.0.0.1}]
`;
}
