import { ProtocolError, TesseraError } from '../../core/errors.ts';
import { Consistency } from './consistency.ts';
import { HIGHEST_VERSION, LOWEST_VERSION, Opcode } from './envelope.ts';
import { Extension } from './extension.ts';
import { MAX_STRING_LENGTH, type OutputBuffer } from './output-buffer.ts';

/**
 * ERROR messages (spec cql-protocol §11): [int] code, [string] message, then the fields of the code. Drivers read those
 * without being asked, and some give up at a code they do not know: nothing is sent that is not in this table.
 */
export const ErrorCode = {
  Server: 0x0000,
  Protocol: 0x000a,
  BadCredentials: 0x0100,
  Unavailable: 0x1000,
  Overloaded: 0x1001,
  Bootstrapping: 0x1002,
  Truncate: 0x1003,
  WriteTimeout: 0x1100,
  ReadTimeout: 0x1200,
  ReadFailure: 0x1300,
  FunctionFailure: 0x1400,
  WriteFailure: 0x1500,
  Syntax: 0x2000,
  Unauthorized: 0x2100,
  Invalid: 0x2200,
  Config: 0x2300,
  AlreadyExists: 0x2400,
  Unprepared: 0x2500,
  RateLimit: 0xf000,
} as const;
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

/**
 * - definite: certainly nothing was done, or there was nothing to be done but read. The client may send the request again,
 *   to another node too.
 * - unknown: the write may have taken effect, or may still.
 */
export type Outcome = 'definite' | 'unknown';

interface Meaning {
  readonly code: ErrorCode;
  readonly outcome: Outcome;
}

/**
 * The one table from TesseraError.code to the protocol's error. A code that is not in it, and any error that is no TesseraError,
 * is a bug or comes from a newer peer: `UNKNOWN`.
 */
const MEANINGS: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  ['PROTOCOL', { code: ErrorCode.Protocol, outcome: 'definite' }],
  ['SYNTAX', { code: ErrorCode.Syntax, outcome: 'definite' }],
  ['INVALID', { code: ErrorCode.Invalid, outcome: 'definite' }],
  ['CONFIG', { code: ErrorCode.Config, outcome: 'definite' }],
  ['ALREADY_EXISTS', { code: ErrorCode.AlreadyExists, outcome: 'definite' }],
  ['UNAUTHORIZED', { code: ErrorCode.Unauthorized, outcome: 'definite' }],
  ['BAD_CREDENTIALS', { code: ErrorCode.BadCredentials, outcome: 'definite' }],
  ['UNPREPARED', { code: ErrorCode.Unprepared, outcome: 'definite' }],
  ['FUNCTION_FAILURE', { code: ErrorCode.FunctionFailure, outcome: 'definite' }],
  ['RATE_LIMIT', { code: ErrorCode.RateLimit, outcome: 'definite' }],
  ['UNAVAILABLE', { code: ErrorCode.Unavailable, outcome: 'definite' }],
  ['OVERLOADED', { code: ErrorCode.Overloaded, outcome: 'definite' }],
  ['NOT_READY', { code: ErrorCode.Bootstrapping, outcome: 'definite' }],
  ['READ_TIMEOUT', { code: ErrorCode.ReadTimeout, outcome: 'definite' }],
  ['READ_FAILURE', { code: ErrorCode.ReadFailure, outcome: 'definite' }],
  ['WRITE_TIMEOUT', { code: ErrorCode.WriteTimeout, outcome: 'unknown' }],
  ['WRITE_FAILURE', { code: ErrorCode.WriteFailure, outcome: 'unknown' }],
  ['TRUNCATE', { code: ErrorCode.Truncate, outcome: 'unknown' }],
  ['CORRUPT_FILE', { code: ErrorCode.Server, outcome: 'unknown' }],
  ['UNSUPPORTED_FORMAT', { code: ErrorCode.Server, outcome: 'unknown' }],
  ['FILE_OPERATION', { code: ErrorCode.Server, outcome: 'unknown' }],
]);
const UNKNOWN: Meaning = { code: ErrorCode.Server, outcome: 'unknown' };

/** Write types as drivers know them. */
export type WriteType = 'SIMPLE' | 'BATCH' | 'UNLOGGED_BATCH' | 'COUNTER' | 'BATCH_LOG' | 'CAS' | 'VIEW' | 'CDC';

/** What the request was, for the fields that an error does not carry itself. */
export interface ErrorContext {
  /** A request that changes data: its unknown outcome is told as Write timeout. DDL and PREPARE are not meant. */
  readonly isWrite: boolean;
  readonly consistency: Consistency;
  /** CAS for a conditional statement. */
  readonly writeType: WriteType;
  /** Bits of Extension that the connection agreed on. */
  readonly extensions: number;
}

/** The context of requests that write nothing and have no consistency level. */
export const NO_WRITE: ErrorContext = {
  isWrite: false,
  consistency: Consistency.One,
  writeType: 'SIMPLE',
  extensions: 0,
};

/** What is known of a write or request that ended in this error: by the code, so also for one that came over a ring. */
export function outcomeOf(error: unknown): Outcome {
  return meaningOf(error).outcome;
}

/** The error of an EXECUTE or BATCH with an id that is not known here; drivers prepare again by themselves. */
export function unpreparedError(bytes: Uint8Array, start: number, end: number): TesseraError {
  const id = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('hex');
  return new TesseraError('UNPREPARED', `No prepared statement with id ${id}: prepare it again`, { id });
}

/**
 * Appends the ERROR for anything that was thrown. What the code's fields need and `error.detail` does not say comes from the
 * context: `consistency` (a number), `received`, `blockFor`, `writeType`, `dataPresent`, `failures`, `required`, `alive`,
 * `keyspace`, `table`, `function`, `argumentTypes` (joined by ', '), `id` (hex), `operation` and `rejectedByCoordinator`.
 */
export function writeError(
  out: OutputBuffer,
  version: number,
  stream: number,
  error: unknown,
  context: ErrorContext = NO_WRITE,
): void {
  const mark = out.begin(version, stream, Opcode.Error);
  const code = codeToSend(meaningOf(error), version, context);
  out.i32BE(code);
  out.cutString(messageOf(error), MAX_STRING_LENGTH);
  writeFields(out, code, new Fields(error, context));
  out.end(mark);
}

/**
 * Appends the refusal of a protocol version that is not served, to be followed by closing. Every driver finds its way down to
 * a served one by this text and by the header's version, which is our highest (§11.1).
 */
export function writeVersionRefusal(out: OutputBuffer, stream: number, asked: number): void {
  writeError(
    out,
    HIGHEST_VERSION,
    stream,
    new ProtocolError(
      `Invalid or unsupported protocol version (${asked}); the lowest supported version is ${LOWEST_VERSION} ` +
        `and the greatest is ${HIGHEST_VERSION}`,
    ),
  );
}

function meaningOf(error: unknown): Meaning {
  return error instanceof TesseraError ? (MEANINGS.get(error.code) ?? UNKNOWN) : UNKNOWN;
}

function codeToSend(meaning: Meaning, version: number, context: ErrorContext): ErrorCode {
  const { code } = meaning;
  // Drivers retry a Server error on another node: not for a write that may be in effect (settled question 36).
  if (code === ErrorCode.Server && meaning.outcome === 'unknown' && context.isWrite) return ErrorCode.WriteTimeout;
  if (code === ErrorCode.RateLimit && (context.extensions & Extension.RateLimitError) === 0) return ErrorCode.Config;
  if (version >= 4) return code;
  if (code === ErrorCode.ReadFailure) return ErrorCode.ReadTimeout;
  if (code === ErrorCode.WriteFailure) return ErrorCode.WriteTimeout;
  if (code === ErrorCode.FunctionFailure) return ErrorCode.Invalid;
  return code;
}

/** Bugs tell clients their kind only: the text may hold other people's data; the log has it all. */
function messageOf(error: unknown): string {
  return error instanceof TesseraError ? error.message : 'Internal error: see the log of the node';
}

function writeFields(out: OutputBuffer, code: ErrorCode, fields: Fields): void {
  switch (code) {
    case ErrorCode.Unavailable:
      out.u16BE(fields.consistency());
      out.i32BE(fields.number('required', 1));
      out.i32BE(fields.number('alive', 0));
      return;
    case ErrorCode.WriteTimeout:
      fields.counts(out);
      out.string(fields.writeType());
      return;
    case ErrorCode.ReadTimeout:
      fields.counts(out);
      out.u8(fields.flag('dataPresent'));
      return;
    case ErrorCode.ReadFailure:
      fields.counts(out);
      out.i32BE(fields.number('failures', 1));
      out.u8(fields.flag('dataPresent'));
      return;
    case ErrorCode.WriteFailure:
      fields.counts(out);
      out.i32BE(fields.number('failures', 1));
      out.string(fields.writeType());
      return;
    case ErrorCode.FunctionFailure: {
      const types = fields.text('argumentTypes');
      out.cutString(fields.text('keyspace'));
      out.cutString(fields.text('function'));
      out.stringList(types === '' ? [] : types.split(', '));
      return;
    }
    case ErrorCode.AlreadyExists:
      out.cutString(fields.text('keyspace'));
      out.cutString(fields.text('table'));
      return;
    case ErrorCode.Unprepared:
      out.shortBytes(Buffer.from(fields.text('id'), 'hex'));
      return;
    case ErrorCode.RateLimit:
      out.u8(fields.text('operation') === 'write' ? 1 : 0);
      out.u8(fields.flag('rejectedByCoordinator'));
      return;
    default:
      return;
  }
}

/** The facts of an error, each with what stands in for it when the error does not carry it. */
class Fields {
  readonly #detail: TesseraError['detail'];
  readonly #context: ErrorContext;

  constructor(error: unknown, context: ErrorContext) {
    this.#detail = error instanceof TesseraError ? error.detail : {};
    this.#context = context;
  }

  consistency(): number {
    return this.number('consistency', this.#context.consistency);
  }

  writeType(): string {
    const type = this.#detail.writeType;
    return typeof type === 'string' ? type : this.#context.writeType;
  }

  number(key: string, otherwise: number): number {
    const value = this.#detail[key];
    return typeof value === 'number' ? value : otherwise;
  }

  text(key: string): string {
    const value = this.#detail[key];
    return typeof value === 'string' ? value : '';
  }

  flag(key: string): number {
    return this.#detail[key] === true ? 1 : 0;
  }

  /** Consistency, answers received, answers waited for. */
  counts(out: OutputBuffer): void {
    out.u16BE(this.consistency());
    out.i32BE(this.number('received', 0));
    out.i32BE(this.number('blockFor', 1));
  }
}
