// Pretty prints what travelled, as elements made here: nothing of a body ever becomes markup of this page.
//
// Documents are cut into tags and texts by hand: the browser's own parser answers a broken one with a styled page of
// its own, which the content policy then reports.

const TOKENS = /<(?:"[^"]*"|'[^']*'|[^>"'])*>|[^<]+|</g;
const TAG = /^<(\/?)([^\s/>]+)([\s\S]*?)(\/?)>$/;
const LONG = 180; // characters of an attribute that are shown at once; a list of hints has thousands
const ATTRIBUTES = /([^\s=]+)\s*=\s*("[^"]*"|'[^']*')/g;

export function pretty(body) {
  const box = document.createElement("div");
  box.className = "code";
  const text = typeof body === "string" ? body.trim() : JSON.stringify(body ?? "");
  if (text.startsWith("<")) box.append(...tree(text.match(TOKENS)));
  else if (text.startsWith("{") || text.startsWith("[")) box.append(...indented(text));
  else box.append(line(0, span("text", text)));
  return box;
}

/** One row a tag; a tag that holds only words keeps them on its row. */
function tree(tokens) {
  const parts = tokens.map((token) => token.trim().replace(/\s+/g, " ")).filter(Boolean);
  const rows = [];
  let depth = 0;
  for (let at = 0; at < parts.length; at += 1) {
    if (closes(parts[at])) depth = Math.max(0, depth - 1);
    const whole = wordsOnly(parts, at);
    rows.push(line(depth, ...parts.slice(at, at + whole).flatMap(coloured)));
    if (whole === 1 && opens(parts[at])) depth += 1;
    at += whole - 1;
  }
  return rows;
}

/** How many tokens stand on the row that begins here. */
function wordsOnly(parts, at) {
  if (!opens(parts[at])) return 1;
  if (closes(parts[at + 1])) return 2;
  return !TAG.test(parts[at + 1] ?? "<") && closes(parts[at + 2]) ? 3 : 1;
}

function opens(token) {
  const [, slash, name, , end] = TAG.exec(token) ?? [];
  return slash === "" && end === "" && !/^[?!]/.test(name);
}

function closes(token) {
  return TAG.exec(token ?? "")?.[1] === "/";
}

function coloured(token) {
  const [, slash, name, inside, end] = TAG.exec(token) ?? [];
  if (name === undefined) return [span("text", token)];
  if (/^[?!]/.test(name)) return [span("name", token)];
  const attributes = [...inside.matchAll(ATTRIBUTES)].flatMap(([, key, value]) => [
    document.createTextNode(" "),
    span("name", `${key}=`),
    value.length > LONG ? folded(value) : span("value", value),
  ]);
  return [span("tag", `<${slash}${name}`), ...attributes, span("tag", `${end}>`)];
}

/** The beginning, and a button for the rest. */
function folded(value) {
  const whole = span("value", "");
  const rest = span("rest", value.slice(LONG));
  rest.hidden = true;
  const more = document.createElement("button");
  more.type = "button";
  more.className = "more";
  more.textContent = `+ ${value.length - LONG} characters`;
  whole.append(value.slice(0, LONG), rest, more);
  return whole;
}

/** Unfolds the value whose button was clicked, if it was one. */
export function unfold({ target }) {
  if (!target.matches(".more")) return;
  target.previousSibling.hidden = false;
  target.remove();
}

function indented(text) {
  try {
    const printed = JSON.stringify(JSON.parse(text), null, 1);
    return printed.split("\n").map((row) => line(row.length - row.trimStart().length, span("text", row.trim())));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return [line(0, span("text", text))];
  }
}

function line(depth, ...parts) {
  const row = document.createElement("div");
  row.style.setProperty("--depth", depth);
  row.append(...parts);
  return row;
}

function span(kind, text) {
  const part = document.createElement("span");
  part.className = kind;
  part.textContent = text;
  return part;
}
