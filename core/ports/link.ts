/**
 * One direction between two threads of a node: a bounded byte queue with one producer and one consumer. `shards/ring.ts`
 * implements it in a SharedArrayBuffer; `test/sim/sim-link.ts` in one thread. Frames arrive once, in order, whole.
 */

export interface LinkSender {
  /** Largest frame that `send` and `reserve` take, in bytes. Larger messages travel as fragments (`shards/mailbox.ts`). */
  readonly maxFrameBytes: number;
  /** Bytes that frames in flight may take in all. */
  readonly capacityBytes: number;
  /** The memory that positions of `reserve` lie in. Take it anew after each `reserve`. */
  readonly bytes: Uint8Array;

  /**
   * Takes room for a frame of `length` bytes and returns its position in `bytes`, or -1 when there is none now: nothing was
   * taken, try after `awaitRoom`. The frame counts as sent: fill all of it before the next call of this sender.
   */
  reserve(length: number): number;
  /** Copies bytes[start, end) as one frame. False when there is no room, as for `reserve`. */
  send(bytes: Uint8Array, start: number, end: number): boolean;
  /** Shows the receiver what was sent since the last call and wakes it if it sleeps. Called once per turn. */
  publish(): void;
  /** Bytes known to be free; a frame takes some more than its length. */
  freeBytes(): number;
  /**
   * Asks that this thread be woken once the receiver has taken frames. False when it has done so meanwhile: try again at
   * once, nobody will wake you.
   */
  awaitRoom(): boolean;
}

/** Called with a frame that lies in `bytes[start, end)`; valid only during the call. */
export type FrameHandler = (bytes: Uint8Array, start: number, end: number) => void;

export interface LinkReceiver {
  /** Hands over up to `maxFrames` frames; returns how many. A handler must not drain the link that called it. */
  drain(maxFrames: number, handler: FrameHandler): number;
  /** True when a frame waits. */
  hasFrames(): boolean;
}

/** What a thread says about itself, so that producers wake it when they must and only then. */
export interface Bell {
  /** This thread is awake and looks at its links before the turn ends: nobody needs to wake it. */
  awake(): void;
  /**
   * This thread sleeps from now on. Before it returns to the loop, the caller looks at its links once more (frames, and room
   * that it waits for): what came before the call woke nobody.
   */
  asleep(): void;
}
