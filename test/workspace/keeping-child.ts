// Run by tests as a process of its own, to be killed: does what it is told line by line, and says after each line what came of it.
import { createInterface } from "node:readline";
import { execute } from "#src/core/exec.ts";
import { onFaultPoint } from "#src/core/fault-points.ts";
import { sha } from "#src/core/ids.ts";
import { createWorkspaces } from "#src/workspace/create-workspaces.ts";
import type { Workspace } from "#src/workspace/workspaces.ts";

const [home = "", origin = "", head = "", warm] = process.argv.slice(2);
const repo = { owner: "octo", name: "tab", cloneUrl: origin };
const never = new AbortController().signal;
const workspaces = await createWorkspaces({
  home,
  onHost: execute,
  inSandbox: (command, signal) =>
    execute(
      { ...command, env: { PATH: "/usr/bin:/bin", HOME: `${command.cwd}/../baton-home`, ...command.env } },
      signal,
    ),
  credential: () => Promise.resolve(undefined),
  warmPool: warm === undefined ? undefined : { maxBytes: 1e8, maxAgeMs: 3_600_000, perRepository: 3 },
  minFreeBytes: 0,
});
let workspace: Workspace | undefined;

async function obey(verb: string, word: string): Promise<string> {
  const setup = {
    install: "mkdir node_modules vendored; touch node_modules/a vendored/a; echo installed",
    base: sha(head),
  };
  if (verb === "open")
    workspace = await workspaces.open(repo, sha(head), never, word === "" ? {} : { keep: word, setup });
  if (verb === "resolve") return await workspaces.resolve(repo, word, never);
  if (verb === "figures") return JSON.stringify(await workspaces.warmPool.figures());
  if (verb === "adopt") {
    const [key = "", turn = ""] = word.split("@");
    workspace = await workspaces.adopt(repo, key, Number(turn), never);
  }
  if (verb === "begin") await workspace?.begin(Number(word));
  if (verb === "recorded") await workspace?.recorded(Number(word));
  if (verb === "die") onFaultPoint(async (point) => void (point === word && process.kill(process.pid, "SIGKILL")));
  if (verb === "park") await workspace?.park();
  if (verb === "merge") {
    const [into = "", theirs = ""] = word.split(" ");
    return JSON.stringify(await workspaces.merge(repo, sha(into), sha(theirs), "work", never));
  }
  if (verb === "collect") return JSON.stringify(await workspace?.collect("work", never));
  return workspace?.folder ?? "nothing";
}

process.stdout.write("ready\n");
for await (const line of createInterface({ input: process.stdin })) {
  const [verb = "", ...rest] = line.split(" ");
  process.stdout.write(`${await obey(verb, rest.join(" "))}\n`);
}
await workspaces[Symbol.asyncDispose]();
