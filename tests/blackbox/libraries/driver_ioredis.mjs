import { drive, host, load, port, settings } from "./drive.mjs";

const { Redis } = load("ioredis");
const options = {
  defaults: {},
  safe: { maxRetriesPerRequest: 0, autoResendUnfulfilledCommands: false },
}[settings];
const client = new Redis({ host, port: Number(port), socketTimeout: 1000, ...options });
client.on("error", () => {}); // Each call reports its own.
await client.ping();
await drive("ioredis", (key) => client.incr(key));
