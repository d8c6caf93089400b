// `baton triage owner/repo --all`: what there is to sort and what it would cost; with `--yes` it is submitted, waited for and collected,
// and with `--label` what was found is set on GitHub. A call that finds something under way goes on with that, and submits nothing else.
import { setTimeout as delay } from "node:timers/promises";
import { bytesOf, createBatches } from "../agents/batches.ts";
import { systemClock } from "../core/clock.ts";
import type { Env } from "../env.ts";
import { settledLabels } from "../github/labels.ts";
import type { Backlog } from "../triage/backlog.ts";
import { choose, type Choice } from "../triage/backlog-choice.ts";
import { triageRequest } from "../triage/backlog-requests.ts";
import { createBacklogWork, type BacklogWork, type Collected } from "../triage/backlog-work.ts";
import { countOf } from "../triage/batch-search.ts";
import { estimate } from "../triage/estimate.ts";
import { typeLabels } from "../triage/labels.ts";
import { createLibrary, withOverrides } from "../workflows/load.ts";
import { setFoundLabels } from "./backlog-labels.ts";
import { lookAtBacklog, openBacklogPlace, type BacklogPlace } from "./backlog-place.ts";
import { askingFor, gather, preparedOf, type Desk } from "./backlog-desk.ts";
import { linesOf, planOf, planText, resultText, type Listing } from "./backlog-report.ts";
import { openGround } from "./github-ground.ts";
import { openEnv, type TriageCall } from "./triage-call.ts";

export interface BacklogFlags {
  readonly yes: boolean;
  readonly cancel: boolean;
  readonly untyped: boolean;
  /** At most so many are sorted. */
  readonly limit: number;
  /** Milliseconds since 1970. */
  readonly since: number | undefined;
  /** At most so many issues and pull requests are listed. */
  readonly most: number;
}

/** Gives the exit code. Throws `github-failed`, `model-failed`, and what the backlog's place throws. */
export async function triageBacklog(
  { owner, name }: { readonly owner: string; readonly name: string },
  flags: BacklogFlags,
  call: TriageCall,
): Promise<number> {
  const { env, journal } = openEnv(flags.yes || flags.cancel ? ["token", "model"] : ["token"], call);
  const ground = await openGround(owner, name, env, journal);
  const library = withOverrides(await createLibrary(), (path) => ground.reader.file(ground.repo, path));
  const desk: Desk = { ...ground, library, signal: call.signal };
  if (!flags.yes && !flags.cancel) return await plan(desk, flags, call, env);

  await using place = await openBacklogPlace(env, ground.repo);
  const { backlog } = place;
  const work = createBacklogWork({
    batches: createBatches({ apiKey: env.model?.apiKey ?? "", baseURL: env.model?.baseURL ?? "", log: journal }),
    backlog,
    clock: systemClock,
    pause: (milliseconds, signal) => delay(milliseconds, undefined, { signal }).catch(() => undefined),
    tell: call.print,
  });
  const again = `baton triage ${owner}/${name} --all --yes`;
  try {
    return flags.cancel ? await cancel(work, backlog.state, again, call) : await sort(desk, place, work, flags, call);
  } catch (error) {
    const waiting = backlog.state.underWay.reduce((sum, { requests }) => sum + requests.length, 0);
    if (waiting > 0)
      call.print(
        `${countOf(waiting)} ${waiting === 1 ? "is" : "are"} under way, whatever happens here: \`${again}\` goes on with them, and nothing is paid for twice. \`--cancel\` in place of \`--yes\` stops them.`,
      );
    else if (call.signal.aborted) call.print(`Stopped. Nothing is under way: \`${again}\` begins again.`);
    if (!call.signal.aborted) throw error;
    return 130;
  }
}

async function list(desk: Desk, flags: BacklogFlags, backlog: Backlog): Promise<Listing> {
  const { reader, repo, config } = desk;
  const { issues, more } = await reader.openIssues(repo, { most: flags.most, since: flags.since });
  desk.signal.throwIfAborted();
  const choice = choose(issues, backlog, {
    ...flags,
    typeLabels: typeLabels(config.labels),
    settledLabels,
  });
  return { choice, more };
}

/** Shows what `--yes` would do. Asks GitHub only, and writes nothing. */
async function plan(desk: Desk, flags: BacklogFlags, call: TriageCall, env: Env): Promise<number> {
  const backlog = await lookAtBacklog(env, desk.repo);
  const listing = await list(desk, flags, backlog);
  const asking = await askingFor(desk);
  const bytes: number[] = [];
  for await (const { issue } of gather(desk, listing.choice.chosen, call))
    bytes.push(bytesOf({ id: "0".repeat(24), request: triageRequest(asking, issue) }));
  const cost = estimate(bytes, asking.model, backlog.measured);
  const lines = await linesOf(desk, listing.choice);
  const shown = planOf(desk, { ...listing, lines, cost, model: asking.model, backlog });
  planText(shown, call.label).forEach(call.print);
  if (call.json) console.log(JSON.stringify(shown));
  return 0;
}

async function sort(
  desk: Desk,
  { backlog, outbox }: BacklogPlace,
  work: BacklogWork,
  flags: BacklogFlags,
  call: TriageCall,
): Promise<number> {
  let collected: readonly Collected[] = await work.collect(call.signal);
  let listing: Listing | undefined;
  if (collected.length === 0) {
    listing = await list(desk, flags, backlog.state);
    collected = await sortNow(desk, listing.choice, work, call);
  }
  // Waiting may have taken hours.
  if (collected.length > 0 || !listing) listing = await list(desk, flags, backlog.state);
  const lines = await linesOf(desk, listing.choice);
  const labelled = call.label ? await setFoundLabels(desk, outbox, lines, call) : lines;
  const asking = await askingFor(desk);
  const shown = planOf(desk, { ...listing, lines: labelled, model: asking.model, backlog: backlog.state, collected });
  resultText(shown).forEach(call.print);
  if (call.json) console.log(JSON.stringify(shown));
  const left =
    collected.some(({ outcome }) => outcome.type !== "sorted") || labelled.some((line) => line.labelled === "failed");
  return left ? 1 : 0;
}

async function sortNow(desk: Desk, { chosen }: Choice, work: BacklogWork, call: TriageCall) {
  if (chosen.length === 0) return [];
  const asking = await askingFor(desk);
  call.print(`Reading ${countOf(chosen.length)} …`);
  const prepared = [];
  for await (const gathered of gather(desk, chosen, call)) prepared.push(gathered);
  await work.submit(preparedOf(asking, prepared), call.signal);
  return await work.collect(call.signal);
}

async function cancel(work: BacklogWork, { underWay }: Backlog, again: string, call: TriageCall): Promise<number> {
  if (underWay.length === 0) {
    call.print("Nothing is under way.");
    return 0;
  }
  await work.cancel(call.signal);
  call.print(
    `Asked for no more work on what is under way. What was done by then is kept, and paid for: \`${again}\` collects it.`,
  );
  return 0;
}
