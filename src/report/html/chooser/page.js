// The page itself: what is asked, what is dropped on it, and the answer. Texts become text and nothing else.

const byId = (id) => document.getElementById(id);

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function offer(select, options) {
  select.append(element("option", { value: "" }, "choose one"));
  for (const [value, text] of options) select.append(element("option", { value }, text));
}

const pythonKey = (cell) => `${cell.python}-${cell.arch}`;
const chosen = {
  apache: () => apaches.find((cell) => cell.apache === byId("apache").value),
  python: () => pythons.find((cell) => pythonKey(cell) === byId("python").value),
};

function size(bytes) {
  const kilobytes = bytes / 1024;
  return kilobytes >= 1024 ? `${(kilobytes / 1024).toFixed(1)} MiB` : `${Math.max(1, Math.round(kilobytes))} KiB`;
}

function answer() {
  const [apache, python] = [chosen.apache(), chosen.python()];
  const place = byId("answer");
  place.replaceChildren();
  remember(apache, python);
  if (!apache || !python) return;
  const found = decide(apache, python);
  place.append(found.cell ? file(found.cell) : none(found));
}

// The choice is part of the address, so that it can be sent to somebody.
function remember(apache, python) {
  const words = new URLSearchParams();
  if (apache) words.set("apache", apache.apache);
  if (python) words.set("python", pythonKey(python));
  try {
    history.replaceState(null, "", words.size === 0 ? location.pathname : `#${words}`);
  } catch {
    // A page from a folder may not be allowed to.
  }
}

function none({ problem, hint }) {
  return element("article", { class: "none" }, element("h3", {}, "There is no such file"),
    element("p", {}, problem), element("p", {}, hint));
}

function file(cell) {
  const { built, release } = cell;
  const title = built.path.split("/").pop();
  const article = element("article", { class: "file" }, element("h3", {}, title));
  const facts = element("dl", {});
  const fact = (name, ...what) => facts.append(element("dt", {}, name), element("dd", {}, ...what));
  if (built.archive) fact("Download", link(built.archive), ` (${size(built.archive.size)}); in it ${built.path}`);
  if (built.archive) fact("SHA-256 of the zip", element("code", { class: "digest" }, built.archive.sha256));
  fact("SHA-256 of the file", element("code", { class: "digest" }, built.sha256), ` (${size(built.size)})`);
  fact("Version", `${release.module} ${release.version}`);
  fact("Verdict", ...verdict(cell));
  fact("In a real Apache", built.smoke);
  for (const warning of built.warnings) fact("Note", warning);
  article.append(facts, ...lines(cell), ...pip(cell));
  return article;
}

function link({ name, url }) {
  return element("a", { href: url }, name);
}

function verdict(cell) {
  if (cell.verdict === "supported") return ["supported"];
  return [element("b", { class: "warning" }, cell.verdict), `: ${cell.reason}`];
}

// The lines for httpd.conf, for the folder that is typed.
function lines(cell) {
  const field = element("input", { id: "home", type: "text", value: cell.home, autocomplete: "off", spellcheck: "false" });
  const text = element("pre", { id: "lines", tabindex: "0", role: "region", "aria-label": "Lines for httpd.conf" });
  const write = () => {
    const home = field.value.trim().replaceAll("\\", "/").replace(/\/+$/, "").replaceAll('"', "");
    text.textContent = `LoadFile "${home}/${cell.dll}"\n${cell.built.load_module}\nWSGIPythonHome "${home}"\n`;
  };
  field.addEventListener("input", write);
  write();
  return [
    element("p", {}, "Put the file into the folder ", element("code", {}, "modules"), " of Apache, and these lines into ",
      element("code", {}, "conf/httpd.conf"), ":"),
    element("p", {}, element("label", { for: "home" }, "Folder of Python: "), field),
    text, copier("Copy the lines", text),
  ];
}

function pip({ built, python, release }) {
  if (!built.wheel) return [];
  const address = new URL(built.wheel.url, document.baseURI);
  const away = /^https?:$/.test(address.protocol);
  const what = away ? `"${address.href}#sha256=${built.wheel.sha256}"` : built.wheel.name;
  const text = element("pre", { id: "pip", tabindex: "0", role: "region", "aria-label": "Command for pip" },
    `py -${python} -m pip install ${what}\nmod_wsgi-express module-config\n`);
  return [
    element("p", {}, "Or with pip, without a compiler; the second command prints the lines",
      ...(away ? [":"] : [". Download ", link(built.wheel), " first:"])),
    text, copier("Copy the commands", text),
  ];
}

function copier(words, from) {
  const button = element("button", { type: "button" }, words);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(from.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(from);
      button.textContent = "Selected: copy it with Ctrl+C";
    }
  });
  return button;
}

async function show(files) {
  for (const dropped of files) {
    const line = element("li", {}, `${dropped.name} `);
    byId("seen").append(line);
    line.append(await look(dropped));
  }
  answer();
}

// What a file is, in words; an Apache or a Python is chosen.
async function look(dropped) {
  if (dropped.size > LARGEST) return "is too large to be one of them";
  let buffer;
  try {
    buffer = await dropped.arrayBuffer();
  } catch {
    return "cannot be read";
  }
  const digest = await sha256(buffer);
  const own = digest === null ? [] : known(digest);
  if (own.length !== 0) return `is, byte for byte, ${own.slice(0, 4).join(", ")}`;
  if (/\.(so|pyd|zip|whl)$/i.test(dropped.name)) {
    return digest === null ? "cannot be compared: this page came over http, without encryption"
      : `is none of the files here: its SHA-256 is ${digest}`;
  }
  const found = recognise(dropped.name, buffer);
  if (found.apache) return chooseApache(found.apache);
  return found.python ? choosePython(found.python) : found.nothing;
}

// Only where the page came in a way that nobody could change.
async function sha256(buffer) {
  if (!globalThis.crypto?.subtle) return null;
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", buffer));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function chooseApache(apache) {
  const version = apache.version ? `Apache ${apache.version}` : "an Apache";
  const by = apache.compiler ?? "no compiler of Microsoft's";
  const label = labelFor(apache);
  byId("apache").value = label?.apache ?? "";
  const taken = !label ? "; there is no file for it here"
    : label.compiler === apache.compiler ? "" : `; the files for ${label.apache} fit it`;
  return `is ${version}, ${apache.bits}, made by ${by}${taken}`;
}

function choosePython(python) {
  const match = pythons.find((cell) => cell.python === python.version && cell.bits === python.bits);
  byId("python").value = match ? pythonKey(match) : "";
  return `is Python ${python.full ?? python.version}, ${python.bits}${match ? "" : "; there is no file for it here"}`;
}

function start() {
  offer(byId("apache"), apaches.map((cell) => [cell.apache, `Apache ${cell.series}, ${cell.bits}, ${cell.compiler}`]));
  offer(byId("python"), pythons.map((cell) => [pythonKey(cell),
    `Python ${cell.python.replace("t", " free-threaded")}, ${cell.bits}`]));
  const asked = new URLSearchParams(location.hash.slice(1));
  for (const question of ["apache", "python"]) {
    byId(question).value = asked.get(question) ?? "";
    byId(question).addEventListener("change", answer);
  }
  byId("form").addEventListener("submit", (event) => event.preventDefault());
  byId("files").addEventListener("change", (event) => show([...event.target.files]));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    show([...event.dataTransfer.files]);
  });
  byId("questions").hidden = false;
  answer();
}

start();
