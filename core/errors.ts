/**
 * The error classes of every contract. A class does not cross rings or sockets; its `code` does. `cql/protocol/error.ts`
 * maps each code to an error of the CQL protocol and says whether the outcome is definite.
 */

/** Facts of an error as plain data: names of files, offsets, limits. */
export type ErrorDetail = Readonly<Record<string, string | number | boolean | undefined>>;

/** An expected failure: bad input, a timeout, damage. Bugs are `AssertionError`. */
export class TesseraError extends Error {
  override readonly name: string = 'TesseraError';
  /** Stable upper-case word, the same in every release. */
  readonly code: string;
  readonly detail: ErrorDetail;

  constructor(code: string, message: string, detail: ErrorDetail = {}, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.detail = detail;
  }
}

/** Bytes on disk contradict their checksum or format. Not retryable: quarantine the file, read from other replicas. */
export class CorruptFileError extends TesseraError {
  override readonly name = 'CorruptFileError';
  /** @param offset byte in the file as it is on disk, or in the uncompressed data where `why` says so */
  constructor(path: string, offset: number, why: string, options?: ErrorOptions) {
    super('CORRUPT_FILE', `${path} at byte ${offset}: ${why}`, { path, offset }, options);
  }
}

/** A file is of a version or kind that this program does not read. The file itself may be fine. */
export class UnsupportedFormatError extends TesseraError {
  override readonly name = 'UnsupportedFormatError';
  constructor(path: string, why: string, options?: ErrorOptions) {
    super('UNSUPPORTED_FORMAT', `${path}: ${why}`, { path }, options);
  }
}

/** The operating system refused a file operation (no space, no permission, I/O error). `errno` is its word, ENOSPC and so on. */
export class FileOperationError extends TesseraError {
  override readonly name = 'FileOperationError';
  readonly errno: string;
  constructor(operation: string, path: string, errno: string, options?: ErrorOptions) {
    super('FILE_OPERATION', `${operation} ${path}: ${errno}`, { path, operation, errno }, options);
    this.errno = errno;
  }
}

/** Bytes from a peer or client are not what the protocol says. */
export class ProtocolError extends TesseraError {
  override readonly name = 'ProtocolError';
  constructor(message: string, detail: ErrorDetail = {}) {
    super('PROTOCOL', message, detail);
  }
}

/** A CQL text cannot be parsed. `line` counts from 1, `column` from 0, as drivers' users know it. */
export class SyntaxException extends TesseraError {
  override readonly name = 'SyntaxException';
  constructor(line: number, column: number, why: string) {
    super('SYNTAX', `line ${line}:${column} ${why}`, { line, column });
  }
}

/** A statement is well formed but wrong for the schema, the values or the state. */
export class InvalidRequestError extends TesseraError {
  override readonly name = 'InvalidRequestError';
  constructor(message: string, detail: ErrorDetail = {}) {
    super('INVALID', message, detail);
  }
}

/** A bad option of a keyspace or table. */
export class ConfigurationError extends TesseraError {
  override readonly name = 'ConfigurationError';
  constructor(message: string) {
    super('CONFIG', message);
  }
}

/** A keyspace (then `table` is '') or table of that name is there already. */
export class AlreadyExistsError extends TesseraError {
  override readonly name = 'AlreadyExistsError';
  constructor(keyspace: string, table: string) {
    const what = table === '' ? `keyspace "${keyspace}"` : `table "${keyspace}.${table}"`;
    super('ALREADY_EXISTS', `Cannot add already existing ${what}`, { keyspace, table });
  }
}

/** Something the language has and Tessera does not yet: refused by name, never ignored. */
export class NotSupportedYetError extends TesseraError {
  override readonly name = 'NotSupportedYetError';
  constructor(what: string) {
    super('INVALID', `${what} not supported yet`);
  }
}

/** A queue, cache or limit is full. Nothing was done: the caller may try another node or wait. */
export class OverloadedError extends TesseraError {
  override readonly name = 'OverloadedError';
  constructor(message: string, detail: ErrorDetail = {}) {
    super('OVERLOADED', message, detail);
  }
}

/** The node is starting, draining or shutting down. Nothing was done. */
export class NotReadyError extends TesseraError {
  override readonly name = 'NotReadyError';
  constructor(message: string) {
    super('NOT_READY', message);
  }
}

/** The deadline of a read passed. Reads have no outcome to doubt. */
export class ReadTimeoutError extends TesseraError {
  override readonly name = 'ReadTimeoutError';
  constructor(message: string, detail: ErrorDetail = {}) {
    super('READ_TIMEOUT', message, detail);
  }
}

/** The outcome of a write is unknown: it may take effect, now or later. */
export class WriteTimeoutError extends TesseraError {
  override readonly name = 'WriteTimeoutError';
  constructor(message: string, detail: ErrorDetail = {}) {
    super('WRITE_TIMEOUT', message, detail);
  }
}
