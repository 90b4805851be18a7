import { crc32 } from '../../core/crc32.ts';
import type { FrameHandler } from '../../core/ports/link.ts';
import type { Listener, ListenOptions, Socket, SocketHandler, Sockets } from '../../core/ports/sockets.ts';
import type { EventHandle, SimTime } from './sim-clock.ts';
import { SimFiles } from './sim-files.ts';
import { SimLink } from './sim-link.ts';
import type { SimRandom } from './sim-random.ts';
import type { SimSockets } from './sim-sockets.ts';
import { SimTasks } from './sim-tasks.ts';

/**
 * Sums up everything that passes the ports of a simulation, in order, with its virtual time: turns of threads (and so timers, files'
 * answers and arrivals), file operations with the bytes written, link frames, socket bytes. Equal histories have equal hashes.
 */
export class SimTrace {
  hash = 0;
  count = 0;
  /** When set, every event as a line: to find where two runs of a seed part. */
  lines: string[] | undefined = undefined;
  readonly #time: SimTime;
  readonly #encoder: TextEncoder = new TextEncoder();

  constructor(time: SimTime) {
    this.#time = time;
  }

  note(kind: string, who: string, what: number | string = ''): void {
    const line = `${this.#time.nowMs} ${kind} ${who} ${what}`;
    const text = this.#encoder.encode(line);
    this.hash = crc32(text, 0, text.length, this.hash);
    this.count++;
    this.lines?.push(line);
  }

  bytes(kind: string, who: string, bytes: Uint8Array, start: number, end: number): void {
    this.note(kind, who, `${end - start} ${crc32(bytes, start, end)}`);
  }
}

/** The event loop of one thread whose turns are noted. */
export class TracedTasks extends SimTasks {
  readonly #trace: SimTrace;
  readonly #name: string;

  constructor(time: SimTime, random: SimRandom, trace: SimTrace, name: string) {
    super(time, random);
    this.#trace = trace;
    this.#name = name;
  }

  override post(delayMs: number, task: () => void): EventHandle {
    return super.post(delayMs, () => {
      this.#trace.note('turn', this.#name);
      task();
    });
  }

  override setTimer(delayMs: number, task: () => void): number {
    this.#trace.note('timer', this.#name, delayMs);
    return super.setTimer(delayMs, task);
  }
}

/** A link whose frames are noted when they are taken. */
export class TracedLink extends SimLink {
  trace: SimTrace | undefined = undefined;
  name = '';

  override drain(maxFrames: number, handler: FrameHandler): number {
    return super.drain(maxFrames, (bytes, start, end) => {
      this.trace?.bytes('frame', this.name, bytes, start, end);
      handler(bytes, start, end);
    });
  }
}

/** Files whose operations are noted, with the bytes that are written. */
export class TracedFiles extends SimFiles {
  readonly #trace: SimTrace;
  readonly #name: string;

  constructor(schedule: (operation: () => void) => void, trace: SimTrace, name: string) {
    super(schedule);
    this.#trace = trace;
    this.#name = name;
    this.onOperation = (operation) => trace.note(operation, name, this.traceHash);
  }

  override writeSync(file: number, source: Uint8Array, offset: number, length: number, position: number): void {
    this.#trace.bytes('bytes', this.#name, source, offset, offset + length);
    super.writeSync(file, source, offset, length, position);
  }
}

/** The sockets of one thread: what arrives is noted, and who listens can be made to stop with the thread. */
export class TracedSockets implements Sockets {
  readonly #sockets: SimSockets;
  readonly #trace: SimTrace;
  readonly #name: string;
  readonly #listeners: Listener[] = [];

  constructor(sockets: SimSockets, trace: SimTrace, name: string) {
    this.#sockets = sockets;
    this.#trace = trace;
    this.#name = name;
  }

  async listen(options: ListenOptions, onConnection: (socket: Socket) => SocketHandler): Promise<Listener> {
    const listener = await this.#sockets.listen(options, (socket) => this.#noted(onConnection(socket)));
    this.#listeners.push(listener);
    return listener;
  }

  connect(
    address: string,
    port: number,
    onOpen: (socket: Socket) => SocketHandler,
    onError: (error: Error) => void,
  ): void {
    this.#sockets.connect(address, port, (socket) => this.#noted(onOpen(socket)), onError);
  }

  /** The thread is gone: nobody listens, connections break. */
  crash(): void {
    for (const listener of this.#listeners) void listener.close();
    this.#sockets.crash();
  }

  #noted(handler: SocketHandler): SocketHandler {
    const trace = this.#trace;
    const name = this.#name;
    return {
      onData: (chunk) => {
        trace.bytes('data', name, chunk, 0, chunk.length);
        handler.onData(chunk);
      },
      onDrain: () => {
        trace.note('drain', name);
        handler.onDrain();
      },
      onClose: (error) => {
        trace.note('close', name, error?.message);
        handler.onClose(error);
      },
    };
  }
}
