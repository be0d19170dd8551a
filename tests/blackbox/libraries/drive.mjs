// What the drivers of npm's libraries share: see drivers.py.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const folder = process.env.LIBRARIES;
export const load = createRequire(folder + "/");
export const [host, port, settings] = process.argv.slice(2);

// Says that library `name` is ready, then asks `incr` for each key that comes, and ends.
export async function drive(name, incr) {
  const about = readFileSync(`${folder}/node_modules/${name}/package.json`);
  console.log(`ready ${JSON.parse(about).version}`);
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      console.log(`done ${await incr(line.trim())}`);
    } catch (error) {
      console.log(`failed ${error.name}`);
    }
  }
  process.exit(0);
}
