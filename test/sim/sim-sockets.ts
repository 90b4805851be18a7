import { TesseraError } from '../../core/errors.ts';
import type { Listener, ListenOptions, Socket, SocketHandler, Sockets } from '../../core/ports/sockets.ts';
import type { SimRandom } from './sim-random.ts';
import type { SimTasks } from './sim-tasks.ts';

const FIRST_FREE_PORT = 40_000;
/** `onDrain` comes when no more than this waits, in bytes. */
const LOW_MARK_BYTES: number = 256 * 1024;
/** After `end`, how long the other side may take to close. */
const LINGER_MS = 10_000;
/** Longest time from bytes that are there until the thread looks at them. */
const MAX_READ_DELAY_MS = 0.02;

export interface SimNetworkOptions {
  /** Bytes of one direction that are under way or not read yet; more wait at the sender. */
  readonly windowBytes?: number;
  /** Largest chunk that is handed over at once. */
  readonly chunkBytes?: number;
  /** Probability that a chunk is cut somewhere, so that frames arrive in pieces. */
  readonly cutRate?: number;
  readonly maxDelayMs?: number;
  /** Probability that a write breaks the connection. */
  readonly resetRate?: number;
}

/** The network of a simulation: what is written arrives once, in order, after a while and in pieces of any size. */
export class SimNetwork {
  readonly random: SimRandom;
  readonly windowBytes: number;
  readonly chunkBytes: number;
  readonly cutRate: number;
  readonly maxDelayMs: number;
  resetRate: number;
  readonly #listeners: SimListener[];
  #nextPort: number;

  constructor(random: SimRandom, options: SimNetworkOptions = {}) {
    this.random = random;
    this.windowBytes = options.windowBytes ?? 256 * 1024;
    this.chunkBytes = options.chunkBytes ?? 64 * 1024;
    this.cutRate = options.cutRate ?? 0.2;
    this.maxDelayMs = options.maxDelayMs ?? 0.3;
    this.resetRate = options.resetRate ?? 0;
    this.#listeners = [];
    this.#nextPort = FIRST_FREE_PORT;
  }

  /** The sockets of one thread. */
  sockets(tasks: SimTasks, address: string): SimSockets {
    return new SimSockets(this, tasks, address);
  }

  freePort(): number {
    return this.#nextPort++;
  }

  delayMs(): number {
    return this.random.next() * this.maxDelayMs;
  }

  /** @throws TesseraError ADDRESS_IN_USE */
  add(listener: SimListener): void {
    const { address, port, reusePort } = listener;
    const others = this.#at(address, port);
    if (others.some((other) => !reusePort || !other.reusePort)) {
      throw new TesseraError('ADDRESS_IN_USE', `cannot listen on ${address}:${port}`, { address, port });
    }
    this.#listeners.push(listener);
  }

  remove(listener: SimListener): void {
    const at = this.#listeners.indexOf(listener);
    if (at >= 0) this.#listeners.splice(at, 1);
  }

  /** One of those who listen there. */
  find(address: string, port: number): SimListener | undefined {
    const found = this.#at(address, port);
    return found.length === 0 ? undefined : this.random.pick(found);
  }

  #at(address: string, port: number): SimListener[] {
    return this.#listeners.filter((other) => other.address === address && other.port === port);
  }
}

class SimListener implements Listener {
  readonly address: string;
  readonly port: number;
  readonly reusePort: boolean;
  readonly owner: SimSockets;
  readonly onConnection: (socket: Socket) => SocketHandler;
  readonly #network: SimNetwork;

  constructor(
    network: SimNetwork,
    owner: SimSockets,
    options: ListenOptions,
    onConnection: (socket: Socket) => SocketHandler,
  ) {
    this.#network = network;
    this.owner = owner;
    this.address = options.address;
    this.port = options.port === 0 ? network.freePort() : options.port;
    this.reusePort = options.reusePort;
    this.onConnection = onConnection;
  }

  close(): Promise<void> {
    this.#network.remove(this);
    return Promise.resolve();
  }
}

export class SimSockets implements Sockets {
  readonly tasks: SimTasks;
  readonly address: string;
  readonly open: Set<SimSocket>;
  readonly #network: SimNetwork;

  constructor(network: SimNetwork, tasks: SimTasks, address: string) {
    this.#network = network;
    this.tasks = tasks;
    this.address = address;
    this.open = new Set();
  }

  async listen(options: ListenOptions, onConnection: (socket: Socket) => SocketHandler): Promise<Listener> {
    const listener = new SimListener(this.#network, this, options, onConnection);
    this.#network.add(listener);
    return listener;
  }

  connect(
    address: string,
    port: number,
    onOpen: (socket: Socket) => SocketHandler,
    onError: (error: Error) => void,
  ): void {
    const network = this.#network;
    this.tasks.post(network.delayMs(), () => {
      const listener = network.find(address, port);
      if (listener === undefined || listener.owner.tasks.isStopped) {
        onError(new Error(`connect ECONNREFUSED ${address}:${port}`));
        return;
      }
      const client = new SimSocket(network, this, address, port);
      const server = new SimSocket(network, listener.owner, this.address, network.freePort());
      client.join(server);
      server.join(client);
      listener.owner.tasks.post(network.delayMs(), () => server.start(listener.onConnection(server)));
      client.start(onOpen(client));
    });
  }

  /** The node of this thread is gone: its connections break. Call it beside `tasks.stop()`. */
  crash(): void {
    for (const socket of [...this.open]) socket.break();
  }
}

/**
 * One end of a connection. Written bytes are under way (`#sentBytes`, at most the window) or wait here (`bufferedBytes`). What arrives
 * lies in `#arrived` until the thread reads it; only then the sender's window opens again.
 */
export class SimSocket implements Socket {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly #network: SimNetwork;
  readonly #owner: SimSockets;
  #peer: SimSocket | undefined;
  #handler: SocketHandler | undefined;

  #waiting: Uint8Array[];
  #waitingBytes: number;
  #sentBytes: number;
  #lastArrivalMs: number;
  #owesDrain: boolean;

  #arrived: Uint8Array[];
  #isPaused: boolean;
  #isReadPosted: boolean;
  /** The other side sends no more; what arrived before is still to be read. */
  #hasEndArrived: boolean;
  #isEnded: boolean;
  #isEndSent: boolean;
  #isClosed: boolean;
  #closeError: Error | undefined;

  constructor(network: SimNetwork, owner: SimSockets, remoteAddress: string, remotePort: number) {
    this.#network = network;
    this.#owner = owner;
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
    this.#peer = undefined;
    this.#handler = undefined;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#sentBytes = 0;
    this.#lastArrivalMs = 0;
    this.#owesDrain = false;
    this.#arrived = [];
    this.#isPaused = false;
    this.#isReadPosted = false;
    this.#hasEndArrived = false;
    this.#isEnded = false;
    this.#isEndSent = false;
    this.#isClosed = false;
    this.#closeError = undefined;
    owner.open.add(this);
  }

  get bufferedBytes(): number {
    return this.#waitingBytes;
  }

  join(peer: SimSocket): void {
    this.#peer = peer;
  }

  start(handler: SocketHandler): void {
    this.#handler = handler;
    if (this.#isClosed) this.#postClose();
    else this.#postRead();
  }

  write(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#isEnded || this.#isClosed) return true;
    if (this.#network.resetRate > 0 && this.#network.random.chance(this.#network.resetRate)) {
      this.break();
      return true;
    }
    this.#waiting.push(new Uint8Array(bytes.subarray(start, end)));
    this.#waitingBytes += end - start;
    this.#transmit();
    if (this.#waitingBytes === 0) return true;
    this.#owesDrain = true;
    return false;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#postRead();
  }

  end(): void {
    if (this.#isEnded || this.#isClosed) return;
    this.#isEnded = true;
    this.resume();
    this.#owner.tasks.post(LINGER_MS, () => this.destroy());
    this.#transmit();
  }

  destroy(): void {
    if (this.#isClosed) return;
    const hasUnread = this.#arrived.length > 0;
    const peer = this.#peer!;
    this.#close(undefined);
    this.#arriveAtPeer(hasUnread ? () => peer.#onReset() : () => peer.#onEnd());
  }

  /** Breaks the connection for both sides. */
  break(): void {
    if (this.#isClosed) return;
    const peer = this.#peer!;
    this.#close(new Error('read ECONNRESET'));
    this.#arriveAtPeer(() => peer.#onReset());
  }

  /** Sends what the window takes, then the end if it is time. */
  #transmit(): void {
    const peer = this.#peer!;
    while (this.#waiting.length > 0 && this.#sentBytes < this.#network.windowBytes) {
      const first = this.#waiting[0]!;
      const count = Math.min(first.length, this.#network.windowBytes - this.#sentBytes);
      const part = first.subarray(0, count);
      if (count === first.length) this.#waiting.shift();
      else this.#waiting[0] = first.subarray(count);
      this.#waitingBytes -= count;
      this.#sentBytes += count;
      this.#arriveAtPeer(() => peer.#onArrival(part));
    }
    if (this.#isEnded && !this.#isEndSent && this.#waiting.length === 0) {
      this.#isEndSent = true;
      this.#arriveAtPeer(() => peer.#onEnd());
    }
  }

  #arriveAtPeer(event: () => void): void {
    const { tasks } = this.#peer!.#owner;
    this.#lastArrivalMs = Math.max(tasks.nowMs + this.#network.delayMs(), this.#lastArrivalMs);
    tasks.post(this.#lastArrivalMs - tasks.nowMs, event);
  }

  #onArrival(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    this.#arrived.push(bytes);
    this.#postRead();
  }

  #onEnd(): void {
    if (this.#isClosed) return;
    this.#hasEndArrived = true;
    this.#postRead();
  }

  #onReset(): void {
    this.#close(new Error('read ECONNRESET'));
  }

  /** The other side has read: the window opens. */
  #onTaken(count: number): void {
    if (this.#isClosed) return;
    this.#sentBytes -= count;
    this.#transmit();
    if (!this.#owesDrain || this.#isEnded || this.#waitingBytes > LOW_MARK_BYTES) return;
    this.#owesDrain = false;
    this.#handler?.onDrain();
  }

  #postRead(): void {
    if (this.#isReadPosted || this.#isPaused || this.#isClosed || this.#handler === undefined) return;
    if (this.#arrived.length === 0 && !this.#hasEndArrived) return;
    this.#isReadPosted = true;
    this.#owner.tasks.post(this.#network.random.next() * MAX_READ_DELAY_MS, () => this.#read());
  }

  #read(): void {
    this.#isReadPosted = false;
    if (this.#isPaused || this.#isClosed) return;
    if (this.#arrived.length === 0) {
      this.#onAllRead();
      return;
    }
    const chunk = this.#takeChunk();
    const peer = this.#peer!;
    peer.#owner.tasks.post(this.#network.delayMs(), () => peer.#onTaken(chunk.length));
    this.#postRead();
    if (this.#isEnded) return;
    this.#handler!.onData(chunk);
    chunk.fill(0xdd); // who kept the chunk reads nonsense
  }

  #takeChunk(): Uint8Array {
    const { random, chunkBytes, cutRate } = this.#network;
    const available = Math.min(
      chunkBytes,
      this.#arrived.reduce((sum, bytes) => sum + bytes.length, 0),
    );
    const length = random.chance(cutRate) ? random.integer(1, available + 1) : available;
    const chunk = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const first = this.#arrived[0]!;
      const count = Math.min(first.length, length - filled);
      chunk.set(first.subarray(0, count), filled);
      filled += count;
      if (count === first.length) this.#arrived.shift();
      else this.#arrived[0] = first.subarray(count);
    }
    return chunk;
  }

  /** The other side has ended: so does this one, and the connection is closed when both have. */
  #onAllRead(): void {
    this.end();
    if (this.#isEndSent) this.#close(undefined);
    else this.#owner.tasks.post(this.#network.maxDelayMs, () => this.#postRead());
  }

  #close(error: Error | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#isEnded = true;
    this.#closeError = error;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#arrived = [];
    this.#owner.open.delete(this);
    this.#postClose();
  }

  /** Tells the handler, if there is one by now: else `start` does. */
  #postClose(): void {
    this.#owner.tasks.post(0, () => {
      const handler = this.#handler;
      this.#handler = undefined;
      handler?.onClose(this.#closeError);
    });
  }
}
