import { assert } from '../../core/assert.ts';
import { checkPartitionKey } from '../../core/partition-key.ts';
import { FragmentKind, type RowBatch } from '../../core/read/row-batch.ts';
import { clusteringValueCount } from '../../core/schema/clustering-prefix.ts';
import type { ColumnDescriptor } from '../../core/schema/column.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { Token, tokenOf } from '../../core/token.ts';
import { fromHex } from '../../core/types/text-form.ts';
import type { ByteFeed } from './byte-feed.ts';
import type { FragmentStream } from './fragment-stream.ts';
import { JsonFields } from './json-fields.ts';
import { type JsonObject, JsonReader } from './json-reader.ts';
import { JsonRows, NO_DELETION } from './json-row.ts';
import { clusteringValues, partitionKeyOfRaw, partitionKeyValues } from './key-text.ts';

/**
 * The partitions that `scylla sstable dump-data` prints for one SSTable, as fragments: a list of them, or with `asLines` one after the
 * other, or a whole dump of one SSTable. Of keys only the raw form is looked at. One row is held at a time.
 * The order of partitions and rows is not judged here.
 * @see spec/sstable.md §20.3
 */
export class JsonFragments implements FragmentStream {
  readonly #table: TableDescriptor;
  readonly #feed: ByteFeed;
  readonly #json: JsonReader;
  readonly #rows: JsonRows;
  readonly #fields: JsonFields;
  readonly #positions: Float64Array;
  /** Adds one fragment to the batch with each step. */
  readonly #steps: Generator<void, void, void>;
  readonly #token: Token = new Token();
  #batch!: RowBatch;

  /** @param capacity of the batches that will be filled; closes the feed */
  constructor(feed: ByteFeed, table: TableDescriptor, asLines: boolean, capacity: number) {
    this.#table = table;
    this.#feed = feed;
    this.#json = new JsonReader(feed);
    const fail = (why: string) => this.#json.fail(why);
    this.#rows = new JsonRows(table, fail);
    this.#fields = new JsonFields(fail);
    this.#positions = new Float64Array(capacity);
    this.#steps = asLines ? this.#lines() : this.#whole();
  }

  get progress(): number {
    const { sizeBytes } = this.#feed;
    return sizeBytes === undefined || sizeBytes === 0 ? 0 : this.#json.position / sizeBytes;
  }

  /** Where the text of fragment i ends. */
  position(i: number): number {
    return this.#positions[i]!;
  }

  /** @throws InputError, FileOperationError */
  fill(batch: RowBatch): number {
    batch.clear();
    this.#batch = batch;
    while (!batch.isFull()) {
      const before = batch.count;
      if (this.#steps.next().done === true) break;
      assert(batch.count === before + 1, 'a step adds a fragment');
      this.#positions[before] = this.#json.position;
    }
    return batch.count;
  }

  close(): void {
    this.#feed.close();
  }

  *#lines(): Generator<void, void, void> {
    while (!this.#json.isAtEnd()) yield* this.#partition();
  }

  *#whole(): Generator<void, void, void> {
    const json = this.#json;
    if (json.isObjectNext()) {
      json.beginObject();
      if (json.nextName() !== 'sstables') json.fail('a list of partitions, or a dump of one SSTable, must stand here');
      json.beginObject();
      if (json.nextName() === undefined) json.fail('the dump has no SSTable');
      yield* this.#list();
      if (json.nextName() !== undefined) json.fail('the dump has more than one SSTable; give the list of one');
      if (json.nextName() !== undefined) json.fail('more than `sstables` is in the dump');
    } else {
      yield* this.#list();
    }
    if (!json.isAtEnd()) json.fail('text after the end');
  }

  *#list(): Generator<void, void, void> {
    const json = this.#json;
    json.beginArray();
    while (json.nextElement()) yield* this.#partition();
  }

  *#partition(): Generator<void, void, void> {
    const json = this.#json;
    const batch = () => this.#batch;
    json.beginObject();
    if (json.nextName() !== 'key') json.fail('the first member of a partition must be `key`');
    const key = this.#partitionKey();
    let deletion = NO_DELETION;
    let isStarted = false;
    const start = () => {
      isStarted = true;
      tokenOf(key, 0, key.length, this.#token);
      const { hi, lo } = this.#token;
      batch().addPartitionStart(hi, lo, key, 0, key.length, deletion.hi, deletion.lo, deletion.time);
    };
    for (let name = json.nextName(); name !== undefined; name = json.nextName()) {
      if (name === 'tombstone') {
        if (isStarted) json.fail('`tombstone` must stand before rows');
        deletion = this.#rows.deletion(json.value(), name);
        continue;
      }
      if (name !== 'static_row' && name !== 'clustering_elements') json.fail(`unknown member ${name}`);
      if (!isStarted) {
        start();
        yield;
      }
      if (name === 'static_row') {
        const row = json.value();
        batch().beginFragment(FragmentKind.StaticRow, 0, NOTHING, 0, 0);
        this.#rows.staticRow(row, batch().writer);
        batch().endFragment();
        yield;
        continue;
      }
      json.beginArray();
      while (json.nextElement()) {
        this.#element(this.#fields.object(json.value(), name));
        yield;
      }
    }
    if (!isStarted) {
      start();
      yield;
    }
    batch().addPartitionEnd();
    yield;
  }

  #element(element: JsonObject): void {
    const batch = this.#batch;
    const type = element.get('type');
    if (type === 'clustering-row') {
      const position = this.#clusteringKey(element, true);
      batch.beginFragment(FragmentKind.Row, 0, position, 0, position.length);
      this.#rows.row(element, batch.writer);
      batch.endFragment();
    } else if (type === 'range-tombstone-change') {
      this.#fields.only(element, ['type', 'key', 'weight', 'tombstone'], type);
      const weight = element.get('weight');
      if (weight !== -1n && weight !== 1n) this.#json.fail('the weight of a range-tombstone-change must be -1 or 1');
      const position = element.get('key') === undefined ? NOTHING : this.#clusteringKey(element, false);
      const { hi, lo, time } = this.#rows.deletion(element.get('tombstone'), 'tombstone');
      batch.addRangeChange(Number(weight), position, 0, position.length, hi, lo, time);
    } else {
      this.#json.fail('the type of a clustering element must be clustering-row or range-tombstone-change');
    }
  }

  #partitionKey(): Uint8Array {
    const { partitionKey } = this.#table;
    const text = this.#rawOf(this.#fields.object(this.#json.value(), 'key'));
    const key = partitionKeyOfRaw(text, partitionKey.length);
    if (key === undefined) return this.#json.fail(`${text} is not the raw form of a partition key`);
    const why = checkPartitionKey(key, 0, key.length, partitionKey.length);
    if (why !== undefined) this.#json.fail(why);
    this.#checkValues(partitionKeyValues(key, 0, key.length, partitionKey.length), partitionKey);
    return key;
  }

  /** Positions in memory have the raw form. */
  #clusteringKey(element: JsonObject, isWhole: boolean): Uint8Array {
    const { clustering } = this.#table;
    const text = this.#rawOf(this.#fields.object(element.get('key'), 'key'));
    const key = fromHex(text);
    const count = key === undefined ? -1 : clusteringValueCount(key, 0, key.length);
    if (key === undefined || count < 0 || count > clustering.length || (isWhole && count !== clustering.length)) {
      return this.#json.fail(`${text} is not the raw form of a clustering key of ${clustering.length} columns`);
    }
    this.#checkValues(clusteringValues(key, 0, key.length), clustering);
    return key;
  }

  #rawOf(key: JsonObject): string {
    return this.#fields.string(key.get('raw'), 'raw');
  }

  #checkValues(values: readonly Uint8Array[], columns: readonly ColumnDescriptor[]): void {
    for (const [i, value] of values.entries()) {
      const { name, type } = columns[i]!;
      const why = value.length === 0 ? undefined : type.validate(value, 0, value.length);
      if (why !== undefined) this.#json.fail(`${name}: ${why}`);
    }
  }
}

const NOTHING: Uint8Array = new Uint8Array(0);
