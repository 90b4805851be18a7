import { ByteWriter, writeI32BE } from '../../../core/bytes.ts';
import { PartitionKeyWriter } from '../../../core/partition-key.ts';
import type { TableDescriptor } from '../../../core/schema/table.ts';
import { Token, tokenOf } from '../../../core/token.ts';
import { bigintType } from '../../../core/types/int.ts';
import { nullSafe, type ScalarFunction } from './scalar-function.ts';

/** `token(pk, ...)` of one table: the token of the partition with that key, as a bigint. */
export function tokenFunction(table: TableDescriptor): ScalarFunction {
  const types = table.partitionKey.map((column) => column.type);
  return nullSafe('token', types, bigintType, (args) => {
    const out = new ByteWriter(64);
    const key = new PartitionKeyWriter();
    key.begin(out, args.length);
    for (const value of args) key.value(value, 0, value.length);
    const token = new Token();
    tokenOf(out.bytes, 0, out.length, token);
    const bytes = new Uint8Array(8);
    writeI32BE(bytes, 0, token.hi);
    writeI32BE(bytes, 4, token.lo);
    return bytes;
  });
}
