import { expect, test } from 'vitest';
import { fuzzStatements } from '../../test/soak/statement-fuzz.ts';

test('8,000 made-up statements with made-up values give results or errors of the client', async () => {
  const seed = Number(process.env.TESSERA_SEED ?? Math.floor(Math.random() * 0x7fff_ffff));
  const report = await fuzzStatements(8000, seed); // its errors name the seed
  expect(report.planned).toBeGreaterThan(2000);
  expect(report.results).toBeGreaterThan(2500);
  expect(report.rows).toBeGreaterThan(500);
  expect(report.schemaChanges).toBeGreaterThan(5);
  expect(report.errors.Invalid).toBeGreaterThan(2000);
});
