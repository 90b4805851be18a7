import { compareBytes } from '../../core/bytes.ts';
import type { ThreadId } from '../../core/ports/mailbox.ts';
import type { PageEnd } from '../../core/read/page.ts';
import { type ReadCommand, ReadKind } from '../../core/read/read-command.ts';
import { tabletOfToken, tabletTokenRange } from '../../core/token.ts';
import type { TabletRoute } from './routing.ts';

/** The part of a read that one shard answers. */
export interface ReadPart {
  readonly shard: ThreadId;
  readonly command: ReadCommand;
}

/** Splits a command by the shards that own its tablets, in the order of the answer. Lazily: most pages end early. */
export function* readParts(command: ReadCommand, route: TabletRoute): Generator<ReadPart> {
  if (command.kind === ReadKind.Partitions || command.range === undefined) yield* partitionParts(command, route);
  else yield* rangeParts(command, route);
}

function* partitionParts(command: ReadCommand, route: TabletRoute): Generator<ReadPart> {
  const { partitions } = command;
  const shardAt = (i: number) => route.shardOf(tabletOfToken(partitions[i]!.tokenHi, route.tabletCount));
  let first = 0;
  while (first < partitions.length) {
    const shard = shardAt(first);
    let end = first + 1;
    while (end < partitions.length && shardAt(end) === shard) end++;
    const resume = first === 0 ? command.resume : undefined;
    yield { shard, command: { ...command, partitions: partitions.slice(first, end), resume } };
    first = end;
  }
}

function* rangeParts(command: ReadCommand, route: TabletRoute): Generator<ReadPart> {
  const range = command.range!;
  const first = tabletOfToken(range.startHi, route.tabletCount);
  const last = tabletOfToken(range.endHi, route.tabletCount);
  for (let tablet: number = first; tablet <= last; tablet++) {
    const own = tabletTokenRange(tablet, route.tabletCount);
    const part = { ...own };
    if (tablet === first) {
      part.startHi = range.startHi;
      part.startLo = range.startLo;
      part.startKey = range.startKey;
      part.startInclusive = range.startInclusive;
    }
    if (tablet === last) {
      part.endHi = range.endHi;
      part.endLo = range.endLo;
      part.endInclusive = range.endInclusive;
    }
    const resume = tablet === first ? command.resume : undefined;
    yield { shard: route.shardOf(tablet), command: { ...command, range: part, resume } };
  }
}

/** What is left of a command after a page that ended there, or undefined when nothing is. */
export function commandAfter(command: ReadCommand, end: PageEnd): ReadCommand | undefined {
  if (command.kind === ReadKind.Partitions || command.range === undefined) {
    const at = command.partitions.findIndex(
      ({ key }) => compareBytes(key, 0, key.length, end.key, 0, end.key.length) === 0,
    );
    const partitions = command.partitions.slice(end.resume === undefined ? at + 1 : at);
    return partitions.length === 0 ? undefined : { ...command, partitions, resume: end.resume };
  }
  const range = {
    ...command.range,
    startHi: end.tokenHi,
    startLo: end.tokenLo,
    startKey: end.key,
    startInclusive: end.resume !== undefined,
  };
  return { ...command, range, resume: end.resume };
}
