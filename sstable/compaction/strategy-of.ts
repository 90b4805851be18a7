import { Incremental } from './incremental.ts';
import { Leveled } from './leveled.ts';
import { SizeTiered } from './size-tiered.ts';
import type { CompactionStrategy } from './strategy.ts';
import { TimeWindow } from './time-window.ts';

/** The strategy that a table's `compaction` option names; its values were checked when it was set. Size-tiered where it names none. */
export function strategyOf(options: Readonly<Record<string, string>>): CompactionStrategy {
  const { class: name = '' } = options;
  switch (name.slice(name.lastIndexOf('.') + 1)) {
    case 'LeveledCompactionStrategy':
      return new Leveled(options);
    case 'TimeWindowCompactionStrategy':
      return new TimeWindow(options);
    case 'IncrementalCompactionStrategy':
      return new Incremental(options);
    default:
      return new SizeTiered(options);
  }
}
