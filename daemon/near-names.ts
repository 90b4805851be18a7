/** Most suggestions that a message makes. */
const MOST = 3;

/** `; did you mean x or y?` for the names that a mistyped one may stand for, '' when none is near. */
export function suggestion(mistyped: string, names: readonly string[]): string {
  const near = names
    .map((name) => ({ name, distance: editDistance(mistyped, name) }))
    .filter(({ name, distance }) => distance <= Math.max(2, name.length / 4) || isBeginning(mistyped, name))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, MOST);
  return near.length === 0 ? '' : `; did you mean ${near.map(({ name }) => name).join(' or ')}?`;
}

function isBeginning(mistyped: string, name: string): boolean {
  return mistyped.length >= 2 && name.startsWith(mistyped);
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, replaced));
    }
    row = next;
  }
  return row[b.length]!;
}
