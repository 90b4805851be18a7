import { ByteWriter } from '../../core/bytes.ts';
import type { CqlType } from '../../core/types/cql-type.ts';
import { writeTimeUuid } from '../../core/types/timeuuid.ts';
import {
  type BindMarker,
  type BoundValues,
  type ExecutionContext,
  NULL_VALUE,
  UNSET_VALUE,
} from '../../cql/plan/plan.ts';

/** A value of a request: bytes, null or unset. */
export type GivenValue = Uint8Array | null | undefined;

/** Values as they lie in a request's frame: at odd places, with other bytes between them. */
export function boundValues(given: readonly GivenValue[]): BoundValues {
  const out = new ByteWriter(64);
  const starts = new Int32Array(given.length);
  const lengths = new Int32Array(given.length);
  for (const [i, value] of given.entries()) {
    out.i32LE(-1);
    starts[i] = out.length;
    lengths[i] = value === null ? NULL_VALUE : value === undefined ? UNSET_VALUE : value.length;
    if (value) out.raw(value);
  }
  out.u8(255);
  return { bytes: out.toBytes(), starts, lengths, count: given.length };
}

/** A value's text for a marker: `null`, `unset`, raw bytes as `raw 0x00ff`, else what a string literal of the type may hold. */
export function parseValue(text: string, type: CqlType): GivenValue {
  if (text === 'null') return null;
  if (text === 'unset') return undefined;
  if (text.startsWith('raw 0x')) return new Uint8Array(Buffer.from(text.slice(6), 'hex'));
  return type.fromText(text);
}

/** Values separated by ` | `, for markers of known types. Those beyond the markers are raw bytes. */
export function parseValues(text: string, markers: readonly BindMarker[]): BoundValues {
  const parts = text.trim() === '' ? [] : text.trim().split(' | ');
  return boundValues(
    parts.map((part, i) => (markers[i] === undefined ? new Uint8Array(4) : parseValue(part, markers[i].type))),
  );
}

/** A world that stands still but for its counters: timestamps in steps of 1000, UUIDs in steps of 100 ns. */
export class FixedContext implements ExecutionContext {
  timestampHi = 0;
  timestampLo = 0;
  nowUs = 1_700_000_000_000_000;
  #uuids = 0;

  /** The next statement. */
  advance(): void {
    this.timestampLo += 1000;
  }

  randomBytes(target: Uint8Array): void {
    target.fill(0xab);
  }

  timeUuid(target: Uint8Array, at: number): void {
    const count = this.#uuids++;
    writeTimeUuid(target, at, this.nowUs + Math.floor(count / 10), count % 10, 7, NODE);
  }
}

const NODE = Uint8Array.of(1, 2, 3, 4, 5, 6);
