/** Words that name nothing unless quoted. `true` and `false` are literals; the others are ScyllaDB's and Cassandra's list. */
const RESERVED: ReadonlySet<string> = new Set(
  (
    'add allow alter and apply asc authorize batch begin by columnfamily create delete desc describe drop entries ' +
    'execute false from full grant if in index infinity insert into keyspace limit modify nan norecursive not null of ' +
    'on or order primary rename replace revoke schema select set table to token true truncate unlogged update use ' +
    'using where with'
  ).split(' '),
);

/** Words that may be names, but mean something else in one of the places where a name may stand. */
const AMBIGUOUS: ReadonlySet<string> = new Set(['as', 'distinct', 'json']);

/** True if an unquoted word, in lower case, cannot be a name. */
export function isReserved(word: string): boolean {
  return RESERVED.has(word);
}

/** A name as CQL writes it: quoted where it would not be read back as it is. */
export function printIdentifier(name: string): string {
  if (isPlainWord(name) && !RESERVED.has(name) && !AMBIGUOUS.has(name)) return name;
  return quoteIdentifier(name);
}

/** A name in double quotes. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A lower-case letter, then lower-case letters, digits and `_`: what an unquoted name is folded to. */
export function isPlainWord(name: string): boolean {
  return /^[a-z]/.test(name) && !/[^a-z0-9_]/.test(name);
}
