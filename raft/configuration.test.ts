import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { configurationText, memberOf, numberOf } from '../test/support/raft/etcd-format.ts';
import { etcdScripts, hasEtcdScripts } from '../test/support/raft/etcd-scripts.ts';
import { parseScript, type ScriptCommand } from '../test/support/raft/script.ts';
import {
  ChangeKind,
  ChangeRefusal,
  type Configuration,
  type ConfigurationChange,
  changeSimply,
  configurationOf,
  EMPTY_CONFIGURATION,
  enterJoint,
  isJoint,
  leaveJoint,
  membersOf,
} from './configuration.ts';
import { decodeConfiguration, encodeConfiguration } from './configuration-codec.ts';
import { ConfigurationHistory } from './configuration-history.ts';

/** etcd's words for what we refuse. */
const ETCD_WORDS: Readonly<Record<ChangeRefusal, string>> = {
  [ChangeRefusal.AlreadyJoint]: 'config is already joint',
  [ChangeRefusal.NotJoint]: "can't leave a non-joint config",
  [ChangeRefusal.JointForbidsSimple]: "can't apply simple config change in joint config",
  [ChangeRefusal.NoVotersBefore]: "can't make a zero-voter config joint",
  [ChangeRefusal.NoVotersLeft]: 'removed all voters',
  [ChangeRefusal.SeveralVoters]: 'more than one voter changed without entering joint config',
  [ChangeRefusal.HostTwice]: '',
};

const KINDS: Readonly<Record<string, ChangeKind>> = {
  v: ChangeKind.AddVoter,
  l: ChangeKind.AddLearner,
  r: ChangeKind.Remove,
};

/** `u` (update) is about something outside Raft that we have no change for. */
function changesOf({ input }: ScriptCommand): ConfigurationChange[] {
  const parts = input
    .join(' ')
    .split(' ')
    .filter((part) => part !== '' && !part.startsWith('u'));
  return parts.map((part) => ({ kind: KINDS[part[0]!]!, member: memberOf(part.slice(1)) }));
}

function changed(before: Configuration, command: ScriptCommand): Configuration | ChangeRefusal {
  switch (command.name) {
    case 'simple':
      return changeSimply(before, changesOf(command));
    case 'enter-joint':
      return enterJoint(before, command.options.get('autoleave')?.[0] === 'true', changesOf(command));
    default:
      return leaveJoint(before);
  }
}

describe.skipIf(!hasEtcdScripts)('configurations change as in etcd/raft', () => {
  for (const { name, text } of etcdScripts('confchange/testdata')) {
    test(name, () => {
      let configuration: Configuration = EMPTY_CONFIGURATION;
      // Where a new member's progress starts: the number of commands before it, as if each had been an entry.
      const next = new Map<number, number>();
      let commands = 0;
      for (const { command, expected, line } of parseScript(text)) {
        const result = changed(configuration, command);
        const start = Math.max(commands++, 1);
        if (typeof result === 'string') {
          expect(ETCD_WORDS[result], `line ${line}`).toBe(expected);
          continue;
        }
        configuration = result;
        const members = membersOf(configuration)
          .map(numberOf)
          .sort((one, other) => one - other);
        for (const number of next.keys()) if (!members.includes(number)) next.delete(number);
        for (const number of members) if (!next.has(number)) next.set(number, start);
        const learners = configuration.learners.map(numberOf);
        const progress = members.map((number) => {
          return `${number}: StateProbe match=0 next=${next.get(number)}${learners.includes(number) ? ' learner' : ''}`;
        });
        expect([configurationText(configuration), ...progress].join('\n'), `line ${line}`).toBe(expected);
      }
    });
  }
});

describe('configurations', () => {
  const change = fc.record({
    kind: fc.constantFrom(ChangeKind.AddVoter, ChangeKind.AddLearner, ChangeKind.Remove),
    member: fc.integer({ min: 1, max: 6 }).map((number) => memberOf(number)),
  });

  test('voters and learners never overlap, whatever is done; bytes say the same', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2), fc.array(change, { maxLength: 4 })), { maxLength: 12 }), (steps) => {
        let configuration = configurationOf([memberOf(1)]);
        for (const [how, changes] of steps) {
          const next =
            how === 0
              ? changeSimply(configuration, changes)
              : how === 1
                ? enterJoint(configuration, true, changes)
                : leaveJoint(configuration);
          if (typeof next === 'string') continue;
          configuration = next;
          const { voters, outgoing, learners, learnersNext } = configuration;
          const names = (list: typeof voters): number[] => list.map(numberOf);
          const all = [...names(voters), ...names(learners), ...names(learnersNext)];
          expect(new Set(all).size).toBe(all.length);
          expect(names(learners).some((number) => names(outgoing).includes(number))).toBe(false);
          expect(names(learnersNext).every((number) => names(outgoing).includes(number))).toBe(true);
          expect(voters.length).toBeGreaterThan(0);
          expect(isJoint(configuration) || learnersNext.length === 0).toBe(true);
          expect(decodeConfiguration(encodeConfiguration(configuration))).toEqual(configuration);
        }
      }),
    );
  });

  test('one host is never there with two incarnations', () => {
    const before = configurationOf([memberOf(1), memberOf(2)]);
    const twin = [{ kind: ChangeKind.AddVoter, member: memberOf(2, 2) }];
    expect(changeSimply(before, twin)).toBe(ChangeRefusal.HostTwice);
    const swap = [{ kind: ChangeKind.Remove, member: memberOf(2) }, ...twin];
    expect(enterJoint(before, true, swap)).toBe(ChangeRefusal.HostTwice);
  });

  test('damaged bytes are refused', () => {
    const bytes = encodeConfiguration(configurationOf([memberOf(1), memberOf(2, 2 ** 40)], [memberOf(3)]));
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeConfiguration(bytes, 0, length)).toThrow(/Raft configuration/);
    }
    expect(() => decodeConfiguration(Uint8Array.of(...bytes, 0))).toThrow(/after a Raft configuration/);
    expect(() => decodeConfiguration(Uint8Array.of(2, ...bytes.subarray(1)))).toThrow(/unknown version/);
    expect(() => decodeConfiguration(Uint8Array.of(1, 2, ...bytes.subarray(2)))).toThrow(/unknown flags/);
  });

  test('cutting the log brings the configuration before back, however many there were (B-30)', () => {
    const of = (...numbers: number[]): Configuration => configurationOf(numbers.map((number) => memberOf(number)));
    const history = new ConfigurationHistory(5, of(1));
    history.append(7, of(1, 2));
    history.append(9, of(1, 2, 3));
    history.append(11, of(2, 3));
    history.truncate(11);
    expect(history.latest).toEqual(of(1, 2, 3));
    expect(history.at(8)).toEqual(of(1, 2));
    history.compact(8);
    expect(history.at(8)).toEqual(of(1, 2));
    history.truncate(9);
    expect([history.latest, history.latestIndex]).toEqual([of(1, 2), 7]);
    expect(() => history.truncate(7)).toThrow(/never cut off/);
  });

  test('a member that the newest, uncommitted configuration leaves out may still stand', () => {
    const history = new ConfigurationHistory(1, configurationOf([memberOf(1), memberOf(2)]));
    history.append(4, configurationOf([memberOf(2)]));
    expect(history.mayVote(memberOf(1), 3)).toBe(true);
    expect(history.mayVote(memberOf(1), 4)).toBe(false);
  });
});
