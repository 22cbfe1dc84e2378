// What all that is looked at in a real browser has in common: the checker of its HTML, the browser, and axe.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

// CLIENTS is the folder of npm's packages, BROWSER the program, PAGE the file.
export async function open(clients, executablePath, page) {
  const require = createRequire(`${clients}/page.js`);
  const puppeteer = require("puppeteer-core");
  const axe = require("axe-core").source;
  const { HtmlValidate } = require("html-validate");
  const url = pathToFileURL(page).href;
  const seen = { complaints: [], requests: [], invalid: await invalid(HtmlValidate, page) };
  const browser = await puppeteer.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
  });
  return { browser, axe, url, seen };
}

async function invalid(HtmlValidate, page) {
  const checker = new HtmlValidate({
    root: true,
    extends: ["html-validate:standard"],
    rules: {
      // A matter of taste: a row of a table is as readable.
      "long-title": "off",
      // Its own words say what to use them for, which is what they are used for.
      "prefer-native-element": "off",
    },
  });
  const report = await checker.validateString(readFileSync(page, "utf8"));
  return report.results
    .flatMap((result) => result.messages)
    .map((message) => `${message.line}:${message.column}: ${message.ruleId}: ${message.message}`)
    .slice(0, 20);
}

// A tab in which all that the page asks for or complains about is noted.
export async function tab({ browser, url, seen }, scheme, width, height) {
  const tab = await browser.newPage();
  tab.on("console", (message) => seen.complaints.push(`${message.type()}: ${message.text()}`));
  tab.on("pageerror", (error) => seen.complaints.push(String(error)));
  tab.on("dialog", (dialog) => {
    seen.complaints.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  tab.on("request", (request) => request.url().split("#")[0] === url || seen.requests.push(request.url()));
  await tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await tab.setViewport({ width, height });
  return tab;
}

// What axe has against the page as it stands.
export async function accessibility({ axe }, tab) {
  await tab.evaluate(axe);
  const found = await tab.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  const violations = found.violations.map(
    (rule) => `${rule.id}: ${rule.help}: ${rule.nodes[0].html.slice(0, 200)} ${rule.nodes[0].failureSummary}`,
  );
  return { passes: found.passes.length, violations };
}
