// Reads AsyncAPI documents with the official parser: `node asyncapi.mjs FILE...`. Exits 1 on any error or warning.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const WORST_ALLOWED = 2; // 0 is an error, 1 a warning, 2 a remark: there is a newer version of AsyncAPI
let failed = false;
for (const file of process.argv.slice(2)) {
  const { diagnostics } = await new Parser().parse(readFileSync(file, "utf8"));
  for (const found of diagnostics.filter(({ severity }) => severity < WORST_ALLOWED)) {
    console.log(`${file}: ${found.path.join("/")}: ${found.code}: ${found.message}`);
    failed = true;
  }
}
process.exit(failed ? 1 : 0);
