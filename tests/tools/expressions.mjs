// Evaluates what stands between ${{ and }} in a workflow, with GitHub's own lexer, parser and evaluator: one
// JSON line a question on standard input, one a line as the answer. Whatever they do not know is an error.
//
//   {"template": …, "contexts": {"github": …}, "status": {"success": true, …}}   any value, its strings evaluated
//   {"condition": "…", …}                                                        true or false, as `if` has it
import { createInterface } from "node:readline";

const EXPRESSIONS = `${process.env.MODULES}/@actions/expressions/dist`;
const { Evaluator, Lexer, Parser, data } = await import(`${EXPRESSIONS}/index.js`);
const { reviver } = await import(`${EXPRESSIONS}/data/reviver.js`);
const { replacer } = await import(`${EXPRESSIONS}/data/replacer.js`);

const STATUS = ["success", "failure", "cancelled", "always"];

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = { value: answered(JSON.parse(line)) };
  } catch (error) {
    answer = { error: String(error.message ?? error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

function answered(question) {
  const known = {
    contexts: JSON.parse(JSON.stringify(question.contexts), reviver),
    functions: new Map(STATUS.map((name) => [name, status(name, question.status[name])])),
  };
  return question.condition === undefined
    ? filled(question.template, known)
    : holds(question.condition, known);
}

function status(name, value) {
  return { name, minArgs: 0, maxArgs: 0, call: () => new data.BooleanData(value) };
}

// A condition is an expression with or without its braces, and holds only after success unless it asks itself.
function holds(condition, known) {
  const whole = String(condition).trim().match(/^\$\{\{(.*)\}\}$/s);
  const expression = (whole ? whole[1] : String(condition)).trim();
  const asks = new RegExp(`\\b(${STATUS.join("|")})\\s*\\(`, "i").test(expression);
  const value = evaluated(`!!(${expression})`, known).value;
  return value && (asks || known.functions.get("success").call().value);
}

// A string that is one expression becomes its value, of whatever type; in any other it becomes text.
function filled(template, known) {
  if (Array.isArray(template)) return template.map((item) => filled(item, known));
  if (template !== null && typeof template === "object") {
    return Object.fromEntries(Object.entries(template).map(([key, item]) => [key, filled(item, known)]));
  }
  if (typeof template !== "string") return template;
  const whole = template.match(/^\$\{\{((?:(?!\}\}).)*)\}\}$/s);
  if (whole) return plain(evaluated(whole[1], known));
  return template.replaceAll(/\$\{\{(.*?)\}\}/gs, (_, expression) => evaluated(expression, known).coerceString());
}

function evaluated(expression, { contexts, functions }) {
  const { tokens } = new Lexer(expression).lex();
  const names = contexts.pairs().map((pair) => pair.key);
  const parsed = new Parser(tokens, names, [...functions.values()]).parse();
  return new Evaluator(parsed, contexts, functions).evaluate();
}

function plain(value) {
  return JSON.parse(JSON.stringify(value, replacer));
}
