import { connect } from 'node:net';
import { HEADER_LENGTH, Opcode } from '../cql/protocol/envelope.ts';
import { encodeQuery, encodeStartup } from '../cql/protocol/request-encoder.ts';
import { BodyReader } from '../cql/protocol/value.ts';

const VERSION = 4;
const CONSISTENCY_ONE = 1;
const TIMEOUT_MS = 10_000;

/** Asks `system.local` through the node's own CQL port: only then is it ready for others. @throws Error saying what came instead */
export function selfQuery(address: string, port: number): Promise<void> {
  return new Promise((done, failed) => {
    const socket = connect({ host: address, port, noDelay: true });
    socket.setTimeout(TIMEOUT_MS, () => fail(new Error('no answer')));
    let received: Buffer = Buffer.alloc(0);
    const fail = (error: Error): void => {
      socket.destroy();
      failed(new Error(`the node does not answer its own query: ${error.message}`));
    };
    socket.on('connect', () => socket.write(encodeStartup(VERSION, 0, { CQL_VERSION: '3.0.0' })));
    socket.on('error', fail);
    socket.on('close', () => fail(new Error('the connection was closed')));
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < HEADER_LENGTH) return;
      const end = HEADER_LENGTH + received.readInt32BE(5);
      if (received.length < end) return;
      const opcode = received[4]!;
      const body = received.subarray(HEADER_LENGTH, end);
      received = received.subarray(end);
      if (opcode === Opcode.Ready) {
        const text = "SELECT key FROM system.local WHERE key = 'local'";
        socket.write(encodeQuery(VERSION, 1, text, { consistency: CONSISTENCY_ONE }));
      } else if (opcode === Opcode.Result) {
        socket.removeAllListeners('close');
        socket.end();
        done();
      } else {
        fail(new Error(opcode === Opcode.Error ? new BodyReader(body, 4).string() : `opcode ${opcode}`));
      }
    });
  });
}
