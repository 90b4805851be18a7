import { compareBytes } from '../bytes.ts';
import { blobFromText } from './blob.ts';
import { type CqlType, TypeKind } from './cql-type.ts';
import { DefinedType, MARSHAL_PREFIX } from './defined-type.ts';
import { leadingBytes } from './fixed-width.ts';
import { toHex } from './text-form.ts';

/**
 * A class of Cassandra's that has no CQL type here (DynamicCompositeType, PartitionerDefinedOrder, a user's own): its
 * values are carried as bytes and ordered as bytes. The class name is kept as it was written.
 */
export function customType(className: string): CqlType {
  const cqlName = `'${className.replaceAll("'", "''")}'`;
  return new DefinedType({
    kind: TypeKind.Custom,
    cqlName,
    className,
    fixedLength: -1,
    compare: compareBytes,
    prefix: leadingBytes,
    validate: () => undefined,
    toText: toHex,
    fromText: (text) => blobFromText(cqlName, text),
  });
}

/** The type with the empty value only: the value column of some tables without columns. */
export const emptyType: CqlType = new DefinedType({
  kind: TypeKind.Empty,
  cqlName: 'empty',
  className: `${MARSHAL_PREFIX}EmptyType`,
  fixedLength: 0,
  compare: compareBytes,
  prefix: leadingBytes,
  validate: (_bytes, start, end) => (start === end ? undefined : `Expected 0 byte empty (${end - start})`),
  toText: toHex,
  fromText: (text) => blobFromText('empty', text),
});
