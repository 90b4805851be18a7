import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ByteWriter, readU16BE, readU32BE } from '../../core/bytes.ts';
import { OverloadedError } from '../../core/errors.ts';
import { Metric } from '../../core/metrics.ts';
import type { Listener, Socket, SocketHandler, Sockets } from '../../core/ports/sockets.ts';
import { lz4Compressor } from '../../cql/protocol/compress.ts';
import { EVENT_STREAM, HEADER_LENGTH, Opcode } from '../../cql/protocol/envelope.ts';
import { PagingState } from '../../cql/protocol/paging-state.ts';
import {
  encodeAuthResponse,
  encodeBatch,
  encodeExecute,
  encodeOptions,
  encodePrepare,
  encodeQuery,
  encodeRegister,
  encodeStartup,
} from '../../cql/protocol/request-encoder.ts';
import { statementId } from '../../cql/protocol/statement-id.ts';
import { lz4Blocks } from '../../shards/host/lz4-blocks.ts';
import { SimRandom } from '../sim/sim-random.ts';
import { answerEmpty, type ExecutedCall } from '../support/scripted-executor.ts';
import { md5, ServerWorld } from '../support/server-world.ts';

/** What a run has seen. */
export interface FuzzReport {
  readonly seed: number;
  frames: number;
  connections: number;
  results: number;
  errors: number;
  otherAnswers: number;
  /** Connections that the server ended. */
  closed: number;
  /** Growth of the heap over the run, after garbage collections, in bytes. */
  heapGrowthBytes: number;
}

const SELECT = 'SELECT v FROM ks.t WHERE k = ?';
const INSERT = 'INSERT INTO ks.t (k, v) VALUES (?, ?)';
const OPTIONS = {
  consistency: 6,
  values: [new Uint8Array(4), Buffer.from('value')],
  pageSize: 100,
  pagingState: new PagingState().encode(new Uint8Array(16)),
  serialConsistency: 9,
  timestamp: { hi: 1, lo: 2 },
};
const NAMED = { consistency: 1, values: [new Uint8Array(4)], names: ['k'] };
const FRAMES_PER_CLOSE = 1000;
const MARK = Buffer.from('OTHER-CLIENTS-DATA');

/** A socket without a network: what the server writes is checked at once. */
class DirectSocket implements Socket {
  readonly remoteAddress = '10.0.0.9';
  readonly remotePort = 1;
  readonly bufferedBytes = 0;
  readonly seeds: readonly Uint8Array[];
  handler: SocketHandler | undefined;
  isEnded = false;
  readonly #report: FuzzReport;
  #rest: Uint8Array = new Uint8Array(0);

  /** @param seeds what this client's frames are made from: those of one version of the protocol */
  constructor(report: FuzzReport, seeds: readonly Uint8Array[]) {
    this.#report = report;
    this.seeds = seeds;
  }

  write(bytes: Uint8Array, start: number, end: number): boolean {
    this.#rest = new Uint8Array(Buffer.concat([this.#rest, bytes.subarray(start, end)]));
    let at = 0;
    while (this.#rest.length - at >= HEADER_LENGTH) {
      const length = readU32BE(this.#rest, at + 5);
      this.#check(this.#rest, at, at + HEADER_LENGTH + length);
      at += HEADER_LENGTH + length;
    }
    if (at !== this.#rest.length) throw new Error('the server wrote a part of a frame');
    this.#rest = this.#rest.subarray(at);
    return true;
  }

  pause(): void {}
  resume(): void {}
  end(): void {
    this.isEnded = true;
  }
  destroy(): void {
    this.isEnded = true;
  }

  #check(bytes: Uint8Array, start: number, end: number): void {
    if (end > bytes.length) throw new Error('an answer claims more than was written');
    const version = bytes[start]!;
    if (version !== 0x83 && version !== 0x84) throw new Error(`an answer of version ${version}`);
    const stream = (readU16BE(bytes, start + 2) << 16) >> 16;
    const opcode = bytes[start + 4]!;
    if (stream === EVENT_STREAM && opcode === Opcode.Event) throw new Error('an event that nothing caused');
    if (Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).includes(MARK)) {
      throw new Error('an answer holds bytes of another request');
    }
    if (opcode === Opcode.Result) this.#report.results++;
    else if (opcode === Opcode.Error) this.#report.errors++;
    else if ([Opcode.Ready, Opcode.Supported].includes(opcode as never)) this.#report.otherAnswers++;
    else throw new Error(`an answer with opcode ${opcode}`);
  }
}

class DirectSockets implements Sockets {
  accept: ((socket: Socket) => SocketHandler) | undefined;

  async listen(_options: unknown, onConnection: (socket: Socket) => SocketHandler): Promise<Listener> {
    this.accept = onConnection;
    return { port: 1, close: () => Promise.resolve() };
  }

  connect(): void {
    throw new Error('nobody connects from here');
  }
}

/** Whole request frames of v3, then as many of v4: what malformed ones are made from. */
export function seedFrames(): Uint8Array[] {
  const insertId = statementId('', INSERT, md5);
  const selectId = statementId('', SELECT, md5);
  const lz4 = lz4Compressor(lz4Blocks);
  const compressed = (frame: Uint8Array): Uint8Array => {
    const body = lz4.compress(frame.subarray(HEADER_LENGTH));
    const whole = Buffer.concat([frame.subarray(0, HEADER_LENGTH), body]);
    whole[1]! |= 1;
    whole.writeUInt32BE(body.length, 5);
    return whole;
  };
  const withPayload = (frame: Uint8Array): Uint8Array => {
    const payload = Buffer.from('00010001610000000105', 'hex');
    const whole = Buffer.concat([frame.subarray(0, HEADER_LENGTH), payload, frame.subarray(HEADER_LENGTH)]);
    whole[1]! |= 4;
    whole.writeUInt32BE(whole.length - HEADER_LENGTH, 5);
    return whole;
  };
  const frames: Uint8Array[] = [];
  for (const version of [3, 4]) {
    frames.push(
      encodeStartup(version, 0, { CQL_VERSION: '3.0.0', COMPRESSION: 'lz4' }),
      encodeOptions(version, 1),
      encodeRegister(version, 2, ['TOPOLOGY_CHANGE', 'STATUS_CHANGE']),
      encodePrepare(version, 3, SELECT),
      encodePrepare(version, 3, INSERT),
      encodeQuery(version, 4, SELECT, NAMED),
      encodeQuery(version, 5, INSERT, OPTIONS),
      encodeQuery(version, 6, 'USE ks', { consistency: 1 }),
      encodeExecute(version, 7, insertId, OPTIONS),
      encodeExecute(version, 8, selectId, { consistency: 1, values: [new Uint8Array(4)], skipMetadata: true }),
      encodeBatch(
        version,
        9,
        0,
        [
          { query: insertId, values: OPTIONS.values },
          { query: INSERT, values: OPTIONS.values },
        ],
        OPTIONS,
      ),
      encodeAuthResponse(version, 10, Buffer.from('\0user\0password')),
      compressed(encodeQuery(version, 11, `SELECT v FROM ks.t WHERE k IN (${'1, '.repeat(200)}2)`, OPTIONS)),
      withPayload(encodeQuery(version, 12, SELECT, OPTIONS)),
    );
  }
  return frames;
}

/** A frame with a few bits and bytes changed, sometimes cut; its length field mostly fits what is left. */
export function mutate(frame: Uint8Array, random: SimRandom): Uint8Array {
  const changed = Buffer.from(frame);
  for (let n = random.integer(-2, 4); n > 0; n--) {
    const isInHeader = random.chance(0.05) || frame.length === HEADER_LENGTH;
    const at = isInHeader ? random.integer(0, HEADER_LENGTH) : random.integer(HEADER_LENGTH, changed.length);
    if (random.chance(0.3)) changed[at] = random.pick([0, 0x7f, 0x80, 0xff]);
    else changed[at]! ^= 1 << random.integer(0, 8);
  }
  const length = random.chance(0.1) ? random.integer(0, changed.length + 1) : changed.length;
  // Most frames are kept in step, or all that follows is one long body.
  if (length >= HEADER_LENGTH && random.chance(0.97)) changed.writeUInt32BE(length - HEADER_LENGTH, 5);
  return changed.subarray(0, length);
}

/**
 * Throws mutated and made-up frames at a shard's server, in process: real connections, parser, planner and writers; an executor
 * that answers at once, later, with errors or with rows. Fails when anything but an answer or a closed connection comes of
 * it, when an answer is malformed or holds bytes of another request, and when requests or memory are not given back.
 */
export async function fuzzFrames(volume: number, seed: number): Promise<FuzzReport> {
  const random = new SimRandom(seed);
  const sockets = new DirectSockets();
  const world = await new ServerWorld({ seed, server: { sockets } }).listen();
  const { executor, server, metrics } = world.shards[0]!;
  const report: FuzzReport = {
    seed,
    frames: 0,
    connections: 0,
    results: 0,
    errors: 0,
    otherAnswers: 0,
    closed: 0,
    heapGrowthBytes: 0,
  };
  const later: ExecutedCall[] = [];
  executor.keepsCalls = false;
  executor.script = (call) => {
    if (random.chance(0.2)) later.push(call);
    else answer(call, random);
  };
  const seeds = seedFrames();
  const heapBefore = heapBytes();
  let open: DirectSocket[] = [];
  const pass = (ms: number): void => {
    world.time.run(world.time.nowMs + ms);
  };
  const closeSome = (rate: number): void => {
    for (const socket of open) {
      if (!socket.isEnded && !random.chance(rate)) continue;
      if (socket.isEnded) report.closed++;
      socket.isEnded = true;
      socket.handler!.onClose(undefined);
    }
    open = open.filter((socket) => !socket.isEnded);
    pass(0.1);
  };
  while (report.frames < volume) {
    while (open.length < 20) {
      const half = seeds.length / 2;
      const isOld = random.chance(0.4);
      const socket = new DirectSocket(report, isOld ? seeds.slice(0, half) : seeds.slice(half));
      socket.handler = sockets.accept!(socket);
      open.push(socket);
      report.connections++;
      if (random.chance(0.9)) give(socket, socket.seeds[0]!, random);
    }
    const socket = random.pick(open);
    const frames: Uint8Array[] = [];
    for (let n = random.integer(1, 6); n > 0; n--) frames.push(mutate(random.pick(socket.seeds), random));
    report.frames += frames.length;
    const bytes = random.chance(0.005) ? noise(random) : Buffer.concat(frames);
    const cut = random.chance(0.3) ? random.integer(0, bytes.length + 1) : bytes.length;
    give(socket, bytes.subarray(0, cut), random);
    if (random.chance(0.5)) pass(0.05);
    give(socket, bytes.subarray(cut), random);
    pass(random.chance(0.01) ? 50 : 0.05);
    if (later.length > 0 && random.chance(0.3)) answer(later.splice(random.integer(0, later.length), 1)[0]!, random);
    if (report.frames % FRAMES_PER_CLOSE < 6) closeSome(0.3);
    else if (socket.isEnded) closeSome(0);
  }
  for (const call of later.splice(0)) answer(call, random);
  closeSome(1);
  pass(20_000);
  if (server.requestsInFlight !== 0) throw new Error(`${server.requestsInFlight} requests were never given back`);
  if (server.clients().length !== 0) throw new Error('connections were never given back');
  if (metrics.value(Metric.CqlRequestBytes) !== 0) throw new Error('memory of requests was never given back');
  if (world.errors.length > 0) throw new Error(`bugs were met: ${world.errors[0]}`);
  report.heapGrowthBytes = heapBytes() - heapBefore;
  return report;
}

function give(socket: DirectSocket, bytes: Uint8Array, random: SimRandom): void {
  if (bytes.length === 0 || socket.isEnded) return;
  const chunk = new Uint8Array(bytes);
  socket.handler!.onData(chunk);
  // The chunk is the port's again: an answer made of it now would be made of somebody else's bytes.
  for (let at = random.integer(0, MARK.length); at < chunk.length; at += MARK.length) {
    chunk.set(MARK.subarray(0, chunk.length - at), at);
  }
}

function answer(call: ExecutedCall, random: SimRandom): void {
  const { plan, completion } = call;
  const which = random.next();
  if (which < 0.1) completion.failed(new OverloadedError('not now'));
  else if (which < 0.3 && plan.resultColumns !== undefined) {
    const rows = new ByteWriter();
    for (const _ of plan.resultColumns) rows.i32BE(-1);
    completion.rows(plan.resultColumns, 1, rows, which < 0.2 ? new Uint8Array(7) : undefined, ['a warning']);
  } else answerEmpty(call);
}

/** Bytes that were never a frame. */
export function noise(random: SimRandom): Uint8Array {
  const bytes = new Uint8Array(random.integer(1, 400));
  random.fill(bytes);
  return bytes;
}

function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed + process.memoryUsage().external;
}
