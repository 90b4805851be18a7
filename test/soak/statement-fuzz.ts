import { AssertionError } from '../../core/assert.ts';
import { readI32BE } from '../../core/bytes.ts';
import { TesseraError } from '../../core/errors.ts';
import type { TableId } from '../../core/ids.ts';
import { MutationChecker } from '../../core/mutation/check.ts';
import type { Listener, Socket, SocketHandler, Sockets } from '../../core/ports/sockets.ts';
import type { RowSource } from '../../core/read/row-source.ts';
import type { Schema } from '../../core/schema/keyspace.ts';
import { applySchemaChange } from '../../core/schema/schema-change.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { TimestampSource } from '../../core/timestamps.ts';
import type { SchemaStatement } from '../../cql/language/ast.ts';
import { parseStatement } from '../../cql/language/parser.ts';
import { planSchemaStatement } from '../../cql/plan/ddl.ts';
import { PlanKind, type ResultColumn, type StatementPlan } from '../../cql/plan/plan.ts';
import { planStatement } from '../../cql/plan/plan-statement.ts';
import { HEADER_LENGTH, Opcode } from '../../cql/protocol/envelope.ts';
import { ErrorCode } from '../../cql/protocol/error.ts';
import {
  type BoundValue,
  encodeBatch,
  encodeExecute,
  encodePrepare,
  encodeQuery,
  encodeStartup,
  type RequestOptions,
} from '../../cql/protocol/request-encoder.ts';
import { statementId } from '../../cql/protocol/statement-id.ts';
import { Coordinator } from '../../shards/coordinator/coordinator.ts';
import type { LocalStore } from '../../shards/coordinator/local-store.ts';
import type { Completion } from '../../shards/server/request-executor.ts';
import { SimRandom } from '../sim/sim-random.ts';
import { MemorySource } from '../support/memory-source.ts';
import { md5, ServerWorld } from '../support/server-world.ts';
import { MAKER_SCHEMA, StatementMaker } from '../support/statement-maker.ts';

/** What a run has seen. */
export interface StatementFuzzReport {
  readonly seed: number;
  statements: number;
  /** Statements that could be planned. */
  planned: number;
  /** Requests answered with a RESULT, and with each kind of error. */
  results: number;
  rows: number;
  pages: number;
  errors: Record<string, number>;
  schemaChanges: number;
  slowestMs: number;
}

const VERSION = 4;
const CONSISTENCIES = [1, 1, 1, 1, 1, 1, 6, 6, 6, 6, 4, 4, 4, 10, 10, 8, 9, 0, 2];
const REPLICATION = { class: 'org.apache.cassandra.locator.SimpleStrategy', replication_factor: '1' };
const NODES = { localDataCenter: 'datacenter1', perDataCenter: new Map([['datacenter1', 1]]) };
/** Rows are dropped after so many statements: the sources are simple, not fast. */
const STATEMENTS_PER_LIFE = 2000;
/** Turns of the event loop in which a request must be answered. */
const MAX_TURNS = 200;
/** A table's halves lie on two shards: what one asks of the other is asked as between real ones. */
const SHARDS = 2;
const TIMEOUTS = {
  readMs: 5000,
  rangeMs: 5000,
  writeMs: 5000,
  casContentionMs: 5000,
  truncateMs: 5000,
  schemaMs: 5000,
};
const MAX_PAGES = 4;
const MAX_SHOWN = 2000;

/** The tablets of one shard in sorted arrays; every mutation is judged as a replica judges it. */
class ArrayStore implements LocalStore {
  readonly #tables: ReadonlyMap<string, TableDescriptor>;
  #sources = new Map<string, MemorySource>();

  constructor(tables: readonly TableDescriptor[]) {
    this.#tables = new Map(tables.map((table) => [table.id, table]));
  }

  write(
    bytes: Uint8Array,
    start: number,
    end: number,
    _forceSync: boolean,
    _deadlineMs: number,
    done: (context: number, error: Error | undefined) => void,
    context: number,
  ): void {
    const copy = bytes.slice(start, end);
    const table = [...this.#tables.values()].find(({ id }) => idIsIn(copy, id))!;
    const wrong = new MutationChecker(table).check(copy, 0, copy.length);
    if (wrong !== undefined) throw new AssertionError(`a bad mutation was made: ${wrong}`);
    this.source(table.id)!.apply(copy);
    done(context, undefined);
  }

  source(table: TableId): MemorySource | undefined {
    const descriptor = this.#tables.get(table);
    if (descriptor === undefined) return undefined;
    const source = this.#sources.get(table) ?? new MemorySource(descriptor);
    this.#sources.set(table, source);
    return source;
  }

  async truncate(table: TableId): Promise<void> {
    this.#sources.delete(table);
  }

  clear(): void {
    this.#sources.clear();
  }
}

/** A client without a network: the answers to its frames, as they are written. */
class FuzzClient implements Socket, Sockets {
  readonly remoteAddress = '10.0.0.9';
  readonly remotePort = 1;
  readonly bufferedBytes = 0;
  handler: SocketHandler | undefined;
  isEnded = false;
  answer: Uint8Array | undefined;

  listen(_options: unknown, onConnection: (socket: Socket) => SocketHandler): Promise<Listener> {
    this.handler ??= onConnection(this); // the first shard's
    return Promise.resolve({ port: 1, close: () => Promise.resolve() });
  }

  connect(): void {
    throw new Error('nobody connects from here');
  }

  write(bytes: Uint8Array, start: number, end: number): boolean {
    this.answer = bytes.slice(start, end);
    return true;
  }

  pause(): void {}
  resume(): void {}
  end(): void {
    this.isEnded = true;
  }
  destroy(): void {
    this.isEnded = true;
  }
}

/** What answers have told. */
interface Seen {
  /** Of the last request; -1 if it has no rows. */
  rowCount: number;
  pagingState: Uint8Array | undefined;
  /** In use on the connection. */
  keyspace: string;
}

/** Looks at the rows of answers on their way: every cell has to be a value of its column's type. */
class CheckedCompletion implements Completion {
  readonly #completion: Completion;
  readonly #seen: Seen;

  constructor(completion: Completion, seen: Seen) {
    this.#completion = completion;
    this.#seen = seen;
  }

  rows(...given: Parameters<Completion['rows']>): void {
    const [columns, rowCount, rows, pagingState] = given;
    checkRows(columns, rowCount, rows.bytes, rows.length);
    this.#seen.rowCount = rowCount;
    this.#seen.pagingState = pagingState?.slice();
    this.#completion.rows(...given);
  }

  done(...given: Parameters<Completion['done']>): void {
    this.#completion.done(...given);
  }
  schemaChanged(...given: Parameters<Completion['schemaChanged']>): void {
    this.#completion.schemaChanged(...given);
  }
  keyspaceSet(...given: Parameters<Completion['keyspaceSet']>): void {
    this.#seen.keyspace = given[0];
    this.#completion.keyspaceSet(...given);
  }
  failed(...given: Parameters<Completion['failed']>): void {
    this.#completion.failed(...given);
  }
  bounce(...given: Parameters<Completion['bounce']>): void {
    this.#completion.bounce(...given);
  }
}

function checkRows(columns: readonly ResultColumn[], rowCount: number, bytes: Uint8Array, length: number): void {
  let at = 0;
  for (let row = 0; row < rowCount; row++) {
    for (const { name, type } of columns) {
      const size = readI32BE(bytes, at);
      const start = at + 4;
      at = start + Math.max(0, size);
      if (at > length) throw new AssertionError(`a cell of ${name} goes beyond the rows`);
      const wrong = size < 0 ? undefined : type.validate(bytes, start, at);
      if (wrong !== undefined) throw new AssertionError(`a cell of ${name} is no ${type.cqlName}: ${wrong}`);
    }
  }
  if (at !== length) throw new AssertionError('rows with bytes of no cell');
}

/**
 * Sends made-up statements with made-up values through the whole path of a shard: frames, parser, planner, binder, coordinator, and
 * the rows back, over sorted arrays in place of the store. Every one has to be answered, with a result or an error that is
 * the client's; schema statements are planned and applied. Throws at the first that is not, with its text.
 */
export async function fuzzStatements(volume: number, seed: number): Promise<StatementFuzzReport> {
  const random = new SimRandom(seed);
  const client = new FuzzClient();
  const seen: Seen = { rowCount: -1, pagingState: undefined, keyspace: '' };
  const world = new ServerWorld({ seed, shards: SHARDS, schema: MAKER_SCHEMA, server: { sockets: client } });
  await world.listen();
  const { schema, clock } = world.shards[0]!;
  const tables = [...schema.keyspaces.get('ks')!.tables.values()];
  const store = new ArrayStore(tables);
  for (const [self, { mailbox, clock, tasks, metrics, executor }] of world.shards.entries()) {
    const coordinator = new Coordinator({
      self,
      shardCount: SHARDS,
      mailbox,
      store,
      clock,
      tasks,
      random: random.fork(),
      timestamps: new TimestampSource(clock),
      log: { write: (_level, _module, message) => world.errors.push(message) },
      metrics,
      routing: () => ({
        schema,
        nodes: NODES,
        table: (id) => tables.find((table) => table.id === id),
        route: () => ({ tabletCount: SHARDS, shardOf: (tablet) => tablet }),
        replication: () => REPLICATION,
      }),
      timeouts: () => TIMEOUTS,
      systemSource: (table): RowSource | undefined => world.system.source(table),
    });
    executor.execute = (plan, values, options, completion) =>
      coordinator.execute(plan, values, options, new CheckedCompletion(completion, seen));
    executor.executeBatch = (plan, values, options, completion) =>
      coordinator.executeBatch(plan, values, options, new CheckedCompletion(completion, seen));
  }
  const report: StatementFuzzReport = {
    seed,
    statements: 0,
    planned: 0,
    results: 0,
    rows: 0,
    pages: 0,
    errors: {},
    schemaChanges: 0,
    slowestMs: 0,
  };
  const maker = new StatementMaker(random, tables);
  let shown = '';
  /** What was thrown where nobody catches it: it would end the process. */
  const bugs: unknown[] = [];
  const onRejection = (error: unknown): void => void bugs.push(error);
  process.on('unhandledRejection', onRejection);

  const ask = async (frame: Uint8Array): Promise<Uint8Array> => {
    client.answer = undefined;
    seen.rowCount = -1;
    seen.pagingState = undefined;
    client.handler!.onData(frame);
    for (let turn = 0; ; turn++) {
      world.time.endTurns();
      if (client.answer !== undefined) return client.answer;
      if (bugs.length > 0) throw bugs[0];
      if (client.isEnded) throw new Error('the connection was ended');
      if (turn === MAX_TURNS) throw new Error('no answer came');
      await new Promise((done) => setImmediate(done));
      if (!world.time.endTurns()) world.time.step();
    }
  };
  const note = (answer: Uint8Array): boolean => {
    if (world.errors.length > 0) throw new Error(world.errors[0]);
    if (answer[4] !== Opcode.Error) {
      report.results++;
      report.rows += Math.max(0, seen.rowCount);
      return true;
    }
    const code = readI32BE(answer, HEADER_LENGTH);
    const name = Object.entries(ErrorCode).find(([, value]) => value === code)?.[0] ?? String(code);
    const text = Buffer.from(answer.subarray(HEADER_LENGTH + 6)).toString();
    const isOurs = name.endsWith('Timeout') ? !shown.includes('TIMEOUT') : name === 'Server' || name === 'Protocol';
    if (isOurs) throw new Error(`${name}: ${text}`);
    report.errors[name] = (report.errors[name] ?? 0) + 1;
    return false;
  };
  const options = (values: readonly BoundValue[]): RequestOptions => ({
    consistency: random.pick(CONSISTENCIES),
    values,
    ...(random.chance(0.5) ? { pageSize: random.pick([0, 1, 2, 3, 100, -1, 0x7fff_ffff]) } : {}),
    ...(random.chance(0.02) ? { pagingState: noise(random) } : {}),
    ...(random.chance(0.3) ? { serialConsistency: random.pick([8, 9]) } : {}),
    ...(random.chance(0.1) ? { timestamp: { hi: random.pick([0, -1, 0x5_0000, 0x7fff_ffff]), lo: 5 } } : {}),
  });
  const valuesOf = (plan: StatementPlan): BoundValue[] => {
    const values = plan.markers.map(({ type }) => maker.value(type));
    if (random.chance(0.02)) values.pop();
    if (random.chance(0.02)) values.push(maker.value(tables[0]!.partitionKey[0]!.type));
    return values;
  };
  const show = (values: readonly BoundValue[]): string =>
    values
      .map((value) => (value ? `0x${Buffer.from(value).toString('hex').slice(0, 200)}` : String(value)))
      .join(' | ');

  const runStatement = async (text: string): Promise<void> => {
    shown = text;
    const plan = planOrError(text, schema, world);
    if (plan === undefined) {
      note(
        await ask(random.chance(0.5) ? encodeQuery(VERSION, 1, text, options([])) : encodePrepare(VERSION, 1, text)),
      );
      return;
    }
    report.planned++;
    const values = valuesOf(plan);
    shown = `${text}\nvalues: ${show(values)}`;
    const isPrepared = random.chance(0.5);
    const id = statementId(seen.keyspace, text, md5);
    if (isPrepared) note(await ask(encodePrepare(VERSION, 1, text)));
    let given = options(values);
    if (!isPrepared && random.chance(0.05)) given = { ...given, names: plan.markers.map(({ name }) => name) };
    if (given.names !== undefined && given.names.length !== values.length)
      given = { ...given, names: values.map(() => 'a') };
    for (let page = 0; page < MAX_PAGES; page++) {
      shown = `${text}\nvalues: ${show(values)}\noptions: ${JSON.stringify({ ...given, values: undefined })}`;
      const frame = isPrepared ? encodeExecute(VERSION, 1, id, given) : encodeQuery(VERSION, 1, text, given);
      if (!note(await ask(frame)) || seen.pagingState === undefined) return;
      report.pages++;
      const state = seen.pagingState;
      if (random.chance(0.1)) state[random.integer(0, state.length)]! ^= 1 << random.integer(0, 8);
      given = { ...given, pagingState: state };
    }
  };

  const runBatch = async (): Promise<void> => {
    const parts: { query: string | Uint8Array; values: BoundValue[] }[] = [];
    const texts: string[] = [];
    for (let left = random.integer(0, 5); left > 0; left--) {
      const text = random.chance(0.95) ? maker.modification() : maker.statement();
      texts.push(text);
      shown = texts.join(';\n');
      const plan = planOrError(text, schema, world);
      if (plan === undefined && random.chance(0.9)) continue;
      const values = plan === undefined ? [] : valuesOf(plan);
      texts[texts.length - 1] = `${text} values ${show(values)}`;
      let query: string | Uint8Array = text;
      if (plan !== undefined && random.chance(0.5)) {
        note(await ask(encodePrepare(VERSION, 1, text)));
        query = statementId(seen.keyspace, text, md5);
      }
      parts.push({ query, values });
    }
    shown = `batch\n${texts.join(';\n')}`;
    note(await ask(encodeBatch(VERSION, 1, random.pick([0, 0, 1, 1, 2]), parts, options([]))));
  };

  let changing = withReplication(schema);
  const runSchemaStatement = (): void => {
    const text = maker.schemaStatement();
    shown = text;
    try {
      const statement = parseStatement(text);
      const { change } = planSchemaStatement(statement as SchemaStatement, random.pick(['ks', '']), changing, {
        dataCenters: new Map([['datacenter1', { nodeCount: 1, rackCount: 1 }]]),
        newUuid: () => `00000000-0000-4000-8000-${random.word().toString(16).padStart(12, '0')}`,
        nowUs: clock.nowUs(),
      });
      if (change === undefined) return;
      changing = applySchemaChange(changing, change);
      report.schemaChanges++;
    } catch (error) {
      if (!(error instanceof TesseraError)) throw error;
      report.errors[error.code] = (report.errors[error.code] ?? 0) + 1;
    }
    if (random.chance(0.005)) changing = withReplication(schema);
  };

  try {
    await ask(encodeStartup(VERSION, 0, { CQL_VERSION: '3.0.0' }));
    while (report.statements < volume) {
      report.statements++;
      const startMs = performance.now();
      const which = random.next();
      if (which < 0.06) runSchemaStatement();
      else if (which < 0.12) await runBatch();
      else await runStatement(maker.statement());
      report.slowestMs = Math.max(report.slowestMs, performance.now() - startMs);
      if (report.statements % STATEMENTS_PER_LIFE === 0) store.clear();
    }
  } catch (error) {
    const { message } = error as Error;
    throw new Error(`seed ${seed}, statement ${report.statements}: ${message}\n${shown.slice(0, MAX_SHOWN)}`, {
      cause: error,
    });
  } finally {
    process.off('unhandledRejection', onRejection);
  }
  return report;
}

/** Undefined for a statement that is refused. Anything but the client's error is thrown. */
function planOrError(text: string, schema: Schema, world: ServerWorld): StatementPlan | undefined {
  try {
    const plan = planStatement(parseStatement(text), world.system.complete(schema), undefined);
    return plan.kind === PlanKind.Schema ? undefined : plan;
  } catch (error) {
    if (!(error instanceof TesseraError)) throw error;
    return undefined;
  }
}

/** The schema with keyspaces as CREATE KEYSPACE makes them: a script's have no replication. */
function withReplication(schema: Schema): Schema {
  const keyspaces = [...schema.keyspaces].map(
    ([name, keyspace]) => [name, { ...keyspace, replication: REPLICATION }] as const,
  );
  return { ...schema, keyspaces: new Map(keyspaces) };
}

/** True when a frozen mutation is of the table: its id stands near its beginning. */
function idIsIn(bytes: Uint8Array, id: string): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 64)).includes(
    Buffer.from(id.replaceAll('-', ''), 'hex'),
  );
}

function noise(random: SimRandom): Uint8Array {
  const bytes = new Uint8Array(random.integer(0, 40));
  random.fill(bytes);
  return bytes;
}
