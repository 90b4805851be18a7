/** What `compress.ts` uses of the package, which ships no types. */
declare module 'snappyjs' {
  const snappy: {
    compress(source: Uint8Array): Uint8Array;
    /** Throws when the preamble claims more than `maxLength` bytes or the block is malformed. */
    uncompress(source: Uint8Array, maxLength?: number): Uint8Array;
  };
  export default snappy;
}
