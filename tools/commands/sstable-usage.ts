/** What `tessera sstable help` prints. */
export const SSTABLE_USAGE = `usage: tessera sstable OPERATION [options] FILE...
  FILE is any component of an SSTable, or a directory of SSTables.

Every operation that shows or interprets rows takes
    --schema-file F    CREATE statements; schema.cql beside the SSTable if not given
    --sstable-schema   by the SSTable's own header, whatever is beside it

  dump-data          content as JSON; alias dump
    --format F         scylla (default), or sstabledump (also: cassandra) for one FILE
    --partition HEX    only this partition, repeatable: the key's \`raw\` form
    --merge            all FILEs as one stream
    -e                 keys only
    -t                 times as numbers
    -l                 a line of JSON for each partition
    --cassandra-version N  of sstabledump: 3, 4 or 5 (default)
  dump-index, dump-summary, dump-compression-info, dump-statistics, dump-scylla-metadata
                     one component as JSON
  metadata           what sstablemetadata prints
    -s                 reads all rows for totals and for the largest partitions
    -g SECONDS         gc grace, for the share of tombstones that may go
  validate           {errors, valid} for each SSTable; what is wrong on stderr
    --quick            checksums only
  validate-checksums {has_checksums, has_digest, valid}
  verify             as sstableverify: checksums, and the rows too where no checksum covers them
    -e                 always the rows too
  decompress         writes Data.db.decompressed beside Data.db
    --output-dir D     there instead

Operations that write SSTables, always of version me, into a directory that is there:
    --output-dir D     the working directory if not given
    --generation N     number them from N on instead of naming them by time
    --compressor C     lz4, snappy, deflate, zstd or none, with --chunk-kb N; as the input has it if not given
  write              one SSTable from JSON: what dump-data prints for one; FILE, if given, is an SSTable of the same table
    --input-file F     - for standard input
    --input-format F   json (default), or jsonl as -l prints it
  filter             some partitions, from each FILE
    --include, --exclude
    --partition HEX    repeatable
    --partitions-file F  their raw forms, a line each
    --merge            from all FILEs as one
  split              one SSTable for each range of tokens
    -t TOKEN           where a range begins, repeatable
    --merge
  merge              all FILEs as one SSTable; nothing is purged
  upgrade            FILEs of older versions as version me; prints what became of each
    --all              those of version me too
  recompress         the same rows, compressed otherwise
  scrub              what is whole of damaged SSTables
    --mode M           abort (stop at damage), skip (leave it out), segregate (rows out of order into SSTables of their
                       own), validate (write nothing)
  query              SELECT over all FILEs as one table, scylla_sstable.TABLE
    -q CQL             SELECT * if not given
    --query-file F
    --output F         text (default), json or jsonl`;
