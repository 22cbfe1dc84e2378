// Looks at a report in a real browser: `page.mjs CLIENTS BROWSER PAGE SHOTS`, with CLIENTS the folder of
// npm's packages and SHOTS the begin of the screenshots' names. Prints what was seen as JSON.

import { accessibility, open, tab as newTab } from "./browser.mjs";

const [clients, executablePath, page, shots] = process.argv.slice(2);
const opened = await open(clients, executablePath, page);
const { browser, url, seen } = opened;
seen.views = {};
try {
  for (const [scheme, width, height] of [
    ["light", 1280, 900],
    ["dark", 1280, 900],
    ["light", 360, 740],
    ["dark", 360, 740],
  ]) {
    seen.views[`${scheme} ${width}`] = await look(scheme, width, height);
  }
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen));

async function look(scheme, width, height) {
  const tab = await newTab(opened, scheme, width, height);
  await tab.goto(url);
  const view = await tab.evaluate(measure);
  const fullPage = view.height < 5000;
  const shot = await tab.screenshot({ path: `${shots}-${scheme}-${width}.png`, fullPage });
  view.colours = await colours(shot);
  await tab.keyboard.press("Tab");
  view.firstFocus = await tab.evaluate(() => document.activeElement.className);
  // A thousand rows are all alike, and axe needs minutes for them.
  await tab.evaluate(() => {
    const alike = "tbody tr:nth-child(n+30), svg.bars rect.row:nth-child(n+200) ~ *, svg.names text:nth-child(n+30)";
    document.querySelectorAll(alike).forEach((node) => node.remove());
  });
  Object.assign(view, await accessibility(opened, tab));
  await tab.close();
  return view;
}

function measure() {
  const texts = (selector) => [...document.querySelectorAll(selector)].map((node) => node.textContent);
  const frame = document.querySelector("svg.bars")?.getBoundingClientRect();
  const bars = [...document.querySelectorAll("svg.bars rect.bar")].map((bar) => bar.getBoundingClientRect());
  const inside = (bar) =>
    bar.width > 0 && bar.height > 0 && bar.left >= frame.left - 1 && bar.right <= frame.right + 1 &&
    bar.top >= frame.top - 1 && bar.bottom <= frame.bottom + 1;
  const fill = (bar) => getComputedStyle(bar).fill;
  return {
    title: document.title,
    heading: document.querySelector("h1").textContent,
    scripts: document.scripts.length,
    images: document.images.length,
    background: getComputedStyle(document.body).backgroundColor,
    font: getComputedStyle(document.body).fontSize,
    bars: bars.length,
    outside: bars.filter((bar) => !inside(bar)).length,
    fills: [...new Set([...document.querySelectorAll("svg.bars rect.bar")].map(fill))].length,
    runs: document.querySelector("svg.bars")?.getAttribute("aria-label"),
    names: texts("svg.names title"),
    marks: document.querySelectorAll("svg.bars .mark").length,
    lost: document.querySelectorAll("svg.bars .lost").length,
    ticks: texts("svg.axis text"),
    figures: texts("dl.figures dd b"),
    runners: texts("section[aria-labelledby=runners] tbody th"),
    jobs: [...document.querySelectorAll("section[aria-labelledby=jobs] tbody th")].map(
      (cell) => cell.firstChild.textContent,
    ),
    failures: texts("article.failure h3"),
    logs: texts("article.failure pre"),
    links: [...document.links].map((link) => link.getAttribute("href")),
    landmarks: ["header", "main", "footer"].filter((name) => document.querySelector(name)),
    height: document.documentElement.scrollHeight,
    wider: document.documentElement.scrollWidth - innerWidth,
  };
}

// How many colours a screenshot has: a blank page has one.
async function colours(shot) {
  const tab = await browser.newPage();
  const count = await tab.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const image = await createImageBitmap(new Blob([bytes]));
    const canvas = new OffscreenCanvas(image.width, image.height);
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, image.width, image.height);
    return new Set(new Uint32Array(data.buffer)).size;
  }, Buffer.from(shot).toString("base64"));
  await tab.close();
  return count;
}
