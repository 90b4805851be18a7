import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { etcdScripts, hasEtcdScripts } from '../test/support/raft/etcd-scripts.ts';
import { parseScript, type ScriptCommand } from '../test/support/raft/script.ts';
import { Answer, type Counted, quorumValue, VoteResult, voteResult } from './quorum.ts';

interface Voter extends Counted {
  readonly value: number;
  readonly answer: Answer;
}
const valueOfVoter = (voter: Voter): number => voter.value;
const answerOf = (voter: Voter): Answer => voter.answer;

/** The voters that a command of etcd's scripts names: those of both halves once, in the order of their first mention. */
function votersOf({ options }: ScriptCommand): Voter[] {
  const incoming = options.get('cfg') ?? [];
  const outgoing = (options.get('cfgj') ?? []).filter((id) => id !== 'zero');
  const ids = [...new Set([...incoming, ...outgoing])];
  const values = options.get('idx') ?? [];
  const answers = options.get('votes') ?? [];
  return ids.map((id, i) => ({
    isIncoming: incoming.includes(id),
    isOutgoing: outgoing.includes(id),
    value: values[i] === undefined || values[i] === '_' ? 0 : Number(values[i]),
    answer: answers[i] === 'y' ? Answer.Yes : answers[i] === 'n' ? Answer.No : Answer.None,
  }));
}

describe.skipIf(!hasEtcdScripts)('majorities are those of etcd/raft', () => {
  for (const { name, text } of etcdScripts('quorum/testdata')) {
    test(name, () => {
      for (const { command, expected, line } of parseScript(text)) {
        const voters = votersOf(command);
        const last = expected.split('\n').at(-1)!; // The lines above it are a drawing.
        if (command.name === 'committed') {
          const reached = quorumValue(voters, valueOfVoter);
          const said = last.endsWith('∞') ? Number.POSITIVE_INFINITY : Number(last);
          expect(reached, `line ${line}`).toBe(said);
        } else {
          const names = ['VotePending', 'VoteLost', 'VoteWon'];
          expect(names[voteResult(voters, answerOf)], `line ${line}`).toBe(last);
        }
      }
    });
  }
});

describe('majorities of one to seven voters', () => {
  const half = fc.array(fc.nat(4), { minLength: 1, maxLength: 7 });
  test('the value is the largest that more than half have reached (B-48)', () => {
    fc.assert(
      fc.property(half, (values) => {
        const voters = values.map((value) => ({ isIncoming: true, isOutgoing: false, value, answer: Answer.None }));
        const reached = quorumValue(voters, valueOfVoter);
        const countOf = (least: number): number => values.filter((value) => value >= least).length;
        expect(countOf(reached) * 2).toBeGreaterThan(values.length);
        expect(countOf(reached + 1) * 2).toBeLessThanOrEqual(values.length);
      }),
    );
  });

  test('every vector of answers of up to seven voters is decided as counting by hand decides (B-48)', () => {
    for (let count = 1; count <= 7; count++) {
      for (let code = 0; code < 3 ** count; code++) {
        const voters = Array.from({ length: count }, (_, i) => ({
          isIncoming: true,
          isOutgoing: false,
          value: 0,
          answer: (Math.floor(code / 3 ** i) % 3) as Answer,
        }));
        const yes = voters.filter(({ answer }) => answer === Answer.Yes).length;
        const no = voters.filter(({ answer }) => answer === Answer.No).length;
        const lost = yes + (count - yes - no) <= count / 2;
        const wanted = yes > count / 2 ? VoteResult.Won : lost ? VoteResult.Lost : VoteResult.Pending;
        if (voteResult(voters, answerOf) !== wanted) expect.fail(`${count} voters, answers ${code}`);
      }
    }
  });

  test('learners do not count, and a joint quorum needs both halves (B-49)', () => {
    const of = (isIncoming: boolean, isOutgoing: boolean, value: number): Voter => {
      return { isIncoming, isOutgoing, value, answer: value > 0 ? Answer.Yes : Answer.No };
    };
    const members = [
      of(true, false, 9),
      of(true, true, 9),
      of(false, true, 0),
      of(false, true, 0),
      of(false, false, 9),
    ];
    expect(quorumValue(members, valueOfVoter)).toBe(0);
    expect(voteResult(members, answerOf)).toBe(VoteResult.Lost);
  });
});
