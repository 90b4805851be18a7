import type { ClusteringComparator } from '../schema/clustering-comparator.ts';
import type { ReadResume } from './read-command.ts';
import type { ClusteringSlice, PartitionSlice } from './slice.ts';

/**
 * What is left of a slice after the row at which an earlier page ended, in the slice's direction.
 * @returns undefined when no row can be left
 */
export function resumeSlice(
  slice: PartitionSlice,
  resume: ReadResume,
  comparator: ClusteringComparator,
): PartitionSlice | undefined {
  const { position } = resume;
  const { isReversed } = slice;
  const weight = resume.weight !== 0 ? resume.weight : isReversed ? -1 : 1; // past the row itself
  const slices: ClusteringSlice[] = [];
  for (const part of slice.slices) {
    const { start, startWeight, end, endWeight } = part;
    const toStart = comparator.compare(start, 0, start.length, startWeight, position, 0, position.length, weight);
    const toEnd = comparator.compare(position, 0, position.length, weight, end, 0, end.length, endWeight);
    if (isReversed) {
      if (toEnd >= 0) slices.push(part);
      else if (toStart < 0) slices.push({ start, startWeight, end: position, endWeight: weight });
    } else if (toStart >= 0) {
      slices.push(part);
    } else if (toEnd < 0) {
      slices.push({ start: position, startWeight: weight, end, endWeight });
    }
  }
  return slices.length === 0 ? undefined : { ...slice, slices };
}
