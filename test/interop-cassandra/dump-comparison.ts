/** What `sstabledump -t` prints, read so that numbers stay exact. */
export type DumpValue = string | boolean | null | ExactNumber | DumpValue[] | { [name: string]: DumpValue };

/** A number by its digits: 1E+2, 100 and 100.0 are the same. */
class ExactNumber {
  readonly text: string;

  constructor(source: string) {
    const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(source)!;
    const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
    const digits = BigInt(whole + fraction).toString();
    const stripped = digits.replace(/0+$/, '');
    const scale = Number(exponent) - fraction.length + digits.length - stripped.length;
    this.text = stripped === '' ? '0' : `${sign}${stripped}e${scale}`;
  }

  /** Equal digits, or equal as doubles: Java's text of a double is not always the shortest. */
  equals(other: ExactNumber): boolean {
    return this.text === other.text || Number(this.text) === Number(other.text);
  }
}

export function parseDump(text: string): DumpValue {
  return JSON.parse(text, (_, value: unknown, context?: { readonly source?: string }) =>
    typeof value === 'number' ? new ExactNumber(context!.source!) : value,
  ) as DumpValue;
}

/**
 * Where two dumps of one SSTable differ first; undefined if nowhere. Positions are left out where sstabledump is known to
 * show others than the place where an element begins: of the first row of a partition, and from Cassandra 5 on all.
 */
export function firstDifference(ours: DumpValue, theirs: DumpValue, cassandra: number): string | undefined {
  for (const dump of [ours, theirs]) {
    for (const entry of dump as { [name: string]: DumpValue }[]) {
      const partition = entry.partition as { [name: string]: DumpValue };
      const rows = entry.rows as { [name: string]: DumpValue }[];
      if (cassandra >= 5) delete partition.position;
      for (const [i, row] of rows.entries()) if (i === 0 || cassandra >= 5) delete row.position;
    }
  }
  return difference(ours, theirs, '');
}

function difference(ours: DumpValue | undefined, theirs: DumpValue | undefined, path: string): string | undefined {
  if (ours instanceof ExactNumber && theirs instanceof ExactNumber && ours.equals(theirs)) return undefined;
  if (isContainer(ours) && isContainer(theirs) && Array.isArray(ours) === Array.isArray(theirs)) {
    const names = new Set([...Object.keys(ours), ...Object.keys(theirs)]);
    for (const name of names) {
      const found = difference(
        (ours as { [name: string]: DumpValue })[name],
        (theirs as { [name: string]: DumpValue })[name],
        `${path}/${name}`,
      );
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (ours === theirs) return undefined;
  return `${path}: ours ${show(ours)}, Cassandra's ${show(theirs)}`;
}

function isContainer(value: DumpValue | undefined): value is DumpValue[] | { [name: string]: DumpValue } {
  return typeof value === 'object' && value !== null && !(value instanceof ExactNumber);
}

function show(value: DumpValue | undefined): string {
  if (value === undefined) return 'nothing';
  const text = value instanceof ExactNumber ? value.text : JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}
