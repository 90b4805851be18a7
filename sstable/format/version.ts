import { UnsupportedFormatError } from '../../core/errors.ts';

/** What a version of the big format has and lacks. @see spec/sstable.md §1; Cassandra `BigFormat.BigVersion` */
export interface VersionFeatures {
  readonly version: string;
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

/** @throws UnsupportedFormatError naming the version when it is not read */
export function versionFeatures(version: string, format: string, path: string): VersionFeatures {
  if (format !== 'big' || !READ.includes(version)) {
    throw new UnsupportedFormatError(path, `SSTable version ${version} (format ${format}) is not read`);
  }
  const improved = version >= 'nc';
  return {
    version,
    hasCommitLogLowerBound: version >= 'mb',
    hasCommitLogIntervals: version >= 'mc',
    hasAccurateMinMax: version >= 'md',
    hasLegacyMinMax: version < 'oa',
    hasImprovedMinMax: improved,
    hasHostId: version === 'me' || version >= 'nb',
    hasModernFrame: version >= 'na',
    hasUnsignedDeletionTime: version >= 'oa',
  };
}
