import { assert } from '../../core/assert.ts';
import type { Bell, FrameHandler, LinkReceiver, LinkSender } from '../../core/ports/link.ts';
import type { SimRandom } from './sim-random.ts';
import type { SimTasks } from './sim-tasks.ts';

/** Longest time from publication until the other thread sees it. */
const MAX_DELAY_MS = 0.2;
/** A frame takes its length and this. */
const FRAME_OVERHEAD_BYTES = 8;

/** Simulated threads are woken by every publication: nobody needs to say that it sleeps. */
export const SIM_BELL: Bell = { awake(): void {}, asleep(): void {} };

/**
 * One direction between two simulated threads: what `shards/ring.ts` promises, with delays drawn from the seed. Published frames
 * become visible to the receiver in order, after a while, and then wake it; room becomes visible to the sender likewise.
 */
export class SimLink implements LinkSender, LinkReceiver {
  readonly capacityBytes: number;
  readonly maxFrameBytes: number;
  readonly #random: SimRandom;
  readonly #from: SimTasks;
  readonly #to: SimTasks;
  readonly #wakeSender: () => void;
  readonly #wakeReceiver: () => void;
  /** The frame that was reserved last: its bytes may still change until the sender's next call. */
  #open: Uint8Array | undefined;
  #sent: Uint8Array[];
  readonly #published: Uint8Array[];
  /** Of `published`, how many the receiver sees. */
  #visible: number;
  #usedBytes: number;
  #waitsForRoom: boolean;
  #lastVisibleMs: number;

  constructor(
    capacityBytes: number,
    random: SimRandom,
    from: SimTasks,
    to: SimTasks,
    wakeSender: () => void,
    wakeReceiver: () => void,
  ) {
    this.capacityBytes = capacityBytes;
    this.maxFrameBytes = capacityBytes / 2 - FRAME_OVERHEAD_BYTES;
    this.#random = random;
    this.#from = from;
    this.#to = to;
    this.#wakeSender = wakeSender;
    this.#wakeReceiver = wakeReceiver;
    this.#open = undefined;
    this.#sent = [];
    this.#published = [];
    this.#visible = 0;
    this.#usedBytes = 0;
    this.#waitsForRoom = false;
    this.#lastVisibleMs = 0;
  }

  get bytes(): Uint8Array {
    assert(this.#open !== undefined, 'a frame is reserved');
    return this.#open;
  }

  reserve(length: number): number {
    assert(length >= 0 && length <= this.maxFrameBytes, 'a frame fits half of its link');
    this.#closeFrame();
    if (this.#usedBytes + length + FRAME_OVERHEAD_BYTES > this.capacityBytes) return -1;
    this.#usedBytes += length + FRAME_OVERHEAD_BYTES;
    this.#open = new Uint8Array(length);
    return 0;
  }

  send(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.reserve(end - start) < 0) return false;
    this.bytes.set(bytes.subarray(start, end));
    return true;
  }

  publish(): void {
    this.#closeFrame();
    const frames = this.#sent;
    if (frames.length === 0) return;
    this.#sent = [];
    this.#published.push(...frames);
    const now = this.#from.nowMs;
    const atMs = Math.max(now + this.#random.next() * MAX_DELAY_MS, this.#lastVisibleMs);
    this.#lastVisibleMs = atMs;
    this.#to.post(atMs - now, () => {
      this.#visible += frames.length;
      this.#wakeReceiver();
    });
  }

  freeBytes(): number {
    return this.capacityBytes - this.#usedBytes;
  }

  awaitRoom(): boolean {
    this.#waitsForRoom = true;
    return true;
  }

  hasFrames(): boolean {
    return this.#visible > 0;
  }

  drain(maxFrames: number, handler: FrameHandler): number {
    let count = 0;
    let takenBytes = 0;
    while (count < maxFrames && this.#visible > 0) {
      const frame = this.#published.shift()!;
      this.#visible--;
      takenBytes += frame.length + FRAME_OVERHEAD_BYTES;
      count++;
      handler(frame, 0, frame.length);
      frame.fill(0xdd); // who kept the frame reads nonsense
    }
    if (takenBytes > 0) this.#giveRoom(takenBytes);
    return count;
  }

  #giveRoom(takenBytes: number): void {
    this.#from.post(this.#random.next() * MAX_DELAY_MS, () => {
      this.#usedBytes -= takenBytes;
      if (!this.#waitsForRoom) return;
      this.#waitsForRoom = false;
      this.#wakeSender();
    });
  }

  #closeFrame(): void {
    if (this.#open === undefined) return;
    this.#sent.push(this.#open);
    this.#open = undefined;
  }
}
