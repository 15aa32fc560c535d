// Pretty prints what travelled, as elements made here: nothing of a body ever becomes markup of this page.

export function pretty(body) {
  const box = document.createElement("div");
  box.className = "code";
  const text = typeof body === "string" ? body.trim() : JSON.stringify(body ?? "");
  const tree = text.startsWith("<") ? new DOMParser().parseFromString(text, "text/xml") : null;
  if (tree && !tree.querySelector("parsererror")) element(tree.documentElement, 0, box);
  else if (text.startsWith("{") || text.startsWith("[")) box.append(...indented(text));
  else box.append(line(0, span("text", text)));
  return box;
}

function element(node, depth, box) {
  const open = [span("tag", `<${node.nodeName}`), ...attributes(node)];
  const close = span("tag", `</${node.nodeName}>`);
  const words = [...node.childNodes].filter((child) => child.nodeType === Node.TEXT_NODE && child.data.trim());
  if (!node.children.length && !words.length) return box.append(line(depth, ...open, span("tag", "/>")));
  if (!node.children.length) return box.append(line(depth, ...open, span("tag", ">"), span("text", node.textContent.trim()), close));
  box.append(line(depth, ...open, span("tag", ">")));
  for (const child of node.childNodes) {
    if (child.nodeType === Node.ELEMENT_NODE) element(child, depth + 1, box);
    else if (words.includes(child)) box.append(line(depth + 1, span("text", child.data.trim())));
  }
  return box.append(line(depth, close));
}

function attributes(node) {
  return [...node.attributes].flatMap(({ name, value }) => [
    document.createTextNode(" "),
    span("name", `${name}=`),
    span("value", `"${value}"`),
  ]);
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
