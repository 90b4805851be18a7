import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidRequestError } from '../../core/errors.ts';
import { type CqlType, TypeKind, type UdtIdentity } from '../../core/types/cql-type.ts';
import { EnvelopeFlag, HEADER_LENGTH, Opcode } from './envelope.ts';
import { writeClientRoutesChange, writeSchemaEvent, writeStatusChange, writeTopologyChange } from './event.ts';
import { Extension } from './extension.ts';
import { FrameSplitter, FrameStep } from './frame.ts';
import { ColumnMetadata, type ColumnSpec, NO_COLUMNS } from './metadata.ts';
import { OutputBuffer, type ResponseLead } from './output-buffer.ts';
import {
  type ResponseHead,
  RowsResponse,
  writeAuthenticate,
  writeAuthSuccess,
  writePrepared,
  writeReady,
  writeSchemaChangeResult,
  writeSetKeyspace,
  writeSupported,
  writeVoid,
  writeVoidResult,
} from './response.ts';
import { supportedOptions } from './supported.ts';
import { readTypeOption, type TypeOption, writeTypeOption } from './type-option.ts';
import { BodyReader } from './value.ts';

// The Node driver's own reader: what it understands is what we meant.
interface DriverReader {
  readFlagsInfo(): { traceId?: { toString(): string }; warnings?: string[]; customPayload?: Record<string, Buffer> };
  readInt(): number;
  readShortBytes(): Buffer;
  readBytes(): Buffer | null;
  readString(): string;
  readStringMultiMap(): Record<string, string[]>;
  readMetadata(kind: number): DriverMetadata;
  readEvent(): Record<string, unknown>;
  remainingLength(): number;
}
interface DriverMetadata {
  pageState?: Buffer;
  newResultId?: Buffer;
  keyspace?: string;
  table?: string;
  partitionKeys?: number[];
  columns: { ksname?: string; tablename?: string; name: string; type: { code: number; info?: unknown } }[];
}
const { FrameReader } = createRequire(import.meta.url)('cassandra-driver/lib/readers.js') as {
  FrameReader: new (header: object, body: Buffer) => DriverReader;
};

/** Cuts one response and gives its body to the driver. */
function driverReads(out: OutputBuffer): { reader: DriverReader; stream: number; opcode: number; version: number } {
  const bytes = Buffer.from(out.toBytes());
  expect(bytes.length - HEADER_LENGTH).toBe(bytes.readUInt32BE(5));
  const [version, flags, opcode, stream] = [bytes[0]! & 0x7f, bytes[1]!, bytes[4]!, bytes.readInt16BE(2)];
  expect(bytes[0]! & 0x80).toBe(0x80);
  return {
    reader: new FrameReader({ version, flags, opcode }, bytes.subarray(HEADER_LENGTH)),
    stream,
    opcode,
    version,
  };
}

const hexOf = (out: OutputBuffer): string => Buffer.from(out.toBytes()).toString('hex');
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const squeeze = (value: string): string => value.replaceAll(/\s/g, '');

function typeOf(kind: TypeKind, parameters: readonly CqlType[] = [], className = '', udt?: UdtIdentity): CqlType {
  return {
    kind,
    cqlName: 't',
    className,
    fixedLength: -1,
    isMultiCell: false,
    parameters,
    udt,
    compare: () => 0,
    prefix: () => 0,
    validate: () => undefined,
    toText: () => '',
    fromText: () => new Uint8Array(0),
  };
}
const INT = typeOf(TypeKind.Int);
const TEXT = typeOf(TypeKind.Text);
const column = (name: string, type: CqlType, table = 't'): ColumnSpec => ({ keyspace: 'k', table, name, type });
const head = (version = 4, lead?: ResponseLead): ResponseHead => ({ version, stream: 7, lead, compressor: undefined });
const LEAD: ResponseLead = {
  tracingId: Uint8Array.from({ length: 16 }, (_, i) => i),
  warnings: ['slow', 'ä'],
  payload: new Map([['p', text('xyz')]]),
};

describe('golden responses', () => {
  const supported = supportedOptions({ compressions: [], extensions: 0, sharding: undefined, hostId: '' });
  const address = Uint8Array.of(127, 0, 0, 1);
  const change = { change: 'CREATED', target: 'KEYSPACE', keyspace: 'ks', name: '', argumentTypes: [] } as const;
  const table: readonly [name: string, write: (out: OutputBuffer) => void, expected: string][] = [
    ['READY', (out) => writeReady(out, 4, 1), '84 00 0001 02 00000000'],
    ['READY in v3', (out) => writeReady(out, 3, -2), '83 00 fffe 02 00000000'],
    ['AUTH_SUCCESS', (out) => writeAuthSuccess(out, 4, 1), '84 00 0001 10 00000004 ffffffff'],
    ['Void', (out) => writeVoid(out, 4, 0x1234), '84 00 1234 08 00000004 00000001'],
    ['Void with nothing to lead', (out) => writeVoidResult(out, head()), '84 00 0007 08 00000004 00000001'],
    ['Set_keyspace', (out) => writeSetKeyspace(out, head(), 'ks'), '84 00 0007 08 00000008 00000003 0002 6b73'],
    [
      'Schema_change of a keyspace',
      (out) => writeSchemaChangeResult(out, head(), change),
      '84 00 0007 08 0000001b 00000005 0007 43524541544544 0008 4b45595350414345 0002 6b73',
    ],
    [
      'the event of a table',
      (out) => writeSchemaEvent(out, 4, { ...change, change: 'DROPPED', target: 'TABLE', name: 't' }),
      '84 00 ffff 0c 00000026 000d 534348454d415f4348414e4745 0007 44524f50504544 0005 5441424c45 0002 6b73 0001 74',
    ],
    [
      'a node that is up',
      (out) => writeStatusChange(out, 4, 'UP', { address, port: 9042 }),
      '84 00 ffff 0c 0000001c 000d 5354415455535f4348414e4745 0002 5550 04 7f000001 00002352',
    ],
    [
      'Void with a lead',
      (out) => writeVoidResult(out, head(4, { ...LEAD, tracingId: undefined })),
      `84 0c 0007 08 0000001c 0002 0004 736c6f77 0002 c3a4  0001 0001 70 00000003 78797a  00000001`,
    ],
    [
      'one row of two cells, one of them null',
      (out) => {
        const rows = new RowsResponse();
        rows.begin(out, 4, 1, undefined, new ColumnMetadata([column('a', INT), column('b', TEXT)]), false, false);
        out.cell(Uint8Array.of(0, 0, 0, 5), 0, 4);
        out.nullCell();
        rows.end(out, 1, undefined, undefined);
      },
      `84 00 0001 08 0000002c 00000002 00000001 00000002 0001 6b 0001 74 0001 61 0009 0001 62 000d
       00000001 00000004 00000005 ffffffff`,
    ],
    [
      'SUPPORTED of a node without anything',
      (out) => writeSupported(out, 4, 0, new Map([...supported].slice(0, 2))),
      '84 00 0000 06 00000027 0002 000b 434f4d5052455353494f4e 0000 000b 43514c5f56455253494f4e 0001 0005 332e332e31',
    ],
  ];
  test.each(table)('%s', (_, write, expected) => {
    const out = new OutputBuffer(16);
    write(out);
    expect(hexOf(out)).toBe(squeeze(expected));
  });
});

describe('as the Node driver reads them', () => {
  test('AUTHENTICATE', () => {
    const out = new OutputBuffer();
    writeAuthenticate(out, 4, 3);
    expect(driverReads(out).reader.readString()).toBe('org.apache.cassandra.auth.PasswordAuthenticator');
  });

  test('SUPPORTED with sharding and extensions', () => {
    const out = new OutputBuffer();
    const sharding = { shard: 1, shardCount: 2, shardAwarePort: 19042 };
    const extensions = Extension.LwtMark | Extension.TabletsV1 | Extension.RateLimitError;
    writeSupported(out, 4, 3, supportedOptions({ compressions: ['lz4'], extensions, sharding, hostId: 'h' }));
    expect(driverReads(out).reader.readStringMultiMap()).toEqual({
      COMPRESSION: ['lz4'],
      CQL_VERSION: ['3.3.1'],
      PROTOCOL_VERSIONS: ['3/v3', '4/v4'],
      CLIENT_OPTIONS: [''],
      SCYLLA_HOST_ID: ['h'],
      SCYLLA_SHARD: ['1'],
      SCYLLA_NR_SHARDS: ['2'],
      SCYLLA_PARTITIONER: ['org.apache.cassandra.dht.Murmur3Partitioner'],
      SCYLLA_SHARDING_ALGORITHM: ['biased-token-round-robin'],
      SCYLLA_SHARDING_IGNORE_MSB: ['12'],
      SCYLLA_SHARD_AWARE_PORT: ['19042'],
      SCYLLA_LWT_ADD_METADATA_MARK: ['LWT_OPTIMIZATION_META_BIT_MASK=2147483648'],
      TABLETS_ROUTING_V1: [''],
      SCYLLA_RATE_LIMIT_ERROR: ['ERROR_CODE=61440'],
    });
  });

  test('events', () => {
    const read = (write: (out: OutputBuffer) => void) => {
      const out = new OutputBuffer();
      write(out);
      const { reader, stream, opcode } = driverReads(out);
      expect([stream, opcode]).toEqual([-1, Opcode.Event]);
      const event = reader.readEvent();
      return event;
    };
    const node = { address: new Uint8Array(16).fill(1), port: 9042 };
    expect(read((out) => writeTopologyChange(out, 4, 'NEW_NODE', node))).toMatchObject({
      added: true,
      inet: { port: 9042 },
    });
    expect(read((out) => writeStatusChange(out, 3, 'DOWN', node))).toMatchObject({ up: false });
    const base = { change: 'UPDATED', keyspace: 'k', name: 'n', argumentTypes: ['int', 'text'] } as const;
    expect(read((out) => writeSchemaEvent(out, 4, { ...base, target: 'TYPE' }))).toMatchObject({
      udt: 'n',
      keyspace: 'k',
    });
    const aggregate = read((out) => writeSchemaEvent(out, 4, { ...base, target: 'AGGREGATE' }));
    expect(aggregate).toMatchObject({ aggregate: 'n', signature: ['int', 'text'], schemaChangeType: 'UPDATED' });
    expect(read((out) => writeClientRoutesChange(out, 4, ['c'], ['h']))).toEqual({ eventType: 'CLIENT_ROUTES_CHANGE' });
  });

  test('what leads a response, by version', () => {
    const read = (version: number) => {
      const out = new OutputBuffer();
      writeSetKeyspace(out, head(version, LEAD), 'ks');
      const { reader } = driverReads(out);
      const info = reader.readFlagsInfo();
      expect([reader.readInt(), reader.readString()]).toEqual([3, 'ks']);
      return info;
    };
    const v4 = read(4);
    expect(v4.warnings).toEqual(['slow', 'ä']);
    expect(v4.traceId?.toString()).toBe('00010203-0405-0607-0809-0a0b0c0d0e0f');
    expect(v4.customPayload?.p?.toString()).toBe('xyz');
    expect(Object.keys(read(3))).toEqual(['traceId']);
  });

  test('Prepared, by version and extensions', () => {
    const bind = new ColumnMetadata([column('pk', INT), column('v', TEXT)]);
    const result = new ColumnMetadata([column('v', TEXT)], text('metadata'));
    const prepared = { id: text('0123456789abcdef'), bind, partitionKeyIndexes: [0], isConditional: true, result };
    const read = (version: number, extensions: number) => {
      const out = new OutputBuffer();
      writePrepared(out, head(version), extensions, prepared);
      const { reader } = driverReads(out);
      expect([reader.readInt(), reader.readShortBytes().toString()]).toEqual([4, '0123456789abcdef']);
      if (extensions & Extension.MetadataId) expect(reader.readShortBytes().toString()).toBe('metadata');
      const bindMetadata = reader.readMetadata(4);
      const resultMetadata = reader.readMetadata(2);
      expect(resultMetadata.columns.map(({ name, type }) => [name, type.code])).toEqual([['v', 13]]);
      expect(reader.remainingLength()).toBe(0);
      return {
        bindMetadata,
        isMarked: out.bytes[HEADER_LENGTH + 4 + 18 + (extensions & Extension.MetadataId ? 10 : 0)]! >= 0x80,
      };
    };
    const v4 = read(4, 0);
    expect(v4.bindMetadata).toMatchObject({ partitionKeys: [0], keyspace: 'k', table: 't' });
    expect(v4.bindMetadata.columns.map(({ name }) => name)).toEqual(['pk', 'v']);
    expect(v4.isMarked).toBe(false);
    expect(read(3, 0).bindMetadata.partitionKeys).toBeUndefined();
    expect(read(4, Extension.LwtMark | Extension.MetadataId).isMarked).toBe(true);
  });

  test('Prepared of a statement without markers and rows', () => {
    const out = new OutputBuffer();
    const id = new Uint8Array(16);
    writePrepared(out, head(), 0, {
      id,
      bind: NO_COLUMNS,
      partitionKeyIndexes: [],
      isConditional: false,
      result: NO_COLUMNS,
    });
    expect(hexOf(out)).toBe(
      squeeze(`84 00 0007 08 0000002a 00000004 0010 ${'00'.repeat(16)}
      00000000 00000000 00000000 00000004 00000000`),
    );
  });

  test('Rows of several tables, in pages, with new metadata, and without metadata', () => {
    const columns = [column('a', INT, 't1'), column('b', TEXT, 't2')];
    const metadata = new ColumnMetadata(columns, text('new'));
    const cells = [
      [text('1'), null],
      [null, text('')],
      [text('x'.repeat(100)), text('y')],
    ];
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.boolean(),
        fc.option(fc.uint8Array({ maxLength: 99 }), { nil: undefined }),
        (skips, isNew, paging) => {
          const out = new OutputBuffer(16);
          const rows = new RowsResponse();
          rows.begin(out, 4, 5, LEAD, metadata, skips, isNew);
          for (const row of cells)
            for (const cell of row) cell === null ? out.nullCell() : out.cell(cell, 0, cell.length);
          rows.end(out, cells.length, paging, undefined);
          const { reader } = driverReads(out);
          expect(reader.readFlagsInfo().warnings).toEqual(LEAD.warnings);
          expect(reader.readInt()).toBe(2);
          if (skips && !isNew) {
            expect([reader.readInt(), reader.readInt()]).toEqual([0x04 | (paging ? 0x02 : 0), 2]);
            if (paging) expect(new Uint8Array(reader.readBytes()!)).toEqual(paging);
          } else {
            const read = reader.readMetadata(2);
            expect(read.pageState && new Uint8Array(read.pageState)).toEqual(paging);
            expect(read.newResultId?.toString()).toBe(isNew ? 'new' : undefined);
            expect(read.columns.map(({ tablename, name, type }) => [tablename, name, type.code])).toEqual([
              ['t1', 'a', 9],
              ['t2', 'b', 13],
            ]);
          }
          expect(reader.readInt()).toBe(cells.length);
          for (const row of cells) {
            for (const cell of row) expect(reader.readBytes()).toEqual(cell === null ? null : Buffer.from(cell));
          }
          expect(reader.remainingLength()).toBe(0);
        },
      ),
    );
  });
});

describe('output buffer', () => {
  test('responses stand one behind the other', () => {
    const out = new OutputBuffer(4);
    for (let stream = 0; stream < 100; stream++) writeSetKeyspace(out, { ...head(), stream }, 'k'.repeat(stream));
    const bytes = out.toBytes();
    let at = 0;
    for (let stream = 0; stream < 100; stream++) {
      expect((bytes[at + 2]! << 8) | bytes[at + 3]!).toBe(stream);
      at += HEADER_LENGTH + bytes[at + 8]!;
    }
    expect(at).toBe(bytes.length);
  });

  test('a name that is too long is refused and can be taken back', () => {
    const out = new OutputBuffer();
    writeReady(out, 4, 1);
    const before = out.toBytes();
    const mark = out.begin(4, 2, Opcode.Result);
    expect(() => out.string('x'.repeat(65_536))).toThrow(InvalidRequestError);
    out.abandon(mark);
    expect(out.toBytes()).toEqual(before);
    out.string('x'.repeat(65_535));
    expect(out.length).toBe(before.length + 65_537);
  });

  test('texts are cut after whole characters', () => {
    const cut = (value: string, limit: number) => {
      const out = new OutputBuffer();
      out.cutString(value, limit);
      return new BodyReader(out.toBytes()).string();
    };
    expect(cut('äöü', 5)).toBe('äö');
    expect(cut('äöü', 6)).toBe('äöü');
    expect(cut('€€', 5)).toBe('€');
    expect(cut('😀', 3)).toBe('');
    expect(cut('abc', 2)).toBe('ab');
    expect(cut('x'.repeat(1_000_000), 0xffff)).toHaveLength(0xffff);
  });

  test('memory of a huge response is given back', () => {
    const out = new OutputBuffer();
    out.raw(new Uint8Array(5_000_000));
    out.clear();
    expect(out.bytes.length).toBeLessThan(100_000);
  });

  test('a compressed body takes the place of the plain one only where it is smaller', () => {
    const compressor = {
      name: 'half',
      compress: (body: Uint8Array) => body.slice(0, body.length - 600),
      uncompress: (body: Uint8Array) => body,
    };
    const out = new OutputBuffer();
    for (const [length, flag, onWire] of [
      [511, 0, 511],
      [1000, EnvelopeFlag.Compressed, 400],
    ] as const) {
      out.clear();
      const mark = out.begin(4, 1, Opcode.Result);
      out.raw(new Uint8Array(length));
      out.end(mark, compressor);
      expect([out.bytes[1], out.length - HEADER_LENGTH]).toEqual([flag, onWire]);
      const same = { ...compressor, compress: (body: Uint8Array) => body.slice() };
      out.clear();
      out.begin(4, 1, Opcode.Result);
      out.raw(new Uint8Array(length));
      out.end(0, same);
      expect([out.bytes[1], out.length - HEADER_LENGTH]).toEqual([0, length]);
    }
  });

  test('the splitter of a server refuses what a server sends', () => {
    const out = new OutputBuffer();
    writeReady(out, 4, 9);
    const splitter = new FrameSplitter();
    splitter.push(out.toBytes());
    expect([splitter.next(), splitter.stream]).toEqual([FrameStep.NotARequest, 9]);
  });
});

describe('type options', () => {
  const identity = { keyspace: 'k', name: 'address', fieldNames: ['street', 'tags'] };
  const vector = typeOf(
    TypeKind.Vector,
    [typeOf(TypeKind.Float)],
    'org.apache.cassandra.db.marshal.VectorType(org.apache.cassandra.db.marshal.FloatType , 3)',
  );
  const table: readonly [name: string, type: CqlType, bytes: string][] = [
    ['int', INT, '0009'],
    ['text', TEXT, '000d'],
    ['duration', typeOf(TypeKind.Duration), '0015'],
    ['counter', typeOf(TypeKind.Counter), '0005'],
    ['list<int>', typeOf(TypeKind.List, [INT]), '0020 0009'],
    ['map<text, set<int>>', typeOf(TypeKind.Map, [TEXT, typeOf(TypeKind.Set, [INT])]), '0021 000d 0022 0009'],
    ['tuple<int, text>', typeOf(TypeKind.Tuple, [INT, TEXT]), '0031 0002 0009 000d'],
    [
      'a user type',
      typeOf(TypeKind.Udt, [TEXT, typeOf(TypeKind.List, [TEXT])], '', identity),
      '0030 0001 6b 0007 61646472657373 0002 0006 737472656574 000d 0004 74616773 0020 000d',
    ],
    [
      'vector<float, 3>, with the blank after the comma alone',
      vector,
      `0000 0058 ${Buffer.from('org.apache.cassandra.db.marshal.VectorType(org.apache.cassandra.db.marshal.FloatType, 3)').toString('hex')}`,
    ],
    ['a custom type', typeOf(TypeKind.Custom, [], 'a.B'), '0000 0003 612e42'],
  ];
  test.each(table)('%s', (_, type, bytes) => {
    const out = new OutputBuffer();
    writeTypeOption(out, type);
    expect(hexOf(out)).toBe(squeeze(bytes));
    const reader = new BodyReader(out.toBytes());
    const same = (read: TypeOption, given: CqlType): void => {
      const isCustom = given.kind >= TypeKind.Vector;
      expect(read.id).toBe(isCustom ? 0 : given.kind);
      expect(read.fieldNames).toEqual(given.udt?.fieldNames ?? []);
      expect(read.className).toBe(isCustom ? given.className.replace(' ,', ',') : '');
      if (isCustom) return;
      expect(read.parameters).toHaveLength(given.parameters.length);
      for (const [i, parameter] of given.parameters.entries()) same(read.parameters[i]!, parameter);
    };
    same(readTypeOption(reader), type);
    expect(reader.remaining).toBe(0);
  });

  test.each(['000a', '00', '0020', '0031 ffff 0009', '0030 0001 6b 0001 61 ffff', '0032', '0020'.repeat(100)])(
    'refused: %s',
    (bytes) => {
      expect(() => readTypeOption(new BodyReader(Buffer.from(squeeze(bytes), 'hex')))).toThrow(
        expect.objectContaining({ code: 'PROTOCOL' }),
      );
    },
  );
});
