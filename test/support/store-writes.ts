import type { StoreWrite } from './store-model.ts';

/** A mutation of many rows that are nothing but their markers: it takes far more memory than bytes. */
export function withManyRows(tableId: string, p: number, rows: number, timestamp: number): StoreWrite {
  const changes = Array.from({ length: rows }, (_, c) => ({ kind: 'row' as const, c: c * 7, markerTtl: 0, cells: [] }));
  return { tableId, p, timestamp, madeAt: 1, changes };
}
