import { InvalidRequestError } from '../../../core/errors.ts';
import { blobType } from '../../../core/types/blob.ts';
import { TypeKind } from '../../../core/types/cql-type.ts';
import { NATIVE_TYPES } from '../../../core/types/native-types.ts';
import { shorten, toHex } from '../../../core/types/text-form.ts';
import { nullSafe, type ScalarFunction } from './scalar-function.ts';

/** `intAsBlob`, `blobAsInt` and so on for every native type but counter: the bytes are the same. */

function ofType(shownName: string, typeName: string): readonly ScalarFunction[] {
  const type = NATIVE_TYPES.find(({ cqlName }) => cqlName === typeName)!;
  const toBlob = (name: string) => nullSafe(name, [type], blobType, ([value]) => value!.slice());
  const fromBlob = (name: string) =>
    nullSafe(name, [blobType], type, ([value]) => {
      if (type.validate(value!, 0, value!.length) !== undefined) {
        throw new InvalidRequestError(
          `In call to function ${name}, value 0x${shorten(toHex(value!, 0, value!.length))} is not a valid binary representation for type ${type.cqlName}`,
        );
      }
      return value!.slice();
    });
  return [
    toBlob(`${shownName}asblob`),
    toBlob(`${shownName}_as_blob`),
    fromBlob(`blobas${shownName}`),
    fromBlob(`blob_as_${shownName}`),
  ];
}

export const BLOB_FUNCTIONS: readonly ScalarFunction[] = [
  ...NATIVE_TYPES.filter(({ kind }) => kind !== TypeKind.Blob && kind !== TypeKind.Counter).flatMap(({ cqlName }) =>
    ofType(cqlName, cqlName),
  ),
  ...ofType('varchar', 'text'),
];
