import { ByteWriter } from '../core/bytes.ts';
import { CorruptFileError } from '../core/errors.ts';
import type { BlockFile } from './block-file.ts';
import { type BlockSource, BlockWindow, More } from './block-window.ts';
import { TrieNode } from './format/trie-node.ts';
import { Walk } from './index-walker.ts';

/** Longer ways from the root are taken for damage: no writer makes one that is longer than its longest key. */
const MOST_DEPTH: number = 1 << 20;

const Phase = { Match: 0, Descend: 1, Settled: 2 } as const;
type Phase = (typeof Phase)[keyof typeof Phase];

/**
 * Walks one trie of a file. Each question answers NeedsLoad when `window.load()` is needed first, and is then asked again
 * with the same arguments; Entry: the cursor is at an entry, whose key is `path` and whose payload is in `window.bytes` until
 * the next call; End: there is none.
 */
export class TrieCursor {
  readonly window: BlockWindow;
  readonly node: TrieNode;
  /** The transitions from the root to where the cursor is: of an entry, its key. */
  readonly path: ByteWriter = new ByteWriter(64);
  #root = 0;
  /** The nodes from the root to the current one, and of each the place of the child that comes next. */
  #positions: Float64Array = new Float64Array(32);
  #places: Uint16Array = new Uint16Array(32);
  #depth = 0;
  /** A node that is entered next, or -1. */
  #pending = -1;
  #phase: Phase = Phase.Match;
  /** Of `seekLower`: depth of the deepest node with something that is less, and which of its children it is in; -1: the node. */
  #lessDepth = 0;
  #lessPlace = -1;

  constructor(file: BlockFile, source: BlockSource, payloadLength: (bits: number) => number) {
    this.window = new BlockWindow(file, source, 0);
    this.node = new TrieNode(payloadLength);
  }

  /** Turns to the trie with this root, before its first entry. @throws CorruptFileError when there can be no node */
  open(root: number): void {
    if (root >= this.window.file.sizeBytes)
      throw new CorruptFileError(this.window.file.path, root, 'root beyond the file');
    this.#root = root;
    this.#rewind();
    this.#phase = Phase.Match;
  }

  /** File position of the node that the cursor is at. */
  get position(): number {
    return this.#depth === 0 ? this.#root : this.#positions[this.#depth - 1]!;
  }

  /** To the first entry on the way of a key: that whose key the key begins with. Ends also before an entry that is longer. */
  find(key: Uint8Array, length: number): Walk {
    if (this.#phase === Phase.Settled) this.#restart();
    for (;;) {
      if (!this.#enter()) return Walk.NeedsLoad;
      const { node } = this;
      const matched = this.#depth - 1;
      if (node.payloadBits !== 0) return this.#settle(Walk.Entry);
      if (matched === length) return this.#settle(Walk.End);
      const place = node.placeOf(key[matched]!);
      if (place === node.childCount || node.transition(place) !== key[matched]) return this.#settle(Walk.End);
      const child = node.child(place);
      if (child < 0) return this.#settle(Walk.End);
      this.#descend(place, child);
    }
  }

  /** To the last entry that is less than a key. End: the cursor is before the first. */
  seekLower(key: Uint8Array, length: number): Walk {
    if (this.#phase === Phase.Settled) this.#restart();
    while (this.#phase === Phase.Match) {
      if (!this.#enter()) return Walk.NeedsLoad;
      const { node } = this;
      const matched = this.#depth - 1;
      let next = -1;
      if (matched < length) {
        if (node.payloadBits !== 0) this.#noteLess(-1);
        const place = node.placeOf(key[matched]!);
        const less = this.#lastBefore(place);
        if (less >= 0) this.#noteLess(less);
        if (place < node.childCount && node.transition(place) === key[matched]) next = node.child(place);
        if (next >= 0) this.#descend(place, next);
      }
      if (next < 0 && !this.#turnToLess()) return this.#settle(Walk.End);
    }
    // Down to the last entry below.
    for (;;) {
      const isThere = this.#pending >= 0 ? this.#enter() : this.#load(this.position);
      if (!isThere) return Walk.NeedsLoad;
      const { node } = this;
      const place = this.#lessDepth > 0 ? this.#lessPlace : this.#lastBefore(node.childCount);
      this.#lessDepth = 0;
      if (place < 0) {
        if (node.payloadBits === 0) throw this.#corrupt('a node with neither children nor payload');
        return this.#settle(Walk.Entry);
      }
      this.#descend(place, node.child(place));
    }
  }

  /** To the next entry. */
  next(): Walk {
    this.#phase = Phase.Settled;
    for (;;) {
      if (this.#pending >= 0) {
        if (!this.#enter()) return Walk.NeedsLoad;
        if (this.node.payloadBits !== 0) return Walk.Entry;
        if (this.node.childCount === 0) throw this.#corrupt('a node with neither children nor payload');
      }
      if (this.#depth === 0) return Walk.End;
      if (!this.#load(this.position)) return Walk.NeedsLoad;
      const { node } = this;
      let place = this.#places[this.#depth - 1]!;
      let child = -1;
      while (place < node.childCount) {
        child = node.child(place);
        if (child >= 0) break;
        place++;
      }
      if (child >= 0) this.#descend(place, child);
      else this.#pop();
    }
  }

  close(): void {
    this.window.close();
  }

  #settle(walk: Walk): Walk {
    this.#phase = Phase.Settled;
    return walk;
  }

  #restart(): void {
    this.#rewind();
    this.#phase = Phase.Match;
  }

  #rewind(): void {
    this.path.clear();
    this.#depth = 0;
    this.#pending = this.#root;
    this.#lessDepth = 0;
    this.#lessPlace = -1;
  }

  #noteLess(place: number): void {
    this.#lessDepth = this.#depth;
    this.#lessPlace = place;
  }

  /** Back to the deepest node with something less. False: there is none, the cursor is before the first entry. */
  #turnToLess(): boolean {
    if (this.#lessDepth === 0) {
      this.#rewind();
      return false;
    }
    while (this.#depth > this.#lessDepth) this.#pop();
    this.#pending = -1;
    // The node itself: its children, none of which is less, come next. A child: the last entry below it is looked for.
    this.#places[this.#depth - 1] = this.#lessPlace + 1;
    this.#phase = Phase.Descend;
    return true;
  }

  /** The last place before one that has a child, -1 when none has. */
  #lastBefore(place: number): number {
    const { node } = this;
    let i = place - 1;
    while (i >= 0 && node.child(i) < 0) i--;
    return i;
  }

  #descend(place: number, child: number): void {
    this.#places[this.#depth - 1] = place + 1;
    this.path.u8(this.node.transition(place));
    this.#pending = child;
  }

  #pop(): void {
    this.#depth--;
    this.path.length = Math.max(0, this.#depth - 1);
  }

  /** Reads the pending node and makes it the current one. False: the window needs a load. */
  #enter(): boolean {
    if (!this.#load(this.#pending)) return false;
    if (this.#depth === this.#positions.length) this.#grow();
    this.#positions[this.#depth] = this.#pending;
    this.#places[this.#depth] = 0;
    this.#depth++;
    this.#pending = -1;
    return true;
  }

  #grow(): void {
    if (this.#depth >= MOST_DEPTH) throw this.#corrupt('trie deeper than any key');
    const positions = new Float64Array(this.#depth * 2);
    positions.set(this.#positions);
    this.#positions = positions;
    const places = new Uint16Array(this.#depth * 2);
    places.set(this.#places);
    this.#places = places;
  }

  /** Reads a node. The window stands at the start of its block: parents and children are mostly in the same one. */
  #load(position: number): boolean {
    const { window, node } = this;
    const { path, blockBytes } = window.file;
    window.seek(Math.floor(position / blockBytes) * blockBytes);
    while (!node.read(window.bytes, position - window.base, window.end, path, window.base)) {
      const more = window.more();
      if (more === More.NeedsLoad) return false;
      if (more === More.AtEnd) throw new CorruptFileError(path, position, 'trie node cut short');
    }
    return true;
  }

  #corrupt(why: string): CorruptFileError {
    return new CorruptFileError(this.window.file.path, this.position, why);
  }
}
