/** What a schema statement depends on beside the schema. */
export interface SchemaEnvironment {
  /** By name: how many nodes a data centre has, in how many racks. */
  readonly dataCenters: ReadonlyMap<string, { readonly nodeCount: number; readonly rackCount: number }>;
  /** A new UUID, as lower-case text: for the id of a table and the version of the schema. */
  newUuid(): string;
  /** Wall clock, microseconds since 1970: the time of a DROP of a column. */
  readonly nowUs: number;
  /**
   * The statements come from a `schema.cql`: class names of user types that are gone are taken, since columns that were
   * dropped can have had them.
   */
  readonly isRestoring?: boolean;
}
