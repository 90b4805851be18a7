import { InvalidRequestError } from '../../core/errors.ts';
import {
  NO_LIMIT,
  type PartitionRef,
  type ReadCommand,
  ReadKind,
  type ReadResume,
} from '../../core/read/read-command.ts';
import { ALL_ROWS, type ClusteringSlice, type PartitionSlice, type TokenRange } from '../../core/read/slice.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { checkValueCount } from './bind-marker.ts';
import { bindFilters } from './filter.ts';
import { badState, type PageStart, partitionsFrom, rangeFrom } from './paging.ts';
import {
  type BindMarker,
  type BoundSelect,
  type BoundValues,
  type ExecutionContext,
  PlanKind,
  type ResultColumn,
  type SelectOptions,
  type SelectPlan,
} from './plan.ts';
import type { Restrictions } from './restrictions.ts';
import { ClusteringBinder } from './restrictions-clustering.ts';
import { bindTokenRange, PartitionKeyBinder } from './restrictions-partition.ts';
import { copyOfTerm } from './restrictions-values.ts';
import { type SelectLimits, tighter, UNLIMITED } from './select-limits.ts';
import { PAGE_BYTES, SelectRun } from './select-run.ts';
import type { SelectShape } from './select-shape.ts';
import { NO_MARKER } from './term.ts';
import type { UsingClause } from './using.ts';

const US_PER_SECOND = 1_000_000;
const NO_TERMS: readonly (Uint8Array | undefined)[] = [];
const NO_PARTITIONS: readonly PartitionRef[] = [];

/** What the values of one execution say, before it is decided what to read. */
interface BoundLimits {
  readonly pageSize: number;
  /** What is left of LIMIT. */
  readonly limit: number;
  readonly perPartitionLimit: number;
  readonly isMerged: boolean;
}

/** A SELECT that was resolved against the schema. */
export class PlannedSelect implements SelectPlan {
  readonly kind: typeof PlanKind.Select = PlanKind.Select;
  readonly descriptor: TableDescriptor;
  readonly keyspace: string;
  readonly table: string;
  readonly markers: readonly BindMarker[];
  readonly partitionKeyMarkers: readonly number[];
  readonly resultColumns: readonly ResultColumn[];
  readonly isConditional: boolean = false;
  readonly warnings: readonly string[] = [];

  readonly #shape: SelectShape;
  readonly #restrictions: Restrictions;
  readonly #limits: SelectLimits;
  readonly #using: UsingClause;
  /** Undefined for scans. */
  readonly #keys: PartitionKeyBinder | undefined;
  readonly #clustering: ClusteringBinder;
  readonly #wantsStatics: boolean;
  /** The slice of statements that say nothing of clustering columns. */
  readonly #wholePartition: PartitionSlice;
  /** Replicas cannot count the rows of the result: filters and groups decide. */
  readonly #countsItself: boolean;
  readonly #pool: SelectRun[] = [];

  constructor(
    shape: SelectShape,
    restrictions: Restrictions,
    limits: SelectLimits,
    using: UsingClause,
    markers: readonly BindMarker[],
  ) {
    const { table, layout, selection, showsLoneStatics } = shape;
    const { partition, clustering, filters } = restrictions;
    const keyMarkers = partition.kind === 'keys' ? partition.choices.map(({ marker }) => marker) : [NO_MARKER];
    this.descriptor = table;
    this.keyspace = table.keyspace;
    this.table = table.name;
    this.markers = markers;
    this.partitionKeyMarkers = keyMarkers.includes(NO_MARKER) ? [] : keyMarkers;
    this.resultColumns = selection.columns.map(({ name, value }) => ({
      keyspace: table.keyspace,
      table: table.name,
      name,
      type: value.type,
    }));
    this.#shape = shape;
    this.#restrictions = restrictions;
    this.#limits = limits;
    this.#using = using;
    this.#keys = partition.kind === 'keys' ? new PartitionKeyBinder(partition.choices, table) : undefined;
    this.#clustering = new ClusteringBinder(clustering, table.comparator, table.clustering);
    this.#wantsStatics = layout.needsStatics || (showsLoneStatics && table.statics.length > 0);
    this.#wholePartition = this.#sliceOf([ALL_ROWS]);
    this.#countsItself = filters.length > 0 || shape.isAggregate;
  }

  timeoutMs(values: BoundValues): number | undefined {
    return this.#using.timeoutMs(values);
  }

  bind(values: BoundValues, options: SelectOptions, context: ExecutionContext): BoundSelect {
    checkValueCount(values, this.markers.length);
    const { filters } = this.#restrictions;
    const run = this.#pool.pop() ?? new SelectRun(this.#shape, this.#pool);
    const partitions = this.#keys === undefined ? NO_PARTITIONS : this.#keys.bind(values, context, run.onePartition);
    const range = this.#keys === undefined ? this.#bindRange(values, context) : undefined;
    const slices = this.#clustering.bind(values, context);
    const filter = filters.length === 0 ? undefined : bindFilters(filters, values, context);
    if (options.isSerial && (this.#keys === undefined || partitions.length > 1)) {
      throw new InvalidRequestError(
        'SERIAL/LOCAL_SERIAL consistency may only be requested for one partition at a time',
      );
    }
    const isMerged = partitions.length > 1 && this.#mergesPartitions();
    const start = options.pagingState === undefined ? undefined : this.#pageStart(options.pagingState, isMerged);
    const limits = this.#bindLimits(values, options, context, isMerged, start);
    const matches =
      slices.length > 0 &&
      (range !== undefined || partitions.length > 0) &&
      (filter !== undefined || filters.length === 0);
    const nowSeconds = Math.floor(context.nowUs / US_PER_SECOND);
    const command = matches ? this.#command(partitions, range, slices, start, limits, nowSeconds) : undefined;
    const { terms } = this.#shape.selection;
    run.begin({
      command,
      filter,
      start,
      firstPartition: command === undefined ? 0 : partitions.length - command.partitions.length,
      pageSize: limits.pageSize,
      limit: limits.limit,
      perPartitionLimit: limits.perPartitionLimit,
      isMerged,
      nowSeconds,
      context: this.#shape.plainSlots === undefined ? lastingContext(context) : context,
      terms: terms.length === 0 ? NO_TERMS : terms.map((term) => copyOfTerm(term, values, context, '[selection]')),
    });
    return run;
  }

  /** Rows of several partitions come in one order: they must all be there before the first can go out. */
  #mergesPartitions(): boolean {
    const { order, isAggregate, grouping, isDistinct } = this.#shape;
    return order.clusteringCount > 0 && !isDistinct && (!isAggregate || grouping !== undefined);
  }

  #bindRange(values: BoundValues, context: ExecutionContext): TokenRange | undefined {
    const { partition } = this.#restrictions;
    return partition.kind === 'range' ? bindTokenRange(partition.lower, partition.upper, values, context) : undefined;
  }

  #pageStart(state: Uint8Array, isMerged: boolean): PageStart {
    const { isAggregate, grouping, pager } = this.#shape;
    if (isMerged || (isAggregate && grouping === undefined)) throw badState('the statement has one page only');
    return pager.decode(state);
  }

  #bindLimits(
    values: BoundValues,
    options: SelectOptions,
    context: ExecutionContext,
    isMerged: boolean,
    start: PageStart | undefined,
  ): BoundLimits {
    const pageSize = options.pageSize > 0 ? options.pageSize : 0;
    const whole = this.#limits.rows(values, context);
    const limit = start === undefined || start.remaining === UNLIMITED ? whole : start.remaining;
    const perPartition = this.#shape.isDistinct ? 1 : this.#limits.perPartition(values, context);
    if (!isMerged) return { pageSize, limit, perPartitionLimit: perPartition, isMerged };
    if (pageSize > 0 && (limit === UNLIMITED || limit > pageSize)) {
      throw new InvalidRequestError(
        'Cannot page queries with both ORDER BY and a IN restriction on the partition key; you must either remove the ' +
          'ORDER BY or the IN and sort client side, or disable paging for this query',
      );
    }
    // No partition gives more rows to the result than all of them together.
    return { pageSize, limit, perPartitionLimit: tighter(limit, perPartition), isMerged };
  }

  #sliceOf(slices: readonly ClusteringSlice[]): PartitionSlice {
    return { slices, isReversed: this.#shape.order.isReversed, wantsRows: true, wantsStatics: this.#wantsStatics };
  }

  /** Undefined when an earlier page has read everything. */
  #command(
    partitions: readonly PartitionRef[],
    range: TokenRange | undefined,
    slices: readonly ClusteringSlice[],
    start: PageStart | undefined,
    limits: BoundLimits,
    nowSeconds: number,
  ): ReadCommand | undefined {
    const left = start === undefined || range !== undefined ? partitions : partitionsFrom(partitions, start);
    if (range === undefined && left.length === 0) return undefined;
    return {
      kind: range === undefined ? ReadKind.Partitions : ReadKind.Range,
      tableId: this.descriptor.id,
      schemaVersion: this.descriptor.version,
      partitions: left,
      range: range === undefined || start === undefined ? range : rangeFrom(range, start),
      slice: this.#restrictions.clustering.length === 0 ? this.#wholePartition : this.#sliceOf(slices),
      resume: start?.position === undefined ? undefined : this.#resume(start, start.position, limits),
      rowLimit: this.#rowLimit(limits),
      partitionLimit: NO_LIMIT,
      perPartitionRowLimit: this.#perPartitionRowLimit(limits),
      pageBytes: PAGE_BYTES,
      nowSeconds,
    };
  }

  #rowLimit({ limit, pageSize, isMerged }: BoundLimits): number {
    if (this.#countsItself || isMerged) return NO_LIMIT;
    // One more than the page, to know whether there is another.
    const rows = tighter(limit, pageSize === 0 ? UNLIMITED : pageSize + 1);
    return rows === UNLIMITED ? NO_LIMIT : rows;
  }

  #perPartitionRowLimit({ perPartitionLimit }: BoundLimits): number {
    if (perPartitionLimit === UNLIMITED || (this.#countsItself && !this.#shape.isDistinct)) return NO_LIMIT;
    return perPartitionLimit;
  }

  #resume({ remainingInPartition }: PageStart, position: Uint8Array, limits: BoundLimits): ReadResume {
    const perPartition = this.#perPartitionRowLimit(limits);
    const taken = perPartition === NO_LIMIT || remainingInPartition < 0 ? 1 : perPartition - remainingInPartition;
    return { position, weight: 0, rowsTaken: Math.max(1, taken) };
  }
}

/** The context as it is now: the shard's own says something else while later requests are bound. */
function lastingContext(context: ExecutionContext): ExecutionContext {
  const { timestampHi, timestampLo, nowUs } = context;
  return {
    timestampHi,
    timestampLo,
    nowUs,
    randomBytes: (target) => context.randomBytes(target),
    timeUuid: (target, at) => context.timeUuid(target, at),
  };
}
