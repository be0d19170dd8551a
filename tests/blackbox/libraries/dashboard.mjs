// Drives the dashboard in Chromium: dashboard.mjs URL. It does what each line of its input says, and
// prints one line of JSON for it.
import { createRequire } from "node:module";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";

const { chromium } = createRequire(`${process.env.LIBRARIES}/`)("playwright-core");
const profile = mkdtempSync(`${tmpdir()}/rakit-dashboard.`);
const context = await chromium.launchPersistentContext(profile, {
  executablePath: "/usr/bin/chromium",
  viewport: { width: 1280, height: 900 },
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const page = context.pages()[0];
const faults = [];
page.on("pageerror", (error) => faults.push(error.message));
page.on("console", (message) => { if (message.type() === "error") faults.push(message.text()); });

const text = (selector) => page.textContent(selector);
const texts = (selector) => page.$$eval(selector, (all) => all.map((e) => e.textContent));

async function execute(line) {
  const count = (await page.$$("#output > div")).length;
  await page.fill("#command", line);
  await page.press("#command", "Enter");
  await page.waitForFunction((n) => document.querySelectorAll("#output > div").length > n, count + 1);
  return (await texts("#output > div")).at(-1);
}

// What is wrong for those who don't see the page, or have no mouse.
async function judge() {
  return page.evaluate(() => {
    const named = (e) => e.getAttribute("aria-label") || e.textContent.trim() || (e.labels && e.labels.length);
    const bad = [];
    for (const e of document.querySelectorAll("button, input, a, [role]")) {
      if (!named(e) && !e.getAttribute("aria-labelledby")) bad.push(e.outerHTML.slice(0, 80));
    }
    if (document.querySelectorAll("main, header, nav").length !== 3) bad.push("landmarks");
    for (const e of document.querySelectorAll("section")) {
      if (!e.getAttribute("aria-labelledby") && !e.getAttribute("aria-label")) bad.push(e.id);
    }
    return { bad, scrolls: document.documentElement.scrollWidth > innerWidth };
  });
}

const actions = {
  async open(url) {
    await page.goto(url);
    await page.waitForSelector(".card");
    await page.waitForFunction(() => document.querySelector("#link").textContent === "live");
    return { cards: await texts(".card h3"), leader: await text("#s-leader"), title: await page.title() };
  },
  async rows(wanted) {
    await page.fill("#search", wanted);
    await page.waitForFunction((w) => document.querySelector("#request-rows").textContent.includes(w), wanted);
    const rows = await texts("#request-rows tr");
    await page.fill("#search", "");
    return { rows };
  },
  async execute(line) { return { reply: await execute(line) }; },
  async keys(pattern) {
    await page.fill("#pattern", pattern);
    await page.press("#pattern", "Enter");
    await page.waitForSelector("#key-list button");
    await page.focus("#key-list button");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelector("#value").textContent.includes("string"));
    return { keys: await texts("#key-list button"), value: await text("#value") };
  },
  // How long it takes from now until another node is shown as the leader.
  async failover() {
    const before = await page.$eval(".card.leader", (e) => e.dataset.node);
    const begun = Date.now();
    console.log(JSON.stringify({ watching: before }));
    await page.waitForFunction((old) => {
      const card = document.querySelector(".card.leader");
      return card && card.dataset.node !== old;
    }, before, { polling: 20 });
    return { ms: Date.now() - begun, leader: await page.$eval(".card.leader", (e) => e.dataset.node),
      events: await texts("#event-list li") };
  },
  async event(wanted) {
    await page.waitForFunction((w) => document.querySelector("#event-list").textContent.includes(w), wanted);
    return { events: await texts("#event-list li") };
  },
  // Opens the page as that user, whom the browser asks for when the node does.
  async login(words) {
    const [username, password, url] = words.split(" ");
    await context.setHTTPCredentials({ username, password });
    await page.goto(url);
    await page.waitForFunction(() => document.querySelector("#nodes-note").textContent !== "");
    return { note: await text("#nodes-note"), reply: await execute("set refused 1") };
  },
  async picture() { return { label: await page.getAttribute("#picture", "aria-label") }; },
  async look() {
    const wide = await judge();
    await page.setViewportSize({ width: 360, height: 740 });
    const phone = await judge();
    await page.click("#theme");
    const dark = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await page.setViewportSize({ width: 1280, height: 900 });
    return { wide, phone, dark, faults };
  },
  // What the console shows if the browser has credentials that the node does not take.
  async denied(line) {
    const authorization = `Basic ${Buffer.from("nobody:guess").toString("base64")}`;
    await page.route("**/execute", (route) => route.continue({ headers: { ...route.request().headers(), authorization } }));
    const reply = await execute(line);
    await page.unroute("**/execute");
    return { reply };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const [action, ...rest] = line.split(" ");
  try {
    console.log(JSON.stringify(await actions[action](rest.join(" "))));
  } catch (error) {
    console.log(JSON.stringify({ error: error.message, faults }));
  }
}
await context.close();
rmSync(profile, { recursive: true, force: true });
