/**
 * What a member is doing. Learners are followers that the configuration does not count.
 *
 *   Follower --timeout--> PreCandidate --majority would--> Candidate --majority did, own vote durable--> Leader
 *   PreCandidate, Candidate: back to Follower when lost or when a leader speaks. All: to Follower at a higher term.
 *   Leader: to Follower also without a live quorum for an election timeout, or when the configuration without it is committed.
 */
export const Role = { Follower: 0, PreCandidate: 1, Candidate: 2, Leader: 3 } as const;
export type Role = (typeof Role)[keyof typeof Role];
