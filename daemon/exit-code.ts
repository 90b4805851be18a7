/** How commands end (tools §1.3). */
export const ExitCode = {
  Done: 0,
  /** The operation failed: refused connection, I/O error, invalid data found. */
  Failed: 1,
  /** Wrong usage or configuration. */
  Usage: 2,
  /** Try again later. */
  NotReady: 3,
  /** A comparison found differences. */
  Different: 4,
  /** Checksum or format violation. */
  Corrupt: 5,
  /** A bug. */
  Assertion: 70,
  Interrupted: 130,
  Terminated: 143,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];
