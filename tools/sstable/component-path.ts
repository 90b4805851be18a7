import { joinPath, parseSSTableName, splitPath, sstablePrefix } from '../../sstable/format/names.ts';
import { type VersionFeatures, versionFeatures } from '../../sstable/format/version.ts';

/** Path of another component of the SSTable that a Data.db belongs to. */
export function componentPath(dataPath: string, component: string): string {
  const { directory, name } = splitPath(dataPath);
  return joinPath(directory, `${sstablePrefix(parseSSTableName(name)!)}-${component}`);
}

/** What the version in the name of a Data.db has. @throws UnsupportedFormatError when it is not read */
export function versionOf(dataPath: string): VersionFeatures {
  const { version, format } = parseSSTableName(splitPath(dataPath).name)!;
  return versionFeatures(version, format, dataPath);
}
