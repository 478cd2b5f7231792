// Three calls by a client made from the OpenAPI document of ICS, and one that is refused: compiled, then run by Node.
// node calls.js GATEWAY_URL SESSION ORGCODE CODE
import createClient from "openapi-fetch";
import type { components, paths } from "./ics.js";

declare const process: { argv: string[] };
declare const console: { log(text: string): void };

const [baseUrl, session, org, code] = process.argv.slice(2) as [string, string, string, string];
const client = createClient<paths>({
  baseUrl,
  headers: { "x-session-guid": session, "x-orgcode": org, "x-logical-guid": "FAC-A" },
});

// Only what is required has to be given, and every field of an answer is there without a question mark.
const made = await client.POST("/ics/zone/create", { body: { code } });
if (made.data === undefined) throw new Error(JSON.stringify(made.error));
const zone: components["schemas"]["Zone"] = made.data.data.zone;
const purpose: "pick" | "storage" | "overstock" | "receiving" | "returns" | "staging" = zone.purpose;

const again = await client.POST("/ics/zone/create", { body: { code } });
const refused: components["schemas"]["Failure"] | undefined = again.error;

const closed = await client.POST("/ics/zone/status/set", {
  body: { zone_id: zone.zone_id, status: "inactive", expected_revision: zone.revision },
});
const listed = await client.POST("/ics/zone/list", { body: { code } });
const items = listed.data?.data.items.map((each) => ({ zone_id: each.zone_id, status: each.status }));

console.log(
  JSON.stringify({
    zone_id: zone.zone_id,
    purpose,
    refused: refused?.error.error_code,
    revision: closed.data?.data.zone.revision,
    items,
  }),
);
