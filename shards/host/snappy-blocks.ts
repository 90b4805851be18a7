import snappy from 'snappyjs';
import type { BlockCodec } from '../../cql/protocol/compress.ts';

/** Raw Snappy blocks for CQL bodies, by snappyjs: plain JavaScript. `uncompressBlock` throws when the block is damaged. */
export const snappyBlocks: BlockCodec = {
  compressBlock: (body) => snappy.compress(body),
  uncompressBlock: (block) => snappy.uncompress(block),
};
