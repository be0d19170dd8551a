import { drive, host, load, port } from "./drive.mjs";

const { GlideClient } = load("@valkey/valkey-glide");
const client = await GlideClient.createClient({
  addresses: [{ host, port: Number(port) }],
  requestTimeout: 1000,
});
await client.ping();
await drive("@valkey/valkey-glide", (key) => client.incr(key));
