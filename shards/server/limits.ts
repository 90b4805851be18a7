/** Limits of one shard's CQL server. Every one has an answer when it is reached; none can be switched off. */
export interface ServerLimits {
  /** Requests of clients under way on the shard; more are answered OVERLOADED without being decoded. */
  readonly maxConcurrentRequests: number;
  /** The same for one connection: as many as the protocol has streams. */
  readonly maxRequestsPerConnection: number;
  /** Open connections; the next one is closed at once. */
  readonly maxConnections: number;
  /** Connections that have not finished their handshake; see `ConnectionSet.accept` for who has to go. */
  readonly maxHandshakes: number;
  /** A handshake that takes longer ends with the connection. */
  readonly handshakeMs: number;
  /** The largest frame body, also after decompression: more is answered Invalid, dropped, and ends the connection. */
  readonly maxFrameBytes: number;
  /**
   * Memory for requests under way. When it is used up, large frames are answered OVERLOADED and dropped, and
   * connections are not read until some is free again.
   */
  readonly requestBytes: number;
  /** Bytes waiting for a slow reader from which its requests are not read any more. */
  readonly outputPauseBytes: number;
  /** Bytes waiting for a slow reader at which the next answer ends the connection. */
  readonly outputCutBytes: number;
  /** The same for all connections together: those above `outputPauseBytes` have to go first. */
  readonly totalOutputBytes: number;
  /** A slow reader, or the sender of a large frame, must move `progressBytes` in this time. */
  readonly progressMs: number;
  readonly progressBytes: number;
  /** Prepared statements by what they take; the least recently used go. */
  readonly preparedBytes: number;
  /** PREPARE waits for the other shards at most so long. */
  readonly prepareMs: number;
  /** A request that another shard coordinates: above every timeout of a request, which that shard watches over. */
  readonly forwardMs: number;
}

const MIB: number = 1024 * 1024;

export const DEFAULT_SERVER_LIMITS: ServerLimits = {
  maxConcurrentRequests: 32_768,
  maxRequestsPerConnection: 32_768,
  maxConnections: 16_384,
  maxHandshakes: 1024,
  handshakeMs: 10_000,
  maxFrameBytes: 16 * MIB,
  requestBytes: 64 * MIB,
  outputPauseBytes: MIB,
  outputCutBytes: 64 * MIB,
  totalOutputBytes: 256 * MIB,
  progressMs: 10_000,
  progressBytes: 64 * 1024,
  preparedBytes: 16 * MIB,
  prepareMs: 1000,
  forwardMs: 60_000,
};
