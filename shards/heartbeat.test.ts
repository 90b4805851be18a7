import { expect, test } from 'vitest';
import { createHeartbeatPage, Heartbeat, HeartbeatSampler } from './heartbeat.ts';

test('a silent thread is asked, and reported once when it does not answer', () => {
  const page = createHeartbeatPage();
  const asked: number[] = [];
  const stalls: [number, number, number][] = [];
  const [idle, stuck] = [new Heartbeat(page, 0), new Heartbeat(page, 1)];
  const sampler = new HeartbeatSampler(
    page,
    [0, 1],
    (thread) => {
      asked.push(thread);
      if (thread === 0) idle.beat();
    },
    (thread, silentMs, label) => stalls.push([thread, silentMs, label]),
  );
  idle.beat();
  stuck.beat();
  sampler.sample(1000);
  expect(asked).toEqual([]);
  sampler.sample(1100);
  expect(asked).toEqual([0, 1]);
  stuck.setLabel(3);
  sampler.sample(1140);
  expect(stalls).toEqual([]);
  sampler.sample(1200);
  sampler.sample(1300);
  expect(stalls).toEqual([[1, 100, 3]]);
  expect(sampler.silentMs(1)).toBe(200);
  expect(sampler.isHealthy(1)).toBe(true);
  sampler.sample(2101);
  expect(sampler.isHealthy(1)).toBe(false);
  stuck.beat();
  sampler.sample(2200);
  expect(sampler.isHealthy(1)).toBe(true);
  expect(sampler.silentMs(1)).toBe(0);
  expect(sampler.silentMs(0)).toBe(0);
});
