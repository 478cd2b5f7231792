/** What the services declare: kinds of record and edges, as the schema row answers. */

/** @import { EdgeType, EntityType, Ref } from './types.js' */

import { schema } from './api.js';

/** The kinds and edges, once they are loaded. */
export class Catalogue {
  /** @type {EntityType[]} */
  kinds = [];
  /** @type {EdgeType[]} */
  edges = [];
  #tell = () => {};
  /**
   * Resolves once they are loaded.
   * @type {Promise<void>}
   */
  known = new Promise((resolve) => (this.#tell = resolve));

  async load() {
    const { entity_types: kinds, edges } = await schema();
    Object.assign(this, { kinds, edges });
    this.#tell();
  }

  /**
   * The kind that keys belong to, as far as they tell.
   * @param {Ref} ref
   */
  kindOf({ table, pk, sk }) {
    return this.kinds.find((kind) => kind.table === table && fits(kind.sk_pattern, sk) && fits(kind.pk_pattern, pk));
  }

  /**
   * The edges of a kind into services that are down, which answers leave out.
   * @param {string} service
   * @param {string} kind
   * @param {ReadonlySet<string>} down
   */
  edgesInto(service, kind, down) {
    const outward = this.edges.filter(
      (edge) => edge.from_service === service && edge.from_entity === kind && down.has(edge.to_service),
    );
    const inward = this.edges.filter(
      (edge) =>
        edge.inward && edge.to_service === service && targetsOf(edge).includes(kind) && down.has(edge.from_service),
    );
    return [
      ...outward.map((edge) => `→ ${edge.edge} ${targetsOf(edge).join(' or ')}: ${edge.to_service} is not available`),
      ...inward.map((edge) => `← ${edge.edge} ${edge.from_entity}: ${edge.from_service} is not available`),
    ];
  }
}

/** @param {EdgeType} edge */
function targetsOf(edge) {
  return edge.to_entities ?? [edge.to_entity];
}

/**
 * Whether a key may follow a pattern: it begins like it.
 * @param {string} pattern
 * @param {string} key
 */
export function fits(pattern, key) {
  return key.startsWith(pattern.split('{')[0] ?? '');
}
