import { parseArgs } from 'node:util';
import { CqlConnection, errorOf } from './cql-connection.ts';
import {
  DISTRIBUTIONS,
  type DistributionName,
  type KeyDistribution,
  keyDistribution,
  SeededNumbers,
} from './key-distribution.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import { cpuSeconds, residentBytes } from './process-cpu.ts';
import { WORKLOADS, Workload, type WorkloadName } from './workload.ts';

/** What a run is asked to do. */
export interface LoadOptions {
  readonly workload: WorkloadName;
  readonly host: string;
  readonly port: number;
  readonly connections: number;
  /** Requests in flight on each connection, at most 16384. */
  readonly depth: number;
  readonly durationMs: number;
  readonly warmupMs: number;
  /** Requests a second, open loop; 0: as fast as answers come, closed loop. */
  readonly rate: number;
  readonly population: number;
  readonly distribution: DistributionName;
  /** Share of reads in `mixed`. */
  readonly readShare: number;
  readonly seed: number;
  /** Process of the node, for its CPU time; 0: unknown. */
  readonly pid: number;
  /** Stop after that many requests; 0: at the end of the duration. */
  readonly operations: number;
}

/** A run against a node of this machine: 16 connections with one request each, uniform keys, unless `more` says otherwise. */
export function loadOptions(
  workload: WorkloadName,
  port: number,
  pid: number,
  more: Partial<LoadOptions>,
): LoadOptions {
  return {
    workload,
    host: '127.0.0.1',
    port,
    pid,
    connections: 16,
    depth: 1,
    durationMs: 5000,
    warmupMs: 1000,
    rate: 0,
    population: 200_000,
    distribution: 'uniform',
    readShare: 0.5,
    seed: 1,
    operations: 0,
    ...more,
  };
}

export interface LoadReport {
  readonly workload: WorkloadName;
  readonly loop: 'open' | 'closed';
  readonly connections: number;
  readonly depth: number;
  readonly rate: number;
  readonly seconds: number;
  readonly operations: number;
  readonly operationsPerSecond: number;
  /** Latency in microseconds: from the answer back to the sending (closed loop) or to the intended start (open loop). */
  readonly latencyUs: Record<string, number>;
  readonly errors: number;
  readonly firstError: string | undefined;
  /** Reads that found no row, and reads that found another row's value. */
  readonly empty: number;
  readonly wrong: number;
  readonly clientCpuUsPerOperation: number;
  readonly nodeCpuUsPerOperation: number | undefined;
  readonly nodeResidentBytes: number | undefined;
}

/** One connection's share of the load. Streams 0 to depth - 1; what each is about stands in arrays. */
class Lane {
  readonly #load: Load;
  readonly #connection: CqlConnection;
  readonly #keys: KeyDistribution;
  readonly #random: SeededNumbers;
  readonly #startUs: Float64Array;
  readonly #keyOf: Float64Array;
  readonly #isRead: Uint8Array;
  readonly #free: number[] = [];
  /** Open loop: intended starts that found no free stream. */
  readonly #late: number[] = [];

  constructor(load: Load, connection: CqlConnection, seed: number) {
    const { depth, distribution, population } = load.options;
    this.#load = load;
    this.#connection = connection;
    this.#keys = load.sequence ?? keyDistribution(distribution, population, seed);
    this.#random = new SeededNumbers(seed + 7919);
    this.#startUs = new Float64Array(depth);
    this.#keyOf = new Float64Array(depth);
    this.#isRead = new Uint8Array(depth);
    for (let stream = depth - 1; stream >= 0; stream--) this.#free.push(stream);
    connection.onAnswer = this.#onAnswer;
    connection.onClosed = (error) => load.stop(error);
  }

  get inFlight(): number {
    return this.#startUs.length - this.#free.length;
  }

  /** Closed loop: fills every stream. */
  fill(): void {
    while (this.#free.length > 0 && this.#load.isRunning) this.#send(this.#free.pop()!, nowUs());
  }

  /** Open loop: a request that should start now. */
  start(intendedUs: number): void {
    const stream = this.#free.pop();
    if (stream === undefined) this.#late.push(intendedUs);
    else this.#send(stream, intendedUs);
  }

  close(): void {
    this.#connection.onClosed = () => {};
    this.#connection.close();
  }

  #send(stream: number, startUs: number): void {
    const { workload, readShare } = this.#load.options;
    const key = this.#keys.next();
    const isRead = workload === 'read' || (workload === 'mixed' && this.#random.next() < readShare);
    this.#startUs[stream] = startUs;
    this.#keyOf[stream] = key;
    this.#isRead[stream] = isRead ? 1 : 0;
    const frames = this.#load.workload;
    const frame = isRead ? frames.readFrame(stream, key) : frames.writeFrame(stream, key);
    this.#connection.send(frame, frame.length);
    this.#load.sent++;
  }

  readonly #onAnswer = (stream: number, isError: boolean, bytes: Uint8Array, start: number, end: number): void => {
    const load = this.#load;
    load.answered++;
    if (isError) load.noteError(errorOf(bytes, start, end).message);
    else if (this.#isRead[stream] === 1 && load.options.workload !== 'echo') {
      const verdict = load.workload.judge(bytes, start, end, this.#keyOf[stream]!);
      if (verdict === 0) load.empty++;
      else if (verdict < 0) load.wrong++;
    }
    if (load.isMeasuring) load.latencies.record(nowUs() - this.#startUs[stream]!);
    const late = this.#late.shift();
    if (!load.isRunning) this.#free.push(stream);
    else if (late !== undefined) this.#send(stream, late);
    else if (load.options.rate === 0) this.#send(stream, nowUs());
    else this.#free.push(stream);
    load.checkCount();
  };
}

/** A run of one workload. */
class Load {
  readonly options: LoadOptions;
  readonly workload: Workload;
  readonly latencies = new LatencyHistogram();
  /** `sequential`: one sequence for all lanes, so that no key is left out. */
  readonly sequence: KeyDistribution | undefined;
  isRunning = true;
  isMeasuring = false;
  sent = 0;
  answered = 0;
  empty = 0;
  wrong = 0;
  errors = 0;
  firstError: string | undefined;
  #finish: () => void = () => {};

  constructor(options: LoadOptions, workload: Workload) {
    this.options = options;
    this.workload = workload;
    if (options.distribution === 'sequential') {
      this.sequence = keyDistribution('sequential', options.population, options.seed);
    }
  }

  noteError(message: string): void {
    this.errors++;
    this.firstError ??= message;
  }

  stop(error?: Error): void {
    if (error !== undefined) this.noteError(error.message);
    this.isRunning = false;
    this.#finish();
  }

  checkCount(): void {
    if (this.options.operations > 0 && this.isRunning && this.sent >= this.options.operations) this.stop();
  }

  async run(lanes: readonly Lane[]): Promise<LoadReport> {
    const { options } = this;
    let next = 0;
    let intendedUs = nowUs();
    let timer: NodeJS.Timeout | undefined;
    if (options.rate > 0) {
      timer = setInterval(() => {
        const untilUs = nowUs();
        while (intendedUs <= untilUs && this.isRunning) {
          lanes[next++ % lanes.length]!.start(intendedUs);
          intendedUs += 1e6 / options.rate;
        }
      }, 1);
    } else {
      for (const lane of lanes) lane.fill();
    }
    await this.#wait(options.warmupMs);
    const before = { answered: this.answered, us: nowUs(), client: process.cpuUsage(), node: cpuSeconds(options.pid) };
    this.isMeasuring = true;
    await this.#wait(options.durationMs);
    this.isMeasuring = false;
    this.isRunning = false;
    const operations = this.answered - before.answered;
    const seconds = (nowUs() - before.us) / 1e6;
    const client = process.cpuUsage(before.client);
    const node = cpuSeconds(options.pid);
    clearInterval(timer);
    while (lanes.some((lane) => lane.inFlight > 0) && this.firstError === undefined) await this.#tick();
    for (const lane of lanes) lane.close();
    const perOperation = (cpuUs: number) => Math.round((cpuUs / Math.max(1, operations)) * 100) / 100;
    return {
      workload: options.workload,
      loop: options.rate > 0 ? 'open' : 'closed',
      connections: options.connections,
      depth: options.depth,
      rate: options.rate,
      seconds: Math.round(seconds * 100) / 100,
      operations,
      operationsPerSecond: Math.round(operations / seconds),
      latencyUs: this.latencies.summary(),
      errors: this.errors,
      firstError: this.firstError,
      empty: this.empty,
      wrong: this.wrong,
      clientCpuUsPerOperation: perOperation(client.user + client.system),
      nodeCpuUsPerOperation:
        node === undefined || before.node === undefined ? undefined : perOperation((node - before.node) * 1e6),
      nodeResidentBytes: residentBytes(options.pid),
    };
  }

  /** Until the time is over or the run was stopped. */
  #wait(ms: number): Promise<void> {
    if (!this.isRunning || ms <= 0) return Promise.resolve();
    return new Promise((done) => {
      const timer = setTimeout(done, ms);
      this.#finish = () => {
        clearTimeout(timer);
        done();
      };
    });
  }

  #tick(): Promise<void> {
    return new Promise((done) => setImmediate(done));
  }
}

const nowUs = (): number => performance.now() * 1000;

/** Runs a workload against a node (or, for `echo`, an echo server) and reports. */
export async function runLoad(options: LoadOptions): Promise<LoadReport> {
  const isEcho = options.workload === 'echo';
  let workload = Workload.echo();
  if (!isEcho) {
    const control = await CqlConnection.open(options.host, options.port);
    await Workload.createSchema(control);
    workload = await Workload.prepare(control);
    control.close();
  }
  const connections = await Promise.all(
    Array.from({ length: options.connections }, () =>
      isEcho ? CqlConnection.raw(options.host, options.port) : CqlConnection.open(options.host, options.port),
    ),
  );
  const load = new Load(options, workload);
  return load.run(connections.map((connection, i) => new Lane(load, connection, options.seed + i)));
}

const USAGE = `tessera bench WORKLOAD [options]
  WORKLOAD                    ${WORKLOADS.join(', ')}
  --host H --port P           the node (127.0.0.1 9042)
  --connections N --depth N   connections, requests in flight on each (16, 1)
  --duration S --warmup S     seconds (10, 2)
  --rate N                    requests a second, open loop; without it: closed loop
  --population N --distribution ${DISTRIBUTIONS.join('|')}
  --read-share F              of mixed (0.5)
  --operations N              stop after N requests
  --seed N                    all choices (1)
  --pid N                     the node's process, for its CPU time and memory
`;

/** The command line; prints one JSON object. Returns the exit code: 1 for errors, wrong reads or nothing done. */
export async function benchMain(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: '9042' },
      connections: { type: 'string', default: '16' },
      depth: { type: 'string', default: '1' },
      duration: { type: 'string', default: '10' },
      warmup: { type: 'string', default: '2' },
      rate: { type: 'string', default: '0' },
      population: { type: 'string', default: '1000000' },
      distribution: { type: 'string', default: 'uniform' },
      'read-share': { type: 'string', default: '0.5' },
      operations: { type: 'string', default: '0' },
      seed: { type: 'string', default: '1' },
      pid: { type: 'string', default: '0' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const workload = WORKLOADS.find((name) => name === positionals[0]);
  const distribution = DISTRIBUTIONS.find((name) => name === values.distribution);
  if (values.help || workload === undefined || distribution === undefined) {
    process.stderr.write(USAGE);
    return values.help ? 0 : 2;
  }
  const report = await runLoad({
    workload,
    distribution,
    host: values.host,
    port: Number(values.port),
    connections: Number(values.connections),
    depth: Number(values.depth),
    durationMs: Number(values.duration) * 1000,
    warmupMs: Number(values.warmup) * 1000,
    rate: Number(values.rate),
    population: Number(values.population),
    readShare: Number(values['read-share']),
    seed: Number(values.seed),
    pid: Number(values.pid),
    operations: Number(values.operations),
  });
  process.stdout.write(`${JSON.stringify(report)}\n`);
  return report.errors > 0 || report.wrong > 0 || report.operations === 0 ? 1 : 0;
}

if (import.meta.main) process.exitCode = await benchMain(process.argv.slice(2));
