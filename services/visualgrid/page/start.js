/** What the canvas shows before anything is on it: the services, and where to start. */

/** @import { Node, ServiceTables, TableSummary } from './types.js' */
/** @import { Explorer } from './explorer.js' */

import { call, Refused } from './api.js';
import { button, byId, el } from './dom.js';

/**
 * @param {ServiceTables[]} services
 * @param {Explorer} explorer
 * @param {(table: string) => void} openTable
 */
export async function showStart(services, explorer, openTable) {
  const cards = services
    .filter(({ tables }) => tables.length > 0)
    .map(({ service_code: service, available, tables }) => {
      const items = tables.map(({ table, approximate_count: count }) =>
        el('li', {}, button(`${table} (${count})`, () => openTable(table))),
      );
      const heading = el('h2', {}, available ? service : `${service}, not available`);
      return el('section', { class: available ? 'card' : 'card grey' }, heading, el('ul', {}, ...items));
    });
  byId('cards').replaceChildren(...cards);
  byId('starting-points').replaceChildren(...(await startingPoints(services, explorer)));
}

/**
 * The newest reservation, its variant and its facility.
 * @param {ServiceTables[]} services
 * @param {Explorer} explorer
 */
async function startingPoints(services, explorer) {
  const table = services.flatMap((service) => service.tables).find((each) => each.entity_types.includes('reservation'));
  const node = table ? await newestOf(table) : null;
  if (node === undefined) return [el('p', {}, `The newest reservation is shown here once ${table?.service_code} answers.`)];
  if (node === null) return [el('p', {}, 'There is no reservation yet. Open a table on the left.')];
  const { orgcode, variant_id: variant, logical_guid: facility } = node.properties;
  const hubs = [
    { name: `Its variant ${variant}`, ref: { table: 'stack_variants', pk: `ORG#${orgcode}`, sk: `VARIANT#${variant}` } },
    {
      name: `Its facility ${facility}`,
      ref: { table: 'stack_facilities', pk: `ORG#${orgcode}`, sk: `FACILITY#${facility}` },
    },
  ];
  return [
    button(`Newest reservation ${node.metadata.label}`, () => void explorer.put([node])),
    ...hubs.map(({ name, ref }) => button(name, () => void explorer.open(ref))),
  ];
}

/**
 * The newest reservation of a table; null if there is none, undefined if its service does not answer.
 * @param {TableSummary} table
 * @returns {Promise<Node | null | undefined>}
 */
async function newestOf({ table, available }) {
  if (!available) return undefined;
  try {
    const body = { table, filter: 'entity:reservation', limit: 1 };
    return (await call('node/children', body)).items[0]?.node ?? null;
  } catch (failure) {
    if (failure instanceof Refused) return undefined;
    throw failure;
  }
}
