// Uses the page on which an administrator finds his file, in a real browser: `chooser.mjs CLIENTS BROWSER
// PAGE SHOTS STORIES`, with STORIES a JSON list of what is done. Prints what was seen of each as JSON.

import { readFileSync } from "node:fs";
import { basename } from "node:path";

import { accessibility, open, tab as newTab } from "./browser.mjs";

const [clients, executablePath, page, shots, stories] = process.argv.slice(2);
const opened = await open(clients, executablePath, page);
const { browser, url, seen } = opened;
seen.stories = {};
try {
  for (const story of JSON.parse(stories)) seen.stories[story.name] = await live(story);
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen));

async function live({ name, scheme = "light", width = 1280, script = true, address = "", steps = [] }) {
  const tab = await newTab(opened, scheme, width, 900);
  await tab.setJavaScriptEnabled(script);
  await tab.goto(url + address);
  for (const step of steps) await act(tab, step);
  // What runs here is the test's own, also where the page's may not.
  const view = await tab.evaluate(measure);
  view.address = decodeURIComponent(tab.url().slice(url.length));
  await tab.screenshot({ path: `${shots}-${name}.png`, fullPage: view.height < 5000 });
  if (script) Object.assign(view, await accessibility(opened, tab));
  await tab.close();
  return view;
}

async function act(tab, { select, files, drop, type, keys, press, until }) {
  if (select) for (const [id, value] of Object.entries(select)) await tab.select(`#${id}`, value);
  if (files) await (await tab.$("#files")).uploadFile(...files);
  if (drop) {
    const read = (path) => ({ name: basename(path), base64: readFileSync(path).toString("base64") });
    await tab.evaluate(dropped, drop.map(read));
  }
  if (type) {
    await tab.click(`#${type.into}`, { clickCount: 3 });
    await tab.keyboard.type(type.text);
  }
  // By keyboard alone: Tab to the element of this id, then the keys.
  if (keys) {
    await reach(tab, keys.at);
    for (const key of keys.press) await tab.keyboard.press(key);
  }
  if (press) await tab.click(press);
  if (until) await said(tab, until);
}

// The page's policy lets no text become a function, which puppeteer's own waiting needs.
async function said(tab, words) {
  const seen = () => tab.evaluate(() => document.body.innerText);
  for (let tries = 0; tries !== 400; tries += 1) {
    if ((await seen()).includes(words)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`never said '${words}': ${await seen()}`);
}

async function reach(tab, id) {
  for (let tries = 0; tries !== 30; tries += 1) {
    if (await tab.evaluate((wanted) => document.activeElement.id === wanted, id)) return;
    await tab.keyboard.press("Tab");
  }
  throw new Error(`no way to #${id} by keyboard`);
}

// Somebody drops files on the page: their names and their bytes in base64.
function dropped(files) {
  const data = new DataTransfer();
  for (const { name, base64 } of files) {
    data.items.add(new File([Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))], name));
  }
  document.getElementById("drop").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
}

function measure() {
  const text = (selector) => document.querySelector(selector)?.textContent ?? null;
  const texts = (selector) => [...document.querySelectorAll(selector)].map((node) => node.textContent);
  return {
    asked: !document.getElementById("questions").hidden,
    apaches: texts("#apache option"),
    pythons: texts("#python option"),
    chosen: ["apache", "python"].map((id) => document.getElementById(id).value),
    answer: document.getElementById("answer").innerText,
    title: text("#answer h3"),
    problems: texts("#answer article.none p"),
    lines: text("#lines"),
    pip: text("#pip"),
    buttons: texts("#answer button"),
    links: [...document.querySelectorAll("#answer a")].map((link) => link.getAttribute("href")),
    seen: texts("#seen li"),
    rows: texts("tbody tr th"),
    table: text("table"),
    tableLinks: [...document.querySelectorAll("tbody a")].map((link) => link.getAttribute("href")),
    scripts: document.scripts.length,
    images: document.images.length,
    font: getComputedStyle(document.body).fontSize,
    wider: document.documentElement.scrollWidth - innerWidth,
    height: document.documentElement.scrollHeight,
  };
}
