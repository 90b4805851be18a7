/**
 * What a CQL text says, before anything is known of the schema. Plain immutable data.
 *
 * - Names are as the schema has them: unquoted ones folded to lower case, quoted ones without their quotes.
 * - Literals keep kind and text; nothing is converted, so an integer may have any number of digits.
 * - Fields stand in the order of the text; what was not written is `undefined`, `false` or an empty list.
 * - No tree is deeper than the parser's limit of nesting (`MAX_DEPTH`) allows, so recursion over it is safe.
 */

/** Name of a table or type, with its keyspace where that was written. */
export interface QualifiedName {
  readonly keyspace: string | undefined;
  readonly name: string;
}

/**
 * The bind markers of a statement by index: the name of `:name`, undefined for `?`. They are numbered in order of
 * appearance; a name that comes again is the same marker (as in ScyllaDB). The statements of a BATCH share its list.
 */
export type Markers = readonly (string | undefined)[];

// Terms: values in a statement.

export type LiteralKind = 'integer' | 'float' | 'string' | 'uuid' | 'blob' | 'boolean' | 'duration';

/**
 * One constant. `text` by kind: integer and float as written with sign (or NaN, Infinity, -Infinity); string without
 * quotes and escapes; uuid as written; blob with its 0x; boolean 'true' or 'false'; duration as written with sign.
 */
export interface LiteralTerm {
  readonly kind: 'literal';
  readonly type: LiteralKind;
  readonly text: string;
}

export interface NullTerm {
  readonly kind: 'null';
}

/** `?` or `:name`; the name is in the statement's `markers`. */
export interface MarkerTerm {
  readonly kind: 'marker';
  readonly index: number;
}

/** `[a, b]`: a list or a vector. */
export interface ListTerm {
  readonly kind: 'list';
  readonly items: readonly Term[];
}

/** `{a, b}`, at least one item: `{}` is a MapTerm. */
export interface SetTerm {
  readonly kind: 'set';
  readonly items: readonly Term[];
}

export interface MapEntry {
  readonly key: Term;
  readonly value: Term;
}

/** `{a: b}`. Without entries it is `{}`, which stands for an empty set too. */
export interface MapTerm {
  readonly kind: 'map';
  readonly entries: readonly MapEntry[];
}

export interface FieldValue {
  readonly field: string;
  readonly value: Term;
}

/** `{street: 'x', num: 1}`, at least one field. A field may come twice: the parser does not judge. */
export interface UdtTerm {
  readonly kind: 'udt';
  readonly fields: readonly FieldValue[];
}

/** `(a, b)`, at least one item. */
export interface TupleTerm {
  readonly kind: 'tuple';
  readonly items: readonly Term[];
}

/** `now()`, `ks.f(1, ?)`, `token(1, 2)`. */
export interface CallTerm {
  readonly kind: 'call';
  readonly keyspace: string | undefined;
  readonly name: string;
  readonly args: readonly Term[];
}

/** `(int)?`: a term with its type, which is not a bare class name. */
export interface HintTerm {
  readonly kind: 'hint';
  readonly type: TypeNode;
  readonly term: Term;
}

export type Term =
  | LiteralTerm
  | NullTerm
  | MarkerTerm
  | ListTerm
  | SetTerm
  | MapTerm
  | UdtTerm
  | TupleTerm
  | CallTerm
  | HintTerm;

/** A number of a LIMIT, TTL or TIMESTAMP, or the duration of a TIMEOUT. */
export type NumberTerm = LiteralTerm | MarkerTerm;

// Types.

export type TypeNodeKind = 'native' | 'list' | 'set' | 'map' | 'tuple' | 'vector' | 'user' | 'custom';

/** A type as written. Whether it makes sense (`frozen<int>`, an unknown user type) is for whoever resolves it. */
export interface TypeNode {
  readonly kind: TypeNodeKind;
  /** Written inside `frozen<>`. */
  readonly frozen: boolean;
  /** Of a user type, where written. */
  readonly keyspace: string | undefined;
  /** native: its name, 'text' for varchar; user: its name; custom: the class name; otherwise the same as `kind`. */
  readonly name: string;
  /** list, set, vector: 1; map: 2; tuple: 1 or more; otherwise none. */
  readonly parameters: readonly TypeNode[];
  /** Elements of a vector, a safe integer; otherwise 0. */
  readonly dimension: number;
}

// The SELECT list.

/** A column, or a part of one reached through fields and elements. */
export type ColumnSelector = NamedColumnSelector | FieldSelector | ElementSelector;

export interface NamedColumnSelector {
  readonly kind: 'column';
  readonly name: string;
}

/** `u.f` */
export interface FieldSelector {
  readonly kind: 'field';
  readonly of: ColumnSelector;
  readonly field: string;
}

/** `m[k]` */
export interface ElementSelector {
  readonly kind: 'element';
  readonly of: ColumnSelector;
  readonly key: Term;
}

/** A function or aggregate of selectors, `token(pk)` too; `count(*)` is CountRowsSelector. */
export interface CallSelector {
  readonly kind: 'call';
  readonly keyspace: string | undefined;
  readonly name: string;
  readonly args: readonly Selector[];
}

/** `count(*)` or `count(1)`. */
export interface CountRowsSelector {
  readonly kind: 'count-rows';
}

export interface WritetimeSelector {
  readonly kind: 'writetime' | 'ttl';
  readonly of: ColumnSelector;
}

/** `cast(x AS type)` */
export interface CastSelector {
  readonly kind: 'cast';
  readonly of: Selector;
  readonly type: TypeNode;
}

/** `(type)x` */
export interface HintSelector {
  readonly kind: 'hint';
  readonly type: TypeNode;
  readonly of: Selector;
}

/** A value that names no column. Calls and hints directly in the list are CallSelector and HintSelector. */
export interface TermSelector {
  readonly kind: 'term';
  readonly term: Exclude<Term, CallTerm | HintTerm>;
}

export type Selector =
  | ColumnSelector
  | CallSelector
  | CountRowsSelector
  | WritetimeSelector
  | CastSelector
  | HintSelector
  | TermSelector;

export interface SelectItem {
  readonly selector: Selector;
  readonly alias: string | undefined;
}

// WHERE and IF.

/** `a` */
export interface ColumnOperand {
  readonly kind: 'column';
  readonly column: string;
}

/** `m[k]` */
export interface ElementOperand {
  readonly kind: 'element';
  readonly column: string;
  readonly key: Term;
}

/** `u.f`, in IF only. */
export interface FieldOperand {
  readonly kind: 'field';
  readonly column: string;
  readonly field: string;
}

/** `(a, b)`, in WHERE only. */
export interface TupleOperand {
  readonly kind: 'tuple';
  readonly columns: readonly string[];
}

/** `token(a, b)`, in WHERE only. */
export interface TokenOperand {
  readonly kind: 'token';
  readonly columns: readonly string[];
}

export type Operand = ColumnOperand | ElementOperand | FieldOperand | TupleOperand | TokenOperand;

export type ComparisonOperator = '=' | '!=' | '<' | '<=' | '>' | '>=' | 'CONTAINS' | 'CONTAINS KEY' | 'LIKE';

/** Tuples and token() take only = != < <= > >=; an element or a field also LIKE; CONTAINS is for columns. */
export interface Comparison {
  readonly kind: 'compare';
  readonly left: Operand;
  readonly operator: ComparisonOperator;
  readonly right: Term;
}

/** `a IN (1, 2)`, `a IN ()`, `(a, b) NOT IN ((1, 2), ?)`. */
export interface Membership {
  readonly kind: 'in';
  readonly left: Exclude<Operand, TokenOperand>;
  readonly negated: boolean;
  readonly items: readonly Term[];
}

/** `a IN ?`: the marker is bound to a list. */
export interface MarkerMembership {
  readonly kind: 'in-marker';
  readonly left: Exclude<Operand, TokenOperand>;
  readonly negated: boolean;
  readonly marker: MarkerTerm;
}

/** `a IS NOT NULL`, in WHERE only. */
export interface NotNullRelation {
  readonly kind: 'is-not-null';
  readonly left: ColumnOperand;
}

export type Relation = Comparison | Membership | MarkerMembership | NotNullRelation;

// Reading and writing.

export type UsingKind = 'ttl' | 'timestamp' | 'timeout';

/** One part of USING. TTL in seconds, TIMESTAMP in microseconds, TIMEOUT a duration. No kind comes twice. */
export interface UsingOption {
  readonly kind: UsingKind;
  readonly value: NumberTerm;
}

export interface Ordering {
  readonly column: string;
  readonly descending: boolean;
}

export interface SelectStatement {
  readonly kind: 'select';
  readonly distinct: boolean;
  /** Empty: `*`. */
  readonly items: readonly SelectItem[];
  readonly from: QualifiedName;
  readonly where: readonly Relation[];
  readonly groupBy: readonly string[];
  readonly orderBy: readonly Ordering[];
  readonly perPartitionLimit: NumberTerm | undefined;
  readonly limit: NumberTerm | undefined;
  readonly allowFiltering: boolean;
  readonly bypassCache: boolean;
  /** TIMEOUT only. */
  readonly using: readonly UsingOption[];
  readonly markers: Markers;
}

/** `columns` and `values` may differ in length: that is Invalid, not a syntax error. */
export interface InsertStatement {
  readonly kind: 'insert';
  readonly table: QualifiedName;
  readonly columns: readonly string[];
  readonly values: readonly Term[];
  readonly ifNotExists: boolean;
  readonly using: readonly UsingOption[];
  readonly markers: Markers;
}

/**
 * One part of SET: `c = v` (set), `c = c + v` (add), `c = c - v` (subtract), `c = v + c` (prepend), `m[k] = v`
 * (set-element), `u.f = v` (set-field). `c += v` and `c -= v` are add and subtract.
 */
export type Assignment =
  | { readonly kind: 'set' | 'add' | 'subtract' | 'prepend'; readonly column: string; readonly value: Term }
  | { readonly kind: 'set-element'; readonly column: string; readonly key: Term; readonly value: Term }
  | { readonly kind: 'set-field'; readonly column: string; readonly field: string; readonly value: Term };

export interface UpdateStatement {
  readonly kind: 'update';
  readonly table: QualifiedName;
  readonly using: readonly UsingOption[];
  readonly assignments: readonly Assignment[];
  readonly where: readonly Relation[];
  readonly ifExists: boolean;
  /** Of IF; empty when `ifExists`. */
  readonly conditions: readonly Relation[];
  readonly markers: Markers;
}

/** What DELETE names: `c`, `m[k]` or `u.f`. */
export type DeleteTarget = ColumnOperand | ElementOperand | FieldOperand;

export interface DeleteStatement {
  readonly kind: 'delete';
  /** Empty: whole rows. */
  readonly targets: readonly DeleteTarget[];
  readonly table: QualifiedName;
  /** TIMESTAMP and TIMEOUT only. */
  readonly using: readonly UsingOption[];
  readonly where: readonly Relation[];
  readonly ifExists: boolean;
  /** Of IF; empty when `ifExists`. */
  readonly conditions: readonly Relation[];
  readonly markers: Markers;
}

export type ModificationStatement = InsertStatement | UpdateStatement | DeleteStatement;

export interface BatchStatement {
  readonly kind: 'batch';
  readonly type: 'logged' | 'unlogged' | 'counter';
  /** A TTL parses, and is Invalid. */
  readonly using: readonly UsingOption[];
  readonly statements: readonly ModificationStatement[];
  readonly markers: Markers;
}

export interface TruncateStatement {
  readonly kind: 'truncate';
  readonly table: QualifiedName;
  /** TIMEOUT only. */
  readonly using: readonly UsingOption[];
  readonly markers: Markers;
}

export interface UseStatement {
  readonly kind: 'use';
  readonly keyspace: string;
  readonly markers: Markers;
}

// Schema. No markers here: `markers` is empty.

/** Value of an option after WITH: a constant, or maps and lists of constants. Every one of these is a Term too. */
export type PropertyValue = LiteralTerm | PropertyList | PropertyMap;

export interface PropertyList {
  readonly kind: 'list';
  readonly items: readonly PropertyValue[];
}

export interface PropertyEntry {
  readonly key: LiteralTerm;
  readonly value: PropertyValue;
}

export interface PropertyMap {
  readonly kind: 'map';
  readonly entries: readonly PropertyEntry[];
}

/** `name = value` after WITH. No name comes twice in one statement. */
export interface Property {
  readonly name: string;
  readonly value: PropertyValue;
}

export interface CreateKeyspaceStatement {
  readonly kind: 'create-keyspace';
  readonly ifNotExists: boolean;
  readonly keyspace: string;
  readonly properties: readonly Property[];
  readonly markers: Markers;
}

export interface AlterKeyspaceStatement {
  readonly kind: 'alter-keyspace';
  readonly ifExists: boolean;
  readonly keyspace: string;
  readonly properties: readonly Property[];
  readonly markers: Markers;
}

export interface DropKeyspaceStatement {
  readonly kind: 'drop-keyspace';
  readonly ifExists: boolean;
  readonly keyspace: string;
  readonly markers: Markers;
}

export interface ColumnDefinition {
  readonly name: string;
  readonly type: TypeNode;
  readonly isStatic: boolean;
}

/** Exactly one primary key was given; whether its names are columns, and columns are named once, is not checked here. */
export interface CreateTableStatement {
  readonly kind: 'create-table';
  readonly ifNotExists: boolean;
  readonly table: QualifiedName;
  readonly columns: readonly ColumnDefinition[];
  readonly partitionKey: readonly string[];
  readonly clustering: readonly string[];
  readonly clusteringOrder: readonly Ordering[];
  readonly properties: readonly Property[];
  readonly markers: Markers;
}

export interface Renaming {
  readonly from: string;
  readonly to: string;
}

/** `ALTER c TYPE t` of a table's column or a type's field. */
export interface RetypeChange {
  readonly kind: 'retype';
  readonly name: string;
  readonly type: TypeNode;
}

export interface RenameChange {
  readonly kind: 'rename';
  readonly ifExists: boolean;
  readonly renamings: readonly Renaming[];
}

export interface AddColumnsChange {
  readonly kind: 'add';
  readonly ifNotExists: boolean;
  readonly columns: readonly ColumnDefinition[];
}

export interface DropColumnsChange {
  readonly kind: 'drop';
  readonly ifExists: boolean;
  readonly columns: readonly string[];
  /** USING TIMESTAMP, microseconds: an integer literal. */
  readonly timestamp: LiteralTerm | undefined;
}

export interface SetPropertiesChange {
  readonly kind: 'with';
  readonly properties: readonly Property[];
}

export type TableChange = AddColumnsChange | DropColumnsChange | RenameChange | RetypeChange | SetPropertiesChange;

export interface AlterTableStatement {
  readonly kind: 'alter-table';
  readonly ifExists: boolean;
  readonly table: QualifiedName;
  readonly change: TableChange;
  readonly markers: Markers;
}

export interface DropTableStatement {
  readonly kind: 'drop-table';
  readonly ifExists: boolean;
  readonly table: QualifiedName;
  readonly markers: Markers;
}

export interface FieldDefinition {
  readonly name: string;
  readonly type: TypeNode;
}

export interface CreateTypeStatement {
  readonly kind: 'create-type';
  readonly ifNotExists: boolean;
  readonly type: QualifiedName;
  readonly fields: readonly FieldDefinition[];
  readonly markers: Markers;
}

export interface AddFieldChange {
  readonly kind: 'add';
  readonly ifNotExists: boolean;
  readonly field: FieldDefinition;
}

export type TypeChange = AddFieldChange | RenameChange | RetypeChange;

export interface AlterTypeStatement {
  readonly kind: 'alter-type';
  readonly ifExists: boolean;
  readonly type: QualifiedName;
  readonly change: TypeChange;
  readonly markers: Markers;
}

export interface DropTypeStatement {
  readonly kind: 'drop-type';
  readonly ifExists: boolean;
  readonly type: QualifiedName;
  readonly markers: Markers;
}

export type SchemaStatement =
  | CreateKeyspaceStatement
  | AlterKeyspaceStatement
  | DropKeyspaceStatement
  | CreateTableStatement
  | AlterTableStatement
  | DropTableStatement
  | CreateTypeStatement
  | AlterTypeStatement
  | DropTypeStatement;

export type Statement =
  | SelectStatement
  | ModificationStatement
  | BatchStatement
  | TruncateStatement
  | UseStatement
  | SchemaStatement;
