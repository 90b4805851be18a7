import { timeuuidType, uuidType } from '../../../core/types/uuid.ts';
import type { ExecutionContext } from '../plan.ts';
import type { ScalarFunction } from './scalar-function.ts';

/** Functions that make identifiers: each occurrence in a statement is evaluated by itself, at each execution. */

function freshTimeUuid(name: string): ScalarFunction {
  return {
    name,
    argumentTypes: [],
    returnType: timeuuidType,
    isPure: false,
    call(_args, context: ExecutionContext) {
      const id = new Uint8Array(16);
      context.timeUuid(id, 0);
      return id;
    },
  };
}

/** Version 4: random but for the bits of version and variant. */
const randomUuid: ScalarFunction = {
  name: 'uuid',
  argumentTypes: [],
  returnType: uuidType,
  isPure: false,
  call(_args, context: ExecutionContext) {
    const id = new Uint8Array(16);
    context.randomBytes(id);
    id[6] = (id[6]! & 0x0f) | 0x40;
    id[8] = (id[8]! & 0x3f) | 0x80;
    return id;
  },
};

export const UUID_FUNCTIONS: readonly ScalarFunction[] = [
  freshTimeUuid('now'),
  freshTimeUuid('currenttimeuuid'),
  freshTimeUuid('current_timeuuid'),
  randomUuid,
];
