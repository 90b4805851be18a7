import { InvalidRequestError } from '../errors.ts';
import { encodeList, encodeMap, encodeSet, encodeTuple, encodeVector } from './collection-codec.ts';
import { quoteIdentifier } from './cql-identifier.ts';
import { type CqlType, TypeKind } from './cql-type.ts';
import { shorten } from './text-form.ts';

/**
 * Reads what `literal-text.ts` prints: a CQL literal of a known type. The depth of the recursion is that of the type,
 * never of the text, and every character is looked at a fixed number of times.
 */
class LiteralParser {
  readonly #text: string;
  readonly #type: CqlType;
  #at = 0;

  constructor(type: CqlType, text: string) {
    this.#type = type;
    this.#text = text;
  }

  parse(): Uint8Array {
    const value = this.#value(this.#type);
    this.#skipBlanks();
    if (value === undefined || this.#at < this.#text.length) throw this.#error('expected one value');
    return value;
  }

  /** The value at the cursor; undefined is null. */
  #value(type: CqlType): Uint8Array | undefined {
    this.#skipBlanks();
    if (this.#word() === 'null') {
      this.#at += 4;
      return undefined;
    }
    switch (type.kind) {
      case TypeKind.List:
        return encodeList(this.#sequence('[', ']', type.parameters[0]!));
      case TypeKind.Set:
        return encodeSet(type.parameters[0]!, this.#sequence('{', '}', type.parameters[0]!));
      case TypeKind.Vector:
        return this.#vector(type);
      case TypeKind.Map:
        return this.#map(type);
      case TypeKind.Tuple:
        return this.#tuple(type);
      case TypeKind.Udt:
        return this.#udt(type);
      default:
        return this.#scalar(type);
    }
  }

  #element(type: CqlType): Uint8Array {
    const value = this.#value(type);
    if (value === undefined) throw this.#error('null is not supported inside collections');
    return value;
  }

  #sequence(open: string, close: string, element: CqlType): Uint8Array[] {
    const elements: Uint8Array[] = [];
    this.#list(open, close, () => elements.push(this.#element(element)));
    return elements;
  }

  #vector(type: CqlType): Uint8Array {
    const element = type.parameters[0]!;
    const elements = this.#sequence('[', ']', element);
    if (elements.length !== type.dimension) {
      throw this.#error(`expected ${type.dimension} elements for ${type.cqlName}, got ${elements.length}`);
    }
    if (element.fixedLength >= 0 && elements.some((value) => value.length !== element.fixedLength)) {
      throw this.#error(`empty values are not supported inside ${type.cqlName}`);
    }
    return encodeVector(element, elements);
  }

  #map(type: CqlType): Uint8Array {
    const keys: Uint8Array[] = [];
    const values: Uint8Array[] = [];
    this.#list('{', '}', () => {
      keys.push(this.#element(type.parameters[0]!));
      this.#expect(':');
      values.push(this.#element(type.parameters[1]!));
    });
    return encodeMap(type.parameters[0]!, keys, values);
  }

  #tuple(type: CqlType): Uint8Array {
    const fields: (Uint8Array | undefined)[] = [];
    this.#list('(', ')', () => {
      const field = type.parameters[fields.length];
      if (field === undefined) {
        const message = `Invalid tuple literal: too many elements. Type ${type.cqlName} expects ${type.parameters.length}`;
        throw new InvalidRequestError(`${message} but got more`);
      }
      fields.push(this.#value(field));
    });
    return encodeTuple(fields);
  }

  #udt(type: CqlType): Uint8Array {
    const names = type.udt!.fieldNames;
    const fields: (Uint8Array | undefined)[] = [];
    this.#list('{', '}', () => {
      const name = this.#fieldName();
      const index = names.indexOf(name);
      if (index < 0)
        throw this.#error(`Unknown field ${quoteIdentifier(name)} in value of user defined type ${type.udt!.name}`);
      this.#expect(':');
      while (fields.length <= index) fields.push(undefined);
      fields[index] = this.#value(type.parameters[index]!);
    });
    return encodeTuple(fields);
  }

  /** Items between brackets, with commas between them; `item` reads one. */
  #list(open: string, close: string, item: () => void): void {
    this.#expect(open);
    if (this.#accept(close)) return;
    do item();
    while (this.#accept(','));
    this.#expect(close);
  }

  #scalar(type: CqlType): Uint8Array {
    if (this.#text[this.#at] === "'") return type.fromText(this.#quoted("'"));
    const word = this.#word();
    if (word === '') throw this.#error(`expected a value of type ${type.cqlName}`);
    switch (type.kind) {
      case TypeKind.Ascii:
      case TypeKind.Text:
      case TypeKind.Inet:
        throw this.#error(`expected a string in quotes for type ${type.cqlName}`);
      case TypeKind.Blob:
      case TypeKind.Custom:
        if (!/^0x/i.test(word)) throw this.#error(`expected 0x and hex digits for type ${type.cqlName}`);
        break;
      default:
        break;
    }
    this.#at += word.length;
    return type.fromText(word);
  }

  #fieldName(): string {
    this.#skipBlanks();
    if (this.#text[this.#at] === '"') return this.#quoted('"');
    const word = this.#word();
    if (word === '') throw this.#error('expected the name of a field');
    this.#at += word.length;
    return word.toLowerCase();
  }

  /** The text between quotes at the cursor; a doubled quote is one. */
  #quoted(quote: string): string {
    const start = this.#at + 1;
    let end = start;
    for (;;) {
      end = this.#text.indexOf(quote, end);
      if (end < 0) throw this.#error('the string has no end');
      if (this.#text[end + 1] !== quote) break;
      end += 2;
    }
    this.#at = end + 1;
    return this.#text.slice(start, end).replaceAll(quote + quote, quote);
  }

  /** Characters from the cursor to the next blank, comma, colon, quote or bracket. Does not move. */
  #word(): string {
    const end = /[\s,:'"()[\]{}]|$/g;
    end.lastIndex = this.#at;
    return this.#text.slice(this.#at, end.exec(this.#text)!.index);
  }

  #skipBlanks(): void {
    while (/\s/.test(this.#text.charAt(this.#at))) this.#at++;
  }

  #accept(sign: string): boolean {
    this.#skipBlanks();
    if (this.#text[this.#at] !== sign) return false;
    this.#at++;
    return true;
  }

  #expect(sign: string): void {
    if (!this.#accept(sign)) throw this.#error(`expected '${sign}'`);
  }

  #error(why: string): InvalidRequestError {
    return new InvalidRequestError(
      `Unable to make ${this.#type.cqlName} from '${shorten(this.#text)}': ${why} at position ${this.#at}`,
    );
  }
}

/** The value of a CQL literal for a collection, tuple, UDT or vector. @throws InvalidRequestError */
export function parseLiteral(type: CqlType, text: string): Uint8Array {
  return new LiteralParser(type, text).parse();
}
