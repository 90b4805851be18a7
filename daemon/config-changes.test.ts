import { describe, expect, test } from 'vitest';
import { loadConfig } from './config.ts';
import { configChanges, withLiveValues } from './config-changes.ts';
import { CONFIG_KEYS } from './config-keys.ts';
import { liveShardConfiguration } from './shard-configuration.ts';

const load = (...args: string[]) => loadConfig(args, {});
/** Settings that the main thread looks up whenever it needs them. */
const READ_BY_MAIN = ['shutdown_timeout_in_ms'];

test('changes are told with both values; only live ones are taken over', async () => {
  const running = await load('--rack=a', '--read-request-timeout-in-ms=100');
  const fresh = await load('--rack=b', '--read-request-timeout-in-ms=200', '--cluster-name=Test Cluster');
  expect(configChanges(running, fresh)).toEqual([
    { name: 'rack', before: 'a', after: 'b', isLive: false },
    { name: 'read_request_timeout_in_ms', before: '100', after: '200', isLive: true },
  ]);
  const next = withLiveValues(running, fresh);
  expect([next.text('rack'), next.number('read_request_timeout_in_ms')]).toEqual(['a', 200]);
  expect(configChanges(next, fresh).map(({ name }) => name)).toEqual(['rack']);
});

test('a live setting that is given no more has its default again', async () => {
  const running = await load('--batch-size-warn-threshold-in-kb=1');
  const next = withLiveValues(running, await load());
  expect([next.text('batch_size_warn_threshold_in_kb'), next.isGiven('batch_size_warn_threshold_in_kb')]).toEqual([
    '128',
    false,
  ]);
});

describe('what shards are told anew', () => {
  test.each(CONFIG_KEYS.filter(({ isLive, name }) => isLive && !READ_BY_MAIN.includes(name)))(
    '$name is part of it',
    async ({ name, default: usual }) => {
      const other = `--${name}=${Number(usual) === 7 ? 8 : 7}`;
      const { settings, ...before } = liveShardConfiguration(await load('--smp=1'));
      const { settings: shown, ...after } = liveShardConfiguration(await load('--smp=1', other));
      expect(after).not.toEqual(before);
      expect(shown.find((setting) => setting.name === name)).toMatchObject({ value: '7', source: 'commandline' });
      expect(settings.find((setting) => setting.name === name)).toMatchObject({ value: usual, source: 'default' });
    },
  );

  test('only live settings change limits and timeouts', async () => {
    const { settings: _, ...usual } = liveShardConfiguration(await load('--smp=1'));
    for (const key of CONFIG_KEYS.filter(({ isLive, type, name }) => !isLive && type === 'integer' && name !== 'smp')) {
      const { settings, ...given } = liveShardConfiguration(await load('--smp=1', `--${key.name}=9`));
      expect([key.name, given]).toEqual([key.name, usual]);
    }
  });
});
