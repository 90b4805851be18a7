import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HEADER_LENGTH, INITIAL_BODY_LIMIT, Opcode, writeHeader } from './envelope.ts';
import { FrameSplitter, FrameStep } from './frame.ts';

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));

function frame(stream: number, body: Uint8Array, version = 4, flags = 0): Uint8Array {
  const bytes = new Uint8Array(HEADER_LENGTH + body.length);
  writeHeader(bytes, 0, version, flags, stream, Opcode.Query, body.length);
  bytes.set(body, HEADER_LENGTH);
  return bytes;
}

interface Seen {
  step: number;
  version: number;
  stream: number;
  body: string;
}

/** Takes all steps of a chunk; frames' bodies are copied, as a connection would use them at once. */
function take(splitter: FrameSplitter, chunk: Uint8Array, into: Seen[]): void {
  splitter.push(chunk);
  for (let step = splitter.next(); step !== FrameStep.NeedMore; step = splitter.next()) {
    const { version, stream, bytes, bodyStart, bodyEnd } = splitter;
    const body = step === FrameStep.Frame ? Buffer.from(bytes.subarray(bodyStart, bodyEnd)).toString('hex') : '';
    into.push({ step, version, stream, body });
  }
}

function takeAll(bytes: Uint8Array, cuts: readonly number[] = [], limit = INITIAL_BODY_LIMIT): Seen[] {
  const splitter = new FrameSplitter();
  splitter.bodyLimit = limit;
  const seen: Seen[] = [];
  let start = 0;
  for (const cut of [...cuts, bytes.length]) {
    // A chunk of its own that is overwritten afterwards: whatever the splitter keeps must be a copy.
    const chunk = new Uint8Array(bytes.subarray(start, cut));
    take(splitter, chunk, seen);
    chunk.fill(0xee);
    start = cut;
  }
  return seen;
}

describe('one chunk', () => {
  test('golden frames: OPTIONS in v4 and a QUERY behind it', () => {
    expect(takeAll(hex('04 00 0001 05 00000000   04 02 fffe 07 00000003 616263'))).toEqual([
      { step: FrameStep.Frame, version: 4, stream: 1, body: '' },
      { step: FrameStep.Frame, version: 4, stream: -2, body: '616263' },
    ]);
  });

  const table: readonly [name: string, bytes: string, expected: readonly Partial<Seen>[]][] = [
    ['version 5', '05 00 0007 05 00000000', [{ step: FrameStep.BadVersion, version: 5, stream: 7 }]],
    ['DSE version 2', '42 00 0000 01 00000005 0102030405', [{ step: FrameStep.BadVersion, version: 0x42, stream: 0 }]],
    ['version 0', '00 00 0000 00 00000000', [{ step: FrameStep.BadVersion, version: 0 }]],
    [
      'version 2 with its short header',
      '02 00 03 05 00000000',
      [{ step: FrameStep.BadVersion, version: 2, stream: 3 }],
    ],
    ['version 1', '01 00 ff 05 00000000', [{ step: FrameStep.BadVersion, version: 1, stream: -1 }]],
    ['a response', '84 00 0001 05 00000000', [{ step: FrameStep.NotARequest, version: 4, stream: 1 }]],
    ['TLS', '16', [{ step: FrameStep.NotCql }]],
    ['HTTP', '474554', [{ step: FrameStep.NotCql }]],
    [
      'another version later',
      '04 00 0001 05 00000000 03 00 0002 05 00000000 04 00 0001 05 00000000',
      [{ step: FrameStep.Frame }, { step: FrameStep.VersionChanged, version: 3, stream: 2 }],
    ],
    [
      'TLS bytes later',
      '04 00 0001 05 00000000 16 00 0002 05 00000000',
      [{ step: FrameStep.Frame }, { step: FrameStep.VersionChanged }],
    ],
  ];
  test.each(table)('%s', (_, bytes, expected) => {
    expect(takeAll(hex(bytes))).toMatchObject(expected);
    // Byte by byte the same, and nothing after a fatal step.
    const all = hex(bytes);
    expect(takeAll(all, Array.from(all.keys()).slice(1))).toMatchObject(expected);
  });
});

describe('cuts', () => {
  const bytes = Buffer.concat([
    frame(1, new Uint8Array(0)),
    frame(
      2,
      Uint8Array.from({ length: 300 }, (_, i) => i),
    ),
    frame(-3, hex('00')),
    frame(
      4,
      Uint8Array.from({ length: 5000 }, (_, i) => i * 7),
    ),
    frame(5, hex('0102')),
  ]);
  const whole = takeAll(bytes);

  test('a cut at any byte gives the same frames', () => {
    expect(whole.map((seen) => seen.stream)).toEqual([1, 2, -3, 4, 5]);
    for (let cut = 0; cut <= bytes.length; cut++) expect(takeAll(bytes, [cut])).toEqual(whole);
  });

  test('any cuts, any limit: the same steps', () => {
    const cuts = fc.array(fc.nat(bytes.length), { maxLength: 40 });
    fc.assert(
      fc.property(cuts, fc.constantFrom(0, 1, 2, 299, 300, 4999, 5000), (positions, limit) => {
        const sorted = positions.toSorted((a, b) => a - b);
        expect(takeAll(bytes, sorted, limit)).toEqual(takeAll(bytes, [], limit));
      }),
    );
  });

  test('single bytes', () => {
    expect(takeAll(bytes, Array.from(bytes.keys()).slice(1))).toEqual(whole);
  });
});

describe('limits', () => {
  test('a body above the limit is announced by its header, dropped, and the next frame is read', () => {
    const splitter = new FrameSplitter();
    const seen: Seen[] = [];
    const large = frame(9, new Uint8Array(INITIAL_BODY_LIMIT + 1));
    take(splitter, large.subarray(0, 9), seen);
    expect(seen).toMatchObject([{ step: FrameStep.TooLarge, stream: 9 }]);
    expect(splitter.bodyLength).toBe(INITIAL_BODY_LIMIT + 1);
    take(splitter, large.subarray(9, 50_000), seen);
    expect(seen).toHaveLength(1);
    take(splitter, Buffer.concat([large.subarray(50_000), frame(10, hex('aa'))]), seen);
    expect(seen.slice(1)).toMatchObject([
      { step: FrameStep.Dropped },
      { step: FrameStep.Frame, stream: 10, body: 'aa' },
    ]);
  });

  test('a body at the limit passes', () => {
    expect(takeAll(frame(1, new Uint8Array(INITIAL_BODY_LIMIT)))).toMatchObject([{ step: FrameStep.Frame }]);
  });

  test.each(['7fffffff', '80000000', 'ffffffff', '10000001'])(
    'a length of %s is too large whatever the limit',
    (length) => {
      const splitter = new FrameSplitter();
      splitter.bodyLimit = Number.MAX_SAFE_INTEGER;
      const seen: Seen[] = [];
      take(splitter, hex(`04 00 0001 07 ${length} 00`), seen);
      expect(seen).toMatchObject([{ step: FrameStep.TooLarge, stream: 1 }]);
      expect(splitter.pendingCapacity).toBe(0);
    },
  );

  test('memory follows the bytes that came, not the length that was claimed', () => {
    const splitter = new FrameSplitter();
    splitter.bodyLimit = 256 * 1024 * 1024;
    const seen: Seen[] = [];
    take(splitter, hex('04 00 0001 07 0fffffff'), seen);
    let received = 9;
    expect(splitter.pendingCapacity).toBeLessThanOrEqual(256);
    for (let i = 0; i < 200; i++) {
      take(splitter, new Uint8Array(997), seen);
      received += 997;
      expect(splitter.pendingCapacity).toBeLessThanOrEqual(2 * received);
    }
    expect(seen).toEqual([]);
  });

  test('the buffer of a large frame is given up, that of a small one kept', () => {
    const splitter = new FrameSplitter();
    const seen: Seen[] = [];
    const small = frame(1, new Uint8Array(100));
    const large = frame(2, new Uint8Array(50_000));
    for (const bytes of [small, large, small]) {
      take(splitter, bytes.subarray(0, 20), seen);
      take(splitter, bytes.subarray(20), seen);
      expect(splitter.pendingCapacity).toBeLessThanOrEqual(4096);
    }
    expect(seen).toHaveLength(3);
  });
});
