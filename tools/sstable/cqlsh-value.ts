import { CollectionReader } from '../../core/types/collection-reader.ts';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';
import { invalidValueText, toHex } from '../../core/types/text-form.ts';

/** Significant digits of floats and doubles, at least. */
const PRECISION = 5;
// biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal must not get
const CONTROL = /[\u0000-\u001f\u007f-\u00a0]/g;
const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * A value as cqlsh shows it, times in UTC; no value is shown as nothing when the bytes are empty.
 * @param isNested inside a collection, tuple or user type, where texts have quotes
 * @see spec/tools.md §4.5
 */
export function cqlshValue(type: CqlType, bytes: Uint8Array, start: number, end: number, isNested = false): string {
  const { kind } = type;
  if (kind === TypeKind.Blob || kind === TypeKind.Custom) return `0x${toHex(bytes, start, end)}`;
  const isText = kind === TypeKind.Text || kind === TypeKind.Ascii;
  if (start === end && !isText) return '';
  if (type.validate(bytes, start, end) !== undefined) return invalidValueText(bytes, start, end);
  switch (kind) {
    case TypeKind.Text:
    case TypeKind.Ascii: {
      const text = type.toText(bytes, start, end).replace(CONTROL, escaped);
      return isNested ? `'${text.replaceAll("'", "''")}'` : text;
    }
    case TypeKind.Boolean:
      return type.toText(bytes, start, end) === 'true' ? 'True' : 'False';
    case TypeKind.Float:
    case TypeKind.Double:
      return floatText(Number(type.toText(bytes, start, end)));
    case TypeKind.Timestamp:
      return quoted(timestampText(type.toText(bytes, start, end)), isNested);
    case TypeKind.Inet:
    case TypeKind.Date:
    case TypeKind.Time:
      return quoted(type.toText(bytes, start, end), isNested);
    case TypeKind.List:
    case TypeKind.Set:
    case TypeKind.Map:
    case TypeKind.Tuple:
    case TypeKind.Udt:
    case TypeKind.Vector:
      return compositeText(type, bytes, start, end);
    default:
      return type.toText(bytes, start, end);
  }
}

function quoted(text: string, isNested: boolean): string {
  return isNested ? `'${text}'` : text;
}

function escaped(character: string): string {
  return ESCAPES[character] ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

/** `2018-06-20T18:34:01.005Z` as `2018-06-20 18:34:01.005000+0000`; what lies outside of the years 1 to 9999 stays as it is. */
function timestampText(text: string): string {
  const match = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.(\d+))?Z$/.exec(text);
  return match === null ? text : `${match[1]} ${match[2]}.${(match[3] ?? '').padEnd(6, '0')}+0000`;
}

/** C's %g with so many digits that the integer part is whole. */
function floatText(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const size = Math.floor(Math.log10(Math.abs(value)));
  const digits = size >= -4 && size < PRECISION ? PRECISION + size + 1 : PRECISION;
  const [mantissa, power] = value.toExponential(digits - 1).split('e') as [string, string];
  const exponent = Number(power);
  if (exponent >= -4 && exponent < digits) return trimZeros(value.toFixed(Math.max(0, digits - 1 - exponent)));
  const sign = exponent < 0 ? '-' : '+';
  return `${trimZeros(mantissa)}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`;
}

function trimZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

function compositeText(type: CqlType, bytes: Uint8Array, start: number, end: number): string {
  const reader = new CollectionReader();
  const { parameters } = type;
  const parts: string[] = [];
  const element = (parameter: CqlType) =>
    reader.isNull ? 'null' : cqlshValue(parameter, reader.bytes, reader.start, reader.end, true);
  switch (type.kind) {
    case TypeKind.Map:
      reader.openMap(bytes, start, end);
      while (reader.next()) {
        const key = element(parameters[0]!);
        if (reader.next()) parts.push(`${key}: ${element(parameters[1]!)}`);
      }
      return `{${parts.join(', ')}}`;
    case TypeKind.Tuple:
    case TypeKind.Udt:
      reader.openTuple(bytes, start, end, parameters.length);
      for (const [i, parameter] of parameters.entries()) {
        const value = reader.next() ? element(parameter) : 'null';
        const field = type.udt?.fieldNames[i];
        parts.push(field === undefined ? value : `${field}: ${value}`);
      }
      return type.kind === TypeKind.Udt ? `{${parts.join(', ')}}` : `(${parts.join(', ')})`;
    case TypeKind.Vector:
      reader.openVector(bytes, start, end, parameters[0]!, type.dimension!);
      while (reader.next()) parts.push(element(parameters[0]!));
      return `[${parts.join(', ')}]`;
    default:
      reader.openList(bytes, start, end);
      while (reader.next()) parts.push(element(parameters[0]!));
      return type.kind === TypeKind.Set ? `{${parts.join(', ')}}` : `[${parts.join(', ')}]`;
  }
}
