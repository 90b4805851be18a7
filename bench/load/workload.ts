import { writeI32BE, writeU16BE } from '../../core/bytes.ts';
import { HEADER_LENGTH, Opcode } from '../../cql/protocol/envelope.ts';
import type { CqlConnection } from './cql-connection.ts';

export const WORKLOADS = ['write', 'read', 'mixed', 'echo'] as const;
export type WorkloadName = (typeof WORKLOADS)[number];

export const KEYSPACE = 'tessera_bench';
const KEY_BYTES = 16;
const VALUE_BYTES = 100;
const VERSION = 4;
const VALUES_FLAG = 1;
const SKIP_METADATA_FLAG = 2;
const LOCAL_ONE = 10;

/**
 * The frames of a workload: one table (key blob of 16 bytes, value blob of 100), single-row prepared statements. A key is a function
 * of its number; a value says which key it belongs to, so that a read can be checked.
 */
export class Workload {
  readonly #write: Uint8Array;
  readonly #read: Uint8Array;
  readonly #keyAtWrite: number;
  readonly #keyAtRead: number;
  readonly #valueAt: number;

  constructor(insertId: Uint8Array, selectId: Uint8Array) {
    this.#write = executeFrame(insertId, [KEY_BYTES, VALUE_BYTES]);
    this.#read = executeFrame(selectId, [KEY_BYTES]);
    this.#keyAtWrite = HEADER_LENGTH + 2 + insertId.length + 2 + 1 + 2 + 4;
    this.#keyAtRead = HEADER_LENGTH + 2 + selectId.length + 2 + 1 + 2 + 4;
    this.#valueAt = this.#keyAtWrite + KEY_BYTES + 4;
    for (let i = 0; i < VALUE_BYTES; i++) this.#write[this.#valueAt + i] = (i * 31) & 0xff;
  }

  /** Sets the schema up; keeps data that is there. */
  static async createSchema(connection: CqlConnection): Promise<void> {
    await connection.query(
      `CREATE KEYSPACE IF NOT EXISTS ${KEYSPACE} WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 1}`,
    );
    await connection.query(`CREATE TABLE IF NOT EXISTS ${KEYSPACE}.data (key blob PRIMARY KEY, value blob)`);
  }

  static async prepare(connection: CqlConnection): Promise<Workload> {
    const insert = await connection.prepare(`INSERT INTO ${KEYSPACE}.data (key, value) VALUES (?, ?)`);
    const select = await connection.prepare(`SELECT value FROM ${KEYSPACE}.data WHERE key = ?`);
    return new Workload(insert, select);
  }

  /** For the echo server: frames of the same size with an id that nobody looks at. */
  static echo(): Workload {
    return new Workload(new Uint8Array(16), new Uint8Array(16));
  }

  /** The frame of a write; valid until the next call. */
  writeFrame(stream: number, key: number): Uint8Array {
    const frame = this.#write;
    writeU16BE(frame, 2, stream);
    writeKey(frame, this.#keyAtWrite, key);
    writeKey(frame, this.#valueAt, key);
    return frame;
  }

  /** The frame of a read; valid until the next call. */
  readFrame(stream: number, key: number): Uint8Array {
    const frame = this.#read;
    writeU16BE(frame, 2, stream);
    writeKey(frame, this.#keyAtRead, key);
    return frame;
  }

  /**
   * Judges the RESULT of a read whose metadata was skipped: [int] kind 2, flags, columns, rows, then the cell.
   * 1: the value of that key; 0: no row; -1: something else.
   */
  judge(bytes: Uint8Array, start: number, end: number, key: number): number {
    const rowsAt = start + 12;
    if (end - rowsAt === 4 && bytes[rowsAt + 3] === 0) return 0;
    const valueAt = rowsAt + 8;
    if (end - valueAt !== VALUE_BYTES) return -1;
    writeKey(EXPECTED, 0, key);
    for (let i = 0; i < KEY_BYTES; i++) if (bytes[valueAt + i] !== EXPECTED[i]) return -1;
    return 1;
  }
}

const EXPECTED = new Uint8Array(KEY_BYTES);

function executeFrame(id: Uint8Array, values: readonly number[]): Uint8Array {
  const body = 2 + id.length + 2 + 1 + 2 + values.reduce((sum, length) => sum + 4 + length, 0);
  const frame = new Uint8Array(HEADER_LENGTH + body);
  frame[0] = VERSION;
  frame[4] = Opcode.Execute;
  writeI32BE(frame, 5, body);
  let at = HEADER_LENGTH;
  writeU16BE(frame, at, id.length);
  frame.set(id, at + 2);
  at += 2 + id.length;
  writeU16BE(frame, at, LOCAL_ONE);
  frame[at + 2] = VALUES_FLAG | SKIP_METADATA_FLAG;
  writeU16BE(frame, at + 3, values.length);
  at += 5;
  for (const length of values) {
    writeI32BE(frame, at, length);
    at += 4 + length;
  }
  return frame;
}

/** Sixteen bytes that depend on every bit of the number, so that tokens and prefixes spread. */
function writeKey(target: Uint8Array, at: number, key: number): void {
  let h = key | 0;
  for (let i = 0; i < KEY_BYTES; i += 4) {
    h = Math.imul(h ^ (h >>> 15), 0x2c1b_3c6d);
    h = Math.imul(h ^ (h >>> 12), 0x297a_2d39) ^ key;
    writeI32BE(target, at + i, i === 12 ? key : h);
  }
}
