/** Extensions of ScyllaDB that a client switches on by their key in STARTUP (spec cql-protocol §10), as bits of one number. */
export const Extension = {
  /** Prepared marks conditional statements (§10.2). */
  LwtMark: 0x01,
  /** Tablets of wrongly routed requests travel in the payload (§10.3). */
  TabletsV1: 0x02,
  /** The same with leaders; EXECUTE ends with a tablet version byte (§10.4). */
  TabletsV2: 0x04,
  /** Result metadata ids as in v5 (§10.5). */
  MetadataId: 0x08,
  /** Error 0xF000 for a rate limit (§10.6). */
  RateLimitError: 0x10,
} as const;

/** The bit of a conditional statement in the flags of Prepared's bind metadata: bit 31. */
export const LWT_MARK: number = 0x8000_0000 | 0;

/** Protocol error code of a rate limit, for clients that switched it on: `ErrorCode.RateLimit`. */
const RATE_LIMIT_CODE = 0xf000;

/** Key and value of each extension in SUPPORTED. The values are parsed by drivers: keep `NAME=decimal`. */
export const EXTENSIONS: readonly { readonly bit: number; readonly key: string; readonly value: string }[] = [
  {
    bit: Extension.LwtMark,
    key: 'SCYLLA_LWT_ADD_METADATA_MARK',
    value: `LWT_OPTIMIZATION_META_BIT_MASK=${LWT_MARK >>> 0}`,
  },
  { bit: Extension.TabletsV1, key: 'TABLETS_ROUTING_V1', value: '' },
  { bit: Extension.TabletsV2, key: 'TABLETS_ROUTING_V2_EXPERIMENTAL', value: '' },
  { bit: Extension.MetadataId, key: 'SCYLLA_USE_METADATA_ID', value: '' },
  { bit: Extension.RateLimitError, key: 'SCYLLA_RATE_LIMIT_ERROR', value: `ERROR_CODE=${RATE_LIMIT_CODE}` },
];

/** Those of the `offered` extensions that the options of a STARTUP switch on. V2 of the tablets replaces V1. */
export function agreedExtensions(options: ReadonlyMap<string, string>, offered: number): number {
  let agreed = 0;
  for (const { bit, key } of EXTENSIONS) if ((offered & bit) !== 0 && options.has(key)) agreed |= bit;
  return (agreed & Extension.TabletsV2) !== 0 ? agreed & ~Extension.TabletsV1 : agreed;
}
