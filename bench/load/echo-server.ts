import { createServer } from 'node:net';

/**
 * The least that a server can do: answers each request frame of the load generator with a fixed reply of the same stream, from
 * one buffer per chunk. The ceiling that a node's rates are compared with, in the same run (performance guide §11).
 * Usage: node bench/load/echo-server.ts; prints `{"pid","port"}`. Ends when its stdin does.
 */
const HEADER = 9;
const REPLY_BODY = 40 - HEADER;

const server = createServer({ noDelay: true }, (socket) => {
  let rest: Buffer = Buffer.alloc(0);
  let out = Buffer.allocUnsafe(64 * 1024);
  socket.on('data', (chunk: Buffer) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    let length = 0;
    while (bytes.length - at >= HEADER) {
      const end = at + HEADER + bytes.readInt32BE(at + 5);
      if (end > bytes.length) break;
      if (length + HEADER + REPLY_BODY > out.length) out = Buffer.concat([out, Buffer.allocUnsafe(out.length)]);
      out[length] = 0x84;
      out[length + 1] = 0;
      out[length + 2] = bytes[at + 2]!;
      out[length + 3] = bytes[at + 3]!;
      out[length + 4] = 8; // RESULT
      out.writeInt32BE(REPLY_BODY, length + 5);
      out.fill(0, length + HEADER, length + HEADER + REPLY_BODY);
      length += HEADER + REPLY_BODY;
      at = end;
    }
    rest = at === bytes.length ? Buffer.alloc(0) : Buffer.from(bytes.subarray(at));
    if (length === 0) return;
    socket.write(out.subarray(0, length));
    if (socket.writableLength > 0) out = Buffer.allocUnsafe(out.length);
  });
  socket.on('error', () => socket.destroy());
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  process.stdout.write(`${JSON.stringify({ pid: process.pid, port })}\n`);
});
process.stdin.on('end', () => process.exit(0)).resume();
