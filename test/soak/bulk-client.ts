import { connect, type Socket } from 'node:net';
import { HEADER_LENGTH, Opcode } from '../../cql/protocol/envelope.ts';
import { encodeExecute, encodePrepare, encodeStartup } from '../../cql/protocol/request-encoder.ts';
import { BodyReader } from '../../cql/protocol/value.ts';

const VERSION = 4;
const LOCAL_QUORUM = 6;
const STREAMS = 256;
const OVERLOADED = 0x1001;
const WRITE_TIMEOUT = 0x1100;
const ATTEMPTS = 10;

/** An ERROR of the server. */
export class AnsweredError extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(`0x${code.toString(16)}: ${message}`);
    this.code = code;
  }
}

/** One connection with many requests under way, for loading. */
export class BulkClient {
  /** Writes that were sent again after Overloaded or WriteTimeout. */
  retries = 0;
  readonly #socket: Socket;
  readonly #waiting: (PromiseWithResolvers<Buffer> | undefined)[] = [];
  readonly #free: number[] = Array.from({ length: STREAMS }, (_, stream) => stream);
  #received: Buffer = Buffer.alloc(0);
  #outgoing: Uint8Array[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('connection closed')));
  }

  static async open(port: number): Promise<BulkClient> {
    const socket = await new Promise<Socket>((opened, failed) => {
      const attempt = connect(port, '127.0.0.1', () => opened(attempt));
      attempt.once('error', failed);
    });
    const client = new BulkClient(socket);
    await client.#ask((stream) => encodeStartup(VERSION, stream, { CQL_VERSION: '3.0.0' }));
    return client;
  }

  /** @returns the statement's id */
  async prepare(text: string): Promise<Uint8Array> {
    const body = await this.#ask((stream) => encodePrepare(VERSION, stream, text));
    return new BodyReader(body, 4).shortBytesCopy();
  }

  /** @throws AnsweredError */
  async execute(id: Uint8Array, values: readonly Uint8Array[]): Promise<void> {
    await this.#ask((stream) => encodeExecute(VERSION, stream, id, { consistency: LOCAL_QUORUM, values }));
  }

  /** Executes a statement, which must be idempotent, for each row. @returns their number @throws AnsweredError */
  async load(id: Uint8Array, rows: Iterable<readonly Uint8Array[]>): Promise<number> {
    const iterator = rows[Symbol.iterator]();
    let count = 0;
    const worker = async (): Promise<void> => {
      for (let next = iterator.next(); next.done !== true; next = iterator.next()) {
        await this.#executeSurely(id, next.value);
        count++;
      }
    };
    await Promise.all(Array.from({ length: STREAMS - 8 }, worker));
    return count;
  }

  close(): void {
    this.#socket.destroy();
  }

  async #executeSurely(id: Uint8Array, values: readonly Uint8Array[]): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.execute(id, values);
        return;
      } catch (error) {
        const isTransient = error instanceof AnsweredError && [OVERLOADED, WRITE_TIMEOUT].includes(error.code);
        if (!isTransient || attempt === ATTEMPTS) throw error;
        this.retries++;
      }
    }
  }

  #ask(frame: (stream: number) => Uint8Array): Promise<Buffer> {
    const stream = this.#free.pop();
    if (stream === undefined) throw new Error('more requests than streams');
    const waiting = Promise.withResolvers<Buffer>();
    this.#waiting[stream] = waiting;
    if (this.#socket.destroyed) waiting.reject(new Error('connection closed'));
    else {
      if (this.#outgoing.length === 0) queueMicrotask(() => this.#send());
      this.#outgoing.push(frame(stream));
    }
    return waiting.promise;
  }

  #send(): void {
    this.#socket.write(Buffer.concat(this.#outgoing));
    this.#outgoing = [];
  }

  #receive(chunk: Buffer): void {
    const bytes = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    let at = 0;
    while (bytes.length - at >= HEADER_LENGTH) {
      const end = at + HEADER_LENGTH + bytes.readInt32BE(at + 5);
      if (end > bytes.length) break;
      const stream = bytes.readInt16BE(at + 2);
      const body = bytes.subarray(at + HEADER_LENGTH, end);
      const waiting = this.#waiting[stream];
      if (waiting === undefined) throw new Error(`an answer on stream ${stream}, which waits for none`);
      this.#waiting[stream] = undefined;
      this.#free.push(stream);
      if (bytes[at + 4] === Opcode.Error) {
        const reader = new BodyReader(body);
        waiting.reject(new AnsweredError(reader.int(), reader.string()));
      } else waiting.resolve(body);
      at = end;
    }
    this.#received = Buffer.from(bytes.subarray(at));
  }

  #fail(error: Error): void {
    for (const waiting of this.#waiting) waiting?.reject(error);
    this.#waiting.length = 0;
  }
}
