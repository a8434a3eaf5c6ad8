"use strict";
// The page of the chat, and of the live view. What others have written goes into the page as textContent only.

const $ = (id) => document.getElementById(id);

function make(tag, className, text) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  if (text !== undefined) e.textContent = text;
  return e;
}

// keep is what a reload of this tab finds again: the name, and the rooms. It is no cookie: nothing of it is sent by itself.
const keep = {
  get: (key) => { try { return sessionStorage.getItem(key) || ""; } catch { return ""; } },
  set: (key, value) => { try { sessionStorage.setItem(key, value); } catch { /* it lasts as long as the page */ } },
};

const fold = (name) => name.toLowerCase();
const nameForm = /^[\w-]{1,20}$/;

// ---- the state ----

const linesMost = 500;   // of a conversation that the page shows
const answerTime = 10e3; // ms for the server to send back what we said; then the connection is taken for lost
const historyMost = 20;  // messages of a room that the server remembers

let me = "";              // our name now
let wanted = keep.get("name");
let owned = fold(wanted); // a name that we have had: if it is taken, then perhaps by our own connection of before
let socket = null;
let tries = 0;            // since we were connected
let retry = 0;            // the timer of the next try
let waiting = 0;          // the timer of an answer
let active = "#lobby";    // the conversation that is shown, by key
let left = false;         // on purpose
const talks = new Map();  // rooms, by #name, and people whom we talk to, by @name: both folded

function talkOf(title) {
  const key = fold(title);
  let t = talks.get(key);
  if (!t) {
    t = { key, title, room: title[0] === "#", people: new Map(), lines: [], unread: 0, last: 0, known: false, joined: false, replay: null, listing: false };
    talks.set(key, t);
  }
  return t;
}

const rooms = () => [...talks.values()].filter((t) => t.room);
const keepRooms = () => keep.set("rooms", rooms().map((t) => t.title.slice(1)).join(" "));

// ---- the connection ----

function connect() {
  clearTimeout(retry);
  left = false;
  const q = new URLSearchParams();
  if (wanted) q.append("name", wanted);
  for (const t of rooms()) q.append("room", t.title.slice(1));
  const s = socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws?${q}`);
  showState(tries ? "Connecting again…" : "Connecting…");
  s.onmessage = (e) => { if (s === socket && typeof e.data === "string") received(e.data); };
  s.onclose = (e) => { if (s === socket) lost(e); };
}

// lost tries again, later each time, so that a server that comes back is not met by everybody at once.
function lost(e) {
  clearTimeout(waiting);
  socket = null;
  for (const t of rooms()) t.joined = false;
  if (e.code === 1000) left = true;
  showPeople();
  if (left) return showState("You have left.", true);
  const wait = Math.min(30e3, 500 * 2 ** Math.min(tries, 6)) * (0.5 + Math.random() / 2);
  tries++;
  showState(`Connection lost. Next try in ${Math.ceil(wait / 1000)} s.`, true);
  retry = setTimeout(connect, wait);
}

function drop() {
  const s = socket;
  if (!s) return;
  socket = null; // the browser may tell us of a dead connection minutes later
  s.close();
  lost({ code: 1006 });
}

window.addEventListener("offline", drop);
window.addEventListener("online", () => { if (!socket && !left && retry) connect(); });

function send(line) {
  if (!socket || socket.readyState !== WebSocket.OPEN) return false;
  socket.send(line);
  return true;
}

// ---- what the server says ----

const forms = [
  [/^\[(#[\w-]+)\] ([\w-]+): (.*)$/s, (id, room, from, text) => said(talkOf(room), id, from, text)],
  [/^\[(#[\w-]+)\] \* ([\w-]+) (.*)$/s, (id, room, from, text) => said(talkOf(room), id, from, text, true)],
  [/^\[([\w-]+) -> ([\w-]+)\] (.*)$/s, (id, from, to, text) => said(talkOf("@" + (from === me ? to : from)), id, from, text)],
  [/^\* welcome, ([\w-]+);/, (id, name) => entered(name)],
  [/^\* ([\w-]+) joined (#[\w-]+)$/, (id, name, room) => joined(name, talkOf(room), room)],
  [/^\* ([\w-]+) left (#[\w-]+)$/, (id, name, room) => gone(name, talkOf(room))],
  [/^\* ([\w-]+) is now ([\w-]+)$/, (id, old, name) => renamed(old, name)],
  [/^\* in (#[\w-]+): (.*)$/, (id, room, names) => listed(room, names)],
  [/^\* you left (#[\w-]+), /, (id, room) => close(fold(room))],
  [/^\* you speak in #[\w-]+$/, () => {}], // it is what /me here is sent with
  [/^! ([\w-]+) is taken$/, (id, name) => taken(name)],
  [/^! nobody here is called ([\w-]+)$/, (id, name) => refused(talkOf("@" + name), `nobody here is called ${name}`)],
  [/^! you are not in (#[\w-]+)$/, (id, room) => refused(talkOf(room), `you are not in ${room}`)],
];

function received(line) {
  let id = 0;
  const stamp = /^@(\d+) /.exec(line);
  if (stamp) {
    id = Number(stamp[1]);
    line = line.slice(stamp[0].length);
  }
  for (const [form, act] of forms) {
    const m = form.exec(line);
    if (m) return act(id, ...m.slice(1));
  }
  note(talkOf(active), line.replace(/^[*!] /, ""), line[0] === "!" ? "wrong" : "note");
}

function entered(name) {
  tries = 0;
  showState("");
  haveName(name);
  for (const t of talks.values()) if (!t.room) unconfirmed(t);
}

function haveName(name) {
  me = name;
  if (fold(name) === fold(wanted)) {
    owned = fold(name);
    takenTries = 0;
    keep.set("name", name);
  }
  $("me").textContent = me;
  $("me").setAttribute("aria-label", `You are ${me}. Change your name`);
}

// taken is when somebody has the name that we want. The server has not missed our connection of before yet, if it is ours.
let takenTries = 0;
function taken(name) {
  if (fold(name) !== owned || fold(name) !== fold(wanted)) {
    wanted = me;
    return note(talkOf(active), `${name} is taken; you are ${me}`, "wrong");
  }
  if (takenTries++ === 0) note(talkOf(active), `${name} is taken; you are ${me} until it is free`, "wrong");
  const s = socket;
  if (takenTries < 30) setTimeout(() => { if (s === socket && fold(me) !== owned) send("/nick " + wanted); }, 5000);
}

function joined(name, t, title) {
  t.title = title;
  if (name !== me) {
    t.people.set(fold(name), name);
    note(t, `${name} joined`);
    return showPeople();
  }
  t.joined = true;
  t.people.clear();
  t.replay = { again: t.known, all: 0, divider: null, whole: false };
  send("/who " + title); // its answer is the end of what the room remembers
  keepRooms();
  showSide();
}

function gone(name, t) {
  t.people.delete(fold(name));
  note(t, `${name} left`);
  showPeople();
}

function renamed(old, name) {
  const mine = old === me;
  if (mine) {
    haveName(name);
  }
  const was = talks.get("@" + fold(old));
  if (was && fold(old) !== fold(name) && !talks.has("@" + fold(name))) {
    talks.delete(was.key);
    if (active === was.key) active = "@" + fold(name);
    was.key = "@" + fold(name);
    was.title = "@" + name;
    talks.set(was.key, was);
  }
  for (const t of rooms()) {
    if (!t.people.delete(fold(old)) && !mine) continue;
    t.people.set(fold(name), name);
    if (!t.replay) note(t, mine ? `you are now ${name}` : `${old} is now ${name}`);
  }
  showSide();
}

// listed is who is in a room. Long answers have several lines.
function listed(room, names) {
  const t = talks.get(fold(room));
  if (!t || !t.joined) return note(talkOf(active), `in ${room}: ${names}`);
  for (const name of names.split(", ")) t.people.set(fold(name), name);
  if (t.replay) replayed(t);
  else if (t.listing) note(t, `in ${room}: ${names}`);
  t.listing = false;
  showPeople();
}

// said is a message of somebody, or our own that has arrived.
function said(t, id, from, text, doing = false) {
  if (t.replay) t.replay.all++;
  if (id && id <= t.last) return; // we have it since before the connection broke
  t.last = Math.max(t.last, id);
  const own = fold(from) === fold(me);
  const sent = doing ? [] : t.lines.filter((l) => l.pending && fold(l.from) === fold(from));
  const line = sent.find((l) => l.text === text) || (own && !t.replay ? sent[0] : undefined); // the server may clean a text
  if (line) {
    Object.assign(line, { id, from, text, pending: false, sent: null });
    awaitAnswer();
    return redraw(t, line);
  }
  const r = t.replay;
  if (r && r.again && !r.divider) {
    r.divider = { kind: "divider", text: "missed while you were away" };
    r.whole = r.all > 1; // before it there is something that we know
    add(t, r.divider);
  }
  add(t, { kind: "said", id, from, text, own, doing });
  if (!own && !(r && !r.again)) mark(t);
}

// replayed is the end of what a room has told us of before.
function replayed(t) {
  const r = t.replay;
  t.replay = null;
  t.known = true; // what comes when it is joined again was missed
  if (r.divider && !r.whole && r.all >= historyMost) {
    r.divider.text += "; the server does not remember what was before";
    redraw(t, r.divider);
  }
  unconfirmed(t);
}

// unconfirmed is when a connection is new. What we have said on the one before, and did not get back, may be lost.
function unconfirmed(t) {
  for (const l of t.lines) if (l.pending && l.sent !== socket) fail(t, l);
}

function fail(t, line) {
  if (!line) return;
  Object.assign(line, { pending: false, failed: true, sent: null });
  awaitAnswer();
  redraw(t, line);
}

// refused is when the server does not take what we said last in a conversation.
function refused(t, why) {
  fail(t, t.lines.find((l) => l.pending && l.sent === socket));
  note(t, why, "wrong");
}

// mark counts what the user has not seen.
function mark(t) {
  if (t.key === active && !document.hidden) return;
  t.unread++;
  showSide();
}

function awaitAnswer() {
  clearTimeout(waiting);
  if ([...talks.values()].some((t) => t.lines.some((l) => l.pending && l.sent === socket))) waiting = setTimeout(drop, answerTime);
}

// ---- what the user says ----

function say(text) {
  text = text.replace(/[\u0000-\u001f\u007f-\u009f]/g, " ").trim();
  if (!text.replace(/[\p{C}\p{Z}\p{DI}]/gu, "")) return true; // nothing in it can be seen, and the server would not take it
  const command = /^(\/\w+)\s*(.*)$/s.exec(text);
  if (command) return obey(command[1], command[2]);
  const t = talkOf(active);
  return utter(t, text);
}

function utter(t, text) {
  if (!send(t.room ? `/in ${t.title} ${text}` : `/msg ${t.title.slice(1)} ${text}`)) return false;
  if (t.room || fold(t.title) !== "@" + fold(me)) {
    add(t, { kind: "said", id: 0, from: me, text, own: true, pending: true, sent: socket });
    awaitAnswer();
  }
  return true;
}

function obey(name, arg) {
  switch (name) {
    case "/join": case "/also": return open(arg);
    case "/part": return leave(talks.get(fold(arg || active)));
    case "/nick": return rename(arg);
    case "/quit": left = true; return send("/quit");
    case "/who": talkOf(active).listing = true; return send(arg || !talkOf(active).room ? `/who ${arg}` : `/who ${active}`);
    case "/me": {
      const t = talkOf(active);
      if (!t.room) break; // it is said in rooms
      return send("/in " + t.title) && send("/me " + arg);
    }
    case "/msg": {
      const [, to, text] = /^([\w-]+)\s+(.*)$/s.exec(arg) || [];
      if (!to) break;
      show(talkOf("@" + to).key);
      return utter(talkOf("@" + to), text);
    }
  }
  return send(arg ? `${name} ${arg}` : name);
}

function open(title) {
  if (title && title[0] !== "#") title = "#" + title;
  if (!nameForm.test(title.slice(1))) {
    note(talkOf(active), "a room is # and 1 to 20 letters (a to z), digits, - and _", "wrong");
    return true;
  }
  const had = talks.get(fold(title));
  if (!(had && had.joined) && !send("/also " + title)) return false;
  show(talkOf(title).key);
  return true;
}

function leave(t) {
  if (!t) return true;
  if (t.room && t.joined) return send("/part " + t.title);
  close(t.key);
  return true;
}

function close(key) {
  if (rooms().length === 1 && talks.get(key)?.room) return;
  talks.delete(key);
  keepRooms();
  if (active === key) show(rooms()[0].key);
  else showSide();
}

function rename(name) {
  if (nameForm.test(name)) {
    wanted = name;
    takenTries = 0;
  }
  return send("/nick " + name);
}

// ---- what is shown ----

const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit" });

function add(t, line) {
  line.at = line.id ? new Date(line.id) : new Date();
  t.lines.push(line);
  if (t.lines.length > linesMost) {
    t.lines.shift();
    if (t.key === active && $("log").firstChild) $("log").firstChild.remove();
  }
  if (t.key === active) {
    const log = $("log");
    const follow = log.scrollHeight - log.scrollTop - log.clientHeight < 60 || line.own;
    log.append(draw(t, line));
    if (follow) log.scrollTop = log.scrollHeight;
  }
}

function note(t, text, kind = "note") { add(t, { kind, text }); }

function draw(t, line) {
  const e = make("li", line.kind);
  line.element = e;
  if (line.kind === "said") {
    if (line.id) line.at = new Date(line.id);
    const time = make("time", "", clock.format(line.at));
    time.dateTime = line.at.toISOString();
    e.append(time, make("span", "from", line.from), make("span", "text", line.text));
    for (const flag of ["own", "pending", "failed", "doing"]) e.classList.toggle(flag, !!line[flag]);
    if (line.failed) {
      const again = make("button", "", "Not confirmed. Send again");
      again.type = "button";
      again.onclick = () => {
        if (!utter(t, line.text)) return;
        t.lines.splice(t.lines.indexOf(line), 1);
        e.remove();
      };
      e.append(again);
    }
  } else {
    e.textContent = line.text;
  }
  return e;
}

function redraw(t, line) {
  if (t.key !== active || !line.element) return;
  const old = line.element;
  old.replaceWith(draw(t, line));
}

function show(key) {
  active = key;
  const t = talkOf(key);
  t.unread = 0;
  $("title").textContent = t.room ? t.title : "Private: " + t.title.slice(1);
  $("text").setAttribute("aria-label", "Message to " + (t.room ? t.title : t.title.slice(1)));
  $("log").replaceChildren(...t.lines.map((l) => draw(t, l)));
  $("log").scrollTop = $("log").scrollHeight;
  menu(false);
  showSide();
}

function entry(t) {
  const li = make("li");
  const b = make("button", t.unread ? "has-unread" : "", t.room ? t.title : t.title.slice(1));
  b.type = "button";
  b.setAttribute("aria-current", t.key === active);
  if (t.unread) {
    b.append(make("span", "unread", t.unread));
    b.setAttribute("aria-label", `${b.firstChild.textContent}, ${t.unread} unread`);
  }
  b.onclick = () => { show(t.key); $("text").focus(); };
  li.append(b);
  if (t.key === active && (!t.room || rooms().length > 1)) {
    const x = make("button", "", "×");
    x.type = "button";
    x.setAttribute("aria-label", (t.room ? "Leave " : "Close ") + b.firstChild.textContent);
    x.onclick = () => leave(t);
    li.append(x);
  }
  return li;
}

function showSide() {
  const people = [...talks.values()].filter((t) => !t.room);
  $("rooms").replaceChildren(...rooms().map(entry));
  $("private").replaceChildren(...people.map(entry));
  $("private-title").hidden = people.length === 0;
  const unread = [...talks.values()].reduce((n, t) => n + t.unread, 0);
  document.title = (unread ? `(${unread}) ` : "") + "pike chat";
  $("menu-unread").hidden = !unread;
  $("menu-unread").textContent = unread;
  showPeople();
}

function showPeople() {
  const t = talkOf(active);
  $("people-title").hidden = $("people").hidden = !t.room;
  if (!t.room) return;
  $("people-title").textContent = t.joined ? `People (${t.people.size})` : "People";
  $("people").replaceChildren(...(t.joined ? [...t.people.values()].sort() : []).map((name) => {
    const li = make("li");
    const b = make("button", "", name === me ? `${name} (you)` : name);
    b.type = "button";
    if (name === me) b.disabled = true;
    else {
      b.title = b.ariaLabel = `Write to ${name} privately`;
      b.onclick = () => { show(talkOf("@" + name).key); $("text").focus(); };
    }
    li.append(b);
    return li;
  }));
}

function showState(text, bad = false) {
  $("state").textContent = text;
  $("state").className = bad ? "error" : "";
  $("again").hidden = !bad;
}

function menu(open) {
  $("side").classList.toggle("shown", open);
  $("menu").setAttribute("aria-expanded", open);
}

// ---- the page ----

function startChat() {
  $("enter").onsubmit = (e) => {
    e.preventDefault();
    wanted = $("name").value.trim();
    keep.set("in", "yes");
    enter();
  };
  $("say").onsubmit = (e) => {
    e.preventDefault();
    if (say($("text").value)) $("text").value = "";
    else showState("Not connected: your message is still here.", true);
  };
  $("text").onpaste = (e) => { // lines are messages of their own
    const text = e.clipboardData.getData("text");
    if (!text.trim().includes("\n")) return;
    e.preventDefault();
    for (const l of text.split("\n")) say(l);
  };
  $("open").onsubmit = (e) => { e.preventDefault(); if (open($("room").value.trim())) { $("room").value = ""; $("text").focus(); } };
  $("menu").onclick = () => menu(!$("side").classList.contains("shown"));
  $("again").onclick = () => { tries = 0; connect(); };
  $("me").onclick = () => { $("new-name").value = me; $("rename").showModal(); $("new-name").select(); };
  $("rename").onclose = () => {
    if ($("rename").returnValue === "yes" && $("new-name").value !== me) rename($("new-name").value.trim());
    $("text").focus();
  };
  document.addEventListener("keydown", (e) => {
    if (e.key === "Escape") menu(false);
    if (e.altKey && (e.key === "ArrowUp" || e.key === "ArrowDown")) { // the conversation before, or behind
      e.preventDefault();
      const keys = [...rooms(), ...[...talks.values()].filter((t) => !t.room)].map((t) => t.key);
      show(keys[(keys.indexOf(active) + (e.key === "ArrowUp" ? keys.length - 1 : 1)) % keys.length]);
    }
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    if (talks.has(active)) talkOf(active).unread = 0;
    if (!socket && !left && retry) { tries = 0; connect(); }
    showSide();
  });
  if (keep.get("in")) enter();
  else {
    $("door").hidden = false;
    $("name").value = wanted;
    $("name").focus();
  }
}

function enter() {
  $("door").hidden = true;
  $("chat").hidden = false;
  for (const r of keep.get("rooms").split(" ")) if (nameForm.test(r)) talkOf("#" + r);
  show(rooms().length ? rooms()[0].key : talkOf("#lobby").key);
  $("text").focus();
  connect();
}

// ---- the live view ----

const points = 120; // of a curve: a minute

const bytes = (n) => n < 1000 ? `${Math.round(n)} B` : n < 1e6 ? `${(n / 1e3).toFixed(1)} kB` : `${(n / 1e6).toFixed(1)} MB`;
const micros = (n) => n < 1000 ? `${n.toFixed(0)} µs` : `${(n / 1000).toFixed(1)} ms`;
const count = (n) => Math.round(n).toLocaleString();

// What is shown of a loop: its name, what it is of a look, the look before and the seconds between them, and how it is written.
const gauges = [
  ["Lag, longest", (l) => l.lagMost, micros],
  ["Lag, median", (l) => l.lag, micros],
  ["Turns / s", (l, b, s) => (l.turns - b.turns) / s, count],
  ["Events / s", (l, b, s) => (l.events - b.events) / s, count],
  ["Connections", (l) => l.conns, count],
  ["In / s", (l, b, s) => (l.bytesIn - b.bytesIn) / s, bytes],
  ["Out / s", (l, b, s) => (l.bytesOut - b.bytesOut) / s, bytes],
  ["Queue", (l) => l.queued, bytes],
  ["Slow callbacks", (l) => l.slow, count],
];

function startLive() {
  $("live").hidden = false;
  document.title = "pike live";
  const panels = [];
  let before = null, at = 0;
  const source = new EventSource("/live/events");
  source.onopen = () => { $("live-state").textContent = ""; };
  source.onerror = () => { $("live-state").textContent = "No connection. The browser tries again."; before = null; };
  source.onmessage = (e) => {
    const now = performance.now(), view = JSON.parse(e.data);
    const one = view.clients === 1;
    $("live-state").textContent = `${view.clients} ${one ? "person" : "people"} in the chat`;
    view.loops.forEach((l, i) => {
      panels[i] ||= panel(i);
      if (before && before.loops[i]) panels[i](l, before.loops[i], Math.max(0.001, (now - at) / 1000));
    });
    before = view;
    at = now;
  };
}

// panel makes what shows a loop, and is called with each look at it.
function panel(i) {
  const svg = "http://www.w3.org/2000/svg";
  const box = make("section", "loop");
  const title = make("h2", "", `Loop ${i}`);
  box.append(title);
  $("loops").append(box);
  const rows = gauges.map(([name, of, write]) => {
    const row = make("div", "gauge"), value = make("b"), curve = document.createElementNS(svg, "svg"), line = document.createElementNS(svg, "polyline");
    curve.setAttribute("viewBox", `0 0 ${points} 30`);
    curve.setAttribute("preserveAspectRatio", "none");
    curve.setAttribute("aria-hidden", "true");
    curve.append(line);
    row.append(make("span", "", name), curve, value);
    box.append(row);
    return { of, write, value, line, past: [] };
  });
  return (l, before, seconds) => {
    title.textContent = `Loop ${i}: ${l.asleep ? "waits" : "runs"}, ${l.timers} timers`;
    for (const r of rows) {
      const n = r.of(l, before, seconds);
      r.past.push(n);
      if (r.past.length > points) r.past.shift();
      const most = Math.max(...r.past, 1e-9);
      r.value.textContent = r.write(n);
      r.line.setAttribute("points", r.past.map((v, k) => `${k + points - r.past.length},${(29 - 28 * v / most).toFixed(1)}`).join(" "));
    }
  };
}

if (location.pathname === "/live") startLive();
else startChat();
