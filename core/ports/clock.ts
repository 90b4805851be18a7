/** Time as the world gives it. One per thread; the simulator's is virtual and may jump or drift. */
export interface Clock {
  /** Wall clock in microseconds since 1970, a safe integer. May go back; callers that need order use `core/timestamps`. */
  nowUs(): number;
  /** Time that never goes back, in milliseconds with a fraction, from an arbitrary start. */
  monotonicMs(): number;
}
