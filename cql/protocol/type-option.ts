import { assert } from '../../core/assert.ts';
import { ProtocolError } from '../../core/errors.ts';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';
import type { OutputBuffer } from './output-buffer.ts';
import type { BodyReader } from './value.ts';

/**
 * Types as result metadata tells them (spec cql-protocol §9.1): [short] id, then what the id needs.
 *
 *   0x00 custom   [string] class name               0x30 UDT     [string] keyspace, [string] name,
 *   0x20 list     [option]                                       [short] n, n times [string] field, [option]
 *   0x21 map      [option] key, [option] value      0x31 tuple   [short] n, n [option]
 *   0x22 set      [option]                          all others   nothing
 *
 * Frozen and reversed do not show. Vectors have no id: they go as custom, by their class name.
 */

const CUSTOM = 0;

/** Appends the option of a type. */
export function writeTypeOption(out: OutputBuffer, type: CqlType): void {
  switch (type.kind) {
    case TypeKind.Vector:
    case TypeKind.Custom:
    case TypeKind.Empty:
      out.u16BE(CUSTOM);
      // SSTables have a blank before the comma of a vector's dimension; drivers split at comma and blank.
      out.string(type.className.replaceAll(' , ', ', '));
      return;
    case TypeKind.Udt:
      writeUserType(out, type);
      return;
    case TypeKind.Tuple:
      out.u16BE(type.kind);
      out.u16BE(type.parameters.length);
      break;
    default:
      out.u16BE(type.kind); // kinds are numbered as the protocol numbers them
  }
  for (const parameter of type.parameters) writeTypeOption(out, parameter);
}

function writeUserType(out: OutputBuffer, type: CqlType): void {
  assert(type.udt !== undefined, 'a user type has its identity');
  const { keyspace, name, fieldNames } = type.udt;
  out.u16BE(TypeKind.Udt);
  out.string(keyspace);
  out.string(name);
  out.u16BE(type.parameters.length);
  for (const [i, field] of type.parameters.entries()) {
    out.string(fieldNames[i]!);
    writeTypeOption(out, field);
  }
}

/** An option as it was read: for clients and tools, which have no schema to look types up in. */
export interface TypeOption {
  /** A TypeKind, or 0 for custom. */
  readonly id: number;
  /** Class of a custom type, else ''. */
  readonly className: string;
  /** Keyspace and name of a UDT, else ''. */
  readonly keyspace: string;
  readonly name: string;
  /** Field names of a UDT, else empty. */
  readonly fieldNames: readonly string[];
  /** Element, field, or key and value types. */
  readonly parameters: readonly TypeOption[];
}

/** Types nested deeper than this are refused: no schema makes them. */
const MAX_DEPTH = 64;

const NATIVE: ReadonlySet<number> = new Set([
  TypeKind.Ascii,
  TypeKind.Bigint,
  TypeKind.Blob,
  TypeKind.Boolean,
  TypeKind.Counter,
  TypeKind.Decimal,
  TypeKind.Double,
  TypeKind.Float,
  TypeKind.Int,
  TypeKind.Timestamp,
  TypeKind.Uuid,
  TypeKind.Text,
  TypeKind.Varint,
  TypeKind.Timeuuid,
  TypeKind.Inet,
  TypeKind.Date,
  TypeKind.Time,
  TypeKind.Smallint,
  TypeKind.Tinyint,
  TypeKind.Duration,
]);

/**
 * Reads an option and moves past it.
 * @throws ProtocolError when the bytes end early, the id is unknown or the nesting too deep
 */
export function readTypeOption(reader: BodyReader, depth = 0): TypeOption {
  if (depth > MAX_DEPTH) throw new ProtocolError(`types nested deeper than ${MAX_DEPTH}`);
  const id = reader.short();
  if (NATIVE.has(id)) return option(id, []);
  switch (id) {
    case CUSTOM:
      return { ...option(id, []), className: reader.string() };
    case TypeKind.List:
    case TypeKind.Set:
      return option(id, [readTypeOption(reader, depth + 1)]);
    case TypeKind.Map:
      return option(id, [readTypeOption(reader, depth + 1), readTypeOption(reader, depth + 1)]);
    case TypeKind.Tuple: {
      const parameters: TypeOption[] = [];
      for (let n = reader.short(); n > 0; n--) parameters.push(readTypeOption(reader, depth + 1));
      return option(id, parameters);
    }
    case TypeKind.Udt: {
      const keyspace = reader.string();
      const name = reader.string();
      const fieldNames: string[] = [];
      const parameters: TypeOption[] = [];
      for (let n = reader.short(); n > 0; n--) {
        fieldNames.push(reader.string());
        parameters.push(readTypeOption(reader, depth + 1));
      }
      return { id, className: '', keyspace, name, fieldNames, parameters };
    }
    default:
      throw new ProtocolError(`unknown type option ${id}`, { id });
  }
}

function option(id: number, parameters: readonly TypeOption[]): TypeOption {
  return { id, className: '', keyspace: '', name: '', fieldNames: [], parameters };
}
