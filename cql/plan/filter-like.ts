import { InvalidRequestError } from '../../core/errors.ts';

/**
 * Patterns of LIKE: `%` stands for any characters, `_` for one, `\` makes the next character plain. @see ScyllaDB `LIKE`
 */

/** One step of a pattern: a character, any one character, or any number of characters. */
const ANY_ONE = -1;
const ANY_NUMBER = -2;

/**
 * Steps that a text may cost: so many for each character, and some more. What is compared in earnest needs one or two; a long piece
 * between two `%` that almost fits everywhere in a long text would need its length.
 */
const STEPS_PER_CHARACTER = 64;
const FREE_STEPS = 1_000_000;

/** Decides whether a text has the form of one pattern, in time text × pattern at worst, within limits. */
export class LikePattern {
  /** Code points, ANY_ONE and ANY_NUMBER. */
  readonly #steps: readonly number[];

  constructor(pattern: string) {
    const steps: number[] = [];
    let isEscaped = false;
    for (const character of pattern) {
      if (isEscaped) {
        steps.push(character.codePointAt(0)!);
        isEscaped = false;
      } else if (character === '\\') {
        isEscaped = true;
      } else {
        steps.push(character === '%' ? ANY_NUMBER : character === '_' ? ANY_ONE : character.codePointAt(0)!);
      }
    }
    if (isEscaped) steps.push(0x5c); // a backslash at the end stands for itself
    this.#steps = steps;
  }

  /** @throws InvalidRequestError when it would take too long to know */
  matches(text: string): boolean {
    const steps = this.#steps;
    const points = Array.from(text, (character) => character.codePointAt(0)!);
    let at = 0;
    let step = 0;
    /** Where the last ANY_NUMBER stands, and how far what it stands for reaches. */
    let wild = -1;
    let wildEnd = 0;
    let left = FREE_STEPS + STEPS_PER_CHARACTER * points.length;
    while (at < points.length) {
      if (--left < 0) {
        throw new InvalidRequestError(
          `LIKE pattern of ${steps.length} characters takes too long to compare with a text of ${points.length}`,
        );
      }
      if (step < steps.length && (steps[step] === ANY_ONE || steps[step] === points[at])) {
        at++;
        step++;
      } else if (steps[step] === ANY_NUMBER) {
        wild = step++;
        wildEnd = at;
      } else if (wild >= 0) {
        step = wild + 1;
        at = ++wildEnd;
      } else {
        return false;
      }
    }
    while (steps[step] === ANY_NUMBER) step++;
    return step === steps.length;
  }
}
