import { int64Hi } from '../../core/int64.ts';
import { MAX_EXPIRY } from '../../core/mutation/row-body.ts';
import type { BoundValues, ExecutionContext } from './plan.ts';
import type { PriorRow } from './prior-row.ts';
import { NO_VALUES, ValueSlot } from './term.ts';

/** What one execution of a write writes with. One record per plan, filled anew for each. */
export class WriteInput {
  values: BoundValues = NO_VALUES;
  context!: ExecutionContext;
  timestampHi = 0;
  timestampLo = 0;
  /** Seconds; 0 is none. */
  ttl = 0;
  /** Seconds since 1970 at which what is written with a ttl expires. */
  expiry = 0;
  /** Seconds since 1970: the deletion time of tombstones. */
  nowSeconds = 0;
  /** What was read of the row that is written, for operations that need it. */
  prior: PriorRow | undefined = undefined;
  /** For evaluating one term after the other. */
  readonly slot: ValueSlot = new ValueSlot();

  begin(values: BoundValues, context: ExecutionContext): void {
    this.values = values;
    this.context = context;
    this.timestampHi = context.timestampHi;
    this.timestampLo = context.timestampLo;
    this.nowSeconds = Math.floor(context.nowUs / 1_000_000);
    this.ttl = 0;
    this.expiry = 0;
    this.prior = undefined;
  }

  /** Lets go of the request: a plan lives long, a frame's buffer must not live on with it. */
  end(): void {
    this.values = NO_VALUES;
    this.prior = undefined;
    this.slot.setBytes(undefined);
  }

  setTtl(seconds: number): void {
    this.ttl = seconds;
    // Later expiries than the file format holds are capped, as in Cassandra: the data lives until then.
    this.expiry = seconds === 0 ? 0 : Math.min(this.nowSeconds + seconds, MAX_EXPIRY);
  }

  /** The timestamp just before: of the deletion under a collection that is overwritten, so that its elements outlive it. */
  get beforeHi(): number {
    return this.timestampLo === 0 ? this.timestampHi - 1 : this.timestampHi;
  }
  get beforeLo(): number {
    return (this.timestampLo - 1) | 0;
  }
}

/** Three days in microseconds: how far ahead a client's timestamp may be. */
export const MAX_FUTURE_US: number = 3 * 24 * 3600 * 1_000_000;

/** True when (hi, lo) is more than MAX_FUTURE_US after `nowUs`. */
export function isFarFuture(hi: number, lo: number, nowUs: number): boolean {
  const limit = nowUs + MAX_FUTURE_US;
  const limitHi = int64Hi(limit);
  return hi > limitHi || (hi === limitHi && lo >>> 0 > (limit | 0) >>> 0);
}
