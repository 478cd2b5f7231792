// The modules of the explorer that decide something, without a browser. PAGE names their folder.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

const from = (name) => import(pathToFileURL(`${process.env.PAGE}/${name}`).href);
const { Graph, NODES_MAX, countText } = await from('model.js');
const { Explorer } = await from('explorer.js');
const { queryOf, refsOf } = await from('query.js');
const { textOf, viewFrom, viewOf } = await from('address.js');
const { asOf, differences, lastKnown, placed, GAP_MILLISECONDS_MAX } = await from('moments.js');
const { isActive, termsOf } = await from('shortage.js');
const { Catalogue } = await from('catalogue.js');
const { labelOf } = await from('loading.js');
const { WRITERS } = await from('formats.js');
const { nearest, pushed } = await from('keys.js');
const { Camera } = await from('camera.js');
const { hueOf } = await from('palette.js');
const { curlText, idText } = await from('copying.js');

const node = (name, kind = 'zone', properties = {}) => ({
  ddb_keys: { PK: 'ORG#A', SK: `Z#${name}` },
  properties,
  metadata: { service_code: 'ics', table: 'ics_zones', entity_type: kind, label: name, size_bytes: 2 },
});
const ref = (name) => ({ table: 'ics_zones', pk: 'ORG#A', sk: `Z#${name}` });
const child = (near, name, kind) => ({
  link: { edge: 'in', direction: 'out', from: ref(near), to: ref(name) },
  node: node(name, kind),
});

test('an expansion adds nodes and links once', () => {
  const graph = new Graph();
  const a = graph.add(node('a'));
  assert.equal(graph.addChildren(a.id, [child('a', 'b'), child('a', 'b')]).added, 1);
  assert.deepEqual([graph.nodes.size, graph.links.size], [2, 1]);
});

test('collapsing takes away what an expansion added, and what that added, and nothing else', () => {
  const graph = new Graph();
  const a = graph.add(node('a'));
  graph.add(node('other'));
  graph.addChildren(a.id, [child('a', 'b')]);
  const b = [...graph.nodes.values()].find(({ label }) => label === 'b');
  graph.addChildren(b.id, [child('b', 'c')]);
  assert.equal(graph.collapse(a.id), 2);
  assert.deepEqual([...graph.nodes.values()].map(({ label }) => label), ['a', 'other']);
  assert.equal(graph.links.size, 0);
});

test('undo goes back step by step, and keeps places', () => {
  const graph = new Graph();
  graph.remember();
  const a = graph.add(node('a'));
  graph.remember();
  graph.addChildren(a.id, [child('a', 'b')]);
  Object.assign(a, { x: 5, placed: true });
  assert.ok(graph.undo());
  assert.deepEqual([graph.nodes.size, graph.nodes.get(a.id).x], [1, 5]);
  assert.ok(graph.undo());
  assert.equal(graph.nodes.size, 0);
  assert.equal(graph.undo(), false);
});

test('the canvas holds so many nodes and says when it is full', () => {
  const graph = new Graph();
  for (let number = 0; number < NODES_MAX; number += 1) graph.add(node(`n${number}`));
  assert.equal(graph.add(node('one more')), null);
  assert.ok(graph.add(node('n0')), 'a known node is taken');
});

test('hidden kinds and later records are not shown, nor their links', () => {
  const graph = new Graph();
  const a = graph.add(node('a', 'zone', { created_utc: '2026-01-01T00:00:00.000Z' }));
  graph.addChildren(a.id, [child('a', 'b', 'bin')]);
  graph.hidden.add('bin');
  assert.deepEqual([graph.shown().length, graph.shownLinks().length], [1, 0]);
  graph.hidden.clear();
  graph.asOf = '2025-01-01T00:00:00.000Z';
  assert.deepEqual(graph.shown().map(({ label }) => label), ['b']);
});

test('a count says where it stops', () => {
  assert.deepEqual([0, 256, 257].map(countText), ['0', '256', '256+']);
});

test('a query is keys, a filter, or an id that may be a cause', () => {
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
  assert.deepEqual(queryOf('ORG#A ZONE#1'), { kind: 'keys', table: null, pk: 'ORG#A', sk: 'ZONE#1' });
  assert.deepEqual(queryOf('t|ORG#A|Z#1|2'), { kind: 'keys', table: 't', pk: 'ORG#A', sk: 'Z#1|2' });
  assert.deepEqual(queryOf(' op:x '), { kind: 'filters', filters: ['op:x'] });
  assert.deepEqual(queryOf(trace).filters, [`id:${trace}`, `trace:${trace}`, `op:${trace}`]);
  assert.equal(queryOf('  '), null);
});

test('keys lead to the tables whose keys begin like these', () => {
  const kinds = [
    { table: 'ics_zones', pk_pattern: 'ORG#{orgcode}', sk_pattern: 'ZONE#{zone_id}' },
    { table: 'ics_bins', pk_pattern: 'ORG#{orgcode}', sk_pattern: 'BIN#{bin_id}' },
  ];
  const found = refsOf({ kind: 'keys', table: null, pk: 'ORG#A', sk: 'BIN#1' }, kinds);
  assert.deepEqual(found, [{ table: 'ics_bins', pk: 'ORG#A', sk: 'BIN#1' }]);
});

test('a view survives the address', () => {
  const graph = new Graph();
  const a = graph.add(node('a'));
  graph.addChildren(a.id, [child('a', 'b|c & d')]);
  const edge = { edge: 'in', direction: 'in', entity_type: 'bin', approximate_count: 90 };
  const expansion = { edges: [edge], unavailable: [], followed: new Map([['in in bin', { token: 't', taken: 25 }]]) };
  graph.expanded.set(a.id, expansion);
  graph.selected = a.id;
  const view = viewFrom(graph, 'ics_zones');
  const once = { ref: ref('a'), steps: [] };
  assert.deepEqual(view, { table: 'ics_zones', selected: ref('a'), opened: [ref('a')], expanded: [once] });
  assert.deepEqual(viewOf(`#${textOf(view)}`), view);
  expansion.followed.set('in in bin', { token: null, taken: 90 });
  const whole = viewFrom(graph, 'ics_zones');
  assert.deepEqual(whole.expanded, [{ ref: ref('a'), steps: [{ edge: 'in in bin', taken: 90 }] }]);
  assert.deepEqual(viewOf(textOf(whole)), whole);
  assert.deepEqual(viewOf('#at=nonsense'), { table: '', selected: null, opened: [], expanded: [] });
});

test('moments are in order, on a line on which gaps are folded', () => {
  const moment = (at) => ({ at, service: 'ics', node: 'n', label: 'l', action: 'a' });
  const line = placed([moment('2026-01-03T00:00:00Z'), moment('2026-01-01T00:00:00Z'), moment('2026-01-01T00:00:10Z')]);
  assert.deepEqual(line.map(({ gap }) => gap), [false, false, true]);
  assert.deepEqual(line.map(({ place }) => place), [0, 10_000 / (10_000 + GAP_MILLISECONDS_MAX), 1]);
});

test('a record as it was has its later changes taken back', () => {
  const history = [
    { at_utc: '2026-01-03', changed: [{ field: 'status', before: 'open', after: 'closed' }, { field: 'n', after: 1 }] },
    { at_utc: '2026-01-02', changed: [{ field: 'status', before: 'new', after: 'open' }] },
  ];
  assert.deepEqual(asOf({ status: 'closed', n: 1, id: 1 }, history, '2026-01-02'), { status: 'open', id: 1 });
  assert.deepEqual(differences({ a: 1, b: [1] }, { a: 2, b: [1], c: 3 }), [
    { field: 'a', before: 1, after: 2 },
    { field: 'c', before: undefined, after: 3 },
  ]);
});

test('what is short follows from the buckets and the holdbacks', () => {
  const balance = { available: 7, quarantine: 1, damaged: 2, reserved: 3, open: 1, picked: 1, packed: 1 };
  const { onHand, terms, promisable } = termsOf(balance, 4);
  assert.deepEqual([onHand.units, promisable], [16, 3]);
  assert.deepEqual(terms.filter(({ units }) => units > 0).map(({ name, units }) => [name, units]), [
    ['quarantine', 1],
    ['damaged', 2],
    ['reservations', 3],
    ['commits', 3],
    ['holdbacks', 4],
  ]);
});

test('holdbacks count while they last', () => {
  const [before, now, after] = ['2026-01-01', '2026-01-02', '2026-01-03'];
  assert.ok(isActive({ quantity: 1 }, now));
  assert.ok(isActive({ quantity: 1, starts_utc: before, ends_utc: after }, now));
  assert.ok(!isActive({ quantity: 0 }, now));
  assert.ok(!isActive({ quantity: 1, starts_utc: after }, now));
  assert.ok(!isActive({ quantity: 1, ends_utc: now }, now));
});

test('a label leaves out what is not known, and the separators beside it', () => {
  assert.equal(labelOf('{code} {name}', { code: 'A', name: null }), 'A');
  assert.equal(labelOf('{a.b} @ {c:03d}', { a: { b: 'x' }, c: 7 }), 'x @ 7');
  assert.equal(labelOf('{a} @ {c}', {}), '');
});

test('a deleted record has the fields that its history told last', () => {
  const history = [
    { at_utc: '3', changed: [{ field: 'name', before: 'new' }] },
    { at_utc: '2', changed: [{ field: 'name', before: 'old', after: 'new' }] },
    { at_utc: '1', changed: [{ field: 'name', after: 'old' }, { field: 'code', after: 'A' }] },
  ];
  assert.deepEqual(lastKnown(history), { name: 'new', code: 'A' });
});

test('a kind is known by its keys, and so are its edges into services that are down', () => {
  const catalogue = new Catalogue();
  const edge = { to_entity: 'zone', from_service: 'ics', to_service: 'ics', inward: false };
  catalogue.kinds = [
    { entity_type: 'zone', table: 'ics_zones', pk_pattern: 'ORG#{orgcode}', sk_pattern: 'ZONE#{zone_id}' },
    { entity_type: 'gate', table: 'ics_zones', pk_pattern: 'ORG#{orgcode}', sk_pattern: 'GATE#{zone_id}' },
  ];
  catalogue.edges = [
    { ...edge, edge: 'sold', from_entity: 'zone', to_entity: 'x', to_entities: ['a', 'b'], to_service: 'slc' },
    { ...edge, edge: 'near', from_entity: 'zone' },
    { ...edge, edge: 'kept', from_entity: 'style', from_service: 'pmc', inward: true },
    { ...edge, edge: 'seen', from_entity: 'style', from_service: 'pmc' },
  ];
  assert.equal(catalogue.kindOf({ table: 'ics_zones', pk: 'ORG#A', sk: 'GATE#1' }).entity_type, 'gate');
  assert.deepEqual(catalogue.edgesInto('ics', 'zone', new Set(['slc', 'pmc'])), [
    '→ sold a or b: slc is not available',
    '← kept style: pmc is not available',
  ]);
  assert.deepEqual(catalogue.edgesInto('ics', 'zone', new Set()), []);
});

test('cells that a spreadsheet would run are harmless, and so is what XML does not allow', () => {
  const graph = new Graph();
  graph.add(node('=1+1, "x"\u0001<&', 'zone', { n: -5 }));
  const csv = WRITERS.csv.write(graph.shown(), []);
  assert.ok(csv.includes(`"'=1+1, ""x""`));
  assert.ok(csv.includes('{""n"":-5}'));
  assert.ok(WRITERS.graphml.write(graph.shown(), []).includes('=1+1, &quot;x&quot;\u{FFFD}&lt;&amp;'));
});

test('links of a service that is down are cut', () => {
  const graph = new Graph();
  const a = graph.add(node('a'));
  graph.addChildren(a.id, [child('a', 'b')]);
  const [link] = graph.shownLinks();
  assert.ok(!graph.isCut(link));
  graph.down = new Set(['ics']);
  assert.ok(graph.isCut(link));
});

test('a node that is moved by a key stays where it is put', () => {
  const moved = { x: 1, y: 2, placed: false };
  pushed(moved, 'up', 10);
  assert.deepEqual(moved, { x: 1, y: -8, placed: true });
});

test('arrows lead to the nearest node in their direction', () => {
  const nodes = [{ x: 10, y: 0 }, { x: 5, y: 30 }, { x: -10, y: 1 }];
  assert.equal(nearest({ x: 0, y: 0 }, nodes, 'right'), nodes[0]);
  assert.equal(nearest({ x: 0, y: 0 }, nodes, 'down'), nodes[1]);
  assert.equal(nearest({ x: 0, y: 0 }, nodes, 'up'), null);
});

test('a camera leads there and back, and zooms around a place', () => {
  const camera = Object.assign(new Camera(), { x: 3, y: 4, zoom: 2, width: 100, height: 50 });
  assert.deepEqual(camera.toGraph(camera.toScreen({ x: 7, y: 9 })), { x: 7, y: 9 });
  const before = camera.toGraph({ x: 20, y: 20 });
  camera.zoomAt(1.5, { x: 20, y: 20 });
  const after = camera.toGraph({ x: 20, y: 20 });
  assert.ok(Math.hypot(before.x - after.x, before.y - after.y) < 1e-9);
});

test('a kind has the same hue always', () => {
  assert.equal(hueOf('zone'), hueOf('zone'));
  assert.ok(hueOf('zone') % 15 === 0);
});

test('what is copied names the record and leaves the place of the token empty', () => {
  const copied = { ref: { table: 't', pk: 'ORG#A', sk: "Z#o'1" } };
  assert.equal(idText(copied), "o'1");
  const curl = curlText(copied, 'http://h');
  assert.ok(curl.includes("-H 'x-vg-token: '"));
  assert.ok(curl.includes("o'\\''1"));
});

/**
 * An explorer of one record, whose pages of neighbours are these in turn; and what it says.
 */
function exploring(...pages) {
  const said = [];
  globalThis.fetch = async () => {
    const data = { items: [], edges: [], count: 0, next_token: null, unavailable: [], ...pages.shift() };
    return { ok: true, status: 200, headers: new Map(), json: async () => ({ ok: true, data }) };
  };
  const work = { attempt: (task) => task(), say: (text) => said.push(text) };
  const explorer = new Explorer(new Graph(), work, new Catalogue(), () => {}, () => {});
  return { explorer, said, start: explorer.put([node('a')]) };
}

test('an edge of a service that does not answer is asked for again, and not taken for its end', async () => {
  const counted = { edges: [{ edge: 'in', direction: 'out', entity_type: 'zone', approximate_count: 1 }] };
  const late = { unavailable: ['pmc'] };
  const found = { items: [child('a', 'b')] };
  const { explorer, said, start } = exploring(counted, late, counted, late, counted, found);
  await explorer.expand(start);
  assert.match(said.at(-1), /zone 0 of 1; pmc did not answer$/);
  await explorer.expandAll(start);
  assert.match(said.at(-1), /pmc did not answer$/);
  await explorer.expand(start);
  assert.deepEqual([explorer.graph.nodes.size, said.at(-1)], [2, 'Shown around a: zone 1 of 1']);
});

test('what answers while another service is down is shown all the same', async () => {
  const edges = [{ edge: 'in', direction: 'out', entity_type: 'zone', approximate_count: 1 }];
  const unavailable = ['slc'];
  const { explorer, said, start } = exploring({ edges, unavailable }, { items: [child('a', 'b')], unavailable });
  await explorer.expandAll(start);
  assert.equal(explorer.graph.nodes.size, 2);
  assert.match(said.at(-1), /zone 1 of 1; slc did not answer$/);
});
