// From what is known of an Apache and a Python to the one file, or to the reason why there is none. No page
// here, only values.

const { releases, compilers } = JSON.parse(document.getElementById("releases").textContent);

const MACHINES = { 0x014c: "32 bit", 0x8664: "64 bit", 0xaa64: "ARM64" };
const RUNTIMES = [[/^msvcr90\.dll$/, "VC9"], [/^msvcr100\.dll$/, "VC10"], [/^msvcr110\.dll$/, "VC11"],
  [/^msvcr120\.dll$/, "VC12"], [/^(vcruntime140|api-ms-win-crt-|ucrtbase)/, "VC14"]];

// Which of Microsoft's compilers made it, as Apache Lounge calls it. Within the last family the linker tells.
function compilerOf(family, [, minor]) {
  const older = compilers.filter(([known, first]) => known === family && minor >= first);
  return family === "VC14" ? older[older.length - 1][2] : family;
}

// What a file is: { apache }, { python } or { nothing: why }.
function recognise(name, buffer) {
  let image, imports, own;
  try {
    image = new Image(buffer);
    imports = image.imports();
    own = image.ownName();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { nothing: "is no Windows program, or is cut short" };
  }
  const bits = MACHINES[image.machine] ?? "of another machine";
  const names = [own, name.toLowerCase(), ...imports];
  if (own === "libhttpd.dll" || imports.includes("libhttpd.dll") && /\.exe$/i.test(name)) {
    return { apache: { bits, ...builtBy(image, imports), version: versionOf(image) } };
  }
  const tag = names.map((found) => /^python([23])(\d{1,2})(t?)\.dll$/.exec(found)).find(Boolean);
  if (tag) return { python: { bits, version: `${tag[1]}.${tag[2]}${tag[3]}`, full: pythonVersion(image) } };
  if (names.includes("python3.dll")) {
    return { nothing: "only passes on to the Python beside it: show python3XY.dll, with both numbers" };
  }
  return { nothing: "is neither Apache's httpd.exe or libhttpd.dll nor a Python's pythonXY.dll" };
}

function builtBy(image, imports) {
  const family = RUNTIMES.find(([pattern]) => imports.some((dll) => pattern.test(dll)))?.[1] ?? null;
  return { family, compiler: family === null ? null : compilerOf(family, image.linker) };
}

// CPython's third number is a thousand times the one that it is known by, and whether it is a candidate.
function pythonVersion(image) {
  const [major, minor, third] = versionOf(image)?.split(".") ?? [];
  return third === undefined ? null : `${major}.${minor}.${Math.floor(third / 1000)}`;
}

function versionOf(image) {
  try {
    const version = image.version();
    return version === null ? null : version.slice(0, 3).join(".");
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return null;
  }
}

const cells = releases.flatMap((release) => release.cells.map((cell) => ({ ...cell, release })));

// The newest first: by numbers, not by letters.
const byNumbers = (one, other) => other.localeCompare(one, "en", { numeric: true });

// Every Apache and every Python that some cell is for.
function distinct(key, order) {
  return [...new Map(cells.map((cell) => [key(cell), cell])).values()].sort(order);
}

const rank = (cell) => compilers.findIndex(([, , label]) => label === cell.compiler);
const apaches = distinct((cell) => cell.apache, (one, other) =>
  byNumbers(one.series, other.series) || byNumbers(one.bits, other.bits) || rank(other) - rank(one));
const pythons = distinct((cell) => `${cell.python}-${cell.arch}`, (one, other) =>
  byNumbers(one.python, other.python) || byNumbers(one.bits, other.bits));

// The label that fits an Apache that was read: its own, or one of the same family, which loads the same files.
function labelFor(apache) {
  const series = (apache.version ?? "2.4").split(".").slice(0, 2).join(".");
  const alike = apaches.filter((known) => known.bits === apache.bits && known.series === series);
  return alike.find((known) => known.compiler === apache.compiler)
    ?? alike.find((known) => known.family === apache.family) ?? null;
}

// The answer: { cell } with a file, or { problem, hint }.
function decide(apache, python) {
  if (apache.bits !== python.bits) {
    return {
      problem: `This Apache is ${apache.bits} and this Python is ${python.bits}: one process cannot have both.`,
      hint: `Install the ${apache.bits} Python ${python.python}, or an Apache that is ${python.bits}.`,
    };
  }
  const fitting = cells.filter((cell) => cell.apache === apache.apache && cell.python === python.python);
  const final = (cell) => !cell.release.prerelease;
  const built = fitting.filter((cell) => cell.built);
  const best = built.find((cell) => cell.verdict === "supported" && final(cell)) ?? built.find(final) ?? built[0];
  if (best) return { cell: best };
  const said = fitting.find((cell) => cell.reason);
  if (said) return { problem: `There is no file for this pair: ${said.reason}.`, hint: otherPythons(apache) };
  if (apache.family !== python.abi) {
    return {
      problem: `This Apache is made by a compiler of the family ${apache.family}, this Python by one of ${python.abi}: they do not mix.`,
      hint: otherPythons(apache),
    };
  }
  return { problem: "There is no file for this pair here.", hint: otherPythons(apache) };
}

function otherPythons(apache) {
  const fit = cells.filter((cell) => cell.apache === apache.apache && cell.built && cell.verdict === "supported");
  const names = [...new Set(fit.map((cell) => cell.python))].sort(byNumbers);
  return names.length === 0
    ? "There is no file for this Apache; Apache Lounge has newer builds, win64-VS17 among them."
    : `For this Apache there are files for Python ${names.join(", ")}.`;
}

// What a module or an archive is, by its digest.
function known(digest) {
  const of = [];
  for (const cell of cells) {
    if (cell.built?.sha256 === digest) of.push(`${cell.id} of ${cell.release.module} ${cell.release.version}`);
  }
  for (const release of releases) {
    for (const archive of release.archives) if (archive.sha256 === digest) of.push(archive.name);
  }
  return of;
}

