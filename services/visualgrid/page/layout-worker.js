/** The force layout, in a worker of its own: it runs 120 steps, tells where the nodes are, and ends. */

import { forceCollide, forceLink, forceManyBody, forceSimulation, forceX, forceY } from './vendor/d3-force.js';

const STEPS = 120;
const STEPS_BETWEEN_NEWS = 30;

/** @param {MessageEvent<{run: number, nodes: any[], links: any[]}>} message */
onmessage = ({ data: { run, nodes, links } }) => {
  const simulation = forceSimulation(nodes)
    .force('link', forceLink(links).id((/** @type {any} */ node) => node.id).distance(70).strength(0.5))
    .force('charge', forceManyBody().strength(-120).distanceMax(600))
    .force('collide', forceCollide(18))
    .force('x', forceX(0).strength(0.03))
    .force('y', forceY(0).strength(0.03))
    .stop();
  simulation.alphaDecay(1 - Math.pow(0.001, 1 / STEPS));
  for (let step = 1; step <= STEPS; step += 1) {
    simulation.tick();
    if (step % STEPS_BETWEEN_NEWS === 0) {
      postMessage({ run, done: step === STEPS, places: nodes.map(({ id, x, y }) => ({ id, x, y })) });
    }
  }
};
