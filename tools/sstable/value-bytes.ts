import { readI32BE, readU16BE } from '../../core/bytes.ts';
import { int64ToNumber, isSafeInt64 } from '../../core/int64.ts';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';
import { writeI32, writeUuidText } from './digit-bytes.ts';
import type { JsonText } from './json-text.ts';
import { jsonValue } from './json-value.ts';
import { int64Bytes, SPACE, T, TimeBytes } from './time-bytes.ts';

/** Bytes of a UUID's text. */
const UUID_TEXT_BYTES = 36;
const INT32_TEXT_BYTES = 11;
const QUOTE = 34;

/**
 * Values as JSON straight from their bytes to bytes, for the types of which tables mostly consist; others go through the text forms
 * that `CqlType.toText` and `jsonValue` make, which are what all types are held to.
 */
export class ValueBytes {
  readonly #json: JsonText;
  readonly #times: TimeBytes = new TimeBytes(false);
  readonly #double: DataView = new DataView(new ArrayBuffer(8));

  constructor(json: JsonText) {
    this.#json = json;
  }

  /** The inside of a JSON string with what `type.toText` says. */
  text(type: CqlType, bytes: Uint8Array, start: number, end: number): void {
    const json = this.#json;
    if (!this.#plain(type.kind, bytes, start, end, T)) {
      const text = JSON.stringify(type.toText(bytes, start, end));
      json.raw(text.slice(1, -1));
    }
  }

  /** What `jsonValue` says. */
  value(type: CqlType, bytes: Uint8Array, start: number, end: number): void {
    const json = this.#json;
    switch (type.kind) {
      case TypeKind.Bigint:
      case TypeKind.Boolean:
      case TypeKind.Int:
      case TypeKind.Smallint:
      case TypeKind.Tinyint:
        if (start !== end && this.#plain(type.kind, bytes, start, end, T)) return;
        break;
      case TypeKind.Double:
        if (end - start === 8) {
          const value = this.#readDouble(bytes, start);
          json.raw(Number.isFinite(value) ? doubleText(value) : 'null');
          return;
        }
        break;
      case TypeKind.Blob:
      case TypeKind.Custom:
        if (start === end && type.kind === TypeKind.Custom) break;
        json.raw('"0x');
        json.hex(bytes, start, end);
        this.#quote();
        return;
      case TypeKind.Timeuuid:
        if (end - start !== 16 || bytes[start + 6]! >> 4 !== 1) break;
        this.#quoted(type.kind, bytes, start, end);
        return;
      case TypeKind.Ascii:
      case TypeKind.Text:
      case TypeKind.Timestamp:
      case TypeKind.Uuid:
        if (this.#quoted(type.kind, bytes, start, end)) return;
        break;
      default:
    }
    json.raw(jsonValue(type, bytes, start, end));
  }

  #quoted(kind: TypeKind, bytes: Uint8Array, start: number, end: number): boolean {
    this.#quote();
    if (!this.#plain(kind, bytes, start, end, SPACE)) {
      this.#json.length--;
      return false;
    }
    this.#quote();
    return true;
  }

  #quote(): void {
    const json = this.#json;
    const at = json.reserve(1);
    json.bytes[at] = QUOTE;
    json.length = at + 1;
  }

  /** Writes the text of a value of a common type; false, with nothing written, for any other and for what is no value of the type. */
  #plain(kind: TypeKind, bytes: Uint8Array, start: number, end: number, separator: number): boolean {
    const json = this.#json;
    const length = end - start;
    switch (kind) {
      case TypeKind.Text:
        return json.escaped(bytes, start, end, false);
      case TypeKind.Ascii:
        return json.escaped(bytes, start, end, true);
      case TypeKind.Bigint:
        if (length !== 8) return false;
        int64Bytes(json, readI32BE(bytes, start), readI32BE(bytes, start + 4));
        return true;
      case TypeKind.Int:
        if (length !== 4) return false;
        this.#int(readI32BE(bytes, start));
        return true;
      case TypeKind.Smallint:
        if (length !== 2) return false;
        this.#int((readU16BE(bytes, start) << 16) >> 16);
        return true;
      case TypeKind.Tinyint:
        if (length !== 1) return false;
        this.#int((bytes[start]! << 24) >> 24);
        return true;
      case TypeKind.Boolean:
        if (length !== 1) return false;
        json.raw(bytes[start] === 0 ? 'false' : 'true');
        return true;
      case TypeKind.Double:
        if (length !== 8) return false;
        json.raw(doubleText(this.#readDouble(bytes, start)));
        return true;
      case TypeKind.Timestamp: {
        if (length !== 8) return false;
        const hi = readI32BE(bytes, start);
        const lo = readI32BE(bytes, start + 4);
        if (!isSafeInt64(hi, lo)) return false;
        this.#times.millis(json, int64ToNumber(hi, lo), separator);
        return true;
      }
      case TypeKind.Uuid:
      case TypeKind.Timeuuid: {
        if (length !== 16) return false;
        const at = json.reserve(UUID_TEXT_BYTES);
        json.length = writeUuidText(json.bytes, at, bytes, start);
        return true;
      }
      case TypeKind.Blob:
      case TypeKind.Custom:
        json.hex(bytes, start, end);
        return true;
      default:
        return false;
    }
  }

  #int(value: number): void {
    const json = this.#json;
    const at = json.reserve(INT32_TEXT_BYTES);
    json.length = writeI32(json.bytes, at, value);
  }

  #readDouble(bytes: Uint8Array, start: number): number {
    const view = this.#double;
    view.setInt32(0, readI32BE(bytes, start));
    view.setInt32(4, readI32BE(bytes, start + 4));
    return view.getFloat64(0);
  }
}

function doubleText(value: number): string {
  return value === 0 && 1 / value < 0 ? '-0' : String(value);
}
