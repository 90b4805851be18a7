import type { Sockets } from '../../core/ports/sockets.ts';
import { Opcode } from '../../cql/protocol/envelope.ts';
import { ErrorCode } from '../../cql/protocol/error.ts';
import {
  type BatchStatement,
  type BoundValue,
  encodeBatch,
  encodeExecute,
  encodePrepare,
  encodeQuery,
  type RequestOptions,
} from '../../cql/protocol/request-encoder.ts';
import { BodyReader } from '../../cql/protocol/value.ts';
import { CqlClient, errorOf, preparedId, type ResponseFrame } from '../support/cql-client.ts';

const VERSION = 4;
const LOCAL_QUORUM = 6;
const LOCAL_SERIAL = 9;
const ROWS = 2;
const WARNING_FLAG = 0x08;
const Metadata = { Global: 1, MorePages: 2, NoMetadata: 4 } as const;

/** A row by the names of its columns; null for no value. */
export type Row = ReadonlyMap<string, Uint8Array | null>;

export interface Rows {
  readonly rows: readonly Row[];
  /** Undefined on the last page. */
  readonly pagingState: Uint8Array | undefined;
}

/** A statement: its text and the values of its markers. */
export interface BoundStatement {
  readonly text: string;
  readonly values: readonly BoundValue[];
}

/** The server said no. */
export class CqlFailure extends Error {
  readonly code: ErrorCode;

  constructor(code: number, message: string) {
    super(message);
    this.code = code as ErrorCode;
  }

  /** True when the request has had no effect and never will. */
  get isDefinite(): boolean {
    const { code } = this;
    return code !== ErrorCode.WriteTimeout && code !== ErrorCode.WriteFailure && code !== ErrorCode.Server;
  }
}

/** One connection with one request at a time, which prepares what it executes. Any other error than CqlFailure is a lost connection. */
export class CqlSession {
  readonly #client: CqlClient;
  readonly #prepared = new Map<string, Uint8Array>();
  #stream = 0;

  private constructor(client: CqlClient) {
    this.#client = client;
  }

  static async open(sockets: Sockets, address: string, port: number): Promise<CqlSession> {
    return new CqlSession(await CqlClient.ready(sockets, address, port, VERSION));
  }

  get isClosed(): boolean {
    return this.#client.isClosed;
  }

  close(): void {
    this.#client.socket.end();
  }

  async query(text: string): Promise<Rows> {
    return readResult(await this.#client.ask(encodeQuery(VERSION, this.#next(), text, options([]))));
  }

  /** Prepares and executes; prepares again when the server has forgotten the statement. */
  async execute({ text, values }: BoundStatement, paging: Partial<RequestOptions> = {}): Promise<Rows> {
    return this.#withPrepared([text], async ([id]) =>
      readResult(await this.#client.ask(encodeExecute(VERSION, this.#next(), id!, { ...options(values), ...paging }))),
    );
  }

  /** @param type 0 logged, 1 unlogged */
  async batch(type: number, statements: readonly BoundStatement[]): Promise<Rows> {
    return this.#withPrepared(
      statements.map(({ text }) => text),
      async (ids) => {
        const parts: BatchStatement[] = statements.map(({ values }, i) => ({ query: ids[i]!, values }));
        const options = { consistency: LOCAL_QUORUM };
        return readResult(await this.#client.ask(encodeBatch(VERSION, this.#next(), type, parts, options)));
      },
    );
  }

  /** All rows of a statement, page by page. */
  async all(statement: BoundStatement, pageSize: number): Promise<Row[]> {
    const rows: Row[] = [];
    let pagingState: Uint8Array | null = null;
    do {
      const page: Rows = await this.execute(statement, pagingState === null ? { pageSize } : { pageSize, pagingState });
      rows.push(...page.rows);
      pagingState = page.pagingState ?? null;
    } while (pagingState !== null);
    return rows;
  }

  async #withPrepared(texts: readonly string[], ask: (ids: Uint8Array[]) => Promise<Rows>): Promise<Rows> {
    for (let attempt = 0; ; attempt++) {
      const ids: Uint8Array[] = [];
      for (const text of texts) ids.push(this.#prepared.get(text) ?? (await this.#prepare(text)));
      try {
        return await ask(ids);
      } catch (error) {
        if (!(error instanceof CqlFailure) || error.code !== ErrorCode.Unprepared || attempt === 10) throw error;
        this.#prepared.clear();
      }
    }
  }

  async #prepare(text: string): Promise<Uint8Array> {
    const answer = await this.#client.ask(encodePrepare(VERSION, this.#next(), text));
    throwFailure(answer);
    const id = preparedId(answer);
    this.#prepared.set(text, id);
    return id;
  }

  #next(): number {
    this.#stream = (this.#stream + 1) & 0x7fff;
    return this.#stream;
  }
}

function options(values: readonly BoundValue[]): RequestOptions {
  return { consistency: LOCAL_QUORUM, serialConsistency: LOCAL_SERIAL, values };
}

function throwFailure(frame: ResponseFrame): void {
  if (frame.opcode !== Opcode.Error) return;
  const { code, message } = errorOf(frame);
  throw new CqlFailure(code, message);
}

/** The rows of a RESULT; none of its other kinds. Columns are of types without parameters. */
function readResult(frame: ResponseFrame): Rows {
  throwFailure(frame);
  const reader = new BodyReader(frame.body);
  if ((frame.flags & WARNING_FLAG) !== 0) reader.stringList();
  if (frame.opcode !== Opcode.Result) throw new Error(`opcode ${frame.opcode} in place of a RESULT`);
  if (reader.int() !== ROWS) return { rows: [], pagingState: undefined };
  const flags = reader.int();
  const columnCount = reader.int();
  const pagingState = (flags & Metadata.MorePages) === 0 ? undefined : reader.bytesCopy();
  if ((flags & Metadata.NoMetadata) !== 0) throw new Error('rows without the metadata that was asked for');
  const isGlobal = (flags & Metadata.Global) !== 0;
  if (isGlobal) for (let i = 0; i < 2; i++) reader.string();
  const names: string[] = [];
  for (let column = 0; column < columnCount; column++) {
    if (!isGlobal) for (let i = 0; i < 2; i++) reader.string();
    names.push(reader.string());
    reader.short();
  }
  const rows: Row[] = [];
  const rowCount = reader.int();
  for (let row = 0; row < rowCount; row++) rows.push(new Map(names.map((name) => [name, reader.bytesCopy() ?? null])));
  return { rows, pagingState };
}

export function int(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value);
  return bytes;
}

export function bigint(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, BigInt(value));
  return bytes;
}

export function text(value: string): Uint8Array {
  return new Uint8Array(Buffer.from(value));
}

export function intOf(value: Uint8Array | null | undefined): number | undefined {
  return value ? new DataView(value.buffer, value.byteOffset).getInt32(0) : undefined;
}

export function textOf(value: Uint8Array | null | undefined): string | undefined {
  return value ? Buffer.from(value).toString() : undefined;
}
