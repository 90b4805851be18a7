import { unreachable } from '../../core/assert.ts';
import type { Markers, Selector } from '../language/ast.ts';
import { printTerm, printType } from '../language/printer-value.ts';
import { FUNCTION_KEYSPACE } from './functions/registry.ts';

/** The name of a result column without an alias, as ScyllaDB and Cassandra give it. Drivers' users find values by it. */
export function selectorName(selector: Selector, markers: Markers): string {
  const nameOf = (inner: Selector): string => selectorName(inner, markers);
  switch (selector.kind) {
    case 'column':
      return selector.name;
    case 'field':
      return `${nameOf(selector.of)}.${selector.field}`;
    case 'element':
      return `${nameOf(selector.of)}[${printTerm(selector.key, markers)}]`;
    case 'call':
      return `${selector.keyspace ?? FUNCTION_KEYSPACE}.${selector.name}(${selector.args.map(nameOf).join(', ')})`;
    case 'count-rows':
      return 'count';
    case 'writetime':
    case 'ttl':
      return `${selector.kind}(${nameOf(selector.of)})`;
    case 'cast':
      return `cast(${nameOf(selector.of)} as ${printType(selector.type)})`;
    case 'hint':
      return `(${printType(selector.type)})${nameOf(selector.of)}`;
    case 'term':
      return printTerm(selector.term, markers);
    default:
      return unreachable(selector);
  }
}
