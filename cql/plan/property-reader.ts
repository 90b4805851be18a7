import { ConfigurationError, SyntaxException } from '../../core/errors.ts';
import type { LiteralTerm, Property, PropertyValue } from '../language/ast.ts';
import { printPropertyValue } from '../language/printer-value.ts';

/** Reading what stands after WITH. Values may come as constants of their kind or as strings that say the same. */

/** A value that is not of the kind that the option takes. The parser keeps no positions of options: line and column are the start. */
export function badValue(name: string, value: PropertyValue, wanted: string): SyntaxException {
  const shown = printPropertyValue(value).slice(0, 100);
  return new SyntaxException(1, 0, `Invalid value ${shown} for '${name}': expected ${wanted}`);
}

export function unknownProperty(name: string): SyntaxException {
  return new SyntaxException(1, 0, `Unknown property '${name.slice(0, 100)}'`);
}

function constant({ name, value }: Property, wanted: string): LiteralTerm {
  if (value.kind !== 'literal') throw badValue(name, value, wanted);
  return value;
}

/** @throws SyntaxException when the value is no string */
export function stringProperty(property: Property): string {
  const literal = constant(property, 'a string');
  if (literal.type !== 'string') throw badValue(property.name, property.value, 'a string');
  return literal.text;
}

/** @throws SyntaxException when the value is no boolean */
export function booleanProperty(property: Property): boolean {
  const value = booleanOf(constant(property, 'true or false').text);
  if (value === undefined) throw badValue(property.name, property.value, 'true or false');
  return value;
}

/** True or false in any case, undefined for other texts. */
export function booleanOf(text: string): boolean | undefined {
  const lower = text.toLowerCase();
  return lower === 'true' ? true : lower === 'false' ? false : undefined;
}

/**
 * @param limit the greatest value, by default that of an int column
 * @throws SyntaxException when the value is no integer; ConfigurationError when it is out of range
 */
export function integerProperty(property: Property, least: number, limit = 0x7fff_ffff): number {
  const { text } = constant(property, 'an integer');
  if (!/^[+-]?\d{1,15}$/.test(text)) throw badValue(property.name, property.value, 'an integer');
  const value = Number(text);
  if (value >= least && value <= limit) return value;
  throw new ConfigurationError(`${property.name} must be between ${least} and ${limit}, but is ${text}`);
}

/** @throws SyntaxException when the value is no number */
export function numberProperty(property: Property): number {
  const { text } = constant(property, 'a number');
  const value = decimalOf(text);
  if (value === undefined) throw badValue(property.name, property.value, 'a number');
  return value;
}

/** The number of a plain decimal text, or undefined. */
export function decimalOf(text: string): number | undefined {
  return /^[+-]?\d{1,40}(\.\d{0,40})?([eE][+-]?\d{1,3})?$/.test(text) ? Number(text) : undefined;
}

/**
 * The entries of a map of constants, as texts; a repeated key keeps its last value.
 * @throws SyntaxException when the value is no such map
 */
export function mapProperty(property: Property): Map<string, string> {
  const entries = new Map<string, string>();
  for (const [key, value] of mapEntries(property)) {
    if (value.kind !== 'literal') throw badValue(property.name, property.value, 'a map of constants');
    entries.set(key, value.text);
  }
  return entries;
}

/** The entries of a map with any values. @throws SyntaxException when the value is no map */
export function mapEntries({ name, value }: Property): (readonly [string, PropertyValue])[] {
  if (value.kind !== 'map') throw badValue(name, value, 'a map');
  return value.entries.map((entry) => [entry.key.text, entry.value] as const);
}

/** A map as a record with its keys in order. Every key becomes an own property, `__proto__` too. */
export function sortedRecord(entries: ReadonlyMap<string, string>): Readonly<Record<string, string>> {
  return Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}
