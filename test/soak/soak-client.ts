import { connect, type Socket } from 'node:net';
import { HEADER_LENGTH, Opcode } from '../../cql/protocol/envelope.ts';
import { encodeQuery, encodeStartup } from '../../cql/protocol/request-encoder.ts';
import { BodyReader } from '../../cql/protocol/value.ts';

const VERSION = 4;
const LOCAL_QUORUM = 6;

/** One connection with one request at a time: enough to ask and to know exactly what was answered. */
export class SoakClient {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #waiting: { done: (body: Buffer) => void; failed: (error: Error) => void } | undefined;
  lastError = '';

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('connection closed')));
  }

  static async open(port: number, host = '127.0.0.1'): Promise<SoakClient> {
    const socket = await new Promise<Socket>((opened, failed) => {
      const attempt = connect(port, host, () => opened(attempt));
      attempt.once('error', failed);
    });
    const client = new SoakClient(socket);
    await client.#ask(encodeStartup(VERSION, 0, { CQL_VERSION: '3.0.0' }));
    return client;
  }

  async query(text: string): Promise<void> {
    await this.#ask(encodeQuery(VERSION, 0, text, { consistency: LOCAL_QUORUM }));
  }

  /** All rows of a query, page by page: for each row its cells, null for null. */
  async rows(text: string, pageSize = 5000): Promise<(Buffer | null)[][]> {
    const rows: (Buffer | null)[][] = [];
    await this.eachPage(text, pageSize, (page) => {
      for (const row of page) rows.push(row);
    });
    return rows;
  }

  /** The same without keeping them: `take` gets page after page. */
  async eachPage(text: string, pageSize: number, take: (rows: (Buffer | null)[][]) => void): Promise<void> {
    let pagingState: Uint8Array | null = null;
    do {
      const body: Buffer = await this.#ask(
        encodeQuery(VERSION, 0, text, { consistency: LOCAL_QUORUM, pageSize, pagingState, skipMetadata: true }),
      );
      const page: (Buffer | null)[][] = [];
      pagingState = readRows(body, page);
      take(page);
    } while (pagingState !== null);
  }

  /** Sends a whole frame of stream 0 and returns the body of its answer. @throws Error with an ERROR's text */
  ask(frame: Uint8Array): Promise<Buffer> {
    return this.#ask(frame);
  }

  close(): void {
    this.#socket.destroy();
  }

  #ask(frame: Uint8Array): Promise<Buffer> {
    return new Promise((done, failed) => {
      this.#waiting = { done, failed };
      if (this.#socket.destroyed) this.#fail(new Error('connection closed'));
      else this.#socket.write(frame);
    });
  }

  #receive(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    if (this.#received.length < HEADER_LENGTH) return;
    const end = HEADER_LENGTH + this.#received.readInt32BE(5);
    if (this.#received.length < end) return;
    const opcode = this.#received[4]!;
    const body = this.#received.subarray(HEADER_LENGTH, end);
    this.#received = this.#received.subarray(end);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (opcode !== Opcode.Error) {
      waiting?.done(body);
      return;
    }
    this.lastError = new BodyReader(body, 4).string();
    waiting?.failed(new Error(this.lastError));
  }

  #fail(error: Error): void {
    this.lastError = error.message;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.failed(error);
  }
}

/** Reads a RESULT of kind Rows without metadata; returns the paging state, or null on the last page. */
function readRows(body: Buffer, into: (Buffer | null)[][]): Uint8Array | null {
  const reader = new BodyReader(body);
  reader.int(); // kind
  const flags = reader.int();
  const columns = reader.int();
  let pagingState: Uint8Array | null = null;
  if ((flags & 0x02) !== 0) {
    const length = reader.int();
    const at = reader.skip(length);
    pagingState = Uint8Array.from(body.subarray(at, at + length));
  }
  if ((flags & 0x04) === 0) throw new Error('the server sent metadata that was not asked for');
  const count = reader.int();
  for (let row = 0; row < count; row++) {
    const cells: (Buffer | null)[] = [];
    for (let column = 0; column < columns; column++) {
      const length = reader.int();
      if (length < 0) cells.push(null);
      else {
        const at = reader.skip(length);
        cells.push(Buffer.from(body.subarray(at, at + length)));
      }
    }
    into.push(cells);
  }
  return pagingState;
}
