import type { LiteralTerm, Property, PropertyEntry, PropertyValue } from './ast.ts';
import type { ParserState } from './parser-state.ts';
import { tryLiteral } from './parser-term.ts';

/**
 * Takes `WITH name = value AND ...`.
 * @param takeOther takes a part of another form if one comes, and says whether it did (CLUSTERING ORDER BY of a table)
 * @throws SyntaxException also when a name comes twice
 */
export function parseProperties(state: ParserState, takeOther: () => boolean = () => false): Property[] {
  state.expectWord('with');
  const properties = new Map<string, Property>();
  do {
    if (takeOther()) continue;
    const token = state.peek();
    const name = state.name('an option');
    if (properties.has(name)) throw state.error(`Multiple definition for property '${name.slice(0, 60)}'`, token);
    state.expectSymbol('=');
    properties.set(name, { name, value: parsePropertyValue(state) });
  } while (state.acceptWord('and'));
  return [...properties.values()];
}

function parsePropertyValue(state: ParserState): PropertyValue {
  state.enter();
  const value = parsePropertyValueAtLevel(state);
  state.leave();
  return value;
}

function parsePropertyValueAtLevel(state: ParserState): PropertyValue {
  if (state.acceptSymbol('{')) return { kind: 'map', entries: parsePropertyEntries(state) };
  if (!state.acceptSymbol('[')) return parseConstant(state);
  if (state.acceptSymbol(']')) return { kind: 'list', items: [] };
  const items = state.commaSeparated(() => parsePropertyValue(state));
  state.expectSymbol(']');
  return { kind: 'list', items };
}

function parsePropertyEntries(state: ParserState): PropertyEntry[] {
  if (state.acceptSymbol('}')) return [];
  const entries = state.commaSeparated(() => {
    const key = parseConstant(state);
    state.expectSymbol(':');
    return { key, value: parsePropertyValue(state) };
  });
  state.expectSymbol('}');
  return entries;
}

function parseConstant(state: ParserState): LiteralTerm {
  const literal = tryLiteral(state);
  if (literal === undefined) throw state.noAlternative('a constant');
  return literal;
}
