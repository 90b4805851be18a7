import { expect, test } from 'vitest';
import { TesseraError } from '../../core/errors.ts';
import { recordedScripts, replayScript } from '../../test/support/recorded-scripts.ts';
import type { Markers } from './ast.ts';
import { parseStatement } from './parser.ts';
import { printStatement } from './printer.ts';
import { printType } from './printer-value.ts';

/** A tree on one line: `kind{field: value}` without what is undefined, false or empty; literals as `integer(1)`. */
function show(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? '?';
  if ('dimension' in value) return `<${printType(value as Parameters<typeof printType>[0])}>`;
  const { kind = '', ...fields } = value as { kind?: string };
  if (kind === 'literal') return `${(value as { type?: string }).type}(${(value as { text?: string }).text})`;
  if (kind === 'marker') return `marker(${(value as { index?: number }).index})`;
  const shown = Object.entries(fields).filter(([, field]) => !isNothing(field));
  return `${kind}{${shown.map(([name, field]) => `${name}: ${show(field)}`).join(', ')}}`;
}

function isNothing(value: unknown): boolean {
  return value === undefined || value === false || (Array.isArray(value) && value.length === 0);
}

function showMarkers(markers: Markers): string {
  return markers.map((name) => (name === undefined ? '?' : `:${name}`)).join(' ');
}

function answer(text: string): string {
  try {
    const statement = parseStatement(text);
    const { markers, ...tree } = statement;
    const lastLine = markers.length === 0 ? '' : `\n${showMarkers(markers)}`;
    return `${printStatement(statement)}\n${show(tree)}${lastLine}`;
  } catch (error) {
    if (!(error instanceof TesseraError)) throw error;
    return `${error.name}: ${error.message}`;
  }
}

for (const script of recordedScripts(new URL('./testdata/', import.meta.url))) {
  test(`statements of ${script.name} parse, print and fail as recorded`, async () => {
    const replayed = replayScript(script, (lines) => answer(lines.join('\n')));
    await expect(replayed).toMatchFileSnapshot(script.path);
  });
}
