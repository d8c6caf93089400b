// What one job of the runner stand-in does: its steps, those of composite actions, and the few actions of GitHub's own it plays.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import type { Repository, WorkflowRun } from "#src/playground/state.ts";
import { fill, isTrue, type Contexts, type Standing } from "./actions-expression.ts";
import { readAction, readPairs, type Step } from "./actions-file.ts";
import type { JobRecord } from "./actions-runner.ts";
import { until } from "./until.ts";

export interface StepsOptions {
  readonly repository: () => Repository;
  readonly actions: Readonly<Record<string, string>>;
  /** Steps to be killed, by their job; one that was is taken out. */
  readonly kills: { readonly job: string; readonly when: () => boolean }[];
  readonly closing: () => boolean;
  readonly newId: () => number;
}

/** A job under way. */
export interface At {
  readonly contexts: Contexts;
  readonly env: Readonly<Record<string, string>>;
  readonly kept: JobRecord;
  readonly temp: string;
  readonly run: WorkflowRun;
  readonly standing: { failed: boolean; cancelled: boolean } & Standing;
}

/** Works the steps of a job, one after the other, and gives their outputs by their ids. */
export type WorkSteps = (steps: readonly Step[], at: At) => Promise<Record<string, unknown>>;

export function createSteps({ repository, actions, kills, closing, newId }: StepsOptions): WorkSteps {
  /** The outputs of steps by their ids. */
  async function workSteps(steps: readonly Step[], at: At): Promise<Record<string, unknown>> {
    const done: Record<string, unknown> = {};
    for (const [index, step] of steps.entries()) {
      const contexts = { ...at.contexts, steps: done };
      const label = step.name ?? step.uses ?? step.run?.split("\n")[0] ?? "";
      if (!isTrue(step.if, contexts, at.standing)) {
        at.kept.steps.push({ name: label, result: "skipped" });
        if (step.id !== undefined) done[step.id] = { outputs: {}, outcome: "skipped" };
        continue;
      }
      const { ok, outputs } = await workStep(step, index, { ...at, contexts });
      at.kept.steps.push({ name: label, result: ok ? "success" : "failure" });
      if (!ok) at.standing.failed = true;
      if (step.id !== undefined) done[step.id] = { outputs, outcome: ok ? "success" : "failure" };
    }
    return done;
  }

  async function workStep(
    step: Step,
    index: number,
    at: At,
  ): Promise<{ ok: boolean; outputs: Record<string, string> }> {
    const given = filled(step.with, at.contexts);
    const env = { ...at.env, ...filled(step.env, at.contexts) };
    if (step.run !== undefined) return await runScript(step, index, { ...at, env });
    const uses = step.uses ?? "";
    const folder = actions[uses];
    if (folder !== undefined) return await workAction(folder, given, { ...at, env });
    if (/^actions\/setup-node@v\d+$/.test(uses)) return { ok: given["node-version"] === "24", outputs: {} };
    if (/^actions\/upload-artifact@v\d+$/.test(uses)) return await upload(given, at);
    if (/^actions\/download-artifact@v\d+$/.test(uses)) return await download(given);
    throw new Error(`the stand-in has no action ${uses}`);
  }

  async function workAction(folder: string, given: Record<string, string>, at: At) {
    const action = readAction(await readFile(join(folder, "action.yml"), "utf8"));
    const strange = Object.keys(given).filter((key) => !Object.hasOwn(action.inputs, key));
    if (strange.length > 0) throw new Error(`action.yml has no input ${strange.join(", ")}`);
    const inputs: Record<string, string> = {};
    for (const [key, { default: usual = "", required }] of Object.entries(action.inputs)) {
      if (required === true && given[key] === undefined) throw new Error(`the input ${key} is missing`);
      inputs[key] = given[key] ?? fill(usual, at.contexts);
    }
    const github = { ...z.record(z.string(), z.unknown()).parse(at.contexts["github"]), action_path: folder };
    // An action sees neither secrets nor what other jobs said: only what it is given.
    const contexts = { github, runner: at.contexts["runner"], inputs };
    const before = at.standing.failed;
    const standing = { failed: false, cancelled: at.standing.cancelled };
    const steps = await workSteps(action.runs.steps, { ...at, contexts, standing });
    const outputs = Object.fromEntries(
      Object.entries(action.outputs).map(([key, { value }]) => [key, fill(value, { ...contexts, steps })]),
    );
    at.standing.failed = before;
    return { ok: !standing.failed, outputs };
  }

  async function runScript(step: Step, index: number, { contexts, env, kept, temp }: At) {
    const file = (kind: string) => join(temp, `${kind}-${kept.steps.length}-${index}`);
    const [output, summary, script] = [file("output"), file("summary"), file("script")];
    await Promise.all([output, summary].map((path) => writeFile(path, "")));
    await writeFile(script, fill(step.run ?? "", contexts));
    const cwd = step["working-directory"] === undefined ? temp : fill(step["working-directory"], contexts);
    const child = spawn("bash", ["--noprofile", "--norc", "-eo", "pipefail", script], {
      cwd,
      env: { ...env, GITHUB_OUTPUT: output, GITHUB_STEP_SUMMARY: summary },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => (kept.log += text));
    let ended = false;
    const closed = once(child, "close").then(([code]: unknown[]) => {
      ended = true;
      return code;
    });
    const watching = until(
      () => {
        const at = kills.findIndex(({ job, when }) => job === kept.name && when());
        if (at !== -1 || closing()) {
          kills.splice(at, at === -1 ? 0 : 1);
          if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
        }
        return ended || at !== -1 || closing();
      },
      { milliseconds: 600_000, every: 20 },
    );
    const code = await closed;
    await watching;
    kept.summary += await readFile(summary, "utf8");
    return { ok: code === 0, outputs: readPairs(await readFile(output, "utf8")) };
  }

  async function upload(given: Record<string, string>, { run }: At) {
    const { artifacts } = repository();
    const { name: named = "", path = "" } = given;
    const same = artifacts.findIndex((one) => one.name === named && one.run.id === run.id);
    if (same !== -1 && given["overwrite"] !== "true") throw new Error(`the run has an artifact ${named} already`);
    const bytes = await readFile(path);
    if (same !== -1) artifacts.splice(same, 1);
    const files = new Map([[basename(path), bytes]]);
    artifacts.push({ id: newId(), name: named, run, files, createdAt: stamp(), expired: false });
    return { ok: true, outputs: {} };
  }

  async function download(given: Record<string, string>) {
    const { artifacts } = repository();
    const found = artifacts.findLast((one) => one.name === given["name"] && String(one.run.id) === given["run-id"]);
    if (!found) return { ok: false, outputs: {} };
    for (const [path, bytes] of found.files) {
      const to = join(given["path"] ?? "", path);
      await mkdir(dirname(to), { recursive: true });
      await writeFile(to, bytes);
    }
    return { ok: true, outputs: {} };
  }

  return workSteps;
}

export function filled(values: Readonly<Record<string, string>>, contexts: Contexts): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, fill(value, contexts)]));
}

/** Now, as GitHub writes it. */
export function stamp(): string {
  return new Date().toISOString().replace(/\.\d{3}Z$/, "Z");
}
