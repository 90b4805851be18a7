import type { Brand } from './brand.ts';

/** Index of a worker thread in its node, 0 to S-1. The main thread has no shard id. */
export type ShardId = Brand<number, 'ShardId'>;

/** A node's UUID for life, lower-case text with dashes. */
export type HostId = Brand<string, 'HostId'>;

/** UUID of a table, lower-case text with dashes. A table made again under an old name has a new id. */
export type TableId = Brand<string, 'TableId'>;

/** Number that group 0 gave a column of one table: 0 to 65535, never used again in that table (settled question 6). */
export type ColumnId = Brand<number, 'ColumnId'>;

/** Index of a tablet in its table: the top bits of the biased token. The count is a power of two. */
export type TabletIndex = Brand<number, 'TabletIndex'>;
