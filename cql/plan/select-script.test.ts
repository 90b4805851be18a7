import { expect, test } from 'vitest';
import { TesseraError } from '../../core/errors.ts';
import { type Answer, MiniDatabase, type ReadStyle } from '../../test/support/mini-database.ts';
import { recordedScripts, replayScript } from '../../test/support/recorded-scripts.ts';
import { parseValues } from '../../test/support/statement-values.ts';
import { PlanKind, type SelectPlan } from './plan.ts';

/** Every SELECT is run in all of these ways, and must give the same in each. */
const STYLES: readonly ReadStyle[] = [
  { capacity: 64, remotePageBytes: undefined },
  { capacity: 2, remotePageBytes: undefined },
  { capacity: 16, remotePageBytes: 1 << 20 },
  { capacity: 3, remotePageBytes: 40 },
];

/**
 * Statements one after the other in keyspace `ks`. `<- 1 | x` gives values; `!shape` asks for what PREPARE tells, `!page N` for
 * pages of N rows, `!serial` for a serial read, `!reset` begins anew.
 */
class Script {
  #database = new MiniDatabase();

  run(lines: readonly string[]): string {
    const text = lines.filter((line) => !line.startsWith('<-') && !line.startsWith('!')).join('\n');
    const values = lines.find((line) => line.startsWith('<-'))?.slice(2) ?? '';
    const pageSize = Number(lines.find((line) => line.startsWith('!page'))?.slice(6) ?? 0);
    try {
      if (lines.includes('!reset')) this.#database = new MiniDatabase();
      if (text === '') return 'ok';
      if (!/^\s*select/i.test(text) && !/^\s*(use|truncate)/i.test(text)) {
        for (const statement of text.split(';\n')) this.#database.execute(statement, values);
        return 'ok';
      }
      const plan = this.#database.plan(text);
      if (plan.kind !== PlanKind.Select) return `${plan.kind} ${plan.keyspace} ${plan.table}`;
      return lines.includes('!shape')
        ? showShape(plan)
        : this.#select(plan, values, pageSize, lines.includes('!serial'));
    } catch (error) {
      if (!(error instanceof TesseraError)) throw error;
      return `${error.name}: ${error.message}`;
    }
  }

  #select(plan: SelectPlan, text: string, pageSize: number, isSerial: boolean): string {
    const values = parseValues(text, plan.markers);
    const shown = STYLES.map((style) => {
      const pages: string[] = [];
      let pagingState: Uint8Array | undefined;
      do {
        const answer = this.#database.run(plan, values, { pageSize, pagingState, isSerial, style });
        pages.push(showRows(plan, answer));
        pagingState = answer.pagingState;
      } while (pagingState !== undefined);
      return pages.join('\n--- next page\n');
    });
    for (const other of shown) expect(other).toBe(shown[0]);
    return shown[0]!;
  }
}

function showRows(plan: SelectPlan, { rows }: Answer): string {
  if (rows.length === 0) return 'no rows';
  const names = plan.resultColumns.map(({ name }) => name);
  return rows.map((row) => row.map((cell, i) => `${names[i]}=${cell}`).join(' ')).join('\n');
}

function showShape({ keyspace, table, markers, partitionKeyMarkers, resultColumns }: SelectPlan): string {
  const columns = (list: readonly { readonly name: string; readonly type: { readonly cqlName: string } }[]) =>
    list.map(({ name, type }) => `${name} ${type.cqlName}`).join(', ');
  return `${keyspace}.${table} (${columns(markers)}) key [${partitionKeyMarkers}]\n${columns(resultColumns)}`;
}

const scripts = recordedScripts(new URL('./testdata/', import.meta.url), 'select-');
for (const recorded of scripts) {
  test(`statements of ${recorded.name} read and fail as recorded`, async () => {
    const script = new Script();
    const replayed = replayScript(recorded, (lines) => script.run(lines));
    await expect(replayed).toMatchFileSnapshot(recorded.path);
  });
}

test('there are scripts', () => {
  expect(scripts.length).toBeGreaterThan(5);
});
