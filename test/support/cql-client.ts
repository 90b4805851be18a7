import { readI32BE, readU16BE, readU32BE, writeI32BE } from '../../core/bytes.ts';
import type { Socket, SocketHandler, Sockets } from '../../core/ports/sockets.ts';
import { EVENT_STREAM, HEADER_LENGTH, Opcode } from '../../cql/protocol/envelope.ts';
import { encodeStartup } from '../../cql/protocol/request-encoder.ts';
import { BodyReader } from '../../cql/protocol/value.ts';

/** A response as it came. */
export interface ResponseFrame {
  readonly version: number;
  readonly flags: number;
  readonly stream: number;
  readonly opcode: number;
  readonly body: Uint8Array;
}

/** A raw protocol client over the sockets port, for tests: it sends what it is given and sorts what comes by stream. */
export class CqlClient implements SocketHandler {
  readonly socket: Socket;
  /** Frames that nobody waited for, events among them, in the order of their arrival. */
  readonly frames: ResponseFrame[] = [];
  isClosed = false;
  /** Resolves with the error, or undefined after an orderly end. */
  readonly closed: Promise<Error | undefined>;
  receivedBytes = 0;
  /** Answers to `ask` and frames in `frames`. */
  frameCount = 0;
  readonly #onClosed: (error: Error | undefined) => void;
  readonly #waiting = new Map<number, PromiseWithResolvers<ResponseFrame>>();
  #pieces: Uint8Array[] = [];
  #pieceBytes = 0;

  constructor(socket: Socket) {
    this.socket = socket;
    const { promise, resolve } = Promise.withResolvers<Error | undefined>();
    this.closed = promise;
    this.#onClosed = resolve;
  }

  /** An open connection, before its handshake. */
  static connect(sockets: Sockets, address: string, port: number): Promise<CqlClient> {
    const { promise, resolve, reject } = Promise.withResolvers<CqlClient>();
    sockets.connect(
      address,
      port,
      (socket) => {
        const client = new CqlClient(socket);
        resolve(client);
        return client;
      },
      reject,
    );
    return promise;
  }

  /** A connection that is ready for requests. */
  static async ready(
    sockets: Sockets,
    address: string,
    port: number,
    version = 4,
    options: Readonly<Record<string, string>> = {},
  ): Promise<CqlClient> {
    const client = await CqlClient.connect(sockets, address, port);
    const answer = await client.ask(encodeStartup(version, 0, { CQL_VERSION: '3.0.0', ...options }));
    if (answer.opcode !== Opcode.Ready) throw new Error(`not ready: ${describe(answer)}`);
    return client;
  }

  send(bytes: Uint8Array): void {
    this.socket.write(bytes, 0, bytes.length);
  }

  /** Sends a request frame; the response of its stream. */
  ask(frame: Uint8Array): Promise<ResponseFrame> {
    const answer = this.expect((readU16BE(frame, 2) << 16) >> 16);
    this.send(frame);
    return answer;
  }

  /** The next response on a stream. Rejects when the connection closes before. */
  expect(stream: number): Promise<ResponseFrame> {
    const waiting = Promise.withResolvers<ResponseFrame>();
    if (this.#waiting.has(stream)) throw new Error(`stream ${stream} is in use`);
    if (this.isClosed) waiting.reject(new Error('closed'));
    else this.#waiting.set(stream, waiting);
    return waiting.promise;
  }

  /** Events that came and were not taken yet. */
  takeEvents(): ResponseFrame[] {
    const events = this.frames.filter((frame) => frame.stream === EVENT_STREAM);
    for (const event of events) this.frames.splice(this.frames.indexOf(event), 1);
    return events;
  }

  onData(chunk: Uint8Array): void {
    this.receivedBytes += chunk.length;
    this.#pieces.push(new Uint8Array(chunk));
    this.#pieceBytes += chunk.length;
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) {
      this.frameCount++;
      const waiting = this.#waiting.get(frame.stream);
      if (waiting === undefined || frame.opcode === Opcode.Event) {
        this.frames.push(frame);
      } else {
        this.#waiting.delete(frame.stream);
        waiting.resolve(frame);
      }
    }
  }

  onDrain(): void {}

  onClose(error: Error | undefined): void {
    this.isClosed = true;
    for (const waiting of this.#waiting.values())
      waiting.reject(error ?? new Error('the server closed the connection'));
    this.#waiting.clear();
    this.#onClosed(error);
  }

  #next(): ResponseFrame | undefined {
    if (this.#pieceBytes < HEADER_LENGTH) return undefined;
    if (this.#pieces[0]!.length < HEADER_LENGTH) this.#join();
    const length = HEADER_LENGTH + readU32BE(this.#pieces[0]!, 5);
    if (this.#pieceBytes < length) return undefined;
    if (this.#pieces[0]!.length < length) this.#join();
    const bytes = this.#pieces[0]!;
    this.#pieces[0] = bytes.subarray(length);
    this.#pieceBytes -= length;
    if (this.#pieces[0].length === 0) this.#pieces.shift();
    return {
      version: bytes[0]!,
      flags: bytes[1]!,
      stream: (readU16BE(bytes, 2) << 16) >> 16,
      opcode: bytes[4]!,
      body: bytes.subarray(HEADER_LENGTH, length),
    };
  }

  #join(): void {
    this.#pieces = [new Uint8Array(Buffer.concat(this.#pieces))];
  }
}

/** Code and text of an ERROR. */
export function errorOf(frame: ResponseFrame): { readonly code: number; readonly message: string } {
  if (frame.opcode !== Opcode.Error) throw new Error(`no ERROR: ${describe(frame)}`);
  const reader = new BodyReader(frame.body);
  return { code: reader.int(), message: reader.string() };
}

/** Kind of a RESULT without warnings and payload. */
export function resultKind(frame: ResponseFrame): number {
  if (frame.opcode !== Opcode.Result) throw new Error(`no RESULT: ${describe(frame)}`);
  return readI32BE(frame.body, 0);
}

/** The id of a RESULT Prepared. */
export function preparedId(frame: ResponseFrame): Uint8Array {
  if (resultKind(frame) !== 4) throw new Error(`not prepared: ${describe(frame)}`);
  return new BodyReader(frame.body, 4).shortBytesCopy();
}

/** A frame with another body length in its header, for hostile clients. */
export function withLength(frame: Uint8Array, length: number): Uint8Array {
  const changed = new Uint8Array(frame);
  writeI32BE(changed, 5, length);
  return changed;
}

function describe(frame: ResponseFrame): string {
  if (frame.opcode === Opcode.Error) return `ERROR ${JSON.stringify(errorOf(frame))}`;
  return `opcode ${frame.opcode}, ${frame.body.length} bytes`;
}
