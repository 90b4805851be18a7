import type { TableDescriptor } from '../../core/schema/table.ts';
import type { Grouping } from './group-by.ts';
import type { RowOrder } from './ordering.ts';
import type { Pager } from './paging.ts';
import type { SelectLayout } from './select-layout.ts';
import type { Selection } from './selectors.ts';

/** What is the same in all executions of one SELECT: how rows become a result. */
export interface SelectShape {
  readonly table: TableDescriptor;
  readonly layout: SelectLayout;
  readonly selection: Selection;
  /** Slot of each column of the result when all are plain columns: then rows are copied without a look at selectors. */
  readonly plainSlots: Int32Array | undefined;
  /** Rows are put together in groups; without GROUP BY all are one group. */
  readonly isAggregate: boolean;
  readonly grouping: Grouping | undefined;
  /** One row per partition. */
  readonly isDistinct: boolean;
  readonly order: RowOrder;
  /** A partition with a static row and no others gives a row. */
  readonly showsLoneStatics: boolean;
  readonly pager: Pager;
}
