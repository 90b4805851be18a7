import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ProtocolError } from '../../core/errors.ts';
import { lz4Blocks } from '../../shards/host/lz4-blocks.ts';
import { type BlockCodec, isCompressed, lz4Compressor, snappyCompressor, uncompressBody } from './compress.ts';
import { closesConnection } from './envelope.ts';

const lz4 = lz4Compressor(lz4Blocks);
const LIMIT = 1_000_000;
const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

describe('lz4', () => {
  test('golden: a big-endian length, then a raw block', () => {
    // 5 literals: token 0x50, then the bytes.
    expect(new Uint8Array(lz4.uncompress(hex('000000055068656c6c6f'), LIMIT))).toEqual(
      new Uint8Array(Buffer.from('hello')),
    );
    expect(Buffer.from(lz4.compress(Buffer.from('hello'))).toString('hex')).toBe('000000055068656c6c6f');
  });

  test('any body comes back, from Buffers and arrays, and stays unchanged', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), fc.boolean(), fc.nat(50), (body, asBuffer, repeat) => {
        const plain = Buffer.concat(new Array(repeat).fill(body));
        const wire = lz4.compress(asBuffer ? plain : new Uint8Array(plain));
        const before = new Uint8Array(wire);
        expect(Buffer.compare(Buffer.from(lz4.uncompress(asBuffer ? Buffer.from(wire) : wire, LIMIT)), plain)).toBe(0);
        expect(new Uint8Array(wire)).toEqual(before);
      }),
    );
  });

  test('an empty body, with and without an empty block', () => {
    expect(lz4.uncompress(hex('00000000'), LIMIT)).toHaveLength(0);
    expect(lz4.uncompress(hex('0000000000'), LIMIT)).toHaveLength(0);
  });

  test.each([
    ['too short', '000000', 'too short for its length'],
    ['2 GB in 20 bytes', `7fffffff${'00'.repeat(16)}`, 'allowed are 1000000'],
    ['4 GB', `ffffffff${'00'.repeat(16)}`, 'allowed are 1000000'],
    ['below the limit but more than the block can hold', `000f0000${'00'.repeat(16)}`, 'more than it can hold'],
    ['a length above the real one', '000000065068656c6c6f', 'claims 6 bytes and has 5'],
    ['a length below the real one', '000000045068656c6c6f', 'damaged'],
    ['a block that ends early', '000000055068656c', 'damaged'],
    ['an offset before the start', '0000000a50aabbccddee0900000000', 'damaged'],
  ])('refused: %s', (_, body, text) => {
    expect(() => lz4.uncompress(hex(body), LIMIT)).toThrow(ProtocolError);
    expect(() => lz4.uncompress(hex(body), LIMIT)).toThrow(text);
  });

  test('the native function is never called with a length above the limit', () => {
    const claimed: number[] = [];
    const spy: BlockCodec = {
      compressBlock: (body) => body,
      uncompressBlock: (block) => {
        claimed.push(Buffer.from(block).readUInt32LE(0));
        return lz4Blocks.uncompressBlock(block);
      },
    };
    const guarded = lz4Compressor(spy);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (body) => {
        try {
          guarded.uncompress(body, 5000);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
        expect(claimed.every((length) => length <= 5000 && length <= 255 * body.length)).toBe(true);
        claimed.length = 0;
      }),
      { numRuns: 5000 },
    );
  });
});

test('snappy: the length in front is a varint, checked before the native call', () => {
  let calls = 0;
  const codec: BlockCodec = {
    compressBlock: (body) => body,
    uncompressBlock: (block) => {
      calls++;
      return block.slice(2);
    },
  };
  const snappy = snappyCompressor(codec);
  expect(snappy.uncompress(hex('0308616263'), LIMIT)).toEqual(hex('616263'));
  expect(calls).toBe(1);
  for (const bad of ['ffffffff0f', 'ffffffffff', '80', '', 'c0843d00'])
    expect(() => snappy.uncompress(hex(bad), LIMIT)).toThrow(ProtocolError);
  expect(calls).toBe(1);
});

test('a compressed frame without agreement closes the connection', () => {
  expect(isCompressed(0x01)).toBe(true);
  expect(isCompressed(0x02)).toBe(false);
  const body = hex('ff000000055068656c6c6fff');
  expect(Buffer.from(uncompressBody(body, 1, body.length - 1, lz4, LIMIT)).toString()).toBe('hello');
  try {
    uncompressBody(body, 0, 4, undefined, LIMIT);
    expect.unreachable();
  } catch (error) {
    expect(closesConnection(error)).toBe(true);
    expect((error as Error).message).toContain('Unknown compression algorithm');
  }
});
