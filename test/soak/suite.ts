/** How much each suite does. */
export interface SoakVolumes {
  readonly killRounds: number;
  readonly powerLossRounds: number;
  readonly frames: number;
  readonly socketFrames: number;
  /** Made-up statements. */
  readonly statements: number;
  readonly storeSeeds: number;
  readonly damages: number;
  /** Of whole nodes that are started over a damaged directory. */
  readonly damagedStarts: number;
  /** Languages of the real data; undefined for all. */
  readonly languages: readonly string[] | undefined;
  readonly pointReads: number;
  readonly idleConnections: number;
  readonly slowConnections: number;
  readonly drains: number;
}

/** What CI has time for. */
export const SMALL_VOLUMES: SoakVolumes = {
  killRounds: 10,
  powerLossRounds: 2,
  frames: 100_000,
  socketFrames: 5000,
  statements: 100_000,
  storeSeeds: 200,
  damages: 500,
  damagedStarts: 6,
  languages: ['en', 'vi', 'zh'],
  pointReads: 500,
  idleConnections: 200,
  slowConnections: 20,
  drains: 2,
};

/** What an issue is called resolved after (settled question 54 to 56). */
export const FULL_VOLUMES: SoakVolumes = {
  killRounds: 100,
  powerLossRounds: 10,
  frames: 1_000_000,
  socketFrames: 50_000,
  statements: 1_000_000,
  storeSeeds: 1000,
  damages: 10_000,
  damagedStarts: 60,
  languages: undefined,
  pointReads: 10_000,
  idleConnections: 1000,
  slowConnections: 200,
  drains: 10,
};

export type Figures = Readonly<Record<string, unknown>>;

export interface SoakContext {
  readonly volumes: SoakVolumes;
  /** Everything random in a suite comes of it: the same seed replays it. */
  readonly seed: number;
  /** A directory that outlives the run, for what is costly to get. */
  readonly cache: string;
}

/** Finds out one thing about the product. Throws when it is not as promised, with what replays it in the message. */
export interface SoakSuite {
  readonly name: string;
  run(context: SoakContext): Promise<Figures>;
}

/** This machine lacks what the suite needs. Told aloud: a skipped suite has shown nothing. */
export class SuiteSkipped extends Error {}

/** @throws Error with `message` when a claim does not hold */
export function claim(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}
