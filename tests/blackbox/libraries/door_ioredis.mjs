// ioredis through the door `settings`, cluster or sentinel: see test_doors.py.
import { drive, host, load, port, settings } from "./drive.mjs";

const { Cluster, Redis } = load("ioredis");
const seed = { host, port: Number(port) };
const client =
  settings === "cluster"
    ? new Cluster([seed], { clusterRetryStrategy: () => 20 })
    : new Redis({ sentinels: [seed], name: "mymaster", sentinelRetryStrategy: () => 20 });
client.on("error", () => {}); // Each call reports its own.
await client.ping();
await drive("ioredis", (key) => client.incr(key));
