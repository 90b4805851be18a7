/** Tombstones come of age without anything else changing: strategies look at them this often, milliseconds. */
export const LOOK_MS = 600_000;
