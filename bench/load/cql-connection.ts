import { connect, type Socket } from 'node:net';
import { readI32BE } from '../../core/bytes.ts';
import { HEADER_LENGTH, Opcode } from '../../cql/protocol/envelope.ts';
import { encodePrepare, encodeQuery, encodeStartup } from '../../cql/protocol/request-encoder.ts';
import { BodyReader } from '../../cql/protocol/value.ts';

const VERSION = 4;
const CONSISTENCY_LOCAL_ONE = 10;

/** An ERROR of the server. */
export class CqlError extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(`0x${code.toString(16)}: ${message}`);
    this.code = code;
  }
}

/** Told of every answer to an EXECUTE: the stream, whether it was an error, and where the RESULT's body lies. */
export type AnswerHandler = (stream: number, isError: boolean, bytes: Uint8Array, start: number, end: number) => void;

/**
 * A connection of the load generator. Control requests are promises; the load goes through `send`, frame by frame into one
 * buffer that is written once per turn.
 */
export class CqlConnection {
  readonly #socket: Socket;
  /** The beginning of a frame whose rest has not come yet. */
  #rest: Buffer = Buffer.alloc(0);
  readonly #waiting = new Map<number, (opcode: number, bytes: Uint8Array, start: number, end: number) => void>();
  #onAnswer: AnswerHandler = () => {};
  #onClosed: (error: Error) => void = () => {};
  #out = Buffer.allocUnsafe(64 * 1024);
  #outLength = 0;
  #isFlushQueued = false;
  #failure: Error | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  /** A connection without a handshake, for the echo server. */
  static async raw(host: string, port: number): Promise<CqlConnection> {
    const socket = await new Promise<Socket>((opened, failed) => {
      const attempt = connect(port, host, () => opened(attempt));
      attempt.once('error', failed);
    });
    return new CqlConnection(socket);
  }

  /** A connection that is ready for requests. */
  static async open(host: string, port: number): Promise<CqlConnection> {
    const connection = await CqlConnection.raw(host, port);
    await connection.#ask((stream) => encodeStartup(VERSION, stream, { CQL_VERSION: '3.0.0' }));
    return connection;
  }

  /** Runs a statement without values. */
  async query(text: string): Promise<void> {
    await this.#ask((stream) => encodeQuery(VERSION, stream, text, { consistency: CONSISTENCY_LOCAL_ONE }));
  }

  /** The id of a prepared statement. */
  prepare(text: string): Promise<Uint8Array> {
    return this.#ask(
      (stream) => encodePrepare(VERSION, stream, text),
      (bytes, start) => {
        const idStart = start + 6; // [int] kind, [short] length
        return Uint8Array.from(bytes.subarray(idStart, idStart + bytes[start + 5]!));
      },
    );
  }

  set onAnswer(handler: AnswerHandler) {
    this.#onAnswer = handler;
  }

  /** Told when the connection is lost. */
  set onClosed(handler: (error: Error) => void) {
    this.#onClosed = handler;
  }

  /** Queues one frame; copies it. Streams below the count of those in use for control requests are the caller's. */
  send(frame: Uint8Array, length: number): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#outLength + length > this.#out.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#out.length * 2, this.#outLength + length));
      this.#out.copy(larger, 0, 0, this.#outLength);
      this.#out = larger;
    }
    this.#out.set(frame.subarray(0, length), this.#outLength);
    this.#outLength += length;
    if (this.#isFlushQueued) return;
    this.#isFlushQueued = true;
    queueMicrotask(() => this.#flush());
  }

  close(): void {
    this.#failure ??= new Error('closed');
    this.#socket.destroy();
  }

  #flush(): void {
    this.#isFlushQueued = false;
    if (this.#outLength === 0 || this.#failure !== undefined) return;
    this.#socket.write(this.#out.subarray(0, this.#outLength));
    if (this.#socket.writableLength > 0) this.#out = Buffer.allocUnsafe(this.#out.length); // the socket keeps the old one
    this.#outLength = 0;
  }

  async #ask<T = void>(
    encode: (stream: number) => Uint8Array,
    read?: (bytes: Uint8Array, start: number, end: number) => T,
  ): Promise<T> {
    const stream = 32_000; // one control request at a time, away from the streams of the load
    return new Promise<T>((done, failed) => {
      this.#waiting.set(stream, (opcode, bytes, start, end) => {
        if (opcode === Opcode.Error) failed(errorOf(bytes, start, end));
        else done(read?.(bytes, start, end) as T);
      });
      const frame = encode(stream);
      this.send(frame, frame.length);
      if (this.#failure !== undefined) failed(this.#failure);
    });
  }

  #receive(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= HEADER_LENGTH) {
      const start = at + HEADER_LENGTH;
      const end = start + readI32BE(bytes, at + 5);
      if (end > bytes.length) break;
      this.#take(bytes.readInt16BE(at + 2), bytes[at + 4]!, bytes, start, end);
      at = end;
    }
    this.#rest = at === bytes.length ? NOTHING : Buffer.from(bytes.subarray(at));
  }

  #take(stream: number, opcode: number, bytes: Buffer, start: number, end: number): void {
    const waiting = this.#waiting.get(stream);
    if (waiting !== undefined) {
      this.#waiting.delete(stream);
      waiting(opcode, bytes, start, end);
    } else if (stream >= 0) {
      this.#onAnswer(stream, opcode === Opcode.Error, bytes, start, end);
    }
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    for (const waiting of this.#waiting.values()) waiting(Opcode.Error, Buffer.from(error.message), 0, 0);
    this.#waiting.clear();
    this.#onClosed(error);
  }
}

/** The error that an ERROR body tells; a body too short for one holds the text of a lost connection. */
export function errorOf(bytes: Uint8Array, start: number, end: number): CqlError {
  if (end - start < 6) return new CqlError(0, Buffer.from(bytes).toString());
  return new CqlError(readI32BE(bytes, start), new BodyReader(bytes, start + 4, end).string());
}

const NOTHING = Buffer.alloc(0);
