import type { RenameChange, Renaming, RetypeChange } from './ast.ts';
import type { ParserState } from './parser-state.ts';
import { parseType } from './parser-type.ts';

/** Takes `[IF EXISTS] a TO b AND c TO d`, what follows RENAME. */
export function parseRename(state: ParserState): RenameChange {
  const ifExists = state.acceptIfExists();
  const renamings: Renaming[] = [];
  do {
    const from = state.name('a name');
    state.expectWord('to');
    renamings.push({ from, to: state.name('a name') });
  } while (state.acceptWord('and'));
  return { kind: 'rename', ifExists, renamings };
}

/** Takes `c TYPE t`, what follows ALTER within an ALTER. */
export function parseRetype(state: ParserState): RetypeChange {
  const name = state.name('a name');
  state.expectWord('type');
  return { kind: 'retype', name, type: parseType(state) };
}
