import { UnsupportedFormatError } from '../../core/errors.ts';

/** What a version has and lacks. @see spec/sstable.md §1; Cassandra `BigFormat.BigVersion`, `BtiFormat.BtiVersion` */
export interface VersionFeatures {
  readonly version: string;
  /** Partitions.db and Rows.db in place of Index.db and Summary.db. */
  readonly hasTries: boolean;
  /** In Partitions.db the columns of a partition key are encoded one by one. */
  readonly hasKeyColumnsInTries: boolean;
  readonly hasCommitLogLowerBound: boolean;
  readonly hasCommitLogIntervals: boolean;
  /** Min and max clustering may be used to skip the file. */
  readonly hasAccurateMinMax: boolean;
  /** Min and max clustering as lists of values. */
  readonly hasLegacyMinMax: boolean;
  /** Covered clustering as a slice, key range and the flag for partition deletions. */
  readonly hasImprovedMinMax: boolean;
  readonly hasHostId: boolean;
  /** Checksums in Statistics.db, raw chunks, pending repair, transient flag, little-endian bloom words. */
  readonly hasModernFrame: boolean;
  /** Unsigned deletion times, LIVE as one byte, token space coverage. */
  readonly hasUnsignedDeletionTime: boolean;
}

/** The version that Tessera writes. */
export const WRITTEN_VERSION = 'me';

const READ = ['ma', 'mb', 'mc', 'md', 'me', 'na', 'nb', 'nc', 'oa'];
/** Versions with tries, and the one whose content they have. ScyllaDB calls the format of its own big as well. */
const WITH_TRIES: Readonly<Record<string, { readonly format: string; readonly content: string }>> = {
  da: { format: 'bti', content: 'oa' },
  ms: { format: 'big', content: 'me' },
  mt: { format: 'big', content: 'me' },
};

/** @throws UnsupportedFormatError naming the version when it is not read */
export function versionFeatures(version: string, format: string, path: string): VersionFeatures {
  const withTries = Object.hasOwn(WITH_TRIES, version) ? WITH_TRIES[version] : undefined;
  const isRead = withTries === undefined ? format === 'big' && READ.includes(version) : format === withTries.format;
  if (!isRead) throw new UnsupportedFormatError(path, `SSTable version ${version} (format ${format}) is not read`);
  const content = withTries?.content ?? version;
  return {
    version,
    hasTries: withTries !== undefined,
    hasKeyColumnsInTries: version === 'ms',
    hasCommitLogLowerBound: content >= 'mb',
    hasCommitLogIntervals: content >= 'mc',
    hasAccurateMinMax: content >= 'md',
    hasLegacyMinMax: content < 'oa',
    hasImprovedMinMax: content >= 'nc',
    hasHostId: content === 'me' || content >= 'nb',
    hasModernFrame: content >= 'na',
    hasUnsignedDeletionTime: content >= 'oa',
  };
}
