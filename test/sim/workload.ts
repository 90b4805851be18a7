import type { CasObservation, CasWrite } from './cas-history.ts';
import {
  type BoundStatement,
  bigint,
  CqlFailure,
  type CqlSession,
  int,
  intOf,
  type Row,
  text,
  textOf,
} from './cql-session.ts';
import type { Loss, Outcome, Register, RegisterRead, RegisterWrite } from './register-history.ts';
import type { SimCluster } from './sim-cluster.ts';
import type { SimNode } from './sim-node.ts';
import type { SimRandom } from './sim-random.ts';

const PARTITIONS = 6;
const ROWS = 5;
const CAS_KEYS = 3;
const MAX_PAUSE_MS = 12;
const RETRY_MS = 20;
const MAX_PADDING_BYTES = 3000;

export const SCHEMA: readonly string[] = [
  "CREATE KEYSPACE ks WITH replication = {'class': 'NetworkTopologyStrategy'}",
  'CREATE TABLE ks.t (k int, c int, s text static, v text, w text, PRIMARY KEY (k, c))',
  'CREATE TABLE ks.cas (k int PRIMARY KEY, n int)',
];

/** What a write does, before it has a timestamp: statements without USING, and the registers that get its value or lose theirs. */
interface Draft {
  readonly statements: readonly { readonly text: string; readonly values: readonly (Uint8Array | 'value')[] }[];
  readonly set: readonly Register[];
  readonly cleared: readonly Register[];
}

const registersOfRow = (k: number, c: number): Register[] => [`${k}/${c}/v`, `${k}/${c}/w`];
const registersOfPartition = (k: number): Register[] => [
  `${k}/s`,
  ...Array.from({ length: ROWS }, (_, c) => registersOfRow(k, c)).flat(),
];

/**
 * Clients of one node that write and read at random, and the record of what they asked and were told. What it means is not judged
 * here (`register-history.ts`, `cas-history.ts`).
 */
export class Workload {
  readonly writes: RegisterWrite[] = [];
  readonly reads: RegisterRead[] = [];
  readonly losses: Loss[] = [];
  readonly casWrites: CasWrite[] = [];
  readonly observations: CasObservation[] = [];
  /** Tables by name, with what is known of their being there; undefined: nothing. */
  readonly tables: Map<string, boolean | undefined> = new Map();
  /** Answers of the server other than those that its state explains. */
  readonly surprises: string[] = [];
  isOver = false;
  readonly #cluster: SimCluster;
  readonly #node: SimNode;
  readonly #random: SimRandom;
  #clock = 0;
  #lastTimestamp = 0;
  #lastCasValue = 0;
  #lastTable = 0;
  /** Virtual time and place in the order of events of each answer. */
  readonly #marks: { readonly ms: number; readonly at: number }[] = [];

  constructor(cluster: SimCluster, node: SimNode, random: SimRandom) {
    this.#cluster = cluster;
    this.#node = node;
    this.#random = random;
  }

  /** Acknowledged in all. */
  get doneCount(): number {
    return this.writes.filter(({ outcome }) => outcome === 'done').length;
  }

  /** Makes the schema, on a node that nothing befalls yet. */
  async prepare(): Promise<void> {
    const session = await this.#cluster.connect(this.#node);
    for (const statement of SCHEMA) await session.query(statement);
    session.close();
  }

  /** One client, until `isOver`. Connects again whenever its connection is lost. */
  async client(): Promise<void> {
    const random = this.#random.fork();
    let session: CqlSession | undefined;
    while (!this.isOver) {
      await this.#cluster.sleep(random.next() * MAX_PAUSE_MS);
      if (session === undefined || session.isClosed || random.chance(0.01)) {
        session?.close();
        session = await this.#connect();
        if (session === undefined) continue;
      }
      await this.#operation(session, random);
    }
    session?.close();
  }

  /** The power has failed under `periodic`: what was acknowledged in the last `ms` may be gone. */
  mayLose(ms: number): void {
    const before = this.#marks.findLast((mark) => mark.ms < this.#cluster.time.nowMs - ms);
    this.losses.push({ from: before?.at ?? 0, at: ++this.#clock });
  }

  /** Reads everything, when nothing else happens any more. */
  async readAll(): Promise<void> {
    const session = await this.#cluster.connect(this.#node);
    for (let k = 0; k < PARTITIONS; k++) await this.#readPartition(session, k, '');
    await this.#scan(session, 7);
    for (let key = 0; key < CAS_KEYS; key++) await this.#observe(session, key);
    for (const [name, isThere] of this.tables) {
      const answer = await session.query(`SELECT * FROM ks.${name}`).then(
        () => true,
        (error: unknown) => !(error instanceof CqlFailure) && Promise.reject(error),
      );
      if (isThere !== undefined && isThere !== answer) this.surprises.push(`table ${name} is there: ${answer}`);
    }
    session.close();
  }

  async #connect(): Promise<CqlSession | undefined> {
    try {
      return await this.#cluster.connect(this.#node);
    } catch {
      await this.#cluster.sleep(RETRY_MS);
      return undefined;
    }
  }

  async #operation(session: CqlSession, random: SimRandom): Promise<void> {
    const pick = random.integer(0, 100);
    const k = random.integer(0, PARTITIONS);
    try {
      if (pick < 45) await this.#write(session, random, this.#draft(random, k));
      else if (pick < 55) await this.#write(session, random, this.#draftBatch(random));
      else if (pick < 70) await this.#readPartition(session, k, random.pick(['', ' ORDER BY c DESC']));
      else if (pick < 78) await this.#readSlice(session, random, k);
      else if (pick < 81) await this.#scan(session, random.integer(1, 10));
      else if (pick < 94) await this.#conditional(session, random);
      else if (pick < 99) await this.#observe(session, random.integer(0, CAS_KEYS));
      else await this.#changeSchema(session, random);
    } catch (error) {
      // A read that got no answer says nothing; writes have noted their outcome.
      if (error instanceof CqlFailure && !error.isDefinite) return;
      if (error instanceof CqlFailure) this.#noteRefusal(error);
    }
  }

  /** The server is allowed to be busy, starting or stopping; that it does not understand is a bug. */
  #noteRefusal(error: CqlFailure): void {
    if ((error.code & 0xff00) === 0x2000 || (error.code & 0xff00) === 0x2200 || error.code === 0x0a) {
      this.surprises.push(`${error.code.toString(16)} ${error.message}`);
    }
  }

  // ---- registers

  #draft(random: SimRandom, k: number, c: number = random.integer(0, ROWS)): Draft {
    const key = [int(k), int(c)];
    const rows = registersOfRow(k, c);
    switch (random.integer(0, 10)) {
      case 0:
        return draft('UPDATE ks.t SET s = ? WHERE k = ?', ['value', int(k)], [`${k}/s`]);
      case 1:
        return draft('UPDATE ks.t SET w = ? WHERE k = ? AND c = ?', ['value', ...key], [rows[1]!]);
      case 2:
        return draft('DELETE v FROM ks.t WHERE k = ? AND c = ?', key, [], [rows[0]!]);
      case 3:
        return draft('DELETE FROM ks.t WHERE k = ? AND c = ?', key, [], rows);
      case 4:
        return this.#draftRangeDeletion(random, k);
      case 5:
      case 6:
        return draft('INSERT INTO ks.t (k, c, v, w) VALUES (?, ?, ?, ?)', [...key, 'value', 'value'], rows);
      default:
        return draft('INSERT INTO ks.t (k, c, v) VALUES (?, ?, ?)', [...key, 'value'], [rows[0]!]);
    }
  }

  #draftRangeDeletion(random: SimRandom, k: number): Draft {
    if (random.chance(0.2)) return draft('DELETE FROM ks.t WHERE k = ?', [int(k)], [], registersOfPartition(k));
    const from = random.integer(0, ROWS);
    const to = random.integer(from, ROWS + 1);
    const cleared = Array.from({ length: to - from }, (_, i) => registersOfRow(k, from + i)).flat();
    const where = 'WHERE k = ? AND c >= ? AND c < ?';
    return draft(`DELETE FROM ks.t ${where}`, [int(k), int(from), int(to)], [], cleared);
  }

  /** Several rows of one partition or two, with one timestamp: each register once, for nothing breaks the tie. */
  #draftBatch(random: SimRandom): Draft {
    const partitions = random.chance(0.6) ? [random.integer(0, PARTITIONS)] : [0, random.integer(1, PARTITIONS)];
    const parts: Draft[] = [];
    const taken = new Set<Register>();
    for (const k of partitions) {
      for (let c = 0; c < ROWS; c++) {
        const part = this.#draft(random, k, c);
        const registers = [...part.set, ...part.cleared];
        if (random.chance(0.4) || registers.some((register) => taken.has(register))) continue;
        for (const register of registers) taken.add(register);
        parts.push(part);
      }
    }
    return {
      statements: parts.flatMap(({ statements }) => statements),
      set: parts.flatMap(({ set }) => set),
      cleared: parts.flatMap(({ cleared }) => cleared),
    };
  }

  async #write(session: CqlSession, random: SimRandom, { statements, set, cleared }: Draft): Promise<void> {
    if (statements.length === 0) return;
    const timestamp = ++this.#lastTimestamp;
    const bound = statements.map((statement) => bind(statement, timestamp));
    const effects = new Map<Register, string | undefined>(cleared.map((register) => [register, undefined]));
    for (const register of set) effects.set(register, String(timestamp));
    const isBatch = bound.length > 1 || random.chance(0.1);
    await this.#noted(
      () => (isBatch ? session.batch(random.integer(0, 2), bound) : session.execute(bound[0]!)),
      (begin, end, outcome) => this.writes.push({ timestamp, begin, end, outcome, effects }),
    );
  }

  async #readPartition(session: CqlSession, k: number, order: string): Promise<void> {
    const statement = { text: `SELECT k, c, s, v, w FROM ks.t WHERE k = ?${order}`, values: [int(k)] };
    await this.#read(registersOfPartition(k), true, async () => (await session.execute(statement)).rows);
  }

  async #readSlice(session: CqlSession, random: SimRandom, k: number): Promise<void> {
    const from = random.integer(0, ROWS);
    const to = random.integer(from + 1, ROWS + 1);
    const registers = Array.from({ length: to - from }, (_, i) => registersOfRow(k, from + i)).flat();
    const where = to === from + 1 ? 'c = ?' : 'c >= ? AND c < ?';
    const values = to === from + 1 ? [int(from)] : [int(from), int(to)];
    const statement = { text: `SELECT k, c, v, w FROM ks.t WHERE k = ? AND ${where}`, values: [int(k), ...values] };
    await this.#read(registers, true, async () => (await session.execute(statement)).rows);
  }

  async #scan(session: CqlSession, pageSize: number): Promise<void> {
    const registers = Array.from({ length: PARTITIONS }, (_, k) => registersOfPartition(k)).flat();
    const statement = { text: 'SELECT k, c, s, v, w FROM ks.t', values: [] };
    await this.#read(registers, false, () => session.all(statement, pageSize));
  }

  async #read(registers: readonly Register[], isSnapshot: boolean, ask: () => Promise<readonly Row[]>): Promise<void> {
    const begin = ++this.#clock;
    const rows = await ask();
    const end = this.#answered();
    const values = new Map<Register, string | undefined>(registers.map((register) => [register, undefined]));
    for (const row of rows) {
      const k = intOf(row.get('k'));
      const c = intOf(row.get('c'));
      if (c !== undefined) for (const column of ['v', 'w']) take(values, `${k}/${c}/${column}`, row.get(column));
      if (row.has('s')) take(values, `${k}/s`, row.get('s'));
    }
    this.reads.push({ begin, end, isSnapshot, values });
  }

  // ---- conditional writes

  async #conditional(session: CqlSession, random: SimRandom): Promise<void> {
    const key = random.integer(0, CAS_KEYS);
    // Mostly what somebody was told last, so that many conditions hold.
    const expected = this.observations.findLast((observation) => observation.key === key)?.value;
    const value = ++this.#lastCasValue;
    const statement: BoundStatement =
      expected === undefined
        ? { text: 'INSERT INTO ks.cas (k, n) VALUES (?, ?) IF NOT EXISTS', values: [int(key), int(value)] }
        : { text: 'UPDATE ks.cas SET n = ? WHERE k = ? IF n = ?', values: [int(value), int(key), int(expected)] };
    let row: Row | undefined;
    await this.#noted(
      async () => {
        row = (await session.execute(statement)).rows[0];
      },
      (begin, end, outcome) => {
        if (outcome === 'done' && row?.get('[applied]')?.[0] !== 1) {
          this.observations.push({ key, value: intOf(row?.get('n')), begin, end });
          if (intOf(row?.get('n')) === expected) this.surprises.push(`key ${key} was ${expected}, yet refused`);
          return;
        }
        this.casWrites.push({ key, expected, value, begin, end, outcome });
        if (outcome === 'done') this.observations.push({ key, value, begin, end });
      },
    );
  }

  async #observe(session: CqlSession, key: number): Promise<void> {
    const begin = ++this.#clock;
    const { rows } = await session.execute({ text: 'SELECT n FROM ks.cas WHERE k = ?', values: [int(key)] });
    this.observations.push({ key, value: intOf(rows[0]?.get('n')), begin, end: this.#answered() });
  }

  // ---- schema

  async #changeSchema(session: CqlSession, random: SimRandom): Promise<void> {
    const dropped = [...this.tables].find(([, isThere]) => isThere === true)?.[0];
    if (random.chance(0.3)) {
      await session.query(`ALTER TABLE ks.t WITH comment = '${random.integer(0, 1000)}'`);
    } else if (dropped === undefined || random.chance(0.5)) {
      const name = `made_${++this.#lastTable}`;
      await this.#changeTable(name, true, () => session.query(`CREATE TABLE ks.${name} (k int PRIMARY KEY)`));
    } else {
      await this.#changeTable(dropped, false, () => session.query(`DROP TABLE ks.${dropped}`));
    }
  }

  async #changeTable(name: string, isThereAfter: boolean, ask: () => Promise<unknown>): Promise<void> {
    this.tables.set(name, undefined);
    await this.#noted(ask, (_begin, _end, outcome) => {
      this.tables.set(name, outcome === 'unknown' ? undefined : (outcome === 'done') === isThereAfter);
    });
  }

  // ---- times and outcomes

  /** Carries a write out and notes what is known of it; its error goes on. */
  async #noted(
    ask: () => Promise<unknown>,
    note: (begin: number, end: number, outcome: Outcome) => void,
  ): Promise<void> {
    const begin = ++this.#clock;
    try {
      await ask();
    } catch (error) {
      note(begin, this.#answered(), error instanceof CqlFailure && error.isDefinite ? 'refused' : 'unknown');
      throw error;
    }
    note(begin, this.#answered(), 'done');
  }

  #answered(): number {
    const at = ++this.#clock;
    this.#marks.push({ ms: this.#cluster.time.nowMs, at });
    return at;
  }
}

function draft(
  text: string,
  values: readonly (Uint8Array | 'value')[],
  set: readonly Register[],
  cleared: readonly Register[] = [],
): Draft {
  return { statements: [{ text, values }], set, cleared };
}

/** With its timestamp, which stands before SET or WHERE, or at the end of an INSERT. */
function bind({ text: given, values }: Draft['statements'][number], timestamp: number): BoundStatement {
  const bound = values.map((value) => (value === 'value' ? text(markedValue(timestamp)) : value));
  const using = 'USING TIMESTAMP ?';
  if (given.startsWith('INSERT')) return { text: `${given} ${using}`, values: [...bound, bigint(timestamp)] };
  const clause = given.startsWith('UPDATE') ? ' SET' : ' WHERE';
  return { text: given.replace(clause, ` ${using}${clause}`), values: [bigint(timestamp), ...bound] };
}

/** The value that a write gives: its timestamp, and as much behind it as the timestamp says. */
function markedValue(timestamp: number): string {
  const spread = Math.imul(timestamp, 0x9e37_79b1) >>> 8;
  return `${timestamp}${'.'.repeat(spread % 4 === 0 ? spread % MAX_PADDING_BYTES : spread % 50)}`;
}

/** Notes a value that was read as the timestamp in it; one that nobody wrote stays as it is. */
function take(
  values: Map<Register, string | undefined>,
  register: Register,
  bytes: Uint8Array | null | undefined,
): void {
  const found = textOf(bytes);
  const timestamp = found === undefined ? undefined : String(Number.parseInt(found, 10));
  const isWhole = timestamp !== undefined && found === markedValue(Number(timestamp));
  if (!values.has(register)) values.set(register, `unasked ${found?.slice(0, 20)}`);
  else values.set(register, isWhole || found === undefined ? timestamp : `damaged ${found.slice(0, 20)}`);
}
