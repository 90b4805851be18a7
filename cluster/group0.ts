import { assert, unreachable } from '../core/assert.ts';
import type { TableId } from '../core/ids.ts';
import type { Schema } from '../core/schema/keyspace.ts';
import { applySchemaChange, EMPTY_SCHEMA, type SchemaChange } from '../core/schema/schema-change.ts';
import type { TabletMap } from '../core/schema/tablet-map.ts';
import { NIL_UUID } from '../core/uuid-bytes.ts';
import type { NodeRecord } from './node-record.ts';

/**
 * Group 0: what all nodes agree on, as a deterministic state machine. Pure: `daemon/group0-host.ts` makes commands durable, in
 * time through Raft.
 *
 * Every command carries a fresh state id and the id it was made for. It applies if that one is still the last, else it does
 * nothing: whoever made it looks at the new state and tries again. A command whose id is in the history was applied before.
 */
export interface Group0State {
  /** Id of the last command that changed something; the nil UUID before the first. */
  readonly stateId: string;
  /** The last commands, oldest first. */
  readonly history: readonly HistoryEntry[];
  /** Counts the changes of nodes and tablet maps. The fencing token between nodes (settled question 30). */
  readonly topologyVersion: number;
  /** A node's place in this list is its host index for life. */
  readonly nodes: readonly NodeRecord[];
  readonly schema: Schema;
  /** One for each table of the schema. */
  readonly tabletMaps: ReadonlyMap<TableId, TabletMap>;
}

export interface HistoryEntry {
  readonly stateId: string;
  readonly description: string;
}

/** Format of commands: counts up when a reader of the last one would misunderstand. */
export const GROUP0_COMMAND_FORMAT = 1;

export interface Group0Command {
  readonly stateId: string;
  /** The state that the command was made for; undefined applies to any, for changes that cannot conflict. */
  readonly previousStateId: string | undefined;
  /** Host id of whoever made it. */
  readonly creator: string;
  /** For people: what the history shows. */
  readonly description: string;
  /** Applied one after the other, as one. */
  readonly changes: readonly Group0Change[];
}

export type Group0Change =
  | { readonly kind: 'schema'; readonly change: SchemaChange }
  /** Adds the node, or replaces what is known of it. */
  | { readonly kind: 'node'; readonly node: NodeRecord }
  /** Maps of new tables, and new maps of old ones. */
  | { readonly kind: 'tablets'; readonly maps: readonly TabletMap[] };

/** How many past commands the state remembers. */
const MAX_HISTORY = 1000;

export const EMPTY_GROUP0_STATE: Group0State = {
  stateId: NIL_UUID,
  history: [],
  topologyVersion: 0,
  nodes: [],
  schema: EMPTY_SCHEMA,
  tabletMaps: new Map(),
};

/** What became of a command. */
export type CommandOutcome = 'applied' | 'conflict';

/** The same, where the answer may be lost: `unknown` may have been applied, or still be. */
export type ProposalOutcome = CommandOutcome | 'unknown';

export interface Group0 {
  /** The newest state that this node has applied, all of it durable. */
  state(): Group0State;
  /**
   * Puts a command into the log and waits until it is applied here. Retrying after `unknown` takes the same command again.
   * Rejects when certainly nothing was done (no space, too large, closed).
   */
  propose(command: Group0Command): Promise<ProposalOutcome>;
  /** Calls `listener` after each command that changed the state, in order. */
  onApplied(listener: (state: Group0State, command: Group0Command) => void): void;
}

export interface AppliedCommand {
  readonly state: Group0State;
  readonly outcome: CommandOutcome;
}

/**
 * The state after a command. The same on every node.
 * @throws AssertionError or InvalidRequestError when the command does not fit the state that it was made for
 */
export function applyCommand(state: Group0State, command: Group0Command): AppliedCommand {
  if (state.stateId === command.stateId || state.history.some((entry) => entry.stateId === command.stateId)) {
    return { state, outcome: 'applied' };
  }
  if (command.previousStateId !== undefined && command.previousStateId !== state.stateId) {
    return { state, outcome: 'conflict' };
  }
  let next = state;
  for (const change of command.changes) next = applyChange(next, change);
  if (next.schema !== state.schema) next = { ...next, tabletMaps: mapsOf(next) };
  const entry = { stateId: command.stateId, description: command.description };
  const history = [...state.history, entry].slice(-MAX_HISTORY);
  return { state: { ...next, stateId: command.stateId, history }, outcome: 'applied' };
}

function applyChange(state: Group0State, change: Group0Change): Group0State {
  switch (change.kind) {
    case 'schema':
      return { ...state, schema: applySchemaChange(state.schema, change.change) };
    case 'node': {
      const { node } = change;
      const at = state.nodes.findIndex((each) => each.hostId === node.hostId);
      const nodes = at < 0 ? [...state.nodes, node] : state.nodes.with(at, node);
      return { ...state, nodes, topologyVersion: state.topologyVersion + 1 };
    }
    case 'tablets': {
      const tabletMaps = new Map(state.tabletMaps);
      const topologyVersion = state.topologyVersion + 1;
      for (const map of change.maps) {
        assert(map.version === topologyVersion, 'a tablet map has the topology version that it makes');
        assert(
          map.hosts.every((host, i) => map.shards[i]! < (state.nodes[host]?.shardCount ?? 0)),
          'tablets lie on shards that exist',
        );
        tabletMaps.set(map.tableId, map);
      }
      return { ...state, tabletMaps, topologyVersion };
    }
    default:
      return unreachable(change);
  }
}

/** The tablet maps of the tables that are there; those of dropped tables go. */
function mapsOf(state: Group0State): ReadonlyMap<TableId, TabletMap> {
  const maps = new Map<TableId, TabletMap>();
  for (const keyspace of state.schema.keyspaces.values()) {
    for (const { id } of keyspace.tables.values()) {
      const map = state.tabletMaps.get(id);
      assert(map !== undefined, 'a new table comes with its tablets');
      maps.set(id, map);
    }
  }
  return maps;
}
