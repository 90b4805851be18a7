import { InvalidRequestError } from '../errors.ts';
import { encodeList, encodeMap, encodeSet, encodeTuple, encodeVector } from './collection-codec.ts';
import { quoteIdentifier } from './cql-identifier.ts';
import { type CqlType, TypeKind } from './cql-type.ts';
import { shorten } from './text-form.ts';
import { TextScanner } from './text-scanner.ts';

/** What ends a word: a blank, comma, colon, quote or bracket. */
const WORD_END = /[\s,:'"()[\]{}]|$/g;
const ONE_VALUE = 'expected one value';

/**
 * Reads what `literal-text.ts` prints: a CQL literal of a known type. The depth of the recursion is that of the type,
 * never of the text, and every character is looked at a fixed number of times.
 */
class LiteralParser {
  readonly #scan: TextScanner;
  readonly #type: CqlType;

  constructor(type: CqlType, text: string) {
    this.#type = type;
    this.#scan = new TextScanner(text, (why, at) => {
      const message = `Unable to make ${type.cqlName} from '${shorten(text)}': ${why} at position ${at}`;
      return new InvalidRequestError(message);
    });
  }

  parse(): Uint8Array {
    const value = this.#value(this.#type);
    this.#scan.expectEnd(ONE_VALUE);
    if (value === undefined) throw this.#scan.error(ONE_VALUE);
    return value;
  }

  /** The value at the cursor; undefined is null. */
  #value(type: CqlType): Uint8Array | undefined {
    this.#scan.skipBlanks();
    if (this.#scan.peekTo(WORD_END) === 'null') {
      this.#scan.at += 4;
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
    if (value === undefined) throw this.#scan.error('null is not supported inside collections');
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
      throw this.#scan.error(`expected ${type.dimension} elements for ${type.cqlName}, got ${elements.length}`);
    }
    if (element.fixedLength >= 0 && elements.some((value) => value.length !== element.fixedLength)) {
      throw this.#scan.error(`empty values are not supported inside ${type.cqlName}`);
    }
    return encodeVector(element, elements);
  }

  #map(type: CqlType): Uint8Array {
    const keys: Uint8Array[] = [];
    const values: Uint8Array[] = [];
    this.#list('{', '}', () => {
      keys.push(this.#element(type.parameters[0]!));
      this.#scan.expect(':');
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
        throw this.#scan.error(
          `Unknown field ${quoteIdentifier(name)} in value of user defined type ${type.udt!.name}`,
        );
      this.#scan.expect(':');
      while (fields.length <= index) fields.push(undefined);
      fields[index] = this.#value(type.parameters[index]!);
    });
    return encodeTuple(fields);
  }

  /** Items between brackets, with commas between them; `item` reads one. */
  #list(open: string, close: string, item: () => void): void {
    this.#scan.expect(open);
    if (this.#scan.accept(close)) return;
    do item();
    while (this.#scan.accept(','));
    this.#scan.expect(close);
  }

  #scalar(type: CqlType): Uint8Array {
    if (this.#scan.sign === "'") return type.fromText(this.#scan.takeQuoted("'", 'the string has no end'));
    const word = this.#scan.peekTo(WORD_END);
    if (word === '') throw this.#scan.error(`expected a value of type ${type.cqlName}`);
    switch (type.kind) {
      case TypeKind.Ascii:
      case TypeKind.Text:
      case TypeKind.Inet:
        throw this.#scan.error(`expected a string in quotes for type ${type.cqlName}`);
      case TypeKind.Blob:
      case TypeKind.Custom:
        if (!/^0x/i.test(word)) throw this.#scan.error(`expected 0x and hex digits for type ${type.cqlName}`);
        break;
      default:
        break;
    }
    this.#scan.at += word.length;
    return type.fromText(word);
  }

  #fieldName(): string {
    this.#scan.skipBlanks();
    if (this.#scan.sign === '"') return this.#scan.takeQuoted('"', 'the string has no end');
    const word = this.#scan.takeTo(WORD_END);
    if (word === '') throw this.#scan.error('expected the name of a field');
    return word.toLowerCase();
  }
}

/** The value of a CQL literal for a collection, tuple, UDT or vector. @throws InvalidRequestError */
export function parseLiteral(type: CqlType, text: string): Uint8Array {
  return new LiteralParser(type, text).parse();
}
