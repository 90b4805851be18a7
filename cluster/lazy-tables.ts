import type { TableId } from '../core/ids.ts';
import { tableDefinition } from '../core/schema/schema-codec.ts';
import type { TableData } from '../core/schema/schema-data.ts';
import { TableDescriptor } from '../core/schema/table.ts';
import type { CqlType } from '../core/types/cql-type.ts';
import { decodePlain } from './codec.ts';

const NO_BYTES: Uint8Array = new Uint8Array(0);

/**
 * One version of a table in a metadata image, decoded when it is first asked for. Views hand it on to their successors while
 * the version stays, and point it to the newest image, so that no old one is kept alive for it.
 */
export class TableSlot {
  readonly id: TableId;
  readonly version: number;
  #bytes: Uint8Array = NO_BYTES;
  #start = 0;
  #end = 0;
  #types: ReadonlyMap<string, CqlType> = new Map();
  #descriptor: TableDescriptor | undefined = undefined;

  constructor(id: TableId, version: number) {
    this.id = id;
    this.version = version;
  }

  /** The definition lies in bytes[start, end). */
  locate(bytes: Uint8Array, start: number, end: number): void {
    if (this.#descriptor !== undefined) return;
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
  }

  /** The user types of its keyspace. */
  useTypes(types: ReadonlyMap<string, CqlType>): void {
    if (this.#descriptor === undefined) this.#types = types;
  }

  descriptor(): TableDescriptor {
    if (this.#descriptor === undefined) {
      const data = decodePlain(this.#bytes, this.#start, this.#end) as TableData;
      const types = this.#types;
      this.#descriptor = new TableDescriptor(tableDefinition(data, (name) => types.get(name)));
      this.#bytes = NO_BYTES;
      this.#types = new Map();
    }
    return this.#descriptor;
  }
}

/** The tables of a keyspace by name, decoded as they are looked at. */
export class LazyTables implements ReadonlyMap<string, TableDescriptor> {
  readonly #slots: ReadonlyMap<string, TableSlot>;

  constructor(slots: ReadonlyMap<string, TableSlot>) {
    this.#slots = slots;
  }

  get size(): number {
    return this.#slots.size;
  }

  get(name: string): TableDescriptor | undefined {
    return this.#slots.get(name)?.descriptor();
  }

  has(name: string): boolean {
    return this.#slots.has(name);
  }

  keys(): MapIterator<string> {
    return this.#slots.keys();
  }

  values(): MapIterator<TableDescriptor> {
    return this.#slots.values().map((slot) => slot.descriptor()) as MapIterator<TableDescriptor>;
  }

  entries(): MapIterator<[string, TableDescriptor]> {
    return this.#slots
      .entries()
      .map(([name, slot]): [string, TableDescriptor] => [name, slot.descriptor()]) as MapIterator<
      [string, TableDescriptor]
    >;
  }

  [Symbol.iterator](): MapIterator<[string, TableDescriptor]> {
    return this.entries();
  }

  forEach(
    visit: (table: TableDescriptor, name: string, map: ReadonlyMap<string, TableDescriptor>) => void,
    self?: unknown,
  ): void {
    for (const [name, table] of this) visit.call(self, table, name, this);
  }
}
