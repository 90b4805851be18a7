import { quoteIdentifier } from '../../core/types/cql-identifier.ts';
import type { ByteTemplate } from './byte-template.ts';
import { type JsonStyle, JsonText, recorded } from './json-text.ts';

/** The beginning of a cell up to its name, without and with the comma before it. */
export interface CellTemplate {
  readonly first: ByteTemplate;
  readonly next: ByteTemplate;
}

/**
 * Stretches of sstabledump's form that come for every row or cell, taken down once from the JSON that they are part of, in the
 * style and at the depth that they have there.
 */
export class SstabledumpTemplates {
  /** Up to the row's position. */
  readonly rowStart: ByteTemplate;
  readonly nextRowStart: ByteTemplate;
  /** Up to the timestamp. */
  readonly livenessStart: ByteTemplate;
  // Members of an object on one line, up to their values.
  readonly value: ByteTemplate;
  readonly timestamp: ByteTemplate;
  readonly ttl: ByteTemplate;
  readonly expires: ByteTemplate;
  readonly expired: ByteTemplate;
  readonly pathStart: ByteTemplate;
  readonly pathEnd: ByteTemplate;
  readonly deletedStart: ByteTemplate;
  /** Of an object on one line. */
  readonly inlineEnd: ByteTemplate;
  /** Stands in a row, where its cells come next. */
  readonly #json: JsonText;

  /** @param depth of the partitions */
  constructor(style: JsonStyle, depth: number) {
    const json = new JsonText(style, () => true);
    this.#json = json;
    for (let i = 0; i < depth; i++) json.enter(true, false, 0);
    json.enter(false, false, 1); // the partition
    json.enter(true, false, 0); // its rows
    const startRow = () => {
      json.beginObject();
      json.key('type');
      json.string('row');
      json.key('position');
      json.separate();
    };
    this.rowStart = recorded(json, startRow);
    json.end();
    this.nextRowStart = recorded(json, startRow);
    this.livenessStart = recorded(json, () => {
      json.key('liveness_info');
      json.beginObject(true);
      json.key('tstamp');
      json.separate();
    });
    this.inlineEnd = recorded(json, () => json.end());
    json.key('cells');
    json.beginArray();
    json.beginObject(true);
    json.key('name');
    json.number('0');
    const member = (name: string) =>
      recorded(json, () => {
        json.key(name);
        json.separate();
      });
    this.value = member('value');
    this.timestamp = member('tstamp');
    this.ttl = member('ttl');
    this.expires = member('expires_at');
    this.expired = member('expired');
    this.pathStart = recorded(json, () => {
      json.key('path');
      json.beginArray();
      json.separate();
    });
    this.pathEnd = recorded(json, () => json.end());
    this.deletedStart = recorded(json, () => {
      json.key('deletion_info');
      json.beginObject();
      json.key('local_delete_time');
      json.separate();
    });
    while (json.depth > depth + 3) json.end();
  }

  cell(name: string): CellTemplate {
    return { first: this.#cellStart(name, 0), next: this.#cellStart(name, 1) };
  }

  /** @param count of the cells before it */
  #cellStart(name: string, count: number): ByteTemplate {
    const json = this.#json;
    json.enter(true, false, count);
    const start = recorded(json, () => {
      json.beginObject(true);
      json.key('name');
      json.string(quoteIdentifier(name));
    });
    json.end();
    json.end();
    return start;
  }
}
