import { equalBytes } from '../../core/bytes.ts';
import { type ReadCommand, ReadKind } from '../../core/read/read-command.ts';
import { clusteringValueCount } from '../../core/schema/clustering-prefix.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';

/** True for a read of one partition that gives at most one row and its static row, whatever the partition holds. */
export function readsOneRow(command: ReadCommand, table: TableDescriptor): boolean {
  if (command.kind !== ReadKind.Partitions || command.partitions.length !== 1) return false;
  const columns = table.clustering.length;
  if (columns === 0) return true;
  const { slices } = command.slice;
  if (slices.length !== 1) return false;
  const { start, startWeight, end, endWeight } = slices[0]!;
  return (
    startWeight < 0 &&
    endWeight > 0 &&
    equalBytes(start, 0, start.length, end, 0, end.length) &&
    clusteringValueCount(start, 0, start.length) === columns
  );
}
