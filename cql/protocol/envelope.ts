import { writeI32BE, writeU16BE } from '../../core/bytes.ts';
import { ProtocolError } from '../../core/errors.ts';

/**
 * The envelope of every message in native protocol v3 and v4, big endian:
 *
 *   byte 0   version   low 7 bits the version, top bit 0 in a request and 1 in a response
 *   byte 1   flags     EnvelopeFlag
 *   byte 2   stream    int16; a response carries its request's, an event -1
 *   byte 4   opcode    Opcode
 *   byte 5   length    uint32, of the body as it is on the wire (after compression)
 *   byte 9   body
 *
 * Versions 1 and 2 have one byte of stream and so a header of 8 bytes: they are recognised in order to be refused.
 * @see spec cql-protocol §2
 */
export const HEADER_LENGTH = 9;
export const OLD_HEADER_LENGTH = 8;

export const LOWEST_VERSION = 3;
export const HIGHEST_VERSION = 4;
/** Top bit of the version byte: set in what servers send. */
export const RESPONSE_BIT = 0x80;

/** The largest body that the protocol's documents allow, in either direction. */
export const MAX_BODY_LENGTH: number = 256 * 1024 * 1024;
/** The largest body before STARTUP was answered, when anybody may be at the other end. */
export const INITIAL_BODY_LIMIT = 100_000;

/** The stream of events. */
export const EVENT_STREAM = -1;
/** The stream of errors that cannot be tied to a request. */
export const NO_STREAM = 0;

export const EnvelopeFlag = {
  Compressed: 0x01,
  Tracing: 0x02,
  CustomPayload: 0x04,
  Warning: 0x08,
  UseBeta: 0x10,
} as const;

export const Opcode = {
  Error: 0x00,
  Startup: 0x01,
  Ready: 0x02,
  Authenticate: 0x03,
  Options: 0x05,
  Supported: 0x06,
  Query: 0x07,
  Result: 0x08,
  Prepare: 0x09,
  Execute: 0x0a,
  Register: 0x0b,
  Event: 0x0c,
  Batch: 0x0d,
  AuthChallenge: 0x0e,
  AuthResponse: 0x0f,
  AuthSuccess: 0x10,
} as const;
export type Opcode = (typeof Opcode)[keyof typeof Opcode];

/** Where a connection stands: what it may be sent. See `checkOpcode`. */
export const ConnectionPhase = { New: 0, Authenticating: 1, Ready: 2 } as const;
export type ConnectionPhase = (typeof ConnectionPhase)[keyof typeof ConnectionPhase];

/** Phases in which a request is allowed, as bits `1 << phase`, with its name; responses have no entry. */
const REQUESTS: ReadonlyMap<number, readonly [name: string, phases: number]> = new Map([
  [Opcode.Startup, ['STARTUP', 0b001]],
  [Opcode.Options, ['OPTIONS', 0b101]],
  [Opcode.Query, ['QUERY', 0b100]],
  [Opcode.Prepare, ['PREPARE', 0b100]],
  [Opcode.Execute, ['EXECUTE', 0b100]],
  [Opcode.Register, ['REGISTER', 0b100]],
  [Opcode.Batch, ['BATCH', 0b100]],
  [Opcode.AuthResponse, ['AUTH_RESPONSE', 0b010]],
]);

const EXPECTED: readonly string[] = [
  'STARTUP or OPTIONS',
  'AUTH_RESPONSE',
  'a request other than STARTUP and AUTH_RESPONSE',
];

/**
 * Checks that a request may come in this phase. The connection lives on after the error.
 * @throws ProtocolError for an opcode that is unknown or a response's, and for a request out of order
 */
export function checkOpcode(opcode: number, phase: ConnectionPhase): void {
  // In the phase that lasts, the two requests that matter for speed pass without a look-up.
  if (phase === ConnectionPhase.Ready && (opcode === Opcode.Execute || opcode === Opcode.Query)) return;
  const request = REQUESTS.get(opcode);
  if (request === undefined) throw new ProtocolError(`Unknown opcode ${opcode}`, { opcode });
  if ((request[1] & (1 << phase)) !== 0) return;
  throw new ProtocolError(`Unexpected message ${request[0]}: expected ${EXPECTED[phase]!}`, { opcode });
}

/** A protocol error after which the connection cannot go on: answer, then drain and close. */
export function fatalProtocolError(message: string): ProtocolError {
  return new ProtocolError(message, { closes: true });
}

/** True if the connection must be closed once this error was answered. */
export function closesConnection(error: unknown): boolean {
  return error instanceof ProtocolError && error.detail.closes === true;
}

/** Writes a header of 9 bytes at `at`. `version` as it stands in the byte, with RESPONSE_BIT in a response. */
export function writeHeader(
  bytes: Uint8Array,
  at: number,
  version: number,
  flags: number,
  stream: number,
  opcode: number,
  bodyLength: number,
): void {
  bytes[at] = version;
  bytes[at + 1] = flags;
  writeU16BE(bytes, at + 2, stream);
  bytes[at + 4] = opcode;
  writeI32BE(bytes, at + 5, bodyLength);
}
