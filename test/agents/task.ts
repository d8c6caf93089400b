// A task as the engine would give it, for tests to change.
import { newRunId } from "#src/core/ids.ts";
import type { AgentTask } from "#src/engine/ports.ts";
import { defaultRepoConfig } from "#src/workflows/repo-config.ts";
import { base, start } from "./place.ts";

export function newTask(changes: Partial<AgentTask> = {}): AgentTask {
  const author = { login: "ada", id: 1 };
  return {
    runId: newRunId(),
    repo: { id: 7, owner: "acme", name: "sums", private: false, defaultBranch: "main", cloneUrl: "/nowhere/sums" },
    stage: "fix",
    attempt: 1,
    begun: 3,
    attempts: 3,
    agent: "fixer",
    makes: "Change",
    base,
    start,
    input: {
      title: "sum is wrong",
      body: "sum(1, 2) gives 4",
      comments: [],
      dropped: [],
      instruction: "",
      hash: "0".repeat(64),
    },
    subject: { kind: "issue", number: 12, url: "http://127.0.0.1/12", author },
    inputs: [],
    reasons: [],
    config: defaultRepoConfig,
    limits: { turns: 10, microDollars: 1_000_000, milliseconds: 20_000 },
    waits: 0,
    ...changes,
  };
}
