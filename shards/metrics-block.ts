/**
 * The metrics of one thread in one SharedArrayBuffer: written by that thread with plain stores, read by the main thread.
 *
 *   byte 0   layout   uint32   checksum of the definitions: writer and reader must mean the same
 *   byte 8   values            counter    high uint32 | low uint32
 *                              gauge      float64
 *                              histogram  sum as a counter | a counter per bucket
 *
 * A counter is read high, low, high. Its high half changes once in 2^32: the writer then marks it (MOVING), stores the low
 * half, stores the new high half, so that a reader who met a half-made change sees the mark or two different highs, and
 * reads again. A gauge is one aligned 8-byte store, which the machines that Node runs on do not tear.
 */
import { assert } from '../core/assert.ts';
import {
  bucketCount,
  bucketIndex,
  METRIC_DEFINITIONS,
  type MetricDefinition,
  MetricKind,
  type Metrics,
  type MetricsReader,
} from '../core/metrics.ts';

const VALUES_AT = 8;
const MOVING = 0x8000_0000;
const TWO_32 = 0x1_0000_0000;

/** Word index of each metric's value, and the size and checksum of the whole. */
interface Layout {
  readonly at: Int32Array;
  readonly sizeBytes: number;
  readonly checksum: number;
}

function layoutOf(definitions: readonly MetricDefinition[]): Layout {
  const at = new Int32Array(definitions.length);
  let byte = VALUES_AT;
  let checksum = 0x811c_9dc5; // FNV-1a
  definitions.forEach((definition, metric) => {
    at[metric] = byte / 4;
    const isHistogram = definition.kind === MetricKind.Histogram;
    byte += isHistogram ? 8 * (1 + bucketCount(definition)) : 8;
    const text = `${definition.kind} ${definition.name} ${definition.minUs} ${definition.maxUs};`;
    for (let i = 0; i < text.length; i++) checksum = Math.imul(checksum ^ text.charCodeAt(i), 0x0100_0193);
  });
  return { at, sizeBytes: byte, checksum: checksum >>> 0 };
}

/** Makes a block of zeros. */
export function createMetricsMemory(definitions: readonly MetricDefinition[] = METRIC_DEFINITIONS): SharedArrayBuffer {
  const layout = layoutOf(definitions);
  const memory = new SharedArrayBuffer(layout.sizeBytes);
  new Uint32Array(memory)[0] = layout.checksum;
  return memory;
}

/** The one thread that writes a block, or any that reads it. */
export class MetricsBlock implements Metrics, MetricsReader {
  readonly #words: Uint32Array;
  readonly #doubles: Float64Array;
  readonly #at: Int32Array;
  readonly #isGauge: Uint8Array;
  readonly #minUs: Float64Array;
  readonly #maxUs: Float64Array;

  constructor(memory: SharedArrayBuffer, definitions: readonly MetricDefinition[] = METRIC_DEFINITIONS) {
    const layout = layoutOf(definitions);
    this.#words = new Uint32Array(memory);
    assert(memory.byteLength === layout.sizeBytes, 'a metrics block has the size of its definitions');
    assert(this.#words[0] === layout.checksum, 'a metrics block was made for the same definitions');
    this.#doubles = new Float64Array(memory);
    this.#at = layout.at;
    this.#isGauge = Uint8Array.from(definitions, (definition) => (definition.kind === MetricKind.Gauge ? 1 : 0));
    this.#minUs = Float64Array.from(definitions, (definition) => definition.minUs);
    this.#maxUs = Float64Array.from(definitions, (definition) => definition.maxUs);
  }

  add(metric: number, amount: number): void {
    this.#addAt(this.#at[metric]!, amount);
  }

  set(metric: number, value: number): void {
    this.#doubles[this.#at[metric]! >> 1] = value;
  }

  observe(metric: number, us: number): void {
    const at = this.#at[metric]!;
    this.#addAt(at, Math.floor(us));
    this.#addAt(at + 2 + 2 * bucketIndex(us, this.#minUs[metric]!, this.#maxUs[metric]!), 1);
  }

  value(metric: number): number {
    const at = this.#at[metric]!;
    return this.#isGauge[metric] === 1 ? this.#doubles[at >> 1]! : this.#readAt(at);
  }

  bucket(metric: number, index: number): number {
    return this.#readAt(this.#at[metric]! + 2 + 2 * index);
  }

  sum(metric: number): number {
    return this.#readAt(this.#at[metric]!);
  }

  #addAt(at: number, amount: number): void {
    const words = this.#words;
    const low = words[at + 1]! + amount;
    if (low < TWO_32) {
      words[at + 1] = low;
      return;
    }
    const high = words[at]!;
    Atomics.store(words, at, (high | MOVING) >>> 0);
    Atomics.store(words, at + 1, low % TWO_32);
    Atomics.store(words, at, (high + Math.floor(low / TWO_32)) % MOVING);
  }

  #readAt(at: number): number {
    for (;;) {
      const high = Atomics.load(this.#words, at);
      const low = Atomics.load(this.#words, at + 1);
      if (high < MOVING && Atomics.load(this.#words, at) === high) return high * TWO_32 + low;
    }
  }
}
