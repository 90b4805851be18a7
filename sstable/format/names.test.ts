import { describe, expect, test } from 'vitest';
import { identifierOfUuid, parseSSTableName, splitPath, sstablePrefix, uuidOfIdentifier } from './names.ts';

const UUID = 'ddc7bf50-7362-11f0-beaf-3829db282c74';
const IDENTIFIER = '3gsm_0lob_1zdg02we44my8dy25w';

describe('names of SSTables', () => {
  test('a version 1 UUID and its identifier', () => {
    expect(identifierOfUuid(UUID)).toBe(IDENTIFIER);
    expect(uuidOfIdentifier(IDENTIFIER)).toBe(UUID);
    expect(uuidOfIdentifier('17')).toBeUndefined();
    expect(() => identifierOfUuid('ddc7bf50-7362-41f0-beaf-3829db282c74')).toThrow('not a version 1 UUID');
    expect(() => uuidOfIdentifier('zzzz_zzzz_zzzzzzzzzzzzzzzzzz')).toThrow('no version 1 UUID');
  });

  test.each([
    [`me-${IDENTIFIER}-big-Data.db`, { version: 'me', identifier: IDENTIFIER, format: 'big', component: 'Data.db' }],
    ['mc-1-big-TOC.txt', { version: 'mc', identifier: '1', format: 'big', component: 'TOC.txt' }],
    ['da-2-bti-Rows.db', { version: 'da', identifier: '2', format: 'bti', component: 'Rows.db' }],
    [
      'nb-3-big-SAI+aa+GroupComplete.db',
      { version: 'nb', identifier: '3', format: 'big', component: 'SAI+aa+GroupComplete.db' },
    ],
  ])('%s', (name, parts) => {
    expect(parseSSTableName(name)).toEqual(parts);
    expect(`${sstablePrefix(parts)}-${parts.component}`).toBe(name);
  });

  test.each(['ks-t-ka-5-Data.db', 'schema.cql', 'me-x-big-Data.db', 'me-1-big-', '../me-1-big-Data.db'])(
    '%s is none',
    (name) => {
      expect(parseSSTableName(name)).toBeUndefined();
    },
  );

  test('directory and name', () => {
    expect(splitPath('/a/b/c')).toEqual({ directory: '/a/b', name: 'c' });
    expect(splitPath('/c')).toEqual({ directory: '/', name: 'c' });
    expect(splitPath('c')).toEqual({ directory: '.', name: 'c' });
  });
});
