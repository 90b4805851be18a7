/** A release of Cassandra whose own classes read our files and write files for us. */
export interface CassandraVersion {
  readonly version: string;
  readonly major: number;
  /** Maven coordinates, group:artifact:version, beside cassandra-all. */
  readonly furtherArtifacts: readonly string[];
  /** SHA-256 over the names and digests of all its jars, as `installJars` makes it. */
  readonly jarsDigest: string;
  /** Its offline writer takes DELETE. */
  readonly writesDeletes: boolean;
  /** What it can be told to write: file version, and lines for cassandra.yaml. */
  readonly writes: readonly (readonly [fileVersion: string, settings: string])[];
}

export const CASSANDRA_VERSIONS: readonly CassandraVersion[] = [
  {
    version: '3.11.19',
    major: 3,
    furtherArtifacts: ['com.datastax.cassandra:cassandra-driver-core:3.0.1'],
    jarsDigest: '052a53945dce31f521d57167266c281379f642992dee3212b12d078c060d00f1',
    writesDeletes: false,
    writes: [['me', '']],
  },
  {
    version: '4.0.17',
    major: 4,
    furtherArtifacts: [],
    jarsDigest: '5774df146e2757b447042c89dbf92013e866546a62d5501120d259891fe930bb',
    writesDeletes: false,
    writes: [['nb', '']],
  },
  {
    version: '4.1.10',
    major: 4,
    furtherArtifacts: [],
    jarsDigest: 'c6be1f9e20b6b8f26df9082bcbeffbb85538c21d5d1d52a970e6e00711790b44',
    writesDeletes: true,
    writes: [['nb', '']],
  },
  {
    version: '5.0.6',
    major: 5,
    furtherArtifacts: [],
    jarsDigest: 'e2cd06417bd5d2136f360b3b3c3c3b6a9217fe29ec4b94de2dec8396a22bb897',
    writesDeletes: true,
    writes: [
      ['nb', 'storage_compatibility_mode: CASSANDRA_4'],
      ['oa', 'storage_compatibility_mode: NONE'],
      ['da', 'storage_compatibility_mode: NONE\nsstable:\n  selected_format: bti'],
    ],
  },
];
