import { Metric, type Metrics } from '../../core/metrics.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Socket, SocketHandler } from '../../core/ports/sockets.ts';
import type { BodyCompressor } from '../../cql/protocol/compress.ts';
import {
  ConnectionPhase,
  fatalProtocolError,
  HIGHEST_VERSION,
  INITIAL_BODY_LIMIT,
} from '../../cql/protocol/envelope.ts';
import { writeError, writeVersionRefusal } from '../../cql/protocol/error.ts';
import { FrameSplitter, FrameStep } from '../../cql/protocol/frame.ts';
import type { OutputBuffer } from '../../cql/protocol/output-buffer.ts';
import {
  initialMessageTooLarge,
  requestMemoryExhausted,
  requestTooLarge,
  responseFromClient,
  versionChanged,
} from '../../cql/protocol/refusal.ts';
import type { StartupRequest } from '../../cql/protocol/request.ts';
import { copyRange } from '../../cql/protocol/value.ts';
import type { ServerLimits } from './limits.ts';
import type { RequestSource } from './pending-request.ts';
import type { MemoryWaiter, RequestMemory } from './request-memory.ts';

/** Frames handled between two looks at the clock. */
const FRAMES_PER_LOOK = 8;
/** A chunk whose frames take longer goes on in a turn of its own. */
const TURN_MS = 4;
/** Answers of one turn above this size, in bytes, do not wait for its end: so the limits on slow readers hold within a turn. */
const EARLY_WRITE_BYTES: number = 256 * 1024;
/** Bytes that a stranger may send in all before the handshake is done. */
const HANDSHAKE_BYTES: number = 2 * INITIAL_BODY_LIMIT;
/** What of STARTUP's options is kept for `system.clients`, in UTF-16 units. */
const KEPT_OPTIONS_LENGTH = 4096;
const NO_BYTES = new Uint8Array(0);
const NO_OPTIONS: ReadonlyMap<string, string> = new Map();

/** Why a connection is not read, as bits. */
const Pause = { Memory: 1, Output: 2, Backlog: 4 } as const;
/** What is being watched for progress, as bits. */
const Watch = { Output: 1, Frame: 2 } as const;

/** The server around a connection. */
export interface ConnectionOwner {
  readonly limits: ServerLimits;
  readonly memory: RequestMemory;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** At the start of every call from a socket: what other threads have sent is looked at when the turn ends. */
  wake(): void;
  /** A whole frame lies in `connection.splitter`. */
  onFrame(connection: Connection): void;
  /** The largest body that may be received now. */
  bodyLimit(): number;
  takeOutput(): OutputBuffer;
  giveOutput(out: OutputBuffer): void;
  /** Calls `flush` when the turn ends. */
  flushLater(connection: Connection): void;
  /** Calls `goOn` in a turn of its own. */
  goOnLater(connection: Connection): void;
  /** Calls `onWatch` after `delayMs`; one at a time. */
  watch(connection: Connection, delayMs: number): void;
  unwatch(connection: Connection): void;
  /** Bytes that this connection's client has not taken, as a change. */
  addBufferedBytes(change: number): void;
  readonly bufferedBytes: number;
  onReady(connection: Connection): void;
  onClosed(connection: Connection): void;
}

/**
 * One client connection.
 *
 * Phases: New (OPTIONS, STARTUP) -> Authenticating (AUTH_RESPONSE) -> Ready (the rest). Beside them: `isEnding` after an answer that
 * ends the connection (everything received is dropped), `canWrite` false once nothing can be sent.
 *
 * Reading stops while memory for requests is short, while more than `outputPauseBytes` wait for a slow reader, and while frames
 * of an earlier chunk are still to be handled (the backlog: the rest of one chunk). Bytes are kept nowhere else, so a
 * connection holds at most a chunk, a frame being received, and what its slow reader was owed when it was paused.
 */
export class Connection implements SocketHandler, RequestSource, MemoryWaiter {
  readonly socket: Socket;
  readonly splitter: FrameSplitter;
  /** Number of this connection in its shard, used again after it is closed. */
  readonly slot: number;
  readonly #owner: ConnectionOwner;

  phase: ConnectionPhase;
  isEnding: boolean;
  canWrite: boolean;
  isClosed: boolean;
  /** True while an AUTH_RESPONSE is being judged. */
  isJudged: boolean;
  extensions: number;
  compressor: BodyCompressor | undefined;
  /** Keyspace in use, '' for none. */
  keyspace: string;
  /** Events that it registered for, as bits `1 << EventType`. */
  events: number;
  inFlight: number;
  /** What STARTUP said, as far as it is kept. */
  options: ReadonlyMap<string, string>;

  #out: OutputBuffer | undefined;
  #pauses: number;
  #backlog: Uint8Array;
  /** What the frame being received is charged with. */
  #frameCharge: number;
  #receivedBytes: number;
  #sentBytes: number;
  /** `socket.bufferedBytes` as the owner knows it. */
  #bufferedBytes: number;
  #watched: number;
  #receivedAtWatch: number;
  #takenAtWatch: number;

  constructor(socket: Socket, slot: number, owner: ConnectionOwner) {
    this.socket = socket;
    this.splitter = new FrameSplitter();
    this.slot = slot;
    this.#owner = owner;
    this.phase = ConnectionPhase.New;
    this.isEnding = false;
    this.canWrite = true;
    this.isClosed = false;
    this.isJudged = false;
    this.extensions = 0;
    this.compressor = undefined;
    this.keyspace = '';
    this.events = 0;
    this.inFlight = 0;
    this.options = NO_OPTIONS;
    this.#out = undefined;
    this.#pauses = 0;
    this.#backlog = NO_BYTES;
    this.#frameCharge = 0;
    this.#receivedBytes = 0;
    this.#sentBytes = 0;
    this.#bufferedBytes = 0;
    this.#watched = 0;
    this.#receivedAtWatch = 0;
    this.#takenAtWatch = 0;
  }

  onData(chunk: Uint8Array): void {
    this.#owner.wake();
    if (this.isEnding) return;
    this.#receivedBytes += chunk.length;
    this.#receive(chunk);
  }

  onDrain(): void {
    this.#owner.wake();
    this.#noteBuffered();
    this.#resume(Pause.Output);
  }

  onClose(_error: Error | undefined): void {
    this.#owner.wake();
    this.isClosed = true;
    this.isEnding = true;
    this.canWrite = false;
    this.#backlog = NO_BYTES;
    this.#owner.addBufferedBytes(-this.#bufferedBytes);
    this.#bufferedBytes = 0;
    this.#chargeFrame(0);
    this.#owner.onClosed(this);
  }

  onMemoryFree(): void {
    this.#resume(Pause.Memory);
  }

  output(): OutputBuffer {
    if (this.#out !== undefined && this.#out.length > EARLY_WRITE_BYTES) this.#writeOutput();
    if (this.#out === undefined) {
      this.#out = this.#owner.takeOutput();
      this.#owner.flushLater(this);
    }
    return this.#out;
  }

  /** The handshake is done. */
  becomeReady(): void {
    this.phase = ConnectionPhase.Ready;
    this.splitter.bodyLimit = this.#owner.bodyLimit();
    this.#owner.onReady(this);
  }

  /** Takes what STARTUP agreed on. */
  agree(startup: StartupRequest, compressor: BodyCompressor | undefined): void {
    this.extensions = startup.extensions;
    this.compressor = compressor;
    const kept = new Map<string, string>();
    let length = 0;
    for (const [key, value] of startup.options) {
      length += key.length + value.length;
      if (length <= KEPT_OPTIONS_LENGTH) kept.set(key, value);
    }
    this.options = kept;
  }

  /** Sends what was answered, then closes. What comes meanwhile is dropped. */
  end(): void {
    if (this.isEnding) return;
    this.isEnding = true;
    this.#backlog = NO_BYTES;
    this.#owner.flushLater(this);
  }

  /** Closes now, without a word. */
  destroy(): void {
    this.isEnding = true;
    this.canWrite = false;
    this.#backlog = NO_BYTES;
    this.socket.destroy();
  }

  /** One write for all answers that are there. */
  flush(): void {
    this.#writeOutput();
    if (this.isEnding && this.canWrite) {
      this.canWrite = false;
      this.socket.end();
    }
  }

  /** Goes on with the backlog, unless there is another reason to wait: its end goes on then. */
  goOn(): void {
    this.#owner.wake();
    if (this.#backlog.length === 0 || (this.#pauses & ~Pause.Backlog) !== 0) return;
    const bytes = this.#backlog;
    this.#backlog = NO_BYTES;
    this.#receive(bytes);
    if (this.#backlog.length === 0) this.#resume(Pause.Backlog);
  }

  /** The time that `watch` was given is over. */
  onWatch(): void {
    this.#owner.wake();
    if (this.isClosed) return;
    if (this.phase !== ConnectionPhase.Ready) {
      this.#cut();
      return;
    }
    const { progressBytes } = this.#owner.limits;
    const watched = this.#watched;
    this.#watched = 0;
    this.#noteBuffered();
    const taken = this.#sentBytes - this.#bufferedBytes - this.#takenAtWatch;
    const received = this.#receivedBytes - this.#receivedAtWatch;
    const isSlowReader = (watched & Watch.Output) !== 0 && taken < progressBytes;
    // Who is not read cannot make progress.
    const isSlowSender = (watched & Watch.Frame) !== 0 && this.#pauses === 0 && received < progressBytes;
    if (isSlowReader || isSlowSender) this.#cut();
    else this.#watch();
  }

  #receive(bytes: Uint8Array): void {
    const { splitter } = this;
    const owner = this.#owner;
    if (this.phase === ConnectionPhase.Ready) splitter.bodyLimit = owner.bodyLimit();
    splitter.push(bytes);
    let frames = 0;
    let startMs = -1;
    for (let step = splitter.next(); step !== FrameStep.NeedMore; step = splitter.next()) {
      if (this.isEnding) continue;
      if (step !== FrameStep.Frame) {
        this.#refuse(step);
        continue;
      }
      owner.onFrame(this);
      let mustStop = (this.#pauses & Pause.Output) !== 0;
      if (++frames % FRAMES_PER_LOOK === 0) {
        const nowMs = owner.clock.monotonicMs();
        if (startMs < 0) startMs = nowMs;
        mustStop ||= nowMs - startMs >= TURN_MS;
      }
      // A frame in the splitter's own buffer does not tell where the next one begins: after that.
      if (mustStop && splitter.bytes === bytes && !this.isEnding) this.#putOff(bytes);
    }
    this.#chargeFrame(this.isEnding ? 0 : owner.memory.frameCharge(splitter.pendingBodyLength));
    if (this.isEnding) return;
    if (this.phase !== ConnectionPhase.Ready && this.#receivedBytes > HANDSHAKE_BYTES) {
      this.#answerLast(fatalProtocolError(`more than ${HANDSHAKE_BYTES} bytes before the end of the handshake`));
    } else if (owner.memory.isShort) {
      this.#pauseForMemory();
    }
  }

  /** Keeps what follows the splitter's frame for a later turn. */
  #putOff(bytes: Uint8Array): void {
    const { splitter } = this;
    if (splitter.bodyEnd === bytes.length) return;
    this.#backlog = copyRange(bytes, splitter.bodyEnd, bytes.length);
    splitter.push(NO_BYTES);
    this.#pause(Pause.Backlog);
    if (this.#pauses === Pause.Backlog) this.#owner.goOnLater(this);
  }

  #refuse(step: FrameStep): void {
    const { splitter } = this;
    switch (step) {
      case FrameStep.TooLarge:
        this.#refuseLarge(splitter.bodyLength);
        break;
      case FrameStep.BadVersion:
        writeVersionRefusal(this.output(), splitter.stream, splitter.version);
        this.end();
        break;
      case FrameStep.VersionChanged:
        this.#answerLast(versionChanged(splitter.version, splitter.connectionVersion));
        break;
      case FrameStep.NotARequest:
        this.#answerLast(responseFromClient());
        break;
      case FrameStep.NotCql:
        this.destroy();
        break;
      default:
        break; // Dropped: the connection goes on
    }
  }

  #refuseLarge(bodyLength: number): void {
    const { maxFrameBytes } = this.#owner.limits;
    if (this.phase !== ConnectionPhase.Ready) {
      this.#answerLast(initialMessageTooLarge(bodyLength));
    } else if (bodyLength > maxFrameBytes) {
      this.#answerLast(requestTooLarge(bodyLength, maxFrameBytes));
    } else {
      this.#owner.metrics.add(Metric.CqlRequestsShed, 1);
      this.#answer(requestMemoryExhausted(bodyLength));
    }
  }

  /** Answers the splitter's frame. */
  #answer(error: Error): void {
    const { splitter } = this;
    writeError(this.output(), splitter.connectionVersion || HIGHEST_VERSION, splitter.stream, error);
  }

  #answerLast(error: Error): void {
    this.#answer(error);
    this.end();
  }

  #writeOutput(): void {
    const out = this.#out;
    if (out === undefined) return;
    this.#out = undefined;
    if (this.canWrite) this.#write(out);
    this.#owner.giveOutput(out);
  }

  #write(out: OutputBuffer): void {
    const owner = this.#owner;
    const { limits } = owner;
    if (this.#bufferedBytes > 0) {
      this.#noteBuffered();
      const isTooFar = this.#bufferedBytes > limits.outputCutBytes;
      const isInTheWay = this.#bufferedBytes > limits.outputPauseBytes && owner.bufferedBytes > limits.totalOutputBytes;
      if (isTooFar || isInTheWay) {
        this.#cut();
        return;
      }
    }
    this.#sentBytes += out.length;
    if (this.socket.write(out.bytes, 0, out.length)) return;
    this.#noteBuffered();
    if (this.#bufferedBytes <= limits.outputPauseBytes) return;
    this.#pause(Pause.Output);
    this.#watch();
  }

  #noteBuffered(): void {
    const bufferedBytes = this.isClosed ? 0 : this.socket.bufferedBytes;
    this.#owner.addBufferedBytes(bufferedBytes - this.#bufferedBytes);
    this.#bufferedBytes = bufferedBytes;
  }

  #pauseForMemory(): void {
    if ((this.#pauses & Pause.Memory) !== 0) return;
    this.#owner.metrics.add(Metric.CqlReadingPaused, 1);
    this.#pause(Pause.Memory);
    this.#owner.memory.wait(this);
  }

  #pause(reason: number): void {
    if (this.#pauses === 0) this.socket.pause();
    this.#pauses |= reason;
  }

  #resume(reason: number): void {
    if ((this.#pauses & reason) === 0) return;
    this.#pauses &= ~reason;
    if (this.isClosed) return;
    if (reason === Pause.Output) this.#watched &= ~Watch.Output;
    if (this.#pauses === 0) this.socket.resume();
    else if (this.#pauses === Pause.Backlog) this.#owner.goOnLater(this);
  }

  #chargeFrame(charge: number): void {
    if (charge === this.#frameCharge) return;
    this.#owner.memory.moveFrame(this.#frameCharge, charge);
    this.#frameCharge = charge;
    if (charge === 0) this.#watched &= ~Watch.Frame;
    else this.#watch();
  }

  /** Watches what needs it from now on; what is watched already keeps its time. */
  #watch(): void {
    if (this.isEnding || this.phase !== ConnectionPhase.Ready || this.#watched !== 0) return;
    if ((this.#pauses & Pause.Output) !== 0) this.#watched |= Watch.Output;
    if (this.#frameCharge > 0) this.#watched |= Watch.Frame;
    if (this.#watched === 0) return;
    this.#receivedAtWatch = this.#receivedBytes;
    this.#takenAtWatch = this.#sentBytes - this.#bufferedBytes;
    this.#owner.watch(this, this.#owner.limits.progressMs);
  }

  #cut(): void {
    this.#owner.metrics.add(Metric.CqlConnectionsCut, 1);
    this.destroy();
  }
}
