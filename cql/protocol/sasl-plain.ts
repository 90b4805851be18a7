import { TesseraError } from '../../core/errors.ts';
import { decodeUtf8, invalidUtf8Offset } from './utf8.ts';

/** The authenticator that AUTHENTICATE names: gocql refuses names that it does not know (spec cql-protocol §5.3). */
export const PASSWORD_AUTHENTICATOR = 'org.apache.cassandra.auth.PasswordAuthenticator';

/** User name and password of a SASL PLAIN token. */
export interface PlainCredentials {
  readonly username: string;
  readonly password: string;
}

/** The error for credentials that are wrong in any way: one text, so that it tells nothing about which names exist. */
export function badCredentials(): TesseraError {
  return new TesseraError('BAD_CREDENTIALS', 'Username and/or password are incorrect');
}

/**
 * Reads a SASL PLAIN token (RFC 4616): [authorization id] NUL user NUL password. Parsed from the end; the authorization id
 * is ignored.
 * @throws TesseraError BAD_CREDENTIALS for a token of another form
 */
export function parsePlainToken(token: Uint8Array): PlainCredentials {
  const passwordNul = token.lastIndexOf(0);
  const userNul = passwordNul > 0 ? token.lastIndexOf(0, passwordNul - 1) : -1;
  if (userNul < 0 || userNul + 1 === passwordNul) throw badCredentials();
  if (invalidUtf8Offset(token, userNul, token.length) >= 0) throw badCredentials();
  return {
    username: decodeUtf8(token, userNul + 1, passwordNul),
    password: decodeUtf8(token, passwordNul + 1, token.length),
  };
}
