/**
 * Errors as bytes, for replies between threads and between nodes: a class does not cross, its code does.
 *
 *   code     u16 LE length, UTF-8
 *   message  u16 LE length, UTF-8
 *   count    u8    facts of the detail
 *   fact     u16 LE length, UTF-8 name | kind u8 | value
 *            kind 0 string: u16 LE length, UTF-8; 1 number: float64 LE; 2 false; 3 true; 4 undefined
 *
 * Texts longer than 8 KiB are cut, facts beyond 32 left out: an error is for people, and its size must not be in the hands of
 * whoever caused it. `cause` and stack stay where they are.
 */
import type { ByteWriter } from './bytes.ts';
import { readU16LE } from './bytes.ts';
import {
  AlreadyExistsError,
  ConfigurationError,
  CorruptFileError,
  type ErrorDetail,
  FileOperationError,
  InvalidRequestError,
  NotReadyError,
  OverloadedError,
  ProtocolError,
  ReadTimeoutError,
  SyntaxException,
  TesseraError,
  UnsupportedFormatError,
  WriteTimeoutError,
} from './errors.ts';

const MAX_TEXT_BYTES = 8192;
const MAX_FACTS = 32;
const FactKind = { Text: 0, Number: 1, False: 2, True: 3, Undefined: 4 } as const;

type ErrorClass = new (...parts: never[]) => TesseraError;

/** The class that a code comes back as; a code that is not here comes back as a plain TesseraError. */
const CLASSES: ReadonlyMap<string, ErrorClass> = new Map<string, ErrorClass>([
  ['CORRUPT_FILE', CorruptFileError],
  ['UNSUPPORTED_FORMAT', UnsupportedFormatError],
  ['FILE_OPERATION', FileOperationError],
  ['PROTOCOL', ProtocolError],
  ['SYNTAX', SyntaxException],
  ['INVALID', InvalidRequestError],
  ['CONFIG', ConfigurationError],
  ['ALREADY_EXISTS', AlreadyExistsError],
  ['OVERLOADED', OverloadedError],
  ['NOT_READY', NotReadyError],
  ['READ_TIMEOUT', ReadTimeoutError],
  ['WRITE_TIMEOUT', WriteTimeoutError],
]);

/** Appends `error`. */
export function encodeError(error: TesseraError, writer: ByteWriter): void {
  writeText(error.code, writer);
  writeText(error.message, writer);
  const facts = Object.entries(error.detail).slice(0, MAX_FACTS);
  writer.u8(facts.length);
  for (const [name, value] of facts) {
    writeText(name, writer);
    if (typeof value === 'string') {
      writer.u8(FactKind.Text);
      writeText(value, writer);
    } else if (typeof value === 'number') {
      writer.u8(FactKind.Number);
      const at = writer.reserve(8);
      viewOf(writer.bytes).setFloat64(at, value, true);
      writer.length = at + 8;
    } else if (value === undefined) {
      writer.u8(FactKind.Undefined);
    } else {
      writer.u8(value ? FactKind.True : FactKind.False);
    }
  }
}

/**
 * The error in bytes[start, end), of the class that its code names.
 * @throws ProtocolError when the bytes are not an encoded error
 */
export function decodeError(bytes: Uint8Array, start: number, end: number): TesseraError {
  const reader = new ErrorReader(bytes, start, end);
  const code = reader.text();
  const message = reader.text();
  const count = reader.u8();
  if (count > MAX_FACTS) throw new ProtocolError('an encoded error has too many facts', { count });
  const detail: Record<string, string | number | boolean | undefined> = {};
  for (let i = 0; i < count; i++) {
    // Defined, not assigned: a fact may have any name, `__proto__` too.
    Object.defineProperty(detail, reader.text(), {
      value: reader.value(),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  if (reader.pos !== end) throw new ProtocolError('bytes follow an encoded error', { extra: end - reader.pos });
  return restoreError(code, message, detail);
}

/** An error as it was where it was thrown: its class, name, code, message and detail. The stack is that of the caller. */
function restoreError(code: string, message: string, detail: ErrorDetail): TesseraError {
  const errorClass = CLASSES.get(code);
  if (errorClass === undefined) return new TesseraError(code, message, detail);
  // The classes make their message from parts that are gone; so the base constructor runs with the class as `new.target`.
  const error = Reflect.construct(TesseraError, [code, message, detail], errorClass);
  Object.defineProperty(error, 'name', {
    value: errorClass.name,
    enumerable: true,
    configurable: true,
    writable: true,
  });
  if (errorClass === FileOperationError)
    Object.defineProperty(error, 'errno', { value: detail.errno, enumerable: true });
  return error;
}

function writeText(text: string, writer: ByteWriter): void {
  const encoded = Buffer.from(text, 'utf8');
  let length = encoded.length;
  if (length > MAX_TEXT_BYTES) {
    length = MAX_TEXT_BYTES;
    while ((encoded[length]! & 0xc0) === 0x80) length--; // not in the middle of a character
  }
  writer.u16LE(length);
  writer.raw(encoded, 0, length);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

class ErrorReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  pos: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.#end = end;
    this.pos = start;
  }

  u8(): number {
    return this.#bytes[this.#take(1)]!;
  }

  text(): string {
    const length = readU16LE(this.#bytes, this.#take(2));
    const at = this.#take(length);
    // Copied first: the bytes may lie in memory that other threads write.
    return Buffer.from(this.#bytes.subarray(at, at + length)).toString('utf8');
  }

  value(): string | number | boolean | undefined {
    const kind = this.u8();
    switch (kind) {
      case FactKind.Text:
        return this.text();
      case FactKind.Number:
        return viewOf(this.#bytes).getFloat64(this.#take(8), true);
      case FactKind.False:
        return false;
      case FactKind.True:
        return true;
      case FactKind.Undefined:
        return undefined;
      default:
        throw new ProtocolError('an encoded error has a fact of an unknown kind', { kind });
    }
  }

  #take(length: number): number {
    const at = this.pos;
    if (length > this.#end - at) throw new ProtocolError('an encoded error is cut short', { at });
    this.pos = at + length;
    return at;
  }
}
