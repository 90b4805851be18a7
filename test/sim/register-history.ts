/**
 * Judges what clients saw of columns that are written with timestamps of their own: each (row, column) is a register whose value is
 * that of the write with the greatest timestamp. Knows nothing of how the operations came about.
 *
 * Times are places in the order in which requests were sent and answers came: `begin` and `end`, no two equal.
 */

/** Name of a register; what stands before the first '/' is its partition. */
export type Register = string;

export type Outcome =
  /** The server said so. */
  | 'done'
  /** The server said that it was not, and will not be. */
  | 'refused'
  /** Nobody knows: it may be, even later. */
  | 'unknown';

export interface RegisterWrite {
  readonly timestamp: number;
  readonly begin: number;
  readonly end: number;
  readonly outcome: Outcome;
  /** What it makes of each register: a value that no other write gives, undefined for none. */
  readonly effects: ReadonlyMap<Register, string | undefined>;
}

export interface RegisterRead {
  readonly begin: number;
  readonly end: number;
  /** True for a read of whole partitions at one moment each: a write is in it wholly or not at all, partition by partition. */
  readonly isSnapshot: boolean;
  readonly values: ReadonlyMap<Register, string | undefined>;
}

/** A crash that may undo what was begun before it and acknowledged later than `from`: its answer may come after the crash. */
export interface Loss {
  readonly from: number;
  readonly at: number;
}

export interface RegisterHistory {
  readonly writes: readonly RegisterWrite[];
  readonly reads: readonly RegisterRead[];
  readonly losses: readonly Loss[];
}

/** From `end` on, a register has at least this timestamp, by an operation that had begun at `begin`. */
interface Floor {
  readonly begin: number;
  readonly end: number;
  readonly timestamp: number;
}

const NEVER_WRITTEN = -1;

const partitionOf = (register: Register): string => register.slice(0, register.indexOf('/'));

/** What is wrong with a history, a line each; empty when it is as promised. */
export function checkRegisters({ writes, reads, losses }: RegisterHistory): string[] {
  const writesOf = new Map<Register, RegisterWrite[]>();
  const floorsOf = new Map<Register, Floor[]>();
  for (const write of writes) {
    if (write.outcome === 'refused') continue;
    for (const register of write.effects.keys()) {
      entryOf(writesOf, register).push(write);
      if (write.outcome === 'done') entryOf(floorsOf, register).push(write);
    }
  }
  const floorOf = (register: Register, begin: number): number => {
    let floor = NEVER_WRITTEN;
    for (const { begin: begun, end, timestamp } of entryOf(floorsOf, register)) {
      if (end > begin || timestamp <= floor) continue;
      if (!losses.some(({ from, at }) => from < end && begun < at && at < begin)) floor = timestamp;
    }
    return floor;
  };
  const errors: string[] = [];
  // In the order of their ends: what a read saw is a floor for those that begin later.
  for (const read of [...reads].sort((a, b) => a.end - b.end)) {
    const floors = new Map([...read.values.keys()].map((register) => [register, floorOf(register, read.begin)]));
    if (read.isSnapshot) raiseBySeenWrites(read, writesOf, floors);
    for (const [register, value] of read.values) {
      const floor = floors.get(register)!;
      const least = leastTimestamp(entryOf(writesOf, register), read, register, value, floor);
      if (least === undefined) {
        errors.push(
          `${register} was read as ${value} at ${read.begin}-${read.end}, but must have timestamp ${floor} or more`,
        );
      } else {
        entryOf(floorsOf, register).push({ begin: read.begin, end: read.end, timestamp: least });
      }
    }
  }
  return errors;
}

/** The least timestamp that a register can have had when it was read as `value`, undefined when it cannot have been. */
function leastTimestamp(
  writes: readonly RegisterWrite[],
  read: RegisterRead,
  register: Register,
  value: string | undefined,
  floor: number,
): number | undefined {
  let least = value === undefined && floor === NEVER_WRITTEN ? NEVER_WRITTEN : Infinity;
  for (const { timestamp, begin, effects } of writes) {
    if (begin < read.end && timestamp >= floor && effects.get(register) === value) least = Math.min(least, timestamp);
  }
  return least === Infinity ? undefined : least;
}

/** Whoever sees a part of a write in a partition sees all of it there, or what came after. */
function raiseBySeenWrites(
  read: RegisterRead,
  writesOf: Map<Register, RegisterWrite[]>,
  floors: Map<Register, number>,
): void {
  for (const [register, value] of read.values) {
    if (value === undefined) continue; // which of the deletions it was is not known
    const seen = entryOf(writesOf, register).find(({ effects }) => effects.get(register) === value);
    if (seen === undefined) continue;
    for (const other of seen.effects.keys()) {
      if (partitionOf(other) !== partitionOf(register)) continue;
      const floor = floors.get(other);
      if (floor !== undefined) floors.set(other, Math.max(floor, seen.timestamp));
    }
  }
}

function entryOf<Item>(map: Map<Register, Item[]>, register: Register): Item[] {
  let entry = map.get(register);
  if (entry === undefined) {
    entry = [];
    map.set(register, entry);
  }
  return entry;
}
