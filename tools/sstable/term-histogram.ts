import { makeHistogram } from '../../sstable/format/estimated-histogram.ts';

const BAR_CELLS = 30;
/** Buckets of the histogram from which percentiles are read. */
const PERCENTILE_OFFSETS = 165;
const PERCENTILES: readonly (readonly [string, number])[] = [
  ['50th', 0.5],
  ['75th', 0.75],
  ['95th', 0.95],
  ['98th', 0.98],
  ['99th', 0.99],
];
/** Characters for a rest of a cell, from the largest on. */
const RESTS: Readonly<Record<'ascii' | 'unicode', readonly (readonly [number, string])[]>> = {
  ascii: [
    [0.75, 'o'],
    [0.3, '.'],
  ],
  unicode: [
    [7 / 8, '\u2589'],
    [3 / 4, '\u258a'],
    [5 / 8, '\u258b'],
    [3 / 8, '\u258d'],
    [1 / 4, '\u258e'],
    [1 / 8, '\u258f'],
  ],
};

/**
 * The lines of a histogram as sstablemetadata draws it, its percentiles after it.
 * @param bins values and how often each is there, ascending; @param nameOf text of a value
 */
export function termHistogram(
  bins: readonly (readonly [number, number])[],
  title: string,
  nameOf: (value: number) => string,
  isUnicode: boolean,
): string[] {
  const total = bins.reduce((sum, [, count]) => sum + count, 0);
  const most = bins.reduce((max, [, count]) => Math.max(max, count), 0);
  const valueWidth = bins.reduce((width, [value]) => Math.max(width, nameOf(value).length), title.length);
  const countWidth = bins.reduce((width, [, count]) => Math.max(width, String(count).length), 'Count'.length);
  const lines = [`   ${title.padEnd(valueWidth)} | ${'Count'.padEnd(countWidth)}  (%)  Histogram `];
  for (const [value, count] of bins) {
    const share = String(Math.trunc((100 * count) / total)).padStart(3);
    const bar = barOf((count / most) * BAR_CELLS, isUnicode);
    lines.push(`   ${nameOf(value).padEnd(valueWidth)} | ${String(count).padStart(countWidth)} (${share}) ${bar}`);
  }
  lines.push('   Percentiles');
  for (const [name, value] of percentiles(bins, total)) lines.push(`   ${name.padEnd(10)}${nameOf(value)}`);
  return lines;
}

function barOf(cells: number, isUnicode: boolean): string {
  const whole = Math.trunc(cells);
  const rest = RESTS[isUnicode ? 'unicode' : 'ascii'].find(([least]) => cells - whole >= least);
  return (isUnicode ? '\u2589' : 'O').repeat(whole) + (rest?.[1] ?? '');
}

function percentiles(bins: readonly (readonly [number, number])[], total: number): [string, number][] {
  const { offsets } = makeHistogram(PERCENTILE_OFFSETS);
  const counts = new Float64Array(offsets.length);
  for (const [value, count] of bins) {
    const bucket = offsets.findIndex((offset) => offset >= value);
    counts[bucket < 0 ? offsets.length - 1 : bucket]! += count;
  }
  const at = (share: number) => {
    const wanted = Math.ceil(total * share);
    let sum = 0;
    for (let i = 0; i < counts.length && wanted > 0; i++) {
      sum += counts[i]!;
      if (sum >= wanted) return offsets[i]!;
    }
    return 0;
  };
  const first = counts.findIndex((count) => count > 0);
  const last = counts.findLastIndex((count) => count > 0);
  return [
    ...PERCENTILES.map(([name, share]): [string, number] => [name, at(share)]),
    ['Min', first <= 0 ? 0 : offsets[first - 1]! + 1],
    ['Max', last < 0 ? 0 : offsets[last]!],
  ];
}
