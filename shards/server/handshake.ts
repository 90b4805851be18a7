import { ProtocolError, type TesseraError } from '../../core/errors.ts';
import type { BodyCompressor } from '../../cql/protocol/compress.ts';
import { ConnectionPhase, Opcode } from '../../cql/protocol/envelope.ts';
import { writeError } from '../../cql/protocol/error.ts';
import { decodeAuthResponse, decodeRegister, decodeStartup } from '../../cql/protocol/request.ts';
import { writeAuthenticate, writeAuthSuccess, writeReady, writeSupported } from '../../cql/protocol/response.ts';
import { parsePlainToken } from '../../cql/protocol/sasl-plain.ts';
import { type SupportedConfig, supportedOptions } from '../../cql/protocol/supported.ts';
import type { Connection } from './connection.ts';
import type { EventHub } from './event-hub.ts';

/** Judges a user name and password. Calls `done` once, now or later, with BAD_CREDENTIALS or nothing. */
export type Authenticator = (
  username: string,
  password: string,
  done: (error: TesseraError | undefined) => void,
) => void;

/**
 * The requests of a connection that are no statements: OPTIONS, STARTUP, AUTH_RESPONSE, REGISTER. Their bodies are never
 * compressed by drivers but may be, once that was agreed.
 */
export class Handshake {
  readonly #supported: SupportedConfig;
  readonly #options: ReadonlyMap<string, readonly string[]>;
  readonly #compressors: ReadonlyMap<string, BodyCompressor>;
  readonly #authenticator: Authenticator | undefined;
  readonly #events: EventHub;

  /** @param authenticator undefined: everybody is let in */
  constructor(
    supported: SupportedConfig,
    compressors: ReadonlyMap<string, BodyCompressor>,
    authenticator: Authenticator | undefined,
    events: EventHub,
  ) {
    this.#supported = supported;
    this.#options = supportedOptions(supported);
    this.#compressors = compressors;
    this.#authenticator = authenticator;
    this.#events = events;
  }

  /**
   * Answers a message bytes[start, end) of the frame in the connection's splitter.
   * @throws TesseraError for a message that is refused
   */
  handle(connection: Connection, opcode: number, bytes: Uint8Array, start: number, end: number): void {
    const { connectionVersion: version, stream } = connection.splitter;
    switch (opcode) {
      case Opcode.Options:
        writeSupported(connection.output(), version, stream, this.#options);
        break;
      case Opcode.Startup:
        this.#start(connection, bytes, start, end);
        break;
      case Opcode.AuthResponse:
        this.#authenticate(connection, bytes, start, end);
        break;
      default:
        this.#events.register(connection, decodeRegister(bytes, start, end));
        writeReady(connection.output(), version, stream);
    }
  }

  #start(connection: Connection, bytes: Uint8Array, start: number, end: number): void {
    const { connectionVersion: version, stream } = connection.splitter;
    const { compressions, extensions } = this.#supported;
    const startup = decodeStartup(bytes, start, end, compressions, extensions);
    connection.agree(startup, this.#compressors.get(startup.compression));
    if (this.#authenticator === undefined) {
      writeReady(connection.output(), version, stream);
      connection.becomeReady();
    } else {
      connection.phase = ConnectionPhase.Authenticating;
      writeAuthenticate(connection.output(), version, stream);
    }
  }

  #authenticate(connection: Connection, bytes: Uint8Array, start: number, end: number): void {
    if (this.#authenticator === undefined || connection.isJudged) {
      throw new ProtocolError('Unexpected message AUTH_RESPONSE: an earlier one is not answered');
    }
    const { connectionVersion: version, stream } = connection.splitter;
    const { username, password } = parsePlainToken(decodeAuthResponse(bytes, start, end));
    connection.isJudged = true;
    this.#authenticator(username, password, (error) => {
      connection.isJudged = false;
      if (!connection.canWrite || connection.isEnding) return;
      if (error === undefined) {
        writeAuthSuccess(connection.output(), version, stream);
        connection.becomeReady();
      } else {
        writeError(connection.output(), version, stream, error);
        connection.end(); // another try costs another connection
      }
    });
  }
}
