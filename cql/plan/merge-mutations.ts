import { equalBytes } from '../../core/bytes.ts';
import {
  MUTATION_HEAD_BYTES,
  mutationKeyLength,
  mutationTokenHi,
  mutationTokenLo,
} from '../../core/mutation/frozen-mutation.ts';
import type { MutationList } from '../../core/mutation/mutation-list.ts';

/**
 * Appends the mutations of a list to another so that each partition of each table has one: the parts of its mutations, in their
 * order. Partitions come in the order of their first mutation.
 */
export function mergeMutations(list: MutationList, out: MutationList): void {
  const { count, bytes } = list;
  /** For each token hash the first mutation of its chain; for each mutation the next of its partition, and of its chain. */
  const firstOfHash = new Map<number, number>();
  const nextInPartition = new Int32Array(count).fill(-1);
  const lastInPartition = new Int32Array(count);
  const nextOfHash = new Int32Array(count).fill(-1);
  const isFirst = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const hash = mutationTokenLo(bytes, list.starts[i]!) ^ mutationTokenHi(bytes, list.starts[i]!);
    const chain = firstOfHash.get(hash) ?? -1;
    let same = chain;
    while (same >= 0 && !isSamePartition(list, same, i)) same = nextOfHash[same]!;
    if (same >= 0) {
      nextInPartition[lastInPartition[same]!] = i;
      lastInPartition[same] = i;
      continue;
    }
    isFirst[i] = 1;
    lastInPartition[i] = i;
    nextOfHash[i] = chain;
    firstOfHash.set(hash, i);
  }
  for (let i = 0; i < count; i++) {
    if (isFirst[i] === 0) continue;
    out.begin();
    out.writer.out.raw(bytes, list.starts[i]!, list.ends[i]!);
    for (let next = nextInPartition[i]!; next >= 0; next = nextInPartition[next]!) {
      out.writer.out.raw(bytes, partsStart(list, next), list.ends[next]!);
    }
    out.end();
  }
}

function partsStart({ bytes, starts }: MutationList, i: number): number {
  return starts[i]! + MUTATION_HEAD_BYTES + mutationKeyLength(bytes, starts[i]!);
}

/** Of one partition of one table in one version of its schema: then all that stands before the parts is equal. */
function isSamePartition(list: MutationList, i: number, j: number): boolean {
  const { bytes, starts } = list;
  return equalBytes(bytes, starts[i]!, partsStart(list, i), bytes, starts[j]!, partsStart(list, j));
}
