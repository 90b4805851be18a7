import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
import { Bench } from 'tinybench';
import { HEADER_LENGTH } from '../../cql/protocol/envelope.ts';
import { FrameSplitter, FrameStep } from '../../cql/protocol/frame.ts';
import { ColumnMetadata } from '../../cql/protocol/metadata.ts';
import { OutputBuffer } from '../../cql/protocol/output-buffer.ts';
import { ExecuteRequest } from '../../cql/protocol/request.ts';
import { encodeExecute } from '../../cql/protocol/request-encoder.ts';
import { RowsResponse, writeVoid } from '../../cql/protocol/response.ts';
import { statementId } from '../../cql/protocol/statement-id.ts';
import { StatementIdTable } from '../../cql/protocol/statement-id-table.ts';
import { printNanosPerItem } from './nanos-per-item.ts';

/**
 * What the protocol costs per request, in ns: `node bench/micro/protocol.bench.ts [--time MS]`. EXECUTE as drivers send it for a
 * write of a 16-byte key and a 100-byte value; budget of frame, EXECUTE and look-up together: 250 ns (performance §9.1).
 */
const { values: options } = parseArgs({ options: { time: { type: 'string', default: '500' } } });

const COUNT = 1000;
const md5 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('md5').update(bytes).digest());
const ids = Array.from({ length: 100 }, (_, i) => statementId('ks', `statement ${i}`, md5));
const key = new Uint8Array(16).fill(1);
const value = new Uint8Array(100).fill(2);
const frames = Array.from({ length: COUNT }, (_, i) =>
  encodeExecute(4, i, ids[i % ids.length]!, { consistency: 6, values: [key, value], timestamp: { hi: 1, lo: i } }),
);
const pipeline = Buffer.concat(frames);

const table = new StatementIdTable(createHash('md5').digest().readInt32LE());
for (const [i, id] of ids.entries()) table.set(id, 0, id.length, i);

const execute = new ExecuteRequest();
const splitter = new FrameSplitter();
const out = new OutputBuffer(1 << 20);
const rows = new RowsResponse();
const metadata = new ColumnMetadata([]);
let sink = 0;

function eachFrame(visit: (bytes: Uint8Array, start: number, end: number, stream: number) => void): void {
  splitter.push(pipeline);
  while (splitter.next() === FrameStep.Frame)
    visit(splitter.bytes, splitter.bodyStart, splitter.bodyEnd, splitter.stream);
}

const decode = (bytes: Uint8Array, start: number, end: number): void => {
  execute.decode(bytes, start, end, 4, 0);
  sink += execute.parameters.values.lengths[1]!;
};
const find = (bytes: Uint8Array, start: number, end: number): void => {
  decode(bytes, start, end);
  sink += table.find(bytes, execute.idStart, execute.idEnd);
};

const bench = new Bench({ time: Number(options.time), warmupTime: 200 })
  .add('split frames', () => eachFrame((_, start) => (sink += start)))
  .add('decode EXECUTE alone', () => {
    for (const frame of frames) decode(frame, HEADER_LENGTH, frame.length);
  })
  .add('split + decode EXECUTE', () => eachFrame(decode))
  .add('split + decode + find statement', () => eachFrame(find))
  .add('split + decode + find + Void', () => {
    out.clear();
    eachFrame((bytes, start, end, stream) => {
      find(bytes, start, end);
      writeVoid(out, 4, stream);
    });
    sink += out.length;
  })
  .add('Rows of one row, two cells, no metadata', () => {
    out.clear();
    for (let i = 0; i < COUNT; i++) {
      rows.begin(out, 4, i, undefined, metadata, true, false);
      out.cell(key, 0, key.length);
      out.cell(value, 0, value.length);
      rows.end(out, 1, undefined, undefined);
    }
    sink += out.length;
  });
await bench.run();
printNanosPerItem(bench, () => COUNT, sink);
