/**
 * What a node counts. One table defines every metric: `Metric` gives it a number for the code that counts, `METRICS` its name,
 * help and labels for those who read it. A new metric is a line in each; the compiler misses none.
 *
 * Values live in one block of shared memory per thread (`shards/metrics-block.ts`), written by that thread alone.
 */

export const Metric = {
  MailboxRequests: 0,
  MailboxReplies: 1,
  MailboxOverloaded: 2,
  MailboxTimeouts: 3,
  MailboxLateReplies: 4,
  MailboxFragments: 5,
  MailboxQueuedBytes: 6,
  MailboxInFlight: 7,
  RingFull: 8,
  DoorbellFallbackFound: 9,
  ScopesOpen: 10,
  ScopesTimedOut: 11,
  ScopesRefused: 12,
  StallsReported: 13,
  TurnLatency: 14,
  CqlConnections: 15,
  CqlConnectionsAccepted: 16,
  CqlConnectionsRefused: 17,
  CqlConnectionsCut: 18,
  CqlRequestsServed: 19,
  CqlRequestsServing: 20,
  CqlRequestsShed: 21,
  CqlRequestsForwarded: 22,
  CqlReadingPaused: 23,
  CqlRequestBytes: 24,
  CqlOutputBytes: 25,
  CqlErrors: 26,
  StatementsPrepared: 27,
  PreparedStatements: 28,
  PreparedBytes: 29,
  PreparedEvicted: 30,
  MemtableBytes: 31,
  CommitlogBytes: 32,
  Sstables: 33,
  SstableBytes: 34,
  WaitingWrites: 35,
  SstableReadFailures: 36,
  MemtableFlushes: 37,
  Compactions: 38,
  CompactionsPending: 39,
  CompactionBytesIn: 40,
  CompactionBytesOut: 41,
  BackgroundFailures: 42,
} as const;
export type Metric = (typeof Metric)[keyof typeof Metric];

export const MetricKind = { Counter: 'counter', Gauge: 'gauge', Histogram: 'histogram' } as const;
export type MetricKind = (typeof MetricKind)[keyof typeof MetricKind];

export interface MetricDefinition {
  readonly kind: MetricKind;
  /** Without the prefix; several definitions may share a name if their labels differ. */
  readonly name: string;
  readonly help: string;
  readonly labels: Readonly<Record<string, string>>;
  /** True: ScyllaDB has it under this name, so it gets the configured prefix. False: ours, always `tessera_`. */
  readonly isScyllaName: boolean;
  /** Histograms: values below go to the first bucket; a power of two, 4 or more. */
  readonly minUs: number;
  /** Histograms: values at or above go to the last bucket; a power of two. */
  readonly maxUs: number;
}

/** ScyllaDB's range of latencies. */
const LATENCY_MIN_US = 512;
const LATENCY_MAX_US = 33_554_432;

type Options = Partial<Pick<MetricDefinition, 'labels' | 'isScyllaName' | 'minUs' | 'maxUs'>>;

function define(kind: MetricKind, name: string, help: string, options: Options): MetricDefinition {
  const { labels = {}, isScyllaName = false, minUs = LATENCY_MIN_US, maxUs = LATENCY_MAX_US } = options;
  return { kind, name, help, labels, isScyllaName, minUs, maxUs };
}
/** Something that only grows. */
export function counter(name: string, help: string, options: Options = {}): MetricDefinition {
  return define(MetricKind.Counter, name, help, options);
}
/** A level. */
export function gauge(name: string, help: string, options: Options = {}): MetricDefinition {
  return define(MetricKind.Gauge, name, help, options);
}
/** Durations in microseconds, in buckets of powers of two with four steps each. */
export function histogram(name: string, help: string, options: Options = {}): MetricDefinition {
  return define(MetricKind.Histogram, name, help, options);
}

export const METRICS: Readonly<Record<keyof typeof Metric, MetricDefinition>> = {
  MailboxRequests: counter('mailbox_requests', 'Requests sent to other threads and to itself.'),
  MailboxReplies: counter('mailbox_replies', 'Requests of other threads answered.'),
  MailboxOverloaded: counter('mailbox_overloaded', 'Requests refused because credits or the queue were used up.'),
  MailboxTimeouts: counter('mailbox_timeouts', 'Requests whose deadline passed before the answer came.'),
  MailboxLateReplies: counter('mailbox_late_replies', 'Answers that came after their deadline and were dropped.'),
  MailboxFragments: counter('mailbox_fragments', 'Pieces of large messages sent.'),
  MailboxQueuedBytes: gauge('mailbox_queued_bytes', 'Bytes of messages that wait for room in a ring.'),
  MailboxInFlight: gauge('mailbox_in_flight', 'Requests sent and not answered.'),
  RingFull: counter('ring_full', 'Times a ring had no room for a message.'),
  DoorbellFallbackFound: counter(
    'doorbell_fallback_found',
    'Times the fallback timer found messages, or room for them, that nobody rang for.',
  ),
  ScopesOpen: gauge('request_scopes', 'Requests under way.'),
  ScopesTimedOut: counter('request_scope_timeouts', 'Requests that ran into their deadline.'),
  ScopesRefused: counter('request_scopes_refused', 'Requests refused because too many were under way.'),
  StallsReported: counter('stall_detector_reported', 'Turns that held an event loop for too long.', {
    isScyllaName: true,
  }),
  TurnLatency: histogram('turn_latency', 'Duration of turns of the event loop, in microseconds.', { minUs: 16 }),
  CqlConnections: gauge('transport_current_connections', 'Open CQL connections.', { isScyllaName: true }),
  CqlConnectionsAccepted: counter('transport_cql_connections', 'CQL connections accepted.', { isScyllaName: true }),
  CqlConnectionsRefused: counter('cql_connections_refused', 'CQL connections closed at once: too many were open.'),
  CqlConnectionsCut: counter('cql_connections_cut', 'CQL connections ended because the client was too slow.'),
  CqlRequestsServed: counter('transport_requests_served', 'Requests answered.', { isScyllaName: true }),
  CqlRequestsServing: gauge('transport_requests_serving', 'Requests under way.', { isScyllaName: true }),
  CqlRequestsShed: counter('transport_requests_shed', 'Requests refused for overload.', { isScyllaName: true }),
  CqlRequestsForwarded: counter('cql_requests_forwarded', 'Requests that another shard coordinated.'),
  CqlReadingPaused: counter(
    'transport_requests_blocked_memory',
    'Times a connection was not read because requests used up their memory.',
    { isScyllaName: true },
  ),
  CqlRequestBytes: gauge('cql_request_memory_bytes', 'Memory that requests under way are charged with.'),
  CqlOutputBytes: gauge('cql_output_bytes', 'Bytes of answers that slow readers have not taken.'),
  CqlErrors: counter('cql_errors', 'Requests answered with an error.'),
  StatementsPrepared: counter('query_processor_statements_prepared', 'Statements prepared.', { isScyllaName: true }),
  PreparedStatements: gauge('cql_prepared_cache_size', 'Prepared statements known.', { isScyllaName: true }),
  PreparedBytes: gauge('cql_prepared_cache_memory_footprint', 'Memory of prepared statements.', {
    isScyllaName: true,
  }),
  PreparedEvicted: counter('cql_prepared_cache_evictions', 'Prepared statements that made room for others.', {
    isScyllaName: true,
  }),
  MemtableBytes: gauge('memtable_bytes', 'Memory that memtables hold.'),
  CommitlogBytes: gauge('commitlog_disk_total_bytes', 'Bytes of commitlog segments.', { isScyllaName: true }),
  Sstables: gauge('live_sstables', 'SSTables in use.'),
  SstableBytes: gauge('live_disk_space_bytes', 'Bytes of the SSTables in use.'),
  WaitingWrites: gauge('writes_waiting_for_memory', 'Writes that wait for a flush.'),
  SstableReadFailures: counter('sstable_read_failures', 'Reads that failed for a damaged or unreadable SSTable.'),
  MemtableFlushes: counter('memtable_flushes', 'Memtables written to SSTables.'),
  Compactions: counter('compactions', 'Compactions done, removals of expired SSTables among them.'),
  CompactionsPending: gauge('compactions_pending', 'Tablets with something to compact, or still to be looked at.'),
  CompactionBytesIn: counter('compaction_bytes_in', 'Bytes on disk of SSTables that compactions have replaced.'),
  CompactionBytesOut: counter('compaction_bytes_out', 'Bytes on disk of SSTables that compactions have written.'),
  BackgroundFailures: counter('background_failures', 'Flushes and compactions that failed; each is tried again.'),
};

/** The definitions by metric number. */
export const METRIC_DEFINITIONS: readonly MetricDefinition[] = (Object.keys(Metric) as (keyof typeof Metric)[])
  .toSorted((a, b) => Metric[a] - Metric[b])
  .map((key) => METRICS[key]);

/** What the code that counts sees. None of these allocates. */
export interface Metrics {
  /** Adds to a counter. @param amount a safe integer of at least 0 */
  add(metric: Metric, amount: number): void;
  /** Sets a gauge. */
  set(metric: Metric, value: number): void;
  /** Counts a duration in a histogram. @param us microseconds, at least 0; fractions are cut */
  observe(metric: Metric, us: number): void;
}

/** Buckets of a histogram: four per power of two from minUs to maxUs, and one above. */
export function bucketCount(definition: MetricDefinition): number {
  return (Math.log2(definition.maxUs) - Math.log2(definition.minUs)) * 4 + 1;
}

/** Bucket of a duration. @param minUs, maxUs powers of two */
export function bucketIndex(us: number, minUs: number, maxUs: number): number {
  const clamped = us < minUs ? minUs : us > maxUs ? maxUs : us | 0;
  const exponent = 31 - Math.clz32(clamped);
  const quarter = (clamped >>> (exponent - 2)) & 3;
  return (exponent - (31 - Math.clz32(minUs))) * 4 + quarter;
}

/** Upper limit of a bucket, exclusive, in microseconds; Infinity for the last. */
export function bucketLimitUs(index: number, definition: MetricDefinition): number {
  if (index === bucketCount(definition) - 1) return Infinity;
  const base = definition.minUs * 2 ** Math.floor(index / 4);
  return base + (base / 4) * ((index % 4) + 1);
}

/** Metrics of one thread as numbers, read out of its block. */
export interface MetricsReader {
  /** A counter or gauge. */
  value(metric: number): number;
  /** How many durations bucket `index` of a histogram holds. */
  bucket(metric: number, index: number): number;
  /** Sum of a histogram's durations, in microseconds. */
  sum(metric: number): number;
}

export interface MetricsSource {
  /** Labels of every value of this source: `shard="0"`. */
  readonly labels: Readonly<Record<string, string>>;
  readonly reader: MetricsReader;
}

/** Prefix of the names that ScyllaDB does not have. */
const OWN_PREFIX = 'tessera';

/**
 * The Prometheus text format, version 0.0.4.
 * @param prefix of the names that ScyllaDB has too: `tessera`, or `scylla` so that its dashboards find them
 */
export function renderPrometheus(
  sources: readonly MetricsSource[],
  prefix: string,
  definitions: readonly MetricDefinition[] = METRIC_DEFINITIONS,
): string {
  const families = new Map<string, number[]>();
  definitions.forEach((definition, metric) => {
    const name = `${definition.isScyllaName ? prefix : OWN_PREFIX}_${definition.name}`;
    const members = families.get(name);
    if (members === undefined) families.set(name, [metric]);
    else members.push(metric);
  });
  const lines: string[] = [];
  for (const [name, members] of families) {
    const first = definitions[members[0]!]!;
    lines.push(`# HELP ${name} ${escapeHelp(first.help)}`, `# TYPE ${name} ${first.kind}`);
    for (const metric of members) {
      const definition = definitions[metric]!;
      for (const { labels, reader } of sources) {
        const all = { ...labels, ...definition.labels };
        if (definition.kind === MetricKind.Histogram) renderHistogram(name, all, metric, definition, reader, lines);
        else lines.push(`${name}${labelText(all)} ${numberText(reader.value(metric))}`);
      }
    }
  }
  lines.push('');
  return lines.join('\n');
}

function renderHistogram(
  name: string,
  labels: Readonly<Record<string, string>>,
  metric: number,
  definition: MetricDefinition,
  reader: MetricsReader,
  lines: string[],
): void {
  const buckets = bucketCount(definition);
  let cumulative = 0;
  for (let index = 0; index < buckets; index++) {
    cumulative += reader.bucket(metric, index);
    const limit = bucketLimitUs(index, definition);
    const le = limit === Infinity ? '+Inf' : limit.toFixed(6); // the text that ScyllaDB writes
    lines.push(`${name}_bucket${labelText({ ...labels, le })} ${cumulative}`);
  }
  lines.push(
    `${name}_sum${labelText(labels)} ${reader.sum(metric)}`,
    `${name}_count${labelText(labels)} ${cumulative}`,
  );
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function escapeHelp(help: string): string {
  return help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function numberText(value: number): string {
  if (value === Infinity) return '+Inf';
  if (value === -Infinity) return '-Inf';
  return String(value);
}
