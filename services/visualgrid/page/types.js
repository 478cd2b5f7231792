/**
 * The shapes of VisualGrid's answers, for the type checker. The contract describes them.
 *
 * @typedef {{table: string, pk: string, sk: string}} Ref
 * @typedef {{service_code: string, table: string, entity_type: string, label: string, revision?: number,
 *   size_bytes: number}} Metadata
 * @typedef {{ddb_keys: Record<string, string>, properties: Record<string, unknown>, metadata: Metadata}} Node
 * @typedef {'out' | 'in'} Direction
 * @typedef {{edge: string, direction: Direction, from: Ref, to: Ref}} Link
 * @typedef {{edge: string, direction: Direction, entity_type: string, approximate_count: number}} EdgeCount
 * @typedef {{link?: Link, node: Node}} Child
 * @typedef {{items: Child[], edges: EdgeCount[], count: number, next_token: string | null, unavailable: string[]}}
 *   ChildrenPage
 * @typedef {{field: string, before?: unknown, after?: unknown}} FieldChange
 * @typedef {{at_utc: string, action: string, actor?: string, revision?: number, event_id?: string, reason?: string,
 *   trace_id?: string, changed: FieldChange[]}} HistoryItem
 * @typedef {{items: HistoryItem[], has_more: boolean, next_token: string | null}} HistoryPage
 * @typedef {{table: string, service_code: string, entity_types: string[], approximate_count: number, keys: string[],
 *   available: boolean}} TableSummary
 * @typedef {{service_code: string, available: boolean, tables: TableSummary[]}} ServiceTables
 * @typedef {{entity_type: string, service_code: string, table: string, pk_pattern: string, sk_pattern: string,
 *   label_pattern: string}} EntityType
 * @typedef {{edge: string, from_entity: string, to_entity: string, to_entities?: string[], from_service: string,
 *   to_service: string, inward: boolean}} EdgeType
 */

export {};
