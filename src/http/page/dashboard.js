"use strict";
// The page of a node: what /events brings is shown, and commands go to /execute.

const $ = (id) => document.getElementById(id);
const state = { node: null, cluster: null, slow: null, rows: new Map(), head: 0, seen: new Map() };

const make = (tag, className, text) => {
  const e = document.createElement(tag);
  if (className) e.className = className;
  if (text !== undefined) e.textContent = text;
  return e;
};
const show = (id, text) => { if ($(id).textContent !== text) $(id).textContent = text; };
const number = (n) => Number(n).toLocaleString("en");
const bytes = (n) => {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let i = 0;
  for (n = Number(n); n >= 1024 && i < 4; i++) n /= 1024;
  return `${n < 10 && i ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
};
const duration = (us) => us < 0 ? "–" : us < 1000 ? `${us} µs`
  : us < 1e6 ? `${(us / 1000).toFixed(us < 1e4 ? 1 : 0)} ms` : `${(us / 1e6).toFixed(1)} s`;
const nameOf = (node) => node.name || node.address;
const leaderId = () => state.node ? state.node.raft_leader : "none";

// --- events --------------------------------------------------------------------------------

function tell(text, important) {
  const list = $("event-list");
  const item = make("li");
  const time = make("time", "", new Date().toLocaleTimeString("en-GB"));
  time.dateTime = new Date().toISOString();
  item.append(time, make("span", important ? "important" : "", text));
  list.prepend(item);
  while (list.children.length > 200) list.lastChild.remove();
}

// Says so if a fact has changed since it was seen last. What is there at first is no change.
function watch(fact, value, sentence, important) {
  const before = state.seen.get(fact);
  state.seen.set(fact, value);
  if (before !== undefined && before !== value) {
    const text = sentence(before);
    if (text) tell(text, important);
  }
}

function leaderName(info) {
  const node = state.cluster && state.cluster.nodes.find((n) => n.id === info.raft_leader);
  return node ? nameOf(node) : info.raft_leader_address;
}

function watchNode(info) {
  const leader = info.raft_leader_address;
  watch("term", info.raft_term, (before) => Number(info.raft_term) > Number(before)
    ? `Term ${info.raft_term}: an election` : "", true);
  watch("leader", leader, () => leader === "none" ? "There is no leader"
    : `${leaderName(info)} leads in term ${info.raft_term}`, true);
  watch("role", info.raft_role, () => `This node is ${info.raft_role}`);
  watch("trouble", info.last_trouble, () => info.last_trouble && `This node: ${info.last_trouble}`);
}

function watchCluster(cluster) {
  const ids = cluster.nodes.map((n) => n.id);
  watch("configuration", cluster.configuration, () =>
    cluster.configuration === "joint" ? "The membership is changing" : "The membership is settled");
  for (const n of cluster.nodes) {
    const name = nameOf(n);
    if (state.cluster && !state.cluster.nodes.some((o) => o.id === n.id)) {
      tell(`${name} was added as a ${n.membership}`, true);
    }
    watch(`membership ${n.id}`, n.membership, () => `${name} is a ${n.membership} now`, true);
    watch(`health ${n.id}`, n.health, () => `${name}: ${n.health}`, n.health !== "ok");
    watch(`becomes ${n.id}`, n.becomes, () =>
      n.becomes === "removed" || n.becomes === "replaced" ? `${name} is about to be ${n.becomes}` : "");
    watch(`work ${n.id}`, n.snapshot_work, () => n.snapshot_work && `${name}: ${n.snapshot_work} a snapshot`);
  }
  for (const o of state.cluster ? state.cluster.nodes : []) {
    if (!ids.includes(o.id)) tell(`${nameOf(o)} was removed`, true);
  }
}

// --- nodes ---------------------------------------------------------------------------------

const HEALTH = { ok: "ok", lagging: "warn", "memory-full": "warn" };

function fact(list, name, value) {
  const box = make("div");
  box.append(make("dt", "", name), make("dd", "", value));
  list.append(box);
}

function card(n) {
  const role = leaderId() === n.id ? "leader" : n.role === "leader" ? "former leader" : n.role;
  const away = n.health === "unreachable";
  const item = make("li", `card${role === "leader" ? " leader" : ""}${away ? " away" : ""}`);
  const title = make("h3");
  const facts = make("dl", "facts");
  const known = (value) => away ? "–" : number(value);
  title.append(make("span", "grow", nameOf(n)));
  if (role !== "unknown") title.append(make("span", `badge ${role}`, role));
  title.append(make("span", `badge ${HEALTH[n.health] || "bad"}`, n.health));
  item.dataset.node = n.address;
  fact(facts, "Executed", known(n.applied_index));
  fact(facts, "Stored", known(n.match_index));
  fact(facts, "Behind", n.lag_entries < 0 ? "–" : n.lag_entries === 0 ? "nothing"
    : `${number(n.lag_entries)} · ${n.lag_ms} ms`);
  fact(facts, "Sync p50", duration(n.sync_p50_us));
  fact(facts, "Sync p99", duration(n.sync_p99_us));
  fact(facts, "Log on disk", n.log_bytes < 0 ? "–" : bytes(n.log_bytes));
  fact(facts, "Term", known(n.term));
  fact(facts, "Membership", n.membership);
  fact(facts, "Version", n.version || "–");
  item.append(title);
  if (n.name) item.append(make("p", "dim address", n.address));
  item.append(facts);
  if (n.snapshot_work) item.append(make("p", "trouble", `${n.snapshot_work} a snapshot: ${n.snapshot_permille / 10} %`));
  if (n.trouble) item.append(make("p", "trouble", n.trouble));
  return item;
}

function showCards() {
  const c = state.cluster;
  if (!c) return;
  const cards = [...c.nodes].sort((a, b) => nameOf(a).localeCompare(nameOf(b))).map(card);
  $("cards").replaceChildren(...cards);
}

function showSummary() {
  const i = state.node;
  show("self", `${i.node_name || "node"} at port ${i.tcp_port}`);
  show("s-leader", leaderName(i));
  $("s-leader").classList.toggle("long", leaderName(i).length > 14);
  show("s-term", i.raft_term);
  show("s-commit", number(i.raft_commit_index));
  show("s-rate", number(i.instantaneous_ops_per_sec));
  show("s-clients", number(i.connected_clients));
  show("s-memory", bytes(i.used_memory));
}

// --- the picture of the log ------------------------------------------------------------------

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const CELL = 15, GAP = 3, LINE = 34, LABEL = 150;

// All at one instant, as the leader saw them; else followers would seem to be behind.
function positions() {
  const nodes = state.cluster ? state.cluster.nodes : [];
  return nodes.map((n) => ({
    name: nameOf(n), leads: leaderId() === n.id, away: n.health === "unreachable",
    applied: n.applied_index, commit: n.commit_index, stored: Math.max(n.match_index, n.applied_index),
  })).sort((a, b) => a.name.localeCompare(b.name));
}

function drawCell(g, colours, p, index, x, y) {
  const row = state.rows.get(index);
  const before = state.rows.get(index - 1);
  g.fillStyle = index <= p.applied ? colours.executed : index <= p.commit ? colours.committed
    : index <= p.stored ? colours.stored : colours.missing;
  g.globalAlpha = p.away ? 0.4 : 1;
  g.beginPath();
  if (row && row.kind === "configuration") {
    g.arc(x + CELL / 2, y + CELL / 2, CELL / 2, 0, 7);
  } else {
    g.roundRect(x, y, CELL, CELL, 4);
  }
  g.fill();
  g.globalAlpha = 1;
  if (row && before && row.term !== before.term) {
    g.fillStyle = colours.turn;
    g.fillRect(x - GAP / 2 - 1, y - 6, 3, CELL + 12);
  }
}

function draw() {
  const canvas = $("picture");
  const list = positions();
  const ratio = devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = Math.max(list.length, 1) * LINE + 24;
  const label = width < 600 ? 96 : LABEL;
  const style = getComputedStyle(document.documentElement);
  const colours = Object.fromEntries(["executed", "committed", "stored", "missing", "turn", "text", "dim"]
    .map((n) => [n, style.getPropertyValue(`--${n}`)]));
  const last = Math.max(0, ...list.map((p) => Math.max(p.stored, p.applied)));
  const step = CELL + GAP;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.height = `${height}px`;
  }
  if (calm.matches || Math.abs(last - state.head) > 60) state.head = last;
  state.head += (last - state.head) * 0.18;
  const g = canvas.getContext("2d");
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, width, height);
  g.font = "13px system-ui, sans-serif";
  g.textBaseline = "middle";
  const fit = Math.floor((width - label) / step);
  const first = Math.max(1, Math.ceil(state.head) - fit + 1);
  list.forEach((p, i) => {
    const y = i * LINE + 8;
    g.save();
    g.beginPath();
    g.rect(label - 4, 0, width - label + 4, height);
    g.clip();
    for (let index = first; index <= Math.ceil(state.head); index++) {
      drawCell(g, colours, p, index, width - (state.head - index + 1) * step, y);
    }
    g.restore();
    g.fillStyle = p.leads ? colours.executed : colours.text;
    g.textAlign = "left";
    g.fillText((p.leads ? "★ " : "") + p.name, 0, y + CELL / 2, label - 12);
  });
  g.fillStyle = colours.dim;
  g.font = "11px system-ui, sans-serif";
  const y = list.length * LINE + 8;
  for (let index = first; index <= Math.ceil(state.head); index++) {
    if (index % 10 !== 0) continue;
    const x = width - (state.head - index + 1) * step + CELL / 2;
    if (x < label + 12) continue;
    g.textAlign = x > width - 30 ? "right" : "center";
    g.fillText(number(index), Math.min(x, width), y);
  }
  const text = list.length === 0 ? "The log is not known yet" : `The log goes up to ${last}. ` +
    list.map((p) => `${p.name} has stored ${p.stored} and executed ${p.applied}`).join(". ");
  if (canvas.dataset.last !== text) {
    canvas.dataset.last = text;
    canvas.setAttribute("aria-label", text);
  }
}

function animate() {
  if (!document.hidden) draw();
  requestAnimationFrame(animate);
}

// --- slow writes -----------------------------------------------------------------------------

function slowRow(s, longest) {
  const row = make("tr");
  const total = Math.max(s.answered_us, s.applied_us, s.committed_us, s.proposed_us);
  const ends = [s.proposed_us, s.committed_us, s.applied_us, s.answered_us];
  const bar = make("div", "bar");
  const cell = make("td");
  const names = ["proposed after", "committed", "executed", "answered"];
  let from = 0;
  ends.forEach((end, i) => {
    if (end < from) return;
    const part = make("i", `s${i + 1}`);
    part.style.width = `${(end - from) * 100 / longest}%`;
    bar.append(part);
    from = end;
  });
  bar.setAttribute("role", "img");
  bar.setAttribute("aria-label", names.map((n, i) => `${n} ${duration(ends[i])}`).join(", "));
  bar.title = bar.getAttribute("aria-label");
  cell.append(bar);
  const entries = s.batch_entries > 1 ? `${s.batch_first} to ${s.batch_first + s.batch_entries - 1}` : `${s.batch_first}`;
  row.append(make("td", "", entries), make("td", "number", duration(total)), cell, make("td", "", s.last || "–"));
  return row;
}

function showSlow() {
  const list = state.slow.slowest.slice(0, 8);
  const longest = Math.max(1, ...list.map((s) => s.answered_us));
  $("slow-rows").replaceChildren(...list.map((s) => slowRow(s, longest)));
}

// --- the request log -------------------------------------------------------------------------

const ROWS_KEPT = 5000, ROWS_SHOWN = 300;
let pending = 0;

function takeRows(rows) {
  for (const [index, term, kind, command] of rows) state.rows.set(index, { index, term, kind, command });
  if (state.rows.size > ROWS_KEPT) {
    const old = [...state.rows.keys()].sort((a, b) => a - b).slice(0, state.rows.size - ROWS_KEPT);
    old.forEach((index) => state.rows.delete(index));
  }
  if (!pending) pending = setTimeout(() => { pending = 0; showRows(); }, 200);
}

function plain(value) {
  return value !== null && typeof value === "object" && value.base64 !== undefined
    ? `(bytes) ${value.base64}` : String(value);
}

function showRows() {
  const wanted = $("search").value.toLowerCase();
  const all = [...state.rows.values()].sort((a, b) => b.index - a.index);
  const found = wanted ? all.filter((r) => `${r.kind} ${plain(r.command)}`.toLowerCase().includes(wanted)) : all;
  const rows = found.slice(0, ROWS_SHOWN).map((r) => {
    const row = make("tr");
    row.append(make("td", "number", r.index), make("td", "number", r.term), make("td", "", r.kind), make("td", "code", plain(r.command)));
    return row;
  });
  $("request-rows").replaceChildren(...rows);
  show("request-count", `${found.length} of the ${all.length} entries that are loaded${found.length > ROWS_SHOWN ? `; the newest ${ROWS_SHOWN} are shown` : ""}`);
}

async function older() {
  const first = Math.min(...state.rows.keys());
  if (!(first > 1)) return;
  const from = Math.max(1, first - 500);
  const reply = await execute("request_log", from, first - from);
  if (reply.status === "success") takeRows(reply.data);
  else show("request-count", failure(reply));
}

// --- commands --------------------------------------------------------------------------------

async function execute(command, ...args) {
  try {
    const answer = await fetch("/execute", {
      method: "POST", headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ command, args }),
    });
    const text = await answer.text();
    return text.startsWith("{") ? JSON.parse(text)
      : { status: "fail", error: { code: answer.status === 403 ? "NOPERM" : String(answer.status), message: text.trim() } };
  } catch (error) {
    return { status: "fail", error: { code: "UNAVAILABLE", message: error.message } };
  }
}

const failure = (reply) => reply.error.code === "NOPERM" ? `Not permitted: ${reply.error.message}`
  : `${reply.error.code} ${reply.error.message}`;
const pretty = (data) => typeof data === "string" ? data : JSON.stringify(data, null, 1);

// Words as in a shell: quotes keep blanks.
function words(line) {
  const found = [];
  const pattern = /"((?:\\.|[^"\\])*)"|'([^']*)'|(\S+)/g;
  for (let m = pattern.exec(line); m; m = pattern.exec(line)) {
    found.push(m[1] !== undefined ? m[1].replace(/\\(["\\])/g, "$1").replace(/\\n/g, "\n") : m[2] !== undefined ? m[2] : m[3]);
  }
  return found;
}

const history = { lines: [], at: 0 };

async function onCommand(event) {
  event.preventDefault();
  const line = $("command").value.trim();
  const parts = words(line);
  if (parts.length === 0) return;
  history.lines.push(line);
  history.at = history.lines.length;
  $("command").value = "";
  const output = $("output");
  output.append(make("div", "asked", `> ${line}`));
  const reply = await execute(parts[0], ...parts.slice(1));
  output.append(reply.status === "success" ? make("div", "", reply.data === null ? "(nothing)" : pretty(reply.data))
    : make("div", "failed", failure(reply)));
  while (output.children.length > 400) output.firstChild.remove();
  output.scrollTop = output.scrollHeight;
}

function onHistory(event) {
  const step = event.key === "ArrowUp" ? -1 : event.key === "ArrowDown" ? 1 : 0;
  if (!step) return;
  event.preventDefault();
  history.at = Math.max(0, Math.min(history.lines.length, history.at + step));
  $("command").value = history.lines[history.at] || "";
}

// --- keys --------------------------------------------------------------------------------------

let cursor = "0";

async function readValue(key, type) {
  if (type === "string") {
    const size = await execute("strlen", key);
    const part = await execute("getrange", key, 0, 65535);
    if (part.status !== "success") return failure(part);
    return pretty(part.data) + (size.data > 65536 ? `\n… ${number(size.data)} bytes in all` : "");
  }
  if (type === "hash") {
    const scan = await execute("hscan", key, 0, "count", 200);
    if (scan.status !== "success") return failure(scan);
    const flat = scan.data[1];
    const lines = [];
    for (let i = 0; i + 1 < flat.length; i += 2) lines.push(`${plain(flat[i])}: ${plain(flat[i + 1])}`);
    return lines.join("\n") + (scan.data[0] !== "0" ? "\n… and more" : "");
  }
  return `(a value of the type ${type})`;
}

async function showKey(button, key) {
  for (const b of $("key-list").querySelectorAll("button")) b.removeAttribute("aria-current");
  button.setAttribute("aria-current", "true");
  const type = await execute("type", key);
  if (type.status !== "success") {
    $("value").textContent = failure(type);
    return;
  }
  const left = await execute("pttl", key);
  const text = await readValue(key, type.data);
  const head = make("p", "dim", `${plain(key)} · ${type.data}${left.data >= 0 ? ` · expires in ${duration(left.data * 1000)}` : ""}`);
  $("value").replaceChildren(head, document.createTextNode(text));
}

async function findKeys(goesOn) {
  if (!goesOn) {
    cursor = "0";
    $("key-list").replaceChildren();
  }
  const reply = await execute("scan", cursor, "match", $("pattern").value || "*", "count", 500);
  if (reply.status !== "success") {
    show("key-note", failure(reply));
    return;
  }
  cursor = reply.data[0];
  for (const key of reply.data[1]) {
    const item = make("li");
    const button = make("button", "", plain(key));
    button.type = "button";
    button.addEventListener("click", () => showKey(button, key));
    item.append(button);
    $("key-list").append(item);
  }
  $("more").hidden = cursor === "0";
  const count = $("key-list").children.length;
  show("key-note", `${count} ${count === 1 ? "key" : "keys"}${cursor === "0" ? "" : " so far"}`);
}

// --- the connection ------------------------------------------------------------------------------

function setLink(text, kind) {
  show("link", text);
  $("link").className = `link ${kind}`;
}

const refusal = (error) => error.startsWith("NOPERM") ? `Not permitted: ${error.slice(7)}`
  : `The cluster does not answer: ${error}`;

function onNode(info) {
  if (info.error) {
    $("nodes-note").textContent = refusal(info.error);
    $("nodes-note").hidden = false;
    return;
  }
  watchNode(info);
  state.node = info;
  setLink("live", "live");
  showSummary();
  showCards();
}

function onCluster(cluster) {
  const note = cluster.error ? refusal(cluster.error) : "";
  $("nodes-note").hidden = !note;
  show("nodes-note", note);
  if (note) return;
  watchCluster(cluster);
  state.cluster = cluster;
  showCards();
}

function connect() {
  const source = new EventSource("/events");
  const on = (name, take) => source.addEventListener(name, (event) => take(JSON.parse(event.data)));
  on("node", onNode);
  on("cluster", onCluster);
  on("log", (rows) => { if (rows.error) show("request-count", refusal(rows.error)); else takeRows(rows); });
  on("slow", (slow) => { if (!slow.error) { state.slow = slow; showSlow(); } });
  source.onerror = () => {
    if ($("link").textContent === "live") tell("The connection to this node was lost", true);
    setLink(source.readyState === EventSource.CLOSED ? "closed" : "reconnecting", "lost");
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 2000);
  };
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
}

function onTheme() {
  const dark = document.documentElement.dataset.theme === "dark" ||
    (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  setTheme(dark ? "light" : "dark");
  try { localStorage.setItem("theme", dark ? "light" : "dark"); } catch { /* It is not kept. */ }
}

let theme = null;
try { theme = localStorage.getItem("theme"); } catch { /* There is none. */ }
if (theme) setTheme(theme);
$("theme").addEventListener("click", onTheme);
$("search").addEventListener("input", showRows);
$("older").addEventListener("click", older);
$("console-form").addEventListener("submit", onCommand);
$("command").addEventListener("keydown", onHistory);
$("key-form").addEventListener("submit", (event) => { event.preventDefault(); findKeys(false); });
$("more").addEventListener("click", () => findKeys(true));
connect();
requestAnimationFrame(animate);
