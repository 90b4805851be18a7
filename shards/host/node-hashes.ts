/** MD5 of bytes: names prepared statements as both peers do. */
export function md5(bytes: Uint8Array): Uint8Array {
  // Loaded with the first statement: no start needs it.
  return process.getBuiltinModule('node:crypto').createHash('md5').update(bytes).digest();
}
