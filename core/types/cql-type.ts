/**
 * What every CQL type can do. Values are bytes in the native protocol's form, which is also the form in SSTables,
 * memtables and mutations; a type never makes an object per value on the data path.
 */

export const TypeKind = {
  Ascii: 1,
  Bigint: 2,
  Blob: 3,
  Boolean: 4,
  Counter: 5,
  Decimal: 6,
  Double: 7,
  Float: 8,
  Int: 9,
  Timestamp: 11,
  Uuid: 12,
  Text: 13,
  Varint: 14,
  Timeuuid: 15,
  Inet: 16,
  Date: 17,
  Time: 18,
  Smallint: 19,
  Tinyint: 20,
  Duration: 21,
  List: 32,
  Map: 33,
  Set: 34,
  Udt: 48,
  Tuple: 49,
  Vector: 50,
  Empty: 51,
  Custom: 52,
} as const;
export type TypeKind = (typeof TypeKind)[keyof typeof TypeKind];

/** What names a user type, beside its field types. */
export interface UdtIdentity {
  readonly keyspace: string;
  readonly name: string;
  /** In the order of `CqlType.parameters`. */
  readonly fieldNames: readonly string[];
}

export interface CqlType {
  /** The native protocol's option id where it has one (§9.1). */
  readonly kind: TypeKind;
  /** Canonical CQL text as system_schema shows it: 'text', 'frozen<map<text, int>>', 'frozen<address>'. */
  readonly cqlName: string;
  /** Cassandra class name as Statistics.db holds it, with 'org.apache.cassandra.db.marshal.' in front. */
  readonly className: string;
  /** Bytes of a value that SSTables write without a length, or -1 (spec/sstable.md §5.1: date, time, smallint, tinyint are -1). */
  readonly fixedLength: number;
  /** A non-frozen collection or UDT: one cell per element, path first. */
  readonly isMultiCell: boolean;
  /** Element types: list and set [element], map [key, value], tuple and UDT their fields, vector [element]. */
  readonly parameters: readonly CqlType[];
  /** Set on UDTs only. */
  readonly udt?: UdtIdentity | undefined;
  /** Number of elements; set on vectors only. */
  readonly dimension?: number | undefined;

  /** Order of two values, spec/sstable.md §5.3: < 0, 0, > 0. An empty value comes first. Never throws on any bytes. */
  compare(a: Uint8Array, aStart: number, aEnd: number, b: Uint8Array, bStart: number, bEnd: number): number;
  /**
   * The first 32 bits of an order-preserving encoding, as an unsigned number: prefix(a) < prefix(b) implies a < b, and
   * a < b implies prefix(a) <= prefix(b). 0 where the type has no cheap one.
   */
  prefix(bytes: Uint8Array, start: number, end: number): number;
  /** Why the bytes are no value of this type, or undefined when they are one. An empty value is judged as §9.2 says. */
  validate(bytes: Uint8Array, start: number, end: number): string | undefined;
  /** Text form as `scylla sstable` and cqlsh show it: numbers plain, text as it is, blobs as hex without 0x, collections in CQL form. */
  toText(bytes: Uint8Array, start: number, end: number): string;
  /** Value of a text form: what a CQL string literal for this type may hold. @throws InvalidRequestError */
  fromText(text: string): Uint8Array;
}
