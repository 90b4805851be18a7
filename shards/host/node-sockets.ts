import { connect, createServer, type Socket as NetSocket, type Server } from 'node:net';
import { TesseraError } from '../../core/errors.ts';
import type { Listener, ListenOptions, Socket, SocketHandler, Sockets } from '../../core/ports/sockets.ts';

/** Connections that the kernel completes while this thread is busy; it takes the lesser of this and its own limit. */
const BACKLOG = 4096;
/** Most bytes given to the kernel at once: a slow reader's progress is seen in steps of this size. */
const PIECE_BYTES: number = 64 * 1024;
/** Pieces kept for the next write. */
const KEPT_PIECES = 64;
/** `onDrain` comes when no more than this waits, in bytes. */
const LOW_MARK_BYTES: number = 256 * 1024;
/** After `end`, how long the peer may take to read what is buffered and to close its side. */
const LINGER_MS = 10_000;
/** An idle peer is asked for a sign of life after this time. */
const KEEP_ALIVE_MS = 60_000;
const NO_BYTES: Buffer = Buffer.alloc(0);

/** Errors of `listen` by Node's code. */
const LISTEN_ERRORS: ReadonlyMap<string, string> = new Map([
  ['EADDRINUSE', 'ADDRESS_IN_USE'],
  ['EADDRNOTAVAIL', 'ADDRESS_UNAVAILABLE'],
  ['EACCES', 'ADDRESS_UNAVAILABLE'],
  ['ENOTFOUND', 'ADDRESS_UNAVAILABLE'],
  ['EINVAL', 'ADDRESS_UNAVAILABLE'],
]);

/** Bytes on their way out: bytes[0, length). */
interface Piece {
  readonly bytes: Buffer;
  length: number;
}

/** TCP sockets on node:net, without Nagle's delay. */
export class NodeSockets implements Sockets {
  readonly #pieces: Piece[];
  readonly #onAcceptError: (error: Error) => void;

  /** @param onAcceptError told when a connection could not be accepted, for want of descriptors perhaps */
  constructor(onAcceptError: (error: Error) => void = () => {}) {
    this.#pieces = [];
    this.#onAcceptError = onAcceptError;
  }

  listen(options: ListenOptions, onConnection: (socket: Socket) => SocketHandler): Promise<Listener> {
    const { address, port, reusePort } = options;
    const { promise, resolve, reject } = Promise.withResolvers<Listener>();
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (netSocket) => {
      netSocket.setKeepAlive(true, KEEP_ALIVE_MS);
      const socket = new NodeSocket(netSocket, this.#pieces);
      socket.start(onConnection(socket));
    });
    const onError = (error: NodeJS.ErrnoException): void => {
      const code = LISTEN_ERRORS.get(error.code ?? '');
      const text = `cannot listen on ${address}:${port}: ${error.message}`;
      reject(code === undefined ? error : new TesseraError(code, text, { address, port }, { cause: error }));
    };
    server.once('error', onError);
    server.listen({ host: address, port, backlog: BACKLOG, reusePort, exclusive: true }, () => {
      server.off('error', onError);
      server.on('error', this.#onAcceptError);
      resolve(new NodeListener(server));
    });
    return promise;
  }

  connect(
    address: string,
    port: number,
    onOpen: (socket: Socket) => SocketHandler,
    onError: (error: Error) => void,
  ): void {
    const netSocket = connect({ host: address, port, noDelay: true, allowHalfOpen: true });
    netSocket.once('error', onError);
    netSocket.once('connect', () => {
      netSocket.off('error', onError);
      netSocket.setKeepAlive(true, KEEP_ALIVE_MS);
      const socket = new NodeSocket(netSocket, this.#pieces);
      socket.start(onOpen(socket));
    });
  }
}

class NodeListener implements Listener {
  readonly port: number;
  readonly #server: Server;

  constructor(server: Server) {
    const bound = server.address();
    this.port = typeof bound === 'object' && bound !== null ? bound.port : 0;
    this.#server = server;
  }

  close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    // The callback would wait for the open connections; the port itself is free as soon as the handle is closed.
    this.#server.close();
    setImmediate(resolve);
    return promise;
  }
}

/**
 * One connection. What the kernel does not take at once is in use until it has: so every write goes through pieces of our own,
 * and the caller's bytes are free in any case.
 *
 * States: open -> ended (`end` was called, or the peer closed its side: what is buffered still goes out, what comes is dropped)
 * -> closed. A peer that never closes its side is cut off after LINGER_MS.
 */
class NodeSocket implements Socket {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly #socket: NetSocket;
  /** Free pieces of the thread. */
  readonly #free: Piece[];
  #handler: SocketHandler | undefined;
  /** In the kernel's hands. */
  #moving: Piece | undefined;
  readonly #waiting: Piece[];
  #bufferedBytes: number;
  /** A write did not leave at once: the writer wants to hear when it has. */
  #owesDrain: boolean;
  #isEnded: boolean;
  #linger: NodeJS.Timeout | undefined;
  #error: Error | undefined;

  constructor(socket: NetSocket, free: Piece[]) {
    this.remoteAddress = socket.remoteAddress ?? '';
    this.remotePort = socket.remotePort ?? 0;
    this.#socket = socket;
    this.#free = free;
    this.#handler = undefined;
    this.#moving = undefined;
    this.#waiting = [];
    this.#bufferedBytes = 0;
    this.#owesDrain = false;
    this.#isEnded = false;
    this.#linger = undefined;
    this.#error = undefined;
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  start(handler: SocketHandler): void {
    this.#handler = handler;
    const socket = this.#socket;
    socket.on('data', this.#onData);
    socket.on('end', () => this.end());
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.on('close', this.#onClose);
  }

  write(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#isEnded || this.#socket.destroyed) return true; // nobody is there to take it
    let at = start;
    while (this.#moving === undefined && at < end) at = this.#send(bytes, at, end);
    if (this.#moving === undefined) return true;
    this.#keep(bytes, at, end);
    this.#owesDrain = true;
    return false;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    // A close with bytes unread would reset the connection, and the peer might lose what was sent to it last.
    this.#socket.resume();
    this.#linger = setTimeout(() => this.destroy(), LINGER_MS);
    this.#linger.unref();
    if (this.#moving === undefined) this.#socket.end();
  }

  destroy(): void {
    this.#isEnded = true;
    this.#socket.destroy();
  }

  /** Gives the kernel one piece of bytes[at, end); returns where the next begins. */
  #send(bytes: Uint8Array, at: number, end: number): number {
    const piece = this.#takePiece();
    piece.length = Math.min(PIECE_BYTES, end - at);
    piece.bytes.set(bytes.subarray(at, at + piece.length));
    this.#move(piece);
    return at + piece.length;
  }

  #move(piece: Piece): void {
    const socket = this.#socket;
    socket.write(piece.length === PIECE_BYTES ? piece.bytes : piece.bytes.subarray(0, piece.length));
    if (socket.writableLength === 0) {
      this.#givePiece(piece);
      return;
    }
    this.#moving = piece;
    this.#bufferedBytes += piece.length;
    // Only a write that did not leave at once asks to be told: behind it, an empty one does that.
    socket.write(NO_BYTES, this.#onMoved);
  }

  readonly #onMoved = (): void => {
    const piece = this.#moving!;
    this.#moving = undefined;
    this.#bufferedBytes -= piece.length;
    this.#givePiece(piece);
    if (this.#socket.destroyed) return;
    while (this.#moving === undefined && this.#waiting.length > 0) {
      const next = this.#waiting.shift()!;
      this.#bufferedBytes -= next.length;
      this.#move(next);
    }
    if (this.#moving === undefined && this.#isEnded) this.#socket.end();
    if (!this.#owesDrain || this.#isEnded || this.#bufferedBytes > LOW_MARK_BYTES) return;
    this.#owesDrain = false;
    this.#handler?.onDrain();
  };

  /** Queues bytes[start, end), in the last waiting piece while it has room. */
  #keep(bytes: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end) {
      let piece = this.#waiting.at(-1);
      if (piece === undefined || piece.length === PIECE_BYTES) {
        piece = this.#takePiece();
        piece.length = 0;
        this.#waiting.push(piece);
      }
      const count = Math.min(PIECE_BYTES - piece.length, end - at);
      piece.bytes.set(bytes.subarray(at, at + count), piece.length);
      piece.length += count;
      at += count;
    }
    this.#bufferedBytes += end - start;
  }

  #takePiece(): Piece {
    return this.#free.pop() ?? { bytes: Buffer.allocUnsafeSlow(PIECE_BYTES), length: 0 };
  }

  #givePiece(piece: Piece): void {
    if (this.#free.length < KEPT_PIECES) this.#free.push(piece);
  }

  readonly #onData = (chunk: Buffer): void => {
    if (!this.#isEnded) this.#handler?.onData(chunk);
  };

  readonly #onClose = (): void => {
    this.#isEnded = true;
    clearTimeout(this.#linger);
    for (const piece of this.#waiting.splice(0)) this.#givePiece(piece);
    this.#bufferedBytes = this.#moving?.length ?? 0;
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.onClose(this.#error);
  };
}
