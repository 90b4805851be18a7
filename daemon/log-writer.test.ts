import { expect, test } from 'vitest';
import { LogLevel } from '../core/ports/log.ts';
import { LogWriter, parseLogLevels } from './log-writer.ts';

const NOW = Date.UTC(2026, 10, 21, 2, 0, 0, 123);

function writer(levels = '', isJson = false) {
  const lines: string[] = [];
  let nowMs = NOW;
  const log = new LogWriter(
    parseLogLevels(levels),
    isJson,
    (line) => lines.push(line),
    () => nowMs,
  );
  return { log, lines, advance: (ms: number) => (nowMs += ms) };
}

test('a line has the form that log parsers know', () => {
  const { log, lines } = writer();
  log.line(LogLevel.Info, 'shard 0:main', 'init', 'Tessera version 0.1.0 initialization completed.');
  expect(lines).toEqual([
    'INFO  2026-11-21 02:00:00,123 [shard 0:main] init - Tessera version 0.1.0 initialization completed.\n',
  ]);
});

test('JSON lines hold the same', () => {
  const { log, lines } = writer('', true);
  log.line(LogLevel.Warn, 'shard 1', 'compaction', 'a "quoted"\nline');
  expect(JSON.parse(lines[0]!)).toEqual({
    ts: '2026-11-21T02:00:00.123Z',
    level: 'warn',
    shard: 'shard 1',
    module: 'compaction',
    msg: 'a "quoted"\nline',
  });
});

test('levels are chosen for all and by module', () => {
  const { log, lines } = writer('warn,compaction=debug');
  log.line(LogLevel.Info, 'main', 'init', 'left out');
  log.line(LogLevel.Debug, 'main', 'compaction', 'kept');
  log.line(LogLevel.Trace, 'main', 'compaction', 'left out');
  expect(lines.map((line) => line.split(' - ')[1])).toEqual(['kept\n']);
  expect(log.lowestLevel).toBe(LogLevel.Debug);
  expect(parseLogLevels('loud,x=quiet').unknown).toEqual(['loud', 'x=quiet']);
});

test('a place that speaks too much is cut short, with a count, and speaks again later', () => {
  const { log, lines, advance } = writer();
  for (let i = 0; i < 50; i++) log.line(LogLevel.Error, 'main', 'disk', `write ${i} failed`);
  expect(lines).toHaveLength(10);
  advance(1000);
  log.line(LogLevel.Error, 'main', 'disk', 'write 51 failed');
  expect(lines).toHaveLength(12);
  expect(lines[10]).toMatch(/suppressed 40/);
});
