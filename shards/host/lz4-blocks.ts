import { compressSync, uncompressSync } from 'lz4-napi';

/**
 * LZ4 blocks by lz4-napi: uint32 LE length of the data, then the raw block. `uncompressBlock` allocates what that length
 * claims and throws an Error when the block is damaged: check the length first.
 */
export const lz4Blocks: {
  compressBlock(data: Uint8Array): Uint8Array;
  uncompressBlock(block: Uint8Array): Uint8Array;
} = {
  compressBlock: (data) => compressSync(Buffer.from(data.buffer, data.byteOffset, data.byteLength)),
  uncompressBlock: (block) => uncompressSync(block),
};
