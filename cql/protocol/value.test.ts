import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ProtocolError } from '../../core/errors.ts';
import { OutputBuffer } from './output-buffer.ts';
import { decodeUtf8, invalidUtf8Offset } from './utf8.ts';
import { BodyReader } from './value.ts';

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));

describe('UTF-8', () => {
  const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const isValid = (bytes: Uint8Array): boolean => {
    try {
      strict.decode(bytes);
      return true;
    } catch {
      return false;
    }
  };
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 12 }),
    fc
      .array(fc.constantFrom(0x41, 0x80, 0x9f, 0xa0, 0xbf, 0xc1, 0xc2, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5), {
        maxLength: 8,
      })
      .map((list) => Uint8Array.from(list)),
  );

  test('valid exactly when a strict decoder takes it; the offset is that of the first bad character', () => {
    fc.assert(
      fc.property(bytes, (given) => {
        const offset = invalidUtf8Offset(given, 0, given.length);
        expect(offset === -1).toBe(isValid(given));
        if (offset >= 0) expect(isValid(given.subarray(0, offset))).toBe(true);
      }),
      { numRuns: 20_000 },
    );
  });

  test.each([
    ['41c3', 1],
    ['c080', 0],
    ['e28282 e08080', 3],
    ['eda080', 0],
    ['f4908080', 0],
    ['6162ff', 2],
    ['f09f9880 80', 4],
  ])('%s is bad at %d', (text, offset) => {
    const given = hex(text);
    expect(() => decodeUtf8(given, 0, given.length)).toThrow(
      `Cannot decode string as UTF8, invalid character at byte offset ${offset}`,
    );
  });

  test('any text comes back, a byte-order mark too', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        const given = Buffer.concat([hex('ff'), Buffer.from(text), hex('ff')]);
        expect(decodeUtf8(given, 1, given.length - 1)).toBe(text);
      }),
    );
    expect(decodeUtf8(Buffer.from('\ufeffa'), 0, 4)).toBe('\ufeffa');
  });
});

describe('notations', () => {
  test('golden values', () => {
    const reader = new BodyReader(
      Buffer.from(
        hex(`ff fffe ffffffff 0001 61 00000002 c3a4 0002 0000 0001 62 0001 0001 6b 0001 76
        0001 0001 6b 0001 0001 76 0002 0001 61 ffffffff 0001 62 00000001 07 04 7f000001 00002352 10 ${'00'.repeat(15)}01 00002352
        ffffffff 00000001 09 0002 0a0b ${'11'.repeat(16)}`),
      ),
    );
    expect([reader.byte(), reader.short(), reader.int(), reader.string(), reader.longString()]).toEqual([
      255,
      65_534,
      -1,
      'a',
      'ä',
    ]);
    expect(reader.stringList()).toEqual(['', 'b']);
    expect([...reader.stringMap()]).toEqual([['k', 'v']]);
    expect([...reader.stringMultimap()]).toEqual([['k', ['v']]]);
    expect([...reader.bytesMap()]).toEqual([
      ['a', undefined],
      ['b', hex('07')],
    ]);
    expect(reader.inet()).toEqual({ address: hex('7f000001'), port: 9042 });
    expect(reader.inet().address).toHaveLength(16);
    expect([reader.bytesCopy(), reader.bytesCopy(), reader.shortBytesCopy(), reader.uuidCopy()]).toEqual([
      undefined,
      hex('09'),
      hex('0a0b'),
      new Uint8Array(16).fill(0x11),
    ]);
    expect(reader.remaining).toBe(0);
  });

  test('copies stay when the frame is overwritten', () => {
    const frame = Buffer.from('00000002aabb0002ccdd', 'hex');
    const reader = new BodyReader(frame);
    const [long, short] = [reader.bytesCopy(), reader.shortBytesCopy()];
    frame.fill(0);
    expect([long, short]).toEqual([hex('aabb'), hex('ccdd')]);
  });

  test('texts and lists written are read back', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' })), fc.string({ unit: 'binary' }), (list, text) => {
        const out = new OutputBuffer(1);
        out.stringList(list);
        out.longString(text);
        const reader = new BodyReader(out.toBytes());
        expect([reader.stringList(), reader.longString()]).toEqual([list, text]);
      }),
    );
  });

  const readers: readonly [string, string, (reader: BodyReader) => unknown][] = [
    ['a count beyond the body', 'ffff 0000', (reader) => reader.stringList()],
    ['a map count beyond the body', 'ffff 0000', (reader) => reader.stringMap()],
    ['a payload count beyond the body', 'ffff 0000', (reader) => reader.skipBytesMap()],
    ['a negative text', 'fffffffe', (reader) => reader.longString()],
    ['a huge value', '7fffffff 00', (reader) => reader.bytesCopy()],
    ['an address of 5 bytes', '05 0000000000 00000000', (reader) => reader.inet()],
    ['half a uuid', '00', (reader) => reader.uuidCopy()],
  ];
  test.each(readers)('refused: %s', (_, bytes, read) => {
    expect(() => read(new BodyReader(hex(bytes)))).toThrow(ProtocolError);
  });
});
