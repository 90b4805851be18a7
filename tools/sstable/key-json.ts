import { int64ToBigInt } from '../../core/int64.ts';
import type { ColumnDescriptor } from '../../core/schema/column.ts';
import { Token, tokenOf } from '../../core/token.ts';
import type { JsonText } from './json-text.ts';
import { keyText, partitionKeyValues, rawKey } from './key-text.ts';

/**
 * A partition key as `scylla sstable` prints it, under the name `key`: token if wanted, raw form, text.
 * @see spec/sstable.md §20.3
 */
export function writeKeyJson(
  json: JsonText,
  name: string,
  columns: readonly ColumnDescriptor[],
  bytes: Uint8Array,
  start: number,
  end: number,
  hasToken: boolean,
): void {
  json.key(name);
  json.beginObject();
  if (hasToken) {
    const token = new Token();
    tokenOf(bytes, start, end, token);
    json.key('token');
    json.string(int64ToBigInt(token.hi, token.lo).toString());
  }
  const values = partitionKeyValues(bytes, start, end, columns.length);
  json.key('raw');
  json.string(rawKey(values));
  json.key('value');
  json.string(keyText(values, columns));
  json.end();
}
