import { createRequire } from 'node:module';
import { describe, expect, test } from 'vitest';
import { AssertionError } from '../../core/assert.ts';
import {
  AlreadyExistsError,
  ConfigurationError,
  CorruptFileError,
  InvalidRequestError,
  NotReadyError,
  NotSupportedYetError,
  OverloadedError,
  ProtocolError,
  ReadTimeoutError,
  SyntaxException,
  TesseraError,
  WriteTimeoutError,
} from '../../core/errors.ts';
import { Consistency } from './consistency.ts';
import { closesConnection, HEADER_LENGTH } from './envelope.ts';
import { ErrorCode, type ErrorContext, outcomeOf, unpreparedError, writeError, writeVersionRefusal } from './error.ts';
import { Extension } from './extension.ts';
import { OutputBuffer } from './output-buffer.ts';
import {
  initialMessageTooLarge,
  requestMemoryExhausted,
  requestTooLarge,
  responseFromClient,
  versionChanged,
} from './refusal.ts';

interface DriverError {
  code: number;
  message: string;
}
const { FrameReader } = createRequire(import.meta.url)('cassandra-driver/lib/readers.js') as {
  FrameReader: new (
    header: object,
    body: Buffer,
  ) => { readError(): DriverError; remainingLength(): number; readByte(): number };
};

function read(error: unknown, version = 4, context?: ErrorContext): DriverError & Record<string, unknown> {
  const out = new OutputBuffer();
  writeError(out, version, 5, error, context);
  const bytes = Buffer.from(out.toBytes());
  expect([bytes[0], bytes.readInt16BE(2), bytes[4], bytes.readUInt32BE(5)]).toEqual([
    0x80 | version,
    5,
    0,
    bytes.length - HEADER_LENGTH,
  ]);
  const reader = new FrameReader({ version, flags: 0, opcode: 0 }, bytes.subarray(HEADER_LENGTH));
  const result = { ...reader.readError(), message: '' } as DriverError & Record<string, unknown>;
  if (result.code === ErrorCode.RateLimit) result.extra = [reader.readByte(), reader.readByte()];
  expect(reader.remainingLength()).toBe(0);
  result.message = bytes.toString('utf8', HEADER_LENGTH + 6, HEADER_LENGTH + 6 + bytes.readUInt16BE(HEADER_LENGTH + 4));
  return result;
}

const WRITE: ErrorContext = { isWrite: true, consistency: Consistency.Quorum, writeType: 'SIMPLE', extensions: 0 };
const counts = { consistency: 5, received: 1, blockFor: 2 };

describe('the table', () => {
  const table: readonly [error: unknown, outcome: string, code: number, fields: object][] = [
    [new ProtocolError('p'), 'definite', 0x000a, {}],
    [new SyntaxException(1, 7, 'x'), 'definite', 0x2000, { message: 'line 1:7 x' }],
    [new InvalidRequestError('i'), 'definite', 0x2200, { message: 'i' }],
    [new NotSupportedYetError('CREATE INDEX is'), 'definite', 0x2200, {}],
    [new ConfigurationError('c'), 'definite', 0x2300, {}],
    [new AlreadyExistsError('k', 't'), 'definite', 0x2400, { keyspace: 'k', table: 't' }],
    [new AlreadyExistsError('k', ''), 'definite', 0x2400, { keyspace: 'k' }],
    [new OverloadedError('o'), 'definite', 0x1001, {}],
    [new NotReadyError('n'), 'definite', 0x1002, {}],
    [
      new ReadTimeoutError('r', { ...counts, dataPresent: true }),
      'definite',
      0x1200,
      { consistencies: 5, received: 1, blockFor: 2, isDataPresent: 1 },
    ],
    [
      new WriteTimeoutError('w', { ...counts, writeType: 'BATCH_LOG' }),
      'unknown',
      0x1100,
      { consistencies: 5, received: 1, blockFor: 2, writeType: 'BATCH_LOG' },
    ],
    [new TesseraError('UNAUTHORIZED', 'u'), 'definite', 0x2100, {}],
    [new TesseraError('BAD_CREDENTIALS', 'b'), 'definite', 0x0100, {}],
    [
      new TesseraError('UNAVAILABLE', 'u', { consistency: 4, required: 2, alive: 1 }),
      'definite',
      0x1000,
      { consistencies: 4, required: 2, alive: 1 },
    ],
    [
      new TesseraError('READ_FAILURE', 'r', { ...counts, failures: 3 }),
      'definite',
      0x1300,
      { failures: 3, isDataPresent: 0 },
    ],
    [
      new TesseraError('WRITE_FAILURE', 'w', { ...counts, failures: 3, writeType: 'CAS' }),
      'unknown',
      0x1500,
      { failures: 3, writeType: 'CAS' },
    ],
    [new TesseraError('TRUNCATE', 't'), 'unknown', 0x1003, {}],
    [
      new TesseraError('FUNCTION_FAILURE', 'f', { keyspace: 'k', function: 'f', argumentTypes: 'int, text' }),
      'definite',
      0x1400,
      { functionName: 'f', argTypes: ['int', 'text'] },
    ],
    [unpreparedError(Uint8Array.of(9, 0xab, 0xcd), 1, 3), 'definite', 0x2500, { queryId: Buffer.from('abcd', 'hex') }],
    [new CorruptFileError('f', 1, 'bad'), 'unknown', 0x0000, {}],
    [new TesseraError('FROM_A_NEWER_PEER', 'x'), 'unknown', 0x0000, {}],
    [new AssertionError('secret'), 'unknown', 0x0000, { message: 'Internal error: see the log of the node' }],
    ['not an error', 'unknown', 0x0000, {}],
  ];
  test.each(table)('%s', (error, outcome, code, fields) => {
    expect(outcomeOf(error)).toBe(outcome);
    expect(read(error)).toMatchObject({ code, ...fields });
    // An unknown outcome of a write is told by an error that drivers do not retry elsewhere.
    const asWrite = read(error, 4, WRITE).code;
    expect(asWrite).toBe(outcome === 'unknown' && code === 0 ? 0x1100 : code);
    if (outcome === 'unknown') expect([0x0000, 0x1000, 0x1001, 0x1002]).not.toContain(asWrite);
  });
});

test('the unknown outcome of a write carries its level and type, nothing received', () => {
  expect(read(new Error('bug'), 4, { ...WRITE, writeType: 'CAS' })).toMatchObject({
    code: 0x1100,
    consistencies: Consistency.Quorum,
    received: 0,
    blockFor: 1,
    writeType: 'CAS',
  });
});

test('v3 has no failures: timeouts instead', () => {
  expect(read(new TesseraError('READ_FAILURE', 'r', counts), 3)).toMatchObject({
    code: 0x1200,
    received: 1,
    isDataPresent: 0,
  });
  expect(read(new TesseraError('WRITE_FAILURE', 'w', counts), 3)).toMatchObject({ code: 0x1100, writeType: 'SIMPLE' });
  expect(read(new TesseraError('FUNCTION_FAILURE', 'f'), 3)).toMatchObject({ code: 0x2200 });
});

test('a rate limit has its own code only where that was agreed', () => {
  const error = new TesseraError('RATE_LIMIT', 'r', { operation: 'write', rejectedByCoordinator: true });
  expect(read(error, 4, WRITE).code).toBe(0x2300);
  expect(read(error, 4, { ...WRITE, extensions: Extension.RateLimitError })).toMatchObject({
    code: 0xf000,
    extra: [1, 1],
  });
});

test('a long message is cut after a whole character', () => {
  const { message } = read(new InvalidRequestError('€'.repeat(30_000)));
  expect(message).toBe('€'.repeat(21_845));
});

test('the refusal of a version: text, version and stream that drivers look for', () => {
  const out = new OutputBuffer();
  writeVersionRefusal(out, 3, 66);
  const text = 'Invalid or unsupported protocol version (66); the lowest supported version is 3 and the greatest is 4';
  const body = `0000000a${text.length.toString(16).padStart(4, '0')}${Buffer.from(text).toString('hex')}`;
  expect(Buffer.from(out.toBytes()).toString('hex')).toBe(
    `8400000300${(body.length / 2).toString(16).padStart(8, '0')}${body}`,
  );
});

test('which refusals close the connection', () => {
  expect(closesConnection(initialMessageTooLarge(200_000))).toBe(true);
  expect(initialMessageTooLarge(200_000).message).toBe('Initial message size too large (200000), rejecting as invalid');
  expect(versionChanged(5, 4).message).toBe(
    'Invalid message version. Got 5 but previous messages on this connection had version 4',
  );
  expect(closesConnection(versionChanged(5, 4))).toBe(true);
  expect(closesConnection(responseFromClient())).toBe(true);
  expect(closesConnection(new ProtocolError('Unknown opcode 31'))).toBe(false);
  expect(read(requestTooLarge(10, 5)).code).toBe(0x2200);
  expect(read(requestMemoryExhausted(10)).code).toBe(0x1001);
});
