import type { ColumnSpec } from './metadata.ts';

/** A hash of whole bytes: MD5 or SHA-256, from the host. */
export type Hash = (bytes: Uint8Array) => Uint8Array;

const ENCODER = new TextEncoder();

/** Bytes of a prepared statement's id, and of a result metadata id. */
export const ID_LENGTH = 16;

/**
 * Id of a prepared statement: MD5 of the keyspace in use ('' for none) followed by the text. Drivers prepare again and compare,
 * so it depends on nothing else and is the same on every shard and node (spec cql-protocol §8.1). MD5 can be made to collide
 * on purpose: whoever keeps statements by id compares keyspace and text too when one is prepared.
 */
export function statementId(keyspace: string, text: string, md5: Hash): Uint8Array {
  return md5(ENCODER.encode(keyspace + text));
}

/** Id of a result's metadata: the first half of SHA-256 over name and type of each column (§8.2). */
export function resultMetadataId(columns: readonly ColumnSpec[], sha256: Hash): Uint8Array {
  // Each part ends with NUL, which neither a type's name nor a length can hold: no two lists of columns give one text.
  const parts = columns.map(({ name, type }) => `${name.length}:${name}\0${type.cqlName}\0`);
  return sha256(ENCODER.encode(parts.join(''))).slice(0, ID_LENGTH);
}
