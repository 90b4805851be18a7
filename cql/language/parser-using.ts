import type { UsingKind, UsingOption } from './ast.ts';
import type { ParserState } from './parser-state.ts';
import { parseNumber } from './parser-term.ts';

/**
 * Takes `USING TTL n AND TIMESTAMP n AND TIMEOUT d` in any order if USING comes.
 * @param allowed the parts that this statement takes
 */
export function parseUsing(state: ParserState, allowed: readonly UsingKind[]): UsingOption[] {
  const options: UsingOption[] = [];
  if (!state.acceptWord('using')) return options;
  do {
    const kind = allowed.find((candidate) => state.isWord(candidate));
    if (kind === undefined) throw state.noAlternative(allowed.join(', ').toUpperCase());
    if (options.some((option) => option.kind === kind)) {
      throw state.error(`Multiple definition of ${kind.toUpperCase()} in a USING clause`);
    }
    state.next();
    options.push({ kind, value: parseNumber(state, kind === 'timeout' ? 'duration' : 'integer') });
  } while (state.acceptWord('and'));
  return options;
}
