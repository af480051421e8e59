"use strict";
// Text is only ever set as text: nothing in openapi.json can become markup.
const element = (name, attributes = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
};

const prose = (text) =>
  (text || "").split(/\n\s*\n/).map((paragraph) => {
    const pieces = paragraph.split("`");
    return element("p", {}, ...pieces.map((piece, i) => (i % 2 ? element("code", {}, piece) : piece)));
  });

const resolve = (api, schema) => {
  const path = schema && schema.$ref;
  return path ? path.slice(2).split("/").reduce((node, name) => node[name], api) : schema || {};
};

const shape = (api, given, depth = 0) => {
  const schema = resolve(api, given);
  if (schema.example !== undefined) return schema.example;
  if (schema.examples && schema.examples.length) return schema.examples[0];
  if (schema.default !== undefined) return schema.default;
  if (schema.enum) return schema.enum[0];
  if (schema.const !== undefined) return schema.const;
  if (depth > 6) return null;
  if (schema.anyOf) return shape(api, schema.anyOf[0], depth + 1);
  if (schema.type === "array") return [shape(api, schema.items, depth + 1)];
  if (schema.type === "object" || schema.properties) {
    const entries = Object.entries(schema.properties || {});
    return Object.fromEntries(entries.map(([name, value]) => [name, shape(api, value, depth + 1)]));
  }
  return { string: "…", integer: 0, number: 0, boolean: true }[schema.type] ?? null;
};

const sample = (api, content) => {
  const [mediaType, body] = Object.entries(content || {})[0] || [];
  if (!mediaType) return null;
  const binary = (body.schema || {}).format === "binary";
  const value = body.example ?? (binary ? undefined : shape(api, body.schema));
  const shown = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  const label = element("summary", {}, mediaType);
  return shown === undefined
    ? element("p", { class: "soft" }, mediaType)
    : element("details", {}, label, element("pre", {}, shown));
};

const parameterRow = (api, parameter) => {
  const schema = resolve(api, parameter.schema);
  const example = (schema.examples || [])[0] ?? parameter.example;
  const type = schema.type || (schema.anyOf || []).map((one) => one.type).filter((one) => one !== "null").join(" | ");
  const rule = [parameter.in, type, parameter.required ? "required" : null].filter(Boolean).join(", ");
  return element(
    "tr", {},
    element("th", { scope: "row" }, element("code", {}, parameter.name)),
    element("td", {}, element("span", { class: "soft" }, rule), ...prose(parameter.description || schema.description)),
    element("td", {}, example === undefined ? "" : element("code", {}, String(example))),
  );
};

const responseRow = (api, [status, response]) =>
  element(
    "tr", {},
    element("th", { scope: "row", class: status < 300 ? "status" : "status bad" }, status),
    element("td", {}, ...prose(response.description), sample(api, response.content)),
  );

const table = (title, rows) =>
  rows.length ? [element("h3", {}, title), element("table", {}, element("tbody", {}, ...rows))] : [];

const operationSection = (api, id, method, path, operation) =>
  element(
    "section", { id },
    element("h2", {}, element("span", { class: `method ${method}` }, method.toUpperCase()), " ", path),
    ...prose(operation.description || operation.summary),
    ...table("Parameters", (operation.parameters || []).map((one) => parameterRow(api, one))),
    ...(operation.requestBody ? [element("h3", {}, "Body"), sample(api, operation.requestBody.content)] : []),
    ...table("Answers", Object.entries(operation.responses).map((one) => responseRow(api, one))),
  );

const render = (api) => {
  document.getElementById("title").textContent = `${api.info.title} API ${api.info.version}`;
  document.getElementById("about").replaceChildren(...prose(api.info.description));
  const groups = new Map();
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = (operation.tags || ["Other"])[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push({ id: `${method}-${path}`.replace(/[^a-z]+/gi, "-"), method, path, operation });
    }
  }
  const index = document.getElementById("index");
  const operations = document.getElementById("operations");
  index.replaceChildren();
  operations.replaceChildren();
  for (const [tag, listed] of groups) {
    index.append(element("h2", {}, tag));
    for (const { id, method, path, operation } of listed) {
      index.append(element("a", { href: `#${id}` }, path));
      operations.append(operationSection(api, id, method, path, operation));
    }
  }
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
};

const root = document.documentElement;
const chosen = localStorage.getItem("theme");
if (chosen) root.dataset.theme = chosen;
document.getElementById("theme").addEventListener("click", () => {
  const dark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
});

fetch("/openapi.json")
  .then((answer) => answer.json())
  .then(render)
  .catch((error) => {
    document.getElementById("operations").replaceChildren(element("p", {}, `openapi.json: ${error}`));
  });
