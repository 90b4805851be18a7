import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteWriter } from './bytes.ts';
import { decodeError, encodeError } from './error-codec.ts';
import {
  AlreadyExistsError,
  ConfigurationError,
  CorruptFileError,
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

function encode(error: TesseraError): Uint8Array {
  const writer = new ByteWriter(16);
  writer.u8(0xaa); // not at the beginning
  encodeError(error, writer);
  return writer.toBytes();
}

function pass(error: TesseraError): TesseraError {
  const bytes = encode(error);
  return decodeError(bytes, 1, bytes.length);
}

test.each([
  new CorruptFileError('a/b-Data.db', 17, 'checksum'),
  new UnsupportedFormatError('a/b', 'version zz'),
  new FileOperationError('open', 'x', 'ENOENT'),
  new ProtocolError('bad frame', { opcode: 9 }),
  new SyntaxException(3, 14, "no viable alternative at input 'x'"),
  new InvalidRequestError('Unknown identifier Ünï'),
  new ConfigurationError('no such option'),
  new AlreadyExistsError('ks', ''),
  new OverloadedError('full', { limit: 4096 }),
  new NotReadyError('draining'),
  new ReadTimeoutError('late', { received: 1, required: 2, dataPresent: true }),
  new WriteTimeoutError('late'),
])('$name comes back as it went', (error) => {
  const back = pass(error);
  expect(back).toBeInstanceOf(error.constructor);
  expect(Object.getPrototypeOf(back)).toBe(Object.getPrototypeOf(error));
  expect({ name: back.name, code: back.code, message: back.message, detail: back.detail }).toEqual({
    name: error.name,
    code: error.code,
    message: error.message,
    detail: error.detail,
  });
  if (error instanceof FileOperationError) expect((back as FileOperationError).errno).toBe('ENOENT');
});

test('a code without a class comes back as a TesseraError with that code', () => {
  const back = pass(new TesseraError('ADDRESS_IN_USE', 'port 9042', { port: 9042 }));
  expect(back.constructor).toBe(TesseraError);
  expect(back.code).toBe('ADDRESS_IN_USE');
});

test('every kind of fact passes, whatever its name', () => {
  const fact = fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.constant(undefined));
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }),
      fc.dictionary(fc.string(), fact, { maxKeys: 20 }),
      (message, detail) => {
        const back = pass(new OverloadedError(message, detail));
        expect(back.message).toBe(message);
        expect(Object.entries(back.detail)).toEqual(Object.entries(detail));
      },
    ),
  );
});

test('long texts are cut between characters, and many facts left out', () => {
  const detail = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`fact${i}`, i]));
  const bytes = encode(new OverloadedError('€'.repeat(10_000), detail));
  expect(bytes.length).toBeLessThan(10_000);
  const back = decodeError(bytes, 1, bytes.length);
  expect(back.message).toBe('€'.repeat(2730));
  expect(Object.keys(back.detail).length).toBe(32);
});

test('bytes that are no error are refused as such', () => {
  const whole = encode(new OverloadedError('full', { limit: 4096, what: 'queue', sure: true }));
  for (let end = 1; end < whole.length; end++) expect(() => decodeError(whole, 1, end)).toThrow(ProtocolError);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        expect(decodeError(bytes, 0, bytes.length)).toBeInstanceOf(TesseraError);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
      }
    }),
  );
});
