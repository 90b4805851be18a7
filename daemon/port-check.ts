import { createServer } from 'node:net';
import { TesseraError } from '../core/errors.ts';

/** A port that was asked for is taken, or an address is not this machine's: exit code 2. */
export class AddressError extends TesseraError {
  override readonly name = 'AddressError';
  constructor(what: string, address: string, port: number, errno: string) {
    const why = errno === 'EADDRINUSE' ? 'is taken by another process' : `cannot be used (${errno})`;
    super('ADDRESS_IN_USE', `${what} ${address}:${port} ${why}`, { address, port, errno });
  }
}

/**
 * Binds the port exclusively, and gives it back: with `reusePort` alone a second node would share it silently. Port 0: the port that
 * the system picked (settled question 15).
 * @throws AddressError
 */
export function claimPort(what: string, address: string, port: number): Promise<number> {
  const server = createServer();
  return new Promise((claimed, failed) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      failed(new AddressError(what, address, port, error.code ?? error.message));
    });
    server.listen({ host: address, port, exclusive: true }, () => {
      const bound = server.address();
      const boundPort = typeof bound === 'object' && bound !== null ? bound.port : port;
      server.close(() => claimed(boundPort));
    });
  });
}
