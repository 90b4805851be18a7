import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidRequestError, ProtocolError } from '../../core/errors.ts';
import { BatchRequest, BatchType } from './batch-request.ts';
import { Consistency } from './consistency.ts';
import { ConnectionPhase, checkOpcode, EnvelopeFlag, HEADER_LENGTH, Opcode } from './envelope.ts';
import { EventType } from './event.ts';
import { Extension } from './extension.ts';
import { NULL_VALUE, type QueryParameters, UNSET_VALUE, type ValueRanges } from './query-parameters.ts';
import {
  decodeAuthResponse,
  decodePrepare,
  decodeRegister,
  decodeStartup,
  ExecuteRequest,
  messageStart,
  QueryRequest,
} from './request.ts';
import {
  type BatchStatement,
  type BoundValue,
  encodeAuthResponse,
  encodeBatch,
  encodeExecute,
  encodePrepare,
  encodeQuery,
  encodeRegister,
  encodeStartup,
  type RequestOptions,
} from './request-encoder.ts';
import { parsePlainToken } from './sasl-plain.ts';

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));
const bodyOf = (frame: Uint8Array): Uint8Array => frame.subarray(HEADER_LENGTH);

/** The values as the encoder takes them. */
function valuesOf(bytes: Uint8Array, values: ValueRanges, from = 0, to = values.count): BoundValue[] {
  const list: BoundValue[] = [];
  for (let i = from; i < to; i++) {
    const length = values.lengths[i]!;
    const start = values.starts[i]!;
    list.push(length === NULL_VALUE ? null : length === UNSET_VALUE ? undefined : bytes.slice(start, start + length));
  }
  return list;
}

function optionsOf(bytes: Uint8Array, parameters: QueryParameters): RequestOptions {
  const { pagingStateStart, pagingStateEnd, timestampHi, timestampLo, values } = parameters;
  const names = Array.from({ length: parameters.hasNames ? values.count : 0 }, (_, i) => {
    const start = parameters.nameStarts[i]!;
    return Buffer.from(bytes.slice(start, start + parameters.nameLengths[i]!)).toString();
  });
  return {
    consistency: parameters.consistency,
    values: valuesOf(bytes, values),
    names,
    skipMetadata: parameters.skipsMetadata,
    pageSize: parameters.pageSize,
    pagingState: pagingStateStart < 0 ? null : bytes.slice(pagingStateStart, pagingStateEnd),
    serialConsistency: parameters.serialConsistency,
    ...(parameters.hasTimestamp ? { timestamp: { hi: timestampHi, lo: timestampLo } } : {}),
  };
}

describe('golden bodies', () => {
  test('STARTUP of the Node driver', () => {
    const body = hex(`0003 000b 43514c5f56455253494f4e 0005 332e302e30  000b 434f4d5052455353494f4e 0003 4c5a34
      000b 4452495645525f4e414d45 0001 78`);
    const startup = decodeStartup(body, 0, body.length, ['lz4'], 0);
    expect(startup.compression).toBe('lz4');
    expect([...startup.options]).toEqual([
      ['CQL_VERSION', '3.0.0'],
      ['COMPRESSION', 'LZ4'],
      ['DRIVER_NAME', 'x'],
    ]);
    expect(() => decodeStartup(body, 0, body.length, [], 0)).toThrow('Unknown compression algorithm: lz4');
  });

  test.each([
    ['3.0.0', true],
    ['4.0.0', true],
    ['3.4.5', true],
    ['2.0.0', false],
    ['', false],
  ])('CQL version %s', (version, good) => {
    const body = bodyOf(encodeStartup(4, 0, { CQL_VERSION: version }));
    const decode = () => decodeStartup(body, 0, body.length, [], 0);
    if (good) expect(decode().compression).toBe('');
    else expect(decode).toThrow(ProtocolError);
  });

  test('extensions: only what was offered, V2 of the tablets instead of V1', () => {
    const keys = { TABLETS_ROUTING_V1: '', TABLETS_ROUTING_V2_EXPERIMENTAL: '', SCYLLA_LWT_ADD_METADATA_MARK: 'x' };
    const body = bodyOf(encodeStartup(4, 0, keys));
    const agreed = (offered: number) => decodeStartup(body, 0, body.length, [], offered).extensions;
    expect(agreed(0)).toBe(0);
    expect(agreed(0x1f)).toBe(Extension.TabletsV2 | Extension.LwtMark);
    expect(agreed(Extension.TabletsV1)).toBe(Extension.TabletsV1);
  });

  test('QUERY with everything', () => {
    // "SELECT" QUORUM flags 3f: 2 values (null, 0x0102), page 100, state cafe, LOCAL_SERIAL, timestamp -2
    const body = hex(
      `00000006 53454c454354 0004 3f 0002 ffffffff 00000002 0102 00000064 00000002 cafe 0009 fffffffffffffffe`,
    );
    const query = new QueryRequest();
    query.decode(body, 0, body.length, 4);
    expect(query.text).toBe('SELECT');
    expect(optionsOf(body, query.parameters)).toEqual({
      consistency: Consistency.Quorum,
      values: [null, hex('0102')],
      names: [],
      skipMetadata: true,
      pageSize: 100,
      pagingState: hex('cafe'),
      serialConsistency: Consistency.LocalSerial,
      timestamp: { hi: -1, lo: -2 },
    });
    query.decode(hex('00000001 20 0001 00'), 0, 8, 4); // nothing of the earlier request stays
    expect(optionsOf(body, query.parameters)).toEqual({
      consistency: Consistency.One,
      values: [],
      names: [],
      skipMetadata: false,
      pageSize: 0,
      pagingState: null,
      serialConsistency: Consistency.Serial,
    });
  });

  test('EXECUTE with metadata id and tablet version', () => {
    const body = hex('0004 a1a2a3a4 0002 b1b2 000a 01 0001 00000001 7f 93');
    const execute = new ExecuteRequest();
    execute.decode(body, 0, body.length, 4, Extension.MetadataId | Extension.TabletsV2);
    expect(body.slice(execute.idStart, execute.idEnd)).toEqual(hex('a1a2a3a4'));
    expect(body.slice(execute.metadataIdStart, execute.metadataIdEnd)).toEqual(hex('b1b2'));
    expect(execute.tabletVersion).toBe(0x93);
    expect(valuesOf(body, execute.parameters.values)).toEqual([hex('7f')]);
    expect(() => execute.decode(body, 0, body.length - 1, 4, Extension.MetadataId | Extension.TabletsV2)).toThrow(
      'truncated frame: expected 1 bytes, length is 0',
    );
  });

  test('BATCH of a text and a prepared statement', () => {
    const body = hex(
      `01 0002  00 00000001 41 0000  01 0002 beef 0002 00000001 aa fffffffe  0006 30 0008 0000000000000005`,
    );
    const batch = new BatchRequest();
    batch.decode(body, 0, body.length, 4);
    expect([batch.type, batch.count, ...batch.isPrepared.subarray(0, 2)]).toEqual([BatchType.Unlogged, 2, 0, 1]);
    expect(batch.text(0)).toBe('A');
    expect(body.slice(batch.statementStarts[1], batch.statementEnds[1])).toEqual(hex('beef'));
    expect([...batch.firstValues.subarray(0, 3)]).toEqual([0, 0, 2]);
    expect(valuesOf(body, batch.values)).toEqual([hex('aa'), undefined]);
    const { consistency, serialConsistency, hasTimestamp, timestampLo } = batch.parameters;
    expect([consistency, serialConsistency, hasTimestamp, timestampLo]).toEqual([6, 8, true, 5]);
  });

  test('a batch of nothing', () => {
    const batch = new BatchRequest();
    batch.decode(hex('00 0000 0001 00'), 0, 6, 4);
    expect([batch.count, batch.firstValues[0]]).toEqual([0, 0]);
  });

  test('REGISTER', () => {
    const body = bodyOf(encodeRegister(4, 0, ['SCHEMA_CHANGE', 'STATUS_CHANGE']));
    expect(decodeRegister(body, 0, body.length)).toBe((1 << EventType.SchemaChange) | (1 << EventType.StatusChange));
    const bad = bodyOf(encodeRegister(4, 0, ['X']));
    expect(() => decodeRegister(bad, 0, bad.length)).toThrow("Invalid value 'X' for Event.Type");
  });

  test('PREPARE', () => {
    const body = bodyOf(encodePrepare(4, 0, 'SELECT ä'));
    expect(decodePrepare(body, 0, body.length)).toBe('SELECT ä');
  });

  test('a custom payload is skipped in v4 whatever the opcode, and is none in v3', () => {
    const payload = hex('0002 0001 61 ffffffff 0001 62 00000002 0102');
    const body = Buffer.concat([payload, hex('aa')]);
    expect(messageStart(body, 0, body.length, 4, EnvelopeFlag.CustomPayload)).toBe(payload.length);
    expect(messageStart(body, 0, body.length, 4, 0)).toBe(0);
    expect(messageStart(body, 0, body.length, 3, EnvelopeFlag.CustomPayload)).toBe(0);
    expect(() => messageStart(body, 0, 10, 4, EnvelopeFlag.CustomPayload)).toThrow(ProtocolError);
  });
});

describe('AUTH_RESPONSE', () => {
  const token = hex('00 75 00 70');
  test('with and without its length', () => {
    const framed = bodyOf(encodeAuthResponse(4, 1, token));
    expect(decodeAuthResponse(framed, 0, framed.length)).toEqual(token);
    expect(decodeAuthResponse(token, 0, token.length)).toEqual(token);
    expect(decodeAuthResponse(hex('ffffffff'), 0, 4)).toEqual(new Uint8Array(0));
    expect(decodeAuthResponse(hex(''), 0, 0)).toEqual(new Uint8Array(0));
  });

  test.each([
    ['00 75 00 70', 'u', 'p'],
    ['61 00 75 00 70', 'u', 'p'],
    ['00 75 00', 'u', ''],
    ['00 c3a4 00 e282ac', 'ä', '€'],
  ])('PLAIN %s', (bytes, username, password) => {
    expect(parsePlainToken(hex(bytes))).toEqual({ username, password });
  });

  test.each(['', '75', '00', '0000', '000000', '75 00 70', '00 ff 00 70', '00 75 00 ff'])('bad PLAIN %s', (bytes) => {
    expect(() => parsePlainToken(hex(bytes))).toThrow('Username and/or password are incorrect');
  });
});

describe('refused', () => {
  const table: readonly [
    name: string,
    body: string,
    version: number,
    error: new (...args: never[]) => Error,
    text: string,
  ][] = [
    ['a length of -3 in v4', '00000001 41 0001 01 0001 fffffffd', 4, ProtocolError, 'Invalid length -3'],
    ['an unknown consistency', '00000001 41 000b 00', 4, ProtocolError, 'Unknown code 11'],
    [
      'a serial consistency that is none',
      '00000001 41 0001 10 0001',
      4,
      InvalidRequestError,
      'must be SERIAL or LOCAL_SERIAL, not ONE',
    ],
    ['the least timestamp', '00000001 41 0001 20 8000000000000000', 4, InvalidRequestError, 'Out of bound timestamp'],
    ['the keyspace flag of v5', '00000001 41 0001 80 0001 61', 4, ProtocolError, 'needs protocol version 5'],
    ['a negative text length', 'ffffffff 0001 00', 4, ProtocolError, 'negative length'],
    [
      'a text beyond the body',
      '00000064 616263646566',
      4,
      ProtocolError,
      'truncated frame: expected 100 bytes, length is 6',
    ],
    ['65535 values in a few bytes', '00000001 41 0001 01 ffff', 4, ProtocolError, 'expected 262140 bytes, length is 0'],
    ['a huge value', '00000001 41 0001 01 0001 7fffffff', 4, ProtocolError, 'expected 2147483647 bytes'],
    ['text that is no UTF-8', '00000003 41c328 0001 00', 4, ProtocolError, 'invalid character at byte offset 1'],
  ];
  test.each(table)('%s', (_, body, version, error, text) => {
    const query = new QueryRequest();
    const decode = () => query.decode(hex(body), 0, hex(body).length, version);
    expect(decode).toThrow(error);
    expect(decode).toThrow(text);
  });

  test('every negative length is null in v3', () => {
    const body = hex('00000001 41 0001 01 0003 ffffffff fffffffe fffffffd');
    const query = new QueryRequest();
    query.decode(body, 0, body.length, 3);
    expect(valuesOf(body, query.parameters.values)).toEqual([null, null, null]);
  });

  test.each([
    ['type', '03 0000 0001 00', 'Invalid batch type 3'],
    ['kind', '00 0001 02 00000000 0000 0001 00', 'Invalid kind 2'],
    ['names', '00 0000 0001 40', 'Names for values'],
    ['text beyond the body', '00 0001 00 00000064 4142 0001 00', 'truncated frame: expected 100 bytes, length is 5'],
    ['count', '00 ffff 0001 00', 'truncated frame: expected 327675 bytes'],
  ])('a batch with a bad %s', (_, body, text) => {
    expect(() => new BatchRequest().decode(hex(body), 0, hex(body).length, 4)).toThrow(text);
  });

  test('opcodes by phase', () => {
    const allowed = (phase: ConnectionPhase) =>
      Array.from({ length: 256 }, (_, opcode) => opcode).filter((opcode) => {
        try {
          checkOpcode(opcode, phase);
          return true;
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
          return false;
        }
      });
    expect(allowed(ConnectionPhase.New)).toEqual([Opcode.Startup, Opcode.Options]);
    expect(allowed(ConnectionPhase.Authenticating)).toEqual([Opcode.AuthResponse]);
    expect(allowed(ConnectionPhase.Ready)).toEqual([
      Opcode.Options,
      Opcode.Query,
      Opcode.Prepare,
      Opcode.Execute,
      Opcode.Register,
      Opcode.Batch,
    ]);
    expect(() => checkOpcode(31, ConnectionPhase.Ready)).toThrow('Unknown opcode 31');
    expect(() => checkOpcode(Opcode.Result, ConnectionPhase.Ready)).toThrow('Unknown opcode 8');
  });
});

describe('frames that the Node driver writes', () => {
  interface DriverRequest {
    write(encoder: object, stream: number): Buffer;
  }
  const load = createRequire(import.meta.url);
  const requests = load('cassandra-driver/lib/requests.js') as Record<
    string,
    new (
      ...args: unknown[]
    ) => DriverRequest
  >;
  const Encoder = load('cassandra-driver/lib/encoder.js') as new (version: number, options: object) => object;
  const { ExecutionOptions } = load('cassandra-driver/lib/execution-options.js') as {
    ExecutionOptions: { empty(): Record<string, () => unknown> };
  };
  const settings = {
    ...{ getConsistency: () => 6, getFetchSize: () => 5000, getPageState: () => Buffer.from('cafe', 'hex') },
    ...{ getSerialConsistency: () => 9, getCustomPayload: () => ({ k: Buffer.from('v') }) },
  };
  const write = (name: string, stream: number, ...args: unknown[]): Buffer =>
    new requests[name]!(...args).write(new Encoder(4, {}), stream);
  const start = (frame: Buffer): number => messageStart(frame, HEADER_LENGTH, frame.length, 4, frame[1]!);
  const columns = { columns: [{ type: { code: 9 } }, { type: { code: 13 } }] };

  test('STARTUP, PREPARE, REGISTER, AUTH_RESPONSE', () => {
    const startup = write('StartupRequest', 0, { cqlVersion: '3.0.0', driverName: 'd', driverVersion: '1' });
    expect(decodeStartup(startup, HEADER_LENGTH, startup.length, [], 0).options.get('CQL_VERSION')).toBe('3.0.0');
    const prepare = write('PrepareRequest', 1, 'SELECT 1', null);
    expect(decodePrepare(prepare, HEADER_LENGTH, prepare.length)).toBe('SELECT 1');
    const register = write('RegisterRequest', 2, ['STATUS_CHANGE', 'TOPOLOGY_CHANGE']);
    expect(decodeRegister(register, HEADER_LENGTH, register.length)).toBe(0b11);
    const auth = write('AuthResponseRequest', 3, Buffer.from('\0u\0p'));
    expect(parsePlainToken(decodeAuthResponse(auth, HEADER_LENGTH, auth.length))).toEqual({
      username: 'u',
      password: 'p',
    });
  });

  test('QUERY and EXECUTE with paging and payload', () => {
    const given = Object.assign(Object.create(ExecutionOptions.empty()) as object, settings);
    const query = new QueryRequest();
    const queryFrame = write('QueryRequest', 300, 'SELECT ?', [7], given, false);
    query.decode(queryFrame, start(queryFrame), queryFrame.length, 4);
    const execute = new ExecuteRequest();
    const executeFrame = write('ExecuteRequest', 301, '', Buffer.from('beef', 'hex'), [7, 'ä'], given, columns);
    execute.decode(executeFrame, start(executeFrame), executeFrame.length, 4, 0);
    expect(query.text).toBe('SELECT ?');
    expect(new Uint8Array(executeFrame.subarray(execute.idStart, execute.idEnd))).toEqual(hex('beef'));
    const common = { consistency: 6, pageSize: 5000, serialConsistency: 9, skipMetadata: false, names: [] };
    for (const [frame, { parameters }] of [
      [queryFrame, query],
      [executeFrame, execute],
    ] as const) {
      expect(optionsOf(frame, parameters)).toMatchObject(common);
      expect(frame.toString('hex', parameters.pagingStateStart, parameters.pagingStateEnd)).toBe('cafe');
    }
    const { starts, lengths } = execute.parameters.values;
    expect(executeFrame.readInt32BE(starts[0]!)).toBe(7);
    expect(executeFrame.toString('utf8', starts[1], starts[1]! + lengths[1]!)).toBe('ä');
    expect(query.parameters.values.lengths[0]).toBe(8); // a number without a hint travels as a double
  });
});

describe('round trips', () => {
  const bytes = fc.uint8Array({ maxLength: 40 });
  const value = fc.option(fc.option(bytes, { nil: null }), { nil: undefined });
  const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
  const options = fc
    .record({
      consistency: fc.integer({ min: 0, max: 10 }),
      values: fc.array(value, { maxLength: 80 }),
      named: fc.boolean(),
      skipMetadata: fc.boolean(),
      pageSize: fc.nat(),
      pagingState: fc.option(fc.uint8Array({ minLength: 1, maxLength: 50 }), { nil: null }),
      serialConsistency: fc.constantFrom(8, 9),
      timestamp: fc.option(fc.record({ hi: fc.integer({ min: -(2 ** 31) + 1, max: 2 ** 31 - 1 }), lo: int32 }), {
        nil: undefined,
      }),
    })
    .map(({ named, timestamp, ...rest }) => ({
      ...rest,
      names: named ? rest.values.map((_, i) => `n${i}é`) : [],
      ...(timestamp === undefined ? {} : { timestamp }),
    }));
  const sent = (given: RequestOptions): RequestOptions => {
    const { names, ...rest } = given;
    return names!.length === 0 ? rest : given;
  };
  const stream = fc.integer({ min: -32768, max: 32767 });
  const query = new QueryRequest();
  const execute = new ExecuteRequest();
  const batch = new BatchRequest();

  test('QUERY', () => {
    fc.assert(
      fc.property(options, fc.string({ unit: 'grapheme' }), stream, (given, text, id) => {
        const frame = encodeQuery(4, id, text, sent(given));
        query.decode(frame, HEADER_LENGTH, frame.length, 4);
        expect(query.text).toBe(text);
        expect(optionsOf(frame, query.parameters)).toEqual(given);
      }),
    );
  });

  test('EXECUTE, with any extensions', () => {
    const extras = fc.record({
      metadataId: fc.option(bytes, { nil: undefined }),
      tablet: fc.option(fc.nat(255), { nil: undefined }),
    });
    fc.assert(
      fc.property(options, bytes, extras, (given, id, { metadataId, tablet }) => {
        const frame = encodeExecute(4, 1, id, sent(given), metadataId, tablet);
        const extensions = (metadataId ? Extension.MetadataId : 0) | (tablet === undefined ? 0 : Extension.TabletsV2);
        execute.decode(frame, HEADER_LENGTH, frame.length, 4, extensions);
        expect(frame.slice(execute.idStart, execute.idEnd)).toEqual(id);
        if (metadataId) expect(frame.slice(execute.metadataIdStart, execute.metadataIdEnd)).toEqual(metadataId);
        else expect(execute.metadataIdStart).toBe(-1);
        expect(execute.tabletVersion).toBe(tablet ?? -1);
        expect(optionsOf(frame, execute.parameters)).toEqual(given);
      }),
    );
  });

  test('BATCH', () => {
    const statement = fc.record({
      query: fc.oneof(fc.string({ unit: 'grapheme' }), bytes),
      values: fc.array(value, { maxLength: 9 }),
    });
    fc.assert(
      fc.property(fc.array(statement, { maxLength: 70 }), fc.nat(2), options, (statements, type, given) => {
        const frame = encodeBatch(4, 1, type, statements, given);
        batch.decode(frame, HEADER_LENGTH, frame.length, 4);
        const decoded: BatchStatement[] = Array.from({ length: batch.count }, (_, i) => ({
          query:
            batch.isPrepared[i] === 1 ? frame.slice(batch.statementStarts[i], batch.statementEnds[i]) : batch.text(i),
          values: valuesOf(frame, batch.values, batch.firstValues[i], batch.firstValues[i + 1]),
        }));
        expect(decoded).toEqual(statements);
        expect(batch.parameters.hasTimestamp).toBe('timestamp' in given);
        expect(batch.parameters.serialConsistency).toBe(given.serialConsistency);
      }),
    );
  });

  test('a body cut anywhere is a protocol error, never a shorter request', () => {
    const given = {
      consistency: 1,
      values: [hex('0102'), null],
      pageSize: 5,
      pagingState: hex('aa'),
      timestamp: { hi: 0, lo: 1 },
    };
    const frames: readonly [Uint8Array, (end: number) => void][] = [
      [encodeQuery(4, 0, 'abc', given), (end) => query.decode(frames[0]![0], HEADER_LENGTH, end, 4)],
      [encodeExecute(4, 0, hex('aabb'), given), (end) => execute.decode(frames[1]![0], HEADER_LENGTH, end, 4, 0)],
      [
        encodeBatch(4, 0, 0, [{ query: 'x', values: [hex('01')] }], given),
        (end) => batch.decode(frames[2]![0], HEADER_LENGTH, end, 4),
      ],
    ];
    for (const [frame, decode] of frames) {
      for (let end = HEADER_LENGTH; end < frame.length; end++) expect(() => decode(end)).toThrow(ProtocolError);
      expect(() => decode(frame.length)).not.toThrow();
    }
  });

  test('arrays of an unusually large request are given back', () => {
    const many = encodeExecute(4, 0, hex('aa'), { consistency: 1, values: new Array(65_535).fill(null) });
    execute.decode(many, HEADER_LENGTH, many.length, 4, 0);
    expect(execute.parameters.values.count).toBe(65_535);
    const few = encodeExecute(4, 0, hex('aa'), { consistency: 1, values: [null] });
    execute.decode(few, HEADER_LENGTH, few.length, 4, 0);
    expect(execute.parameters.values.starts.length).toBeLessThan(100);
  });
});
