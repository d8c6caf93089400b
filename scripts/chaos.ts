// Breaks Baton on purpose and counts what came of it: `npm run chaos [-- S1 S5 --seed 7 --short]`.
//
// Everything stays on this machine and ends by itself. Without names every experiment is run in its full size, one after the other;
// the table at the end is what docs/reliability.md quotes. Exit code 1 when anything was not as it should be.
import { parseArgs } from "node:util";
import { experiments } from "#test/chaos/experiments.ts";
import type { Experiment, Outcome, Size } from "#test/chaos/experiment.ts";
import { needs } from "#test/support/needs.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: "string", default: String(1 + Math.floor(Math.random() * 1_000_000)) },
    short: { type: "boolean", default: false },
    list: { type: "boolean", default: false },
  },
});
const seed = Number(values.seed);
const size: Size = values.short ? "short" : "full";
const unknown = positionals.filter((id) => !experiments.some((experiment) => experiment.id === id));
if (unknown.length > 0 || !Number.isSafeInteger(seed)) {
  console.error(
    unknown.length > 0
      ? `There is no experiment ${unknown.join(", ")}. There are: ${experiments.map(({ id }) => id).join(", ")}`
      : `--seed ${values.seed} is not a whole number`,
  );
  process.exit(2);
}
const chosen = experiments.filter(({ id }) => positionals.length === 0 || positionals.includes(id));
if (values.list) {
  for (const { id, breaks, minutes } of chosen) console.log(`${id.padEnd(5)}≤ ${minutes} min  ${breaks}`);
  process.exit(0);
}

interface Line {
  readonly experiment: Experiment;
  readonly outcome: Outcome;
  readonly seconds: number;
}

async function play(experiment: Experiment): Promise<Line> {
  const { id, minutes, breaks } = experiment;
  console.log(`\n${id}: ${breaks} (seed ${seed}, at most ${minutes} min)`);
  const began = performance.now();
  const seconds = () => Math.round((performance.now() - began) / 1_000);
  for (const need of experiment.needs ?? [])
    if (!(await needs(need)))
      return { experiment, outcome: { counted: {}, wrong: [`this machine has no ${need}`] }, seconds: 0 };
  const limit = setTimeout(() => {
    console.error(`${id} took longer than ${minutes} minutes: ended`);
    process.exit(1);
  }, minutes * 60_000);
  try {
    const say = (line: string) => console.log(`  ${String(seconds()).padStart(5)} s  ${line}`);
    return { experiment, outcome: await experiment.run({ size, seed, say }), seconds: seconds() };
  } catch (error) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { experiment, outcome: { counted: {}, wrong: [message] }, seconds: seconds() };
  } finally {
    clearTimeout(limit);
  }
}

const lines: Line[] = [];
for (const experiment of chosen) {
  const line = await play(experiment);
  lines.push(line);
  for (const problem of line.outcome.wrong) console.log(`  WRONG: ${problem}`);
}

console.log(`\n| id | what was done | counted | wrong | seconds |\n| --- | --- | --- | --- | --- |`);
for (const { experiment, outcome, seconds } of lines) {
  const counted = Object.entries(outcome.counted).map(([what, value]) => `${what}: ${String(value)}`);
  console.log(
    `| ${experiment.id} | ${experiment.breaks} | ${counted.join("; ")} | ${outcome.wrong.length} | ${seconds} |`,
  );
}
console.log(`\nseed ${seed}, size ${size}`);
process.exitCode = lines.every(({ outcome }) => outcome.wrong.length === 0) ? 0 : 1;
