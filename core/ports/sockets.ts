/** Stream sockets of clients and peers. The simulator joins both ends in one thread. */

export interface SocketHandler {
  /** Bytes arrived: `chunk` belongs to the port and may be overwritten after the call. */
  onData(chunk: Uint8Array): void;
  /** What was written has left `bufferedBytes` below the low mark: reading may go on. */
  onDrain(): void;
  /** The last call: both directions are closed. `error` is undefined after an orderly end. */
  onClose(error: Error | undefined): void;
}

export interface Socket {
  /** Takes bytes[start, end); copies unless it returns true, which says that the bytes have left and may be overwritten. */
  write(bytes: Uint8Array, start: number, end: number): boolean;
  /** Bytes taken by `write` that the peer has not been given yet. */
  readonly bufferedBytes: number;
  /** Stops and starts `onData`. */
  pause(): void;
  resume(): void;
  /** Sends what is buffered, then closes. */
  end(): void;
  /** Closes now; what is buffered is lost. */
  destroy(): void;
  readonly remoteAddress: string;
  readonly remotePort: number;
}

export interface ListenOptions {
  readonly address: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** Several threads listen on one port, the kernel spreads the connections. */
  readonly reusePort: boolean;
}

export interface Listener {
  readonly port: number;
  /** Accepts no more; resolves when the port is free. Open connections live on. */
  close(): Promise<void>;
}

export interface Sockets {
  /** @throws TesseraError ADDRESS_IN_USE, ADDRESS_UNAVAILABLE */
  listen(options: ListenOptions, onConnection: (socket: Socket) => SocketHandler): Promise<Listener>;
  connect(
    address: string,
    port: number,
    onOpen: (socket: Socket) => SocketHandler,
    onError: (error: Error) => void,
  ): void;
}
