import type { JsonObject, JsonValue } from './json-reader.ts';
import { parseSpacedTime } from './time-text.ts';

/** Reads members of objects of JSON. `fail` is told, and throws, what is wrong with one. */
export class JsonFields {
  readonly #fail: (why: string) => never;

  constructor(fail: (why: string) => never) {
    this.#fail = fail;
  }

  object(value: JsonValue | undefined, what: string): JsonObject {
    return value instanceof Map ? value : this.#fail(`${what}: an object must stand here`);
  }

  list(value: JsonValue | undefined, what: string): readonly JsonValue[] {
    return Array.isArray(value) ? value : this.#fail(`${what}: a list must stand here`);
  }

  string(value: JsonValue | undefined, what: string): string {
    return typeof value === 'string' ? value : this.#fail(`${what}: a string must stand here`);
  }

  boolean(value: JsonValue | undefined, what: string): boolean {
    return typeof value === 'boolean' ? value : this.#fail(`${what}: true or false must stand here`);
  }

  /** An int64. */
  timestamp(value: JsonValue | undefined, what: string): bigint {
    if (typeof value !== 'bigint' || BigInt.asIntN(64, value) !== value) {
      return this.#fail(`${what}: a timestamp, an integer of 64 bits, must stand here`);
    }
    return value;
  }

  /** Seconds since 1970, as `2018-06-20 18:34:01z` or as a number. */
  time(value: JsonValue | undefined, what: string): number {
    const seconds = typeof value === 'string' ? parseSpacedTime(value) : typeof value === 'bigint' ? Number(value) : -1;
    if (seconds === undefined || seconds < 0 || seconds >= 0xffff_ffff) {
      return this.#fail(`${what}: a time from 1970 to 2106, as 2018-06-20 18:34:01z, must stand here`);
    }
    return seconds;
  }

  /** Seconds, as `3600s` or as a number. */
  ttl(value: JsonValue | undefined, what: string): number {
    const seconds =
      typeof value === 'string' && /^\d{1,10}s$/.test(value)
        ? Number(value.slice(0, -1))
        : typeof value === 'bigint'
          ? Number(value)
          : 0;
    if (seconds < 1 || seconds >= 0x7fff_ffff) return this.#fail(`${what}: a TTL, as 3600s, must stand here`);
    return seconds;
  }

  /** Only these members may be there. */
  only(object: JsonObject, names: readonly string[], what: string): void {
    for (const name of object.keys()) if (!names.includes(name)) this.#fail(`${what}: unknown member ${name}`);
  }
}
