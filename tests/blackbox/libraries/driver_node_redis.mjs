import { drive, host, load, port, settings } from "./drive.mjs";

const { createClient } = load("redis");
// Without a strategy of its own it never connects again after a socketTimeout.
const options = { defaults: {}, safe: { reconnectStrategy: 100 } }[settings];
const client = createClient({
  socket: { host, port: Number(port), socketTimeout: 1000, ...options },
});
client.on("error", () => {}); // Each call reports its own.
await client.connect();
await client.ping();
await drive("redis", (key) => client.incr(key));
