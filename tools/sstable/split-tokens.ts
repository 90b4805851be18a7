import { compareInt64 } from '../../core/int64.ts';
import type { Files } from '../../core/ports/files.ts';
import type { SSTableSummaryInfo, SSTableWriter } from '../../sstable/writer.ts';
import type { TextOutput } from '../commands/text-output.ts';
import { type RewriteInputs, type RewriteSettings, rewrite } from './rewrite.ts';

/** A token as halves. */
export interface SplitToken {
  readonly hi: number;
  readonly lo: number;
}

/**
 * One new SSTable for each range between the tokens that has partitions; a token is the first of the range to its right. Since
 * partitions come in order, one writer is open at a time. @param tokens ascending
 * @throws as `rewrite`
 */
export function splitByTokens(
  files: Files,
  inputs: RewriteInputs,
  tokens: readonly SplitToken[],
  settings: RewriteSettings,
  out: TextOutput,
): Promise<readonly SSTableSummaryInfo[]> {
  return rewrite(files, inputs, undefined, settings, out, (outputs) => {
    const expected = Math.ceil(inputs.partitionCount / (tokens.length + 1));
    let range = 0;
    let writer: SSTableWriter | undefined;
    const finish = () => {
      if (writer !== undefined) outputs.finish(writer);
      writer = undefined;
    };
    return {
      route: (batch, i) => {
        const hi = batch.tokenHi[i]!;
        const lo = batch.tokenLo[i]!;
        let here = range;
        while (here < tokens.length && compareInt64(hi, lo, tokens[here]!.hi, tokens[here]!.lo) >= 0) here++;
        if (here !== range) finish();
        range = here;
        writer ??= outputs.create(inputs.shape, expected);
        return writer;
      },
      end: finish,
    };
  });
}
