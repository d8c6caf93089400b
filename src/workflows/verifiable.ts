// What Baton can and cannot verify in a repository, from what it saw when it tried the commands there. Pure; one list for the pull request,
// the comment and the command line.
import type { Tried, TriedCommand } from "./setup.ts";

export interface Verifiable {
  /** What a later pull request may claim. */
  readonly what: string;
  /** "not verified": there is nothing here that it could look at. */
  readonly can: "yes" | "in part" | "no" | "not verified";
  /** Plain text with the reason. It may hold what programs printed. */
  readonly why: string;
}

const REPRODUCTION = "A defect is shown by a test that fails before and passes after (red, green)";
const BASELINE = "The suite is no worse than before (baseline)";

/** The list, the weightiest first. */
export function whatCanBeVerified({ commands, surface }: Tried): Verifiable[] {
  // Of two the last one is in force.
  const of = (name: TriedCommand["name"]) => commands.findLast((one) => one.name === name);
  const list = [dependencies(of("install")), ...tests(of("test"), installInTheWay(commands))];
  return [...list, names(surface)];
}

/** True when the suite can be compared at all. */
export function isSuiteVerifiable(tried: Tried): boolean {
  return whatCanBeVerified(tried).some(({ what, can }) => what === BASELINE && can !== "no");
}

/** The install that does not work and is run all the same, before every check. */
export function installInTheWay(commands: Tried["commands"]): TriedCommand | undefined {
  const install = commands.findLast(({ name }) => name === "install");
  return isInTheWay(install) ? install : undefined;
}

function isInTheWay(install: TriedCommand | undefined): boolean {
  return install !== undefined && !install.works && install.from !== "proposed";
}

function dependencies(install: TriedCommand | undefined): Verifiable {
  const what = "Dependencies are there for every check";
  if (!install) return { what, can: "yes", why: "none are listed, and nothing is installed" };
  if (install.works) return { what, can: "yes", why: `\`${install.command}\` ${install.why}` };
  const host = /network access blocked: ([^\s:]+)/.exec(install.why)?.[1];
  const blocked = host === undefined ? "" : ` The way to ${host} is closed to installs.`;
  const way = isInTheWay(install)
    ? ` It is ${install.from === "written" ? "written in the config" : "detected"}, so every check runs it and says no until it works; where nothing need be installed, \`commands.install: "true"\` says so.`
    : "";
  return { what, can: "no", why: `\`${install.command}\`: ${clipped(install.why)}.${blocked}${way}` };
}

function tests(test: TriedCommand | undefined, inTheWay: TriedCommand | undefined): Verifiable[] {
  if (inTheWay) {
    const why = `every check begins with \`${inTheWay.command}\`, which does not work here`;
    const alone = test ? `; without it, \`${test.command}\`: ${clipped(test.why)}` : "";
    return [
      { what: REPRODUCTION, can: "no", why },
      { what: BASELINE, can: "no", why: `${why}${alone}` },
    ];
  }
  if (!test?.works) {
    const why = test ? `\`${test.command}\`: ${clipped(test.why)}` : "there is no test command, and none was found";
    return [
      {
        what: REPRODUCTION,
        can: "in part",
        why: "a reproduction brings a command of its own, of which nothing is known",
      },
      { what: BASELINE, can: "no", why },
    ];
  }
  const seen = `\`${test.command}\`: ${test.why}`;
  const wavers = test.stable
    ? ""
    : ". What wavers gets a second run before it counts, and may still block or hide something";
  if (test.code === "by-name")
    return [
      { what: REPRODUCTION, can: "yes", why: "test by test: this runner's report can be read" },
      { what: BASELINE, can: test.stable ? "yes" : "in part", why: `${seen}${wavers}` },
    ];
  const exit = "by exit code only: nobody sees whether one test breaks while another is mended";
  return [
    { what: REPRODUCTION, can: "in part", why: "by exit code and expected words only" },
    { what: BASELINE, can: "in part", why: `${seen}; ${exit}${wavers}` },
  ];
}

/** What stands below the list, because no repository could make a yes of it. Plain text. */
export function onlyTold({ commands }: Tried): string {
  const each = commands.flatMap(({ name, command, works, why }) => {
    if (name === "install" || name === "test") return [];
    return [works ? `${name} passes today: \`${command}\`` : `${name} does not: \`${command}\` ${clipped(why)}`];
  });
  return ["Lint, types and build are told to agents; no gate decides by them.", each.join("; ")].join(" ").trim();
}

function names({ code, summary }: Tried["surface"]): Verifiable {
  const what = "A refactoring leaves what others use by name (surface)";
  if (code === "unchanged") return { what, can: "yes", why: "the names of its packages can be read" };
  if (code === "partly-computed") return { what, can: "in part", why: summary };
  if (code !== "not-computed") return { what, can: "no", why: summary };
  const why = summary.replace(/^Not computed, so nothing is shown: /, "");
  return { what, can: "not verified", why: why.startsWith("no package was found") ? "no exported names found" : why };
}

/** Programs print much; the whole stands with what was left out. */
function clipped(text: string): string {
  return text.length > 160 ? `${text.slice(0, 159)}…` : text;
}
