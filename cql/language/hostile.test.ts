import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidRequestError, NotSupportedYetError, SyntaxException } from '../../core/errors.ts';
import { parseStatement } from './parser.ts';
import { MAX_DEPTH } from './parser-state.ts';
import { printStatement } from './printer.ts';

const LONGEST_MESSAGE = 300;

/** What a text gives: its canonical form, or the message of an error of the kinds that a user may see. */
function outcome(text: string): string {
  try {
    return printStatement(parseStatement(text));
  } catch (error) {
    const isExpected =
      error instanceof SyntaxException || error instanceof InvalidRequestError || error instanceof NotSupportedYetError;
    if (!isExpected) throw error;
    expect(error.message.length).toBeLessThan(LONGEST_MESSAGE);
    return error.message;
  }
}

/** A string that counts the characters that are looked at. */
class CountingText {
  readonly #text: string;
  looked = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get length(): number {
    return this.#text.length;
  }

  charCodeAt(index: number): number {
    this.looked++;
    return this.#text.charCodeAt(index);
  }

  codePointAt(index: number): number | undefined {
    this.looked++;
    return this.#text.codePointAt(index);
  }

  indexOf(wanted: string, from = 0): number {
    const found = this.#text.indexOf(wanted, from);
    this.looked += (found < 0 ? this.#text.length : found) - from + wanted.length;
    return found;
  }

  slice(start: number, end: number): string {
    const piece = this.#text.slice(start, end);
    this.looked += piece.length;
    return piece;
  }
}

function charactersLookedAt(text: string): number {
  const counting = new CountingText(text);
  outcome(counting as unknown as string);
  return counting.looked;
}

const BEFORE_VALUE = 'INSERT INTO t (a) VALUES (';
const SHAPES: [string, (count: number) => string][] = [
  ['a long name', (n) => `SELECT ${'a'.repeat(n)} FROM t`],
  ['a long quoted name', (n) => `SELECT "${'a""'.repeat(n)}" FROM t`],
  ['a long word that is no statement', (n) => 'a'.repeat(n)],
  ['a long word that almost is a duration', (n) => `${BEFORE_VALUE}P${'1'.repeat(n)}`],
  ['many words that almost are durations', (n) => `${BEFORE_VALUE}[${'P0001(),'.repeat(n)}`],
  ['a long string', (n) => `${BEFORE_VALUE}'${'x'.repeat(n)}')`],
  ['a string of quotes', (n) => `${BEFORE_VALUE}'${"''".repeat(n)}')`],
  ['a string that is not closed', (n) => `${BEFORE_VALUE}'${"''".repeat(n)}`],
  ['a dollar string that is not closed', (n) => `${BEFORE_VALUE}$$${'$ '.repeat(n)}`],
  ['many dollar strings', (n) => `${BEFORE_VALUE}${'$$a$$ '.repeat(n)}`],
  ['a comment that is not closed', (n) => `SELECT /*${'/*'.repeat(n)}`],
  ['many comments', (n) => `SELECT ${'/**/--\n//\n'.repeat(n)} a FROM t`],
  ['many dashes', (n) => `SELECT ${'- '.repeat(n)}`],
  ['many lines before an error', (n) => `SELECT${'\n'.repeat(n)}FROM`],
  ['many lines after an error', (n) => `SELECT FROM${'\n'.repeat(n)}`],
  ['a long integer', (n) => `${BEFORE_VALUE}${'1'.repeat(n)})`],
  ['a long integer that is none', (n) => `${BEFORE_VALUE}${'1'.repeat(n)}x)`],
  ['a long float', (n) => `${BEFORE_VALUE}1.${'1'.repeat(n)}e${'1'.repeat(n)})`],
  ['a long duration', (n) => `${BEFORE_VALUE}${'1y'.repeat(n)})`],
  ['a long unit', (n) => `${BEFORE_VALUE}1${'m'.repeat(n)})`],
  ['a long blob', (n) => `${BEFORE_VALUE}0x${'ab'.repeat(n)})`],
  ['a long blob that is none', (n) => `${BEFORE_VALUE}0x${'ab'.repeat(n)}z)`],
  ['many names that almost are a uuid', (n) => `SELECT ${'abcdef01-e29b-41d4-a716-'.repeat(n)} FROM t`],
  ['many terms', (n) => `${BEFORE_VALUE}[${'1,'.repeat(n)}1])`],
  ['many fields', (n) => `${BEFORE_VALUE}{${'a:1,'.repeat(n)}a:1})`],
  ['many markers', (n) => `${BEFORE_VALUE}${'?,'.repeat(n)}?)`],
  ['many named markers', (n) => `${BEFORE_VALUE}${Array.from({ length: n }, (_, i) => `:m${i}`).join(',')})`],
  ['many relations', (n) => `SELECT * FROM t WHERE ${'a=1 AND '.repeat(n)}a=1`],
  ['many hints', (n) => `SELECT (a)(b)(c)${',(a)(b)(c)1'.repeat(n)} FROM t`],
  ['many properties', (n) => `ALTER TABLE t WITH ${Array.from({ length: n }, (_, i) => `p${i}=1`).join(' AND ')}`],
  ['many columns', (n) => `CREATE TABLE t (${'a int PRIMARY KEY,'.repeat(n)})`],
  ['many statements in a batch', (n) => `BEGIN BATCH ${'DELETE FROM t WHERE a=? '.repeat(n)}APPLY BATCH`],
  ['many semicolons', (n) => `USE k${';'.repeat(n)}`],
];

describe('the time for a text is linear in its length', () => {
  test.each(SHAPES)('%s', (_, shape) => {
    let previous = 0;
    for (let power = 8; power <= 13; power++) {
      const text = shape(2 ** power);
      const looked = charactersLookedAt(text);
      expect(looked).toBeLessThan(10 * text.length + 200);
      if (previous > 0) expect(looked).toBeLessThan(2.2 * previous + 200);
      previous = looked;
    }
  });
});

const NESTS: [string, (depth: number) => string][] = [
  ['tuples', (n) => `${BEFORE_VALUE}${'('.repeat(n)}1${')'.repeat(n)})`],
  ['lists', (n) => `${BEFORE_VALUE}${'['.repeat(n)}${']'.repeat(n)})`],
  ['sets', (n) => `${BEFORE_VALUE}${'{'.repeat(n)}${'}'.repeat(n)})`],
  ['map values', (n) => `${BEFORE_VALUE}${'{1:'.repeat(n)}1${'}'.repeat(n)})`],
  ['map keys', (n) => `${BEFORE_VALUE}${'{'.repeat(n)}1${':1}'.repeat(n)})`],
  ['user types', (n) => `${BEFORE_VALUE}${'{a:'.repeat(n)}1${'}'.repeat(n)})`],
  ['calls', (n) => `${BEFORE_VALUE}${'f('.repeat(n)}${')'.repeat(n)})`],
  ['hints', (n) => `${BEFORE_VALUE}${'(int)'.repeat(n)}?)`],
  ['selected calls', (n) => `SELECT ${'f('.repeat(n)}${')'.repeat(n)} FROM t`],
  ['casts', (n) => `SELECT ${'cast('.repeat(n)}a${' AS int)'.repeat(n)} FROM t`],
  ['selected hints', (n) => `SELECT ${'(int)'.repeat(n)}a FROM t`],
  ['fields', (n) => `SELECT a${'.b'.repeat(n)} FROM t`],
  ['elements', (n) => `SELECT a${'[1]'.repeat(n)} FROM t`],
  ['elements in elements', (n) => `SELECT ${'a[f('.repeat(n)}${')]'.repeat(n)} FROM t`],
  ['relations', (n) => `SELECT * FROM t WHERE ${'('.repeat(n)}a=1${')'.repeat(n)}`],
  ['types', (n) => `CREATE TABLE t (a ${'frozen<'.repeat(n)}int${'>'.repeat(n)} PRIMARY KEY)`],
  ['type parameters', (n) => `CREATE TABLE t (a ${'map<int,'.repeat(n)}int${'>'.repeat(n)} PRIMARY KEY)`],
  ['option lists', (n) => `CREATE KEYSPACE k WITH a = ${'['.repeat(n)}${']'.repeat(n)}`],
  ['option maps', (n) => `CREATE KEYSPACE k WITH a = ${"{'a':".repeat(n)}1${'}'.repeat(n)}`],
];

describe('nesting has a limit', () => {
  test.each(NESTS)('%s: a few levels are allowed, more are a syntax error', (name, nest) => {
    if (name !== 'elements in elements') expect(outcome(nest(MAX_DEPTH - 10))).not.toMatch(/too deeply|no viable/);
    for (const depth of [MAX_DEPTH + 1, 10_000, 200_000]) {
      expect(() => parseStatement(nest(depth))).toThrow(SyntaxException);
    }
  });

  test('unclosed parentheses are a syntax error that says where', () => {
    const text = `${BEFORE_VALUE}${'('.repeat(10_000)}`;
    const column = BEFORE_VALUE.length + MAX_DEPTH;
    expect(outcome(text)).toBe(
      `line 1:${column} nested too deeply at input '(': at most ${MAX_DEPTH} levels are allowed`,
    );
  });
});

describe('sizes', () => {
  test('a name of a megabyte is a name', () => {
    const long = 'a'.repeat(2 ** 20);
    expect(parseStatement(`USE ${long}`)).toMatchObject({ keyspace: long });
  });

  test('more markers than the protocol counts are Invalid', () => {
    const markers = (count: number) => `${BEFORE_VALUE}${Array.from({ length: count }, () => '?').join(',')})`;
    expect(parseStatement(markers(65535)).markers).toHaveLength(65535);
    expect(() => parseStatement(markers(65536))).toThrow(InvalidRequestError);
  });
});

test.each(['__proto__', 'constructor', 'hasOwnProperty', 'toString', '\0', '\ud800', '\udfff\ud800', '"'])(
  'the name %j is a name like others',
  (name) => {
    const quoted = `"${name.replaceAll('"', '""')}"`;
    const insert = parseStatement(`INSERT INTO ${quoted} (${quoted}) VALUES ({${quoted}: :${quoted}})`);
    expect(insert).toMatchObject({ table: { name }, columns: [name], markers: [name] });
    const alter = parseStatement(`ALTER TABLE t WITH ${quoted} = 1`);
    expect(alter).toMatchObject({ change: { properties: [{ name }] } });
    expect(parseStatement(printStatement(insert))).toStrictEqual(insert);
    expect(parseStatement(printStatement(alter))).toStrictEqual(alter);
  },
);

const directory = new URL('./testdata/', import.meta.url);
const samples: string[] = readdirSync(directory)
  .flatMap((name) => readFileSync(new URL(name, directory), 'utf8').split('\n\n'))
  .flatMap((block) => block.split('----\n'));

test('no text gives anything but a statement or an expected error', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 50 }), (text) => {
      outcome(text);
    }),
    { numRuns: 1000 },
  );
});

test('no row of tokens gives anything but a statement or an expected error', () => {
  const token = fc.constantFrom(
    ...(
      'select insert into update delete from where set and if not exists in using ttl timestamp timeout begin batch apply ' +
      'create alter drop table keyspace type with primary key frozen list map set int json as count token ( ) [ ] { } < > , ' +
      "; : . .. = != + - ? * a b 1 1.5 'x' 1h 0x00 null true nan P1Y 12345678-1234-1234-1234-123456789abc"
    ).split(' '),
  );
  fc.assert(
    fc.property(fc.array(token, { maxLength: 20 }), (words) => {
      outcome(words.join(' '));
    }),
    { numRuns: 2000 },
  );
});

test('no slip of the pen gives anything but a statement or an expected error', () => {
  const slip = fc.record({
    at: fc.nat(),
    length: fc.integer({ min: 0, max: 5 }),
    put: fc.oneof(
      fc.string({ unit: 'binary', maxLength: 2 }),
      fc.constantFrom('(', ')', "'", '"', ',', '.', '-', '/*', '$$', '?', ':'),
    ),
  });
  fc.assert(
    fc.property(fc.constantFrom(...samples), fc.array(slip, { minLength: 1, maxLength: 3 }), (sample, slips) => {
      let text = sample;
      for (const { at, length, put } of slips) {
        const place = at % (text.length + 1);
        text = text.slice(0, place) + put + text.slice(place + length);
      }
      outcome(text);
    }),
    { numRuns: 3000 },
  );
});

test('what parses after a slip of the pen prints to what parses to the same', () => {
  fc.assert(
    fc.property(fc.constantFrom(...samples), fc.nat(), (sample, at) => {
      const place = at % (sample.length + 1);
      const text = sample.slice(0, place) + sample.slice(place + 1);
      let statement: ReturnType<typeof parseStatement>;
      try {
        statement = parseStatement(text);
      } catch {
        return; // the kind of error is the business of the test above
      }
      expect(parseStatement(printStatement(statement))).toStrictEqual(statement);
    }),
    { numRuns: 2000 },
  );
});
