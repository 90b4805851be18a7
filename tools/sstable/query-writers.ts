import { quoteIdentifier } from '../../core/types/cql-identifier.ts';
import type { ResultColumn } from '../../cql/plan/plan.ts';
import type { TextOutput } from '../commands/text-output.ts';
import { cqlshValue } from './cqlsh-value.ts';
import { displayWidth } from './display-width.ts';
import { jsonValue } from './json-value.ts';

/** A page of a result: cell (row, column) is bytes[starts[k], ends[k]) with k = row * columns + column; an end before its start is null. */
export interface ResultPage {
  readonly rowCount: number;
  readonly bytes: Uint8Array;
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

/** Text is handed on in pieces of about this many characters. */
const PIECE_LENGTH: number = 64 * 1024;

/** Prints the pages of a result. */
export interface QueryWriter {
  page(page: ResultPage): void;
  end(): void;
}

/** A table as cqlsh prints it: columns are as wide as each page needs. @see spec/tools.md §4.4 */
export function tableWriter(columns: readonly ResultColumn[], out: TextOutput): QueryWriter {
  let rows = 0;
  let isFirst = true;
  return {
    page({ rowCount, bytes, starts, ends }) {
      if (rowCount === 0 && !isFirst) return;
      const cells = starts.map((start, k) =>
        ends[k]! < start ? 'null' : cqlshValue(columns[k % columns.length]!.type, bytes, start, ends[k]!),
      );
      const widths = columns.map(({ name }) => displayWidth(name));
      for (const [k, cell] of cells.entries()) {
        const column = k % columns.length;
        widths[column] = Math.max(widths[column]!, displayWidth(cell));
      }
      const space = (text: string, column: number) => ' '.repeat(widths[column]! - displayWidth(text));
      if (isFirst) {
        out.line('');
        out.line(
          ` ${columns
            .map(({ name }, i) => name + space(name, i))
            .join(' | ')
            .trimEnd()}`,
        );
        out.line(`-${widths.map((width) => '-'.repeat(width)).join('-+-')}-`);
      }
      isFirst = false;
      for (let row = 0; row < rowCount; row++) {
        const line = columns.map((_column, i) => {
          const cell = cells[row * columns.length + i]!;
          return space(cell, i) + cell;
        });
        out.line(` ${line.join(' | ')}`);
      }
      rows += rowCount;
    },
    end() {
      out.line('');
      out.line(`(${rows} rows)`);
    },
  };
}

/** Objects as SELECT JSON makes them: in one list, or with `asLines` a line each. */
export function jsonWriter(columns: readonly ResultColumn[], asLines: boolean, out: TextOutput): QueryWriter {
  const names = columns.map(({ name }) => JSON.stringify(quoteIdentifier(name)));
  let isFirst = true;
  if (!asLines) out.write('[');
  return {
    page({ rowCount, bytes, starts, ends }) {
      let text = '';
      for (let row = 0; row < rowCount; row++) {
        const members = columns.map(({ type }, i) => {
          const k = row * columns.length + i;
          const value = ends[k]! < starts[k]! ? 'null' : jsonValue(type, bytes, starts[k]!, ends[k]!);
          return `${names[i]}:${value}`;
        });
        text += `${!asLines && !isFirst ? ',' : ''}{${members.join(',')}}${asLines ? '\n' : ''}`;
        isFirst = false;
        if (text.length < PIECE_LENGTH) continue;
        out.write(text);
        text = '';
      }
      out.write(text);
    },
    end() {
      if (!asLines) out.write(']\n');
    },
  };
}
