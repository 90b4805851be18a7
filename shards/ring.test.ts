import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AssertionError } from '../core/assert.ts';
import { createDoorbellPage } from './doorbell.ts';
import { createRing, RingConsumer, RingProducer } from './ring.ts';

interface Model {
  /** Frames sent and not published, then published and not drained. */
  sent: Uint8Array[];
  published: Uint8Array[];
  isFlagged: boolean;
  consumerWakes: number;
  producerWakes: number;
}
interface Real {
  producer: RingProducer;
  consumer: RingConsumer;
  consumerWakes: number;
  producerWakes: number;
  next: number;
}
type RingCommand = fc.Command<Model, Real>;

function frameOf(length: number, first: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => first + 7 * i);
}

class Send implements RingCommand {
  readonly length: number;
  constructor(length: number) {
    this.length = length;
  }
  check(): boolean {
    return true;
  }
  run(model: Model, real: Real): void {
    const length = Math.min(this.length, real.producer.maxFrameBytes);
    const frame = frameOf(length, real.next++);
    const padded = new Uint8Array(length + 9).fill(0xee);
    padded.set(frame, 5);
    const used = [...model.sent, ...model.published].reduce((sum, sent) => sum + ((sent.length + 11) & ~7), 0);
    const free = real.producer.freeBytes();
    const isSent = real.producer.send(padded, 5, 5 + length);
    expect(free).toBeLessThanOrEqual(real.producer.capacityBytes - used);
    if (isSent) model.sent.push(frame);
    else if (model.published.length + model.sent.length === 0) throw new Error('an empty ring takes any frame');
    else {
      const needed = (length + 11) & ~7;
      // Refused only if it does not fit, or would cross the end and does not fit behind the SKIP, which is shorter than it.
      expect(2 * needed).toBeGreaterThan(real.producer.freeBytes());
    }
  }
  toString(): string {
    return `send(${this.length})`;
  }
}

class Publish implements RingCommand {
  check(): boolean {
    return true;
  }
  run(model: Model, real: Real): void {
    if (model.sent.length > 0) model.consumerWakes++;
    model.published.push(...model.sent);
    model.sent = [];
    real.producer.publish();
    expect(real.consumerWakes).toBe(model.consumerWakes);
    expect(real.consumer.hasFrames()).toBe(model.published.length > 0);
  }
  toString(): string {
    return 'publish';
  }
}

class Drain implements RingCommand {
  readonly maxFrames: number;
  constructor(maxFrames: number) {
    this.maxFrames = maxFrames;
  }
  check(): boolean {
    return true;
  }
  run(model: Model, real: Real): void {
    const got: Uint8Array[] = [];
    const count = real.consumer.drain(this.maxFrames, (bytes, start, end) => got.push(bytes.slice(start, end)));
    const expected = model.published.splice(0, this.maxFrames);
    expect(count).toBe(expected.length);
    expect(got).toEqual(expected);
    if (model.isFlagged && expected.length > 0) {
      model.isFlagged = false;
      model.producerWakes++;
    }
    expect(real.producerWakes).toBe(model.producerWakes);
  }
  toString(): string {
    return `drain(${this.maxFrames})`;
  }
}

class AwaitRoom implements RingCommand {
  check(): boolean {
    return true;
  }
  run(model: Model, real: Real): void {
    // False means that room was made since the last look, which the next call then knows of.
    if (!real.producer.awaitRoom()) expect(real.producer.awaitRoom()).toBe(true);
    model.isFlagged = true;
  }
  toString(): string {
    return 'awaitRoom';
  }
}

/** Starts both counters at `start`, so that they wrap around 2^32 soon. */
function ringAt(capacity: number, start: number): SharedArrayBuffer {
  const memory = createRing(capacity);
  const words = new Int32Array(memory);
  words[0] = start;
  words[16] = start;
  return memory;
}

const commands = (capacity: number): fc.Arbitrary<Iterable<RingCommand>> =>
  fc.commands(
    [
      fc.nat({ max: capacity / 2 }).map((length) => new Send(length)),
      fc.nat({ max: 24 }).map((length) => new Send(length)),
      fc.constant(new Publish()),
      fc.integer({ min: 1, max: 6 }).map((count) => new Drain(count)),
      fc.constant(new AwaitRoom()),
    ],
    { maxCommands: 120 },
  );

test.each([64, 128, 512])('a ring of %d bytes behaves as an array of frames', (capacity) => {
  fc.assert(
    fc.property(commands(capacity), fc.constantFrom(0, 8, 40, 0x7fff_fff0, -16, -64), (sequence, start) => {
      const memory = ringAt(capacity, start);
      const real: Real = { consumerWakes: 0, producerWakes: 0, next: 1 } as Real;
      real.producer = new RingProducer(memory, () => real.consumerWakes++);
      real.consumer = new RingConsumer(memory, () => real.producerWakes++);
      const model = { sent: [], published: [], isFlagged: false, consumerWakes: 0, producerWakes: 0 };
      fc.modelRun(() => ({ model, real }), sequence);
    }),
    { numRuns: 300 },
  );
});

test('frames of every length from 0 to the largest pass at every offset', () => {
  const capacity = 128;
  for (let offset = 0; offset < capacity; offset += 8) {
    const memory = ringAt(capacity, offset);
    const producer = new RingProducer(memory, () => {});
    const consumer = new RingConsumer(memory, () => {});
    for (let length = 0; length <= producer.maxFrameBytes; length++) {
      expect(producer.send(frameOf(length, length), 0, length)).toBe(true);
      producer.publish();
      consumer.drain(1, (bytes, start, end) => expect(bytes.slice(start, end)).toEqual(frameOf(length, length)));
    }
  }
});

test('a frame that was reserved is what is written into its place', () => {
  const memory = createRing(64);
  const producer = new RingProducer(memory, () => {});
  const at = producer.reserve(3);
  producer.bytes.set([1, 2, 3], at);
  producer.publish();
  const frames: number[][] = [];
  new RingConsumer(memory, () => {}).drain(9, (bytes, start, end) => frames.push([...bytes.subarray(start, end)]));
  expect(frames).toEqual([[1, 2, 3]]);
});

test('what was not published is not seen', () => {
  const memory = createRing(64);
  const producer = new RingProducer(memory, () => {});
  const consumer = new RingConsumer(memory, () => {});
  producer.send(frameOf(8, 1), 0, 8);
  expect(consumer.hasFrames()).toBe(false);
  expect(consumer.drain(1, () => {})).toBe(0);
});

test('a handler that throws has consumed its frame and no other', () => {
  const memory = createRing(64);
  const producer = new RingProducer(memory, () => {});
  const consumer = new RingConsumer(memory, () => {});
  for (let i = 0; i < 3; i++) producer.send(frameOf(1, i), 0, 1);
  producer.publish();
  const failing = (): void => {
    throw new RangeError('no');
  };
  expect(() => consumer.drain(9, failing)).toThrow(RangeError);
  const rest: number[] = [];
  consumer.drain(9, (bytes, start) => rest.push(bytes[start]!));
  expect(rest).toEqual([1, 2]);
});

test.each<[string, (words: Int32Array) => void]>([
  ['a length beyond the ring', (words) => (words[48] = 1000)],
  ['a negative length', (words) => (words[48] = -2)],
  ['a length beyond what was published', (words) => (words[48] = 24)],
  ['a SKIP beyond what was published', (words) => (words[48] = -1)],
  ['a tail beyond the capacity', (words) => (words[16] = 72)],
  ['a tail before the head', (words) => (words[16] = -8)],
  ['a tail between frames', (words) => (words[16] = 12)],
])('%s is an assertion', (_name, damage) => {
  const memory = createRing(64);
  const producer = new RingProducer(memory, () => {});
  producer.send(frameOf(4, 1), 0, 4);
  producer.publish();
  damage(new Int32Array(memory));
  expect(() => new RingConsumer(memory, () => {}).drain(1, () => {})).toThrow(AssertionError);
});

test('draining a link within its own handler is an assertion', () => {
  const memory = createRing(64);
  const producer = new RingProducer(memory, () => {});
  const consumer = new RingConsumer(memory, () => {});
  producer.send(frameOf(4, 1), 0, 4);
  producer.publish();
  expect(() => consumer.drain(1, () => consumer.drain(1, () => {}))).toThrow(AssertionError);
});

test.each([63, 100, 32, 2 ** 31])('a ring of %d bytes is refused', (capacity) => {
  expect(() => createRing(capacity)).toThrow(AssertionError);
});

test('100,000 frames cross two threads whole, once and in order', { timeout: 60_000 }, async () => {
  const frames = 100_000;
  const memory = createRing(16_384);
  const page = createDoorbellPage();
  const script = new URL('../test/support/ring-worker.ts', import.meta.url);
  const run = (role: string): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(script, { workerData: { role, memory, page, frames, seed: 20_261 } });
      worker.once('message', resolve);
      worker.once('error', reject);
    });
  const [sent, received] = await Promise.all([run('producer'), run('consumer')]);
  expect(received).toEqual(sent);
  expect((received as { frames: number }).frames).toBe(frames);
});
