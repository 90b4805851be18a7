import { InvalidRequestError, OverloadedError, type ProtocolError } from '../../core/errors.ts';
import { fatalProtocolError } from './envelope.ts';

/** The errors for frames that are refused by their header alone (spec cql-protocol §2, §11): their bodies were never read. */

/** FrameStep.TooLarge before STARTUP was answered: answer, drop the body, close. */
export function initialMessageTooLarge(bodyLength: number): ProtocolError {
  return fatalProtocolError(`Initial message size too large (${bodyLength}), rejecting as invalid`);
}

/** FrameStep.TooLarge later, above what one request may have at all: answer, drop the body, close. */
export function requestTooLarge(bodyLength: number, limit: number): InvalidRequestError {
  return new InvalidRequestError(`request size too large (frame size ${bodyLength}; allowed ${limit})`, {
    bodyLength,
    limit,
  });
}

/** FrameStep.TooLarge for a request that would be served when memory is less short: answer, drop the body, go on. */
export function requestMemoryExhausted(bodyLength: number): OverloadedError {
  return new OverloadedError(`request of ${bodyLength} bytes: too many bytes of requests in flight`, { bodyLength });
}

/** FrameStep.VersionChanged: answer in the connection's version, close. */
export function versionChanged(got: number, connectionVersion: number): ProtocolError {
  return fatalProtocolError(
    `Invalid message version. Got ${got} but previous messages on this connection had version ${connectionVersion}`,
  );
}

/** FrameStep.NotARequest: answer, close. */
export function responseFromClient(): ProtocolError {
  return fatalProtocolError('A frame with the response bit set: servers send these, clients do not');
}
