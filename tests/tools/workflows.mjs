// Has GitHub's own parser and actionlint look at workflows, and prints what they object to, a finding a line.
// GitHub's parser comes for bundlers, which know without being told that a .json file is JSON.
import { readFileSync } from "node:fs";
import { register } from "node:module";
import { argv, env, exit } from "node:process";

const hook = `export const load = (url, context, next) => next(url, url.endsWith(".json")
  ? { ...context, importAttributes: { type: "json" }, importAssertions: { type: "json" } } : context)`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);
const { NoOperationTraceWriter, convertWorkflowTemplate, parseWorkflow } = await import(
  `${env.MODULES}/@actions/workflow-parser/dist/index.js`
);
const { createLinter } = await import(`${env.MODULES}/actionlint/node.mjs`);

const lint = await createLinter();
for (const path of argv.slice(2)) {
  const content = readFileSync(path, "utf8");
  for (const { line, kind, message } of lint(content, path)) {
    console.log(`${path}:${line}: actionlint: ${kind}: ${message}`);
  }
  const { context, value } = parseWorkflow({ name: path, content }, new NoOperationTraceWriter());
  if (value) await convertWorkflowTemplate(context, value);
  for (const { message } of context.errors.getErrors()) console.log(`GitHub: ${message}`);
}
// The linter's Go would wait for more.
exit(0);
