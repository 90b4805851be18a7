/**
 * The verbs of a node's threads: what one asks of another, by number. The high byte is the verb's class (`mailClassOf`), the
 * low byte counts within it. A class says whose credits a request uses, and on whom its handler may wait: on classes after
 * its own only (settled question 32).
 *
 *   0x00xx  forward     CQL forward, coordinator bounce, counter leader, key locks
 *   0x01xx  statement   replica leaf verbs
 *   0x02xx  raft
 *   0x03xx  control     schema, images, start and stop
 *   0x04xx  streaming
 *
 * Threads of a node are always of one release, so numbers may change; a verb that also travels between nodes says so and keeps its
 * number for good.
 */
export const Verb = {
  /** A request that another shard must coordinate: envelope fields and the frame's body; answers with the result's frame body. */
  CqlForward: 0x0001,
  /** A frozen mutation to log and apply: u8 force sync, then the mutation; answers with nothing. */
  Apply: 0x0100,
  /** A read command; answers with a page. */
  Read: 0x0101,
  /** Answers with the bytes it was sent. Every mailbox serves it. */
  Ping: 0x0300,
  /** A statement that a client prepared, for the other shards (JSON); answers when it is known. */
  Prepare: 0x0301,
  /** Table id, 16 bytes: drops its data on this shard. */
  Truncate: 0x0302,
  /** Shard to shard: a compaction that it has done (JSON of CompactionEntry), for `system.compaction_history`. */
  NoteCompaction: 0x0303,
  /** Shard to main: DDL to carry out (JSON). */
  SchemaChange: 0x0310,
  /** Shard to main: a log line: u8 level | u16 length | module | message, UTF-8. */
  Log: 0x0311,
  /** Main to shard, each once and in this order: recover the store; listen for CQL. JSON. */
  Recover: 0x0320,
  Listen: 0x0321,
  /** Main to shard: an image to take, then to switch to (JSON; the memory comes by the message port). */
  PrepareImage: 0x0322,
  CommitImage: 0x0323,
  /** Main to shard: stop listening and finish requests; then flush and close. */
  Drain: 0x0324,
  Close: 0x0325,
  /** Main to shard: flush or compact tables (JSON). */
  Flush: 0x0326,
  Compact: 0x0327,
  /** Main to shard: what it compacts, has to compact, and has compacted last (JSON of CompactionReport). */
  Compactions: 0x0329,
  /** Main to shard: the live part of the configuration, changed (JSON of LiveShardConfig). */
  Configure: 0x0328,
} as const;
export type Verb = (typeof Verb)[keyof typeof Verb];

/** One more than the largest number that a verb can have. */
export const VERB_LIMIT = 0x0500;
