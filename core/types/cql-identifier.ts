/** Names as CQL text. */

/** Words that are names only in quotes (cql-language.md A1). */
const RESERVED: ReadonlySet<string> = new Set(
  (
    'add allow alter and apply asc authorize batch begin by columnfamily create delete desc describe drop entries ' +
    'execute from full grant if in index infinity insert into keyspace limit modify nan norecursive not null of on or ' +
    'order primary rename replace revoke schema select set table to token truncate unlogged update use using where with'
  ).split(' '),
);

/** The name as CQL reads it back: in quotes unless it is lower-case, starts with a letter and is no reserved word. */
export function quoteIdentifier(name: string): string {
  return /^[a-z][a-z0-9_]*$/.test(name) && !RESERVED.has(name) ? name : `"${name.replaceAll('"', '""')}"`;
}
