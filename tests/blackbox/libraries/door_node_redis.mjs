// node-redis through the door `settings`, cluster or sentinel: see test_doors.py.
import { drive, host, load, port, settings } from "./drive.mjs";

const { createCluster, createSentinel } = load("redis");
const seed = { host, port: Number(port) };
const client =
  settings === "cluster"
    ? createCluster({ rootNodes: [{ socket: seed }] })
    : createSentinel({ name: "mymaster", sentinelRootNodes: [seed] });
client.on("error", () => {}); // Each call reports its own.
await client.connect();
await drive("redis", (key) => client.incr(key));
