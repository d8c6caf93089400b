// An agent that conducts others, with the real runner, git and sandbox and a scripted model: what it is answered, what its agents are
// told, and what is left of their work.
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { DrivenAgain } from "#src/cli/replay-drive.ts";
import { BatonError } from "#src/core/errors.ts";
import { firstDifference } from "#src/engine/agree.ts";
import { fleetToolNames } from "#src/workflows/schema.ts";
import { same } from "#test/support/driven-again.ts";
import { created } from "#test/support/engine-world.ts";
import { needs } from "#test/support/needs.ts";
import { until } from "#test/support/until.ts";
import { processesWith, uniqueSleep } from "#test/hands/processes.ts";

import {
  bash,
  change,
  command,
  conclude,
  create,
  play,
  report,
  said,
  turn,
  use,
  waitFor,
} from "#test/support/conducted-play.ts";

describe.skipIf(!(await needs("bubblewrap")))("an orchestrator", () => {
  test("creates two, interrupts the one that is stuck, commands the other again with its context kept, and finishes", async () => {
    const seconds = uniqueSleep();
    const running = () =>
      until(async () => (await processesWith(seconds)).length > 0, { what: "the stuck agent runs nothing" });
    const { state, events, answer, calls, notes, changed, conducted } = await play({
      script: {
        orchestrator: [
          [
            turn(create("writer"), create("deaf", { agent: "scout", hands_in: "report" })),
            turn(command("writer", "write one"), command("deaf", "listen")),
            waitFor("writer"),
            turn(use("merge_work", { name: "writer" })),
            async () => {
              await running();
              return turn(use("interrupt_agent", { name: "deaf" }));
            },
            turn(command("deaf", "say what you know"), command("writer", "write two")),
            waitFor("deaf"),
            waitFor("writer"),
            turn(use("merge_work", { name: "writer" }), use("list_agents")),
            turn(use("read_agent_logs", { name: "writer", after_turn: 0, turns: 2 }), use("report_cost")),
            conclude,
          ],
        ],
        builder: [
          [
            turn(bash("echo one >> notes.txt; echo kept > /tmp/aside; echo scratch > .git/scratch")),
            turn(change("Wrote one.")),
            turn(bash("cat notes.txt .git/scratch; echo two >> notes.txt")),
            turn(change("Wrote two.")),
          ],
        ],
        scout: [[turn(bash(`sleep ${seconds}`)), turn(report("Nothing was heard."))]],
      },
    });
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(await processesWith(seconds)).toEqual([]);
    // The work of both commands is merged, and the conclusion names what was changed, not what was claimed.
    expect(notes).toBe("one\ntwo\n");
    expect(changed.map(({ path }) => path)).toEqual(["notes.txt"]);
    expect(conducted?.artifact).toMatchObject({ name: "Conclusion", value: { files: ["notes.txt"] } });

    // The second command comes into the first conversation, behind what was handed in.
    const [first, , third] = calls("builder");
    expect(said(first)).toContain("write one");
    expect(third?.request.messages.slice(0, 1)).toEqual(first?.request.messages.slice(0, 1));
    expect(third?.request.messages).toHaveLength(5);
    const last = JSON.stringify(third?.request.messages.at(-1));
    expect(last).toContain('"content":"accepted"');
    expect(last).toContain("write two");
    expect(last).not.toContain("was started again");
    // Its files are there, also those that are no part of the work.
    expect(calls("builder")[3]?.toolResults).toMatchObject([
      { ok: true, output: expect.stringContaining("one\nscratch") },
    ]);
    // Whoever was interrupted knows it, and what it did.
    expect(calls("scout")).toHaveLength(2);
    const again = said(calls("scout")[1]);
    expect(again).toContain(`sleep ${seconds}`);
    expect(again).toContain("You were interrupted");
    expect(again).toContain("say what you know");

    expect(answer("create_agent")).toMatchObject({ ok: true, output: expect.stringContaining("writer is created") });
    expect(answer("interrupt_agent")?.ok).toBe(true);
    expect(answer("check_agent_status", 1)?.output).toMatch(/deaf \(scout\): idle, command 2.*Nothing was heard/s);
    expect(answer("merge_work", 1)).toMatchObject({ ok: true });
    expect(answer("list_agents")?.output).toMatch(
      /writer \(builder\): idle, command 2 · 4 turns, \$.*its work is merged/,
    );
    expect(answer("read_agent_logs")?.output).toMatch(
      /Turn 1 \(command 1\)[^]*bash[^]*Turn 2 \(command 1\)[^]*4 turns in all; ask for those after turn 2/,
    );
    expect(answer("report_cost")?.output).toMatch(
      /- you: \$[^]*- writer \(idle\): \$[^]*- deaf \(idle\)[^]*Left to spend: \$/,
    );
    expect(firstDifference(events)).toBeUndefined();
  });

  test("commands one again whose files are gone: it begins from what is known, and what it handed in is there", async () => {
    let builds = 0;
    const { state, calls, notes, events } = await play({
      script: {
        orchestrator: [
          [
            turn(create("writer"), command("writer", "write one")),
            waitFor("writer"),
            turn(command("writer", "try")),
            waitFor("writer"),
            turn(command("writer", "write two")),
            waitFor("writer"),
            turn(use("merge_work", { name: "writer" })),
            conclude,
          ],
        ],
        builder: (call) => {
          builds += 1;
          const turns = [
            turn(bash("echo one >> notes.txt")),
            turn(change("Wrote one.")),
            // Touches its files, and comes to nothing.
            turn(bash("echo lost >> notes.txt")),
            turn(use("finish", { summary: 1 })),
            turn(use("finish", { summary: 1 })),
            turn(use("finish", { summary: 1 })),
            turn(use("finish", { summary: 1 })),
            turn(use("finish", { summary: 1 })),
            turn(use("finish", { summary: 1 })),
            turn(bash("cat notes.txt; echo two >> notes.txt")),
            turn(change("Wrote two.")),
          ];
          const next = turns[builds - 1];
          if (!next) throw new Error(`turn ${call.turn} is not scripted`);
          return next;
        },
      },
      before: async ({ agent, turn: number }, { home }) => {
        if (agent !== "orchestrator" || number !== 5) return;
        const folder = join(home, "workspaces");
        for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true, force: true });
      },
    });
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    const sessions = events.flatMap(({ event }) =>
      event.type === "session.started" && event.stage === "conduct:writer" ? [event.why] : [],
    );
    expect(sessions).toEqual(["first", "invalid-output", "workspace-gone"]);
    const anew = calls("builder").at(-2);
    expect(anew?.brief).toContain("The files you worked in were not kept");
    expect(anew?.brief).toContain("write two");
    expect(anew?.brief).toContain("echo one");
    expect(calls("builder").at(-1)?.toolResults[0]?.output).toBe("one");
    expect(notes).toBe("one\ntwo\n");
  });

  test("is told a conflict with its paths, and has it mended from the files that hold both sides", async () => {
    const { state, answer, notes, calls } = await play({
      script: {
        orchestrator: [
          [
            turn(create("left"), create("right"), command("left", "say left"), command("right", "say right")),
            waitFor("left"),
            waitFor("right"),
            turn(use("merge_work", { name: "left" }), use("merge_work", { name: "right" })),
            turn(
              create("mender", { agent: "integrator", start: "conflict" }),
              command("mender", "bring both together"),
            ),
            waitFor("mender"),
            turn(use("merge_work", { name: "mender" })),
            conclude,
          ],
        ],
        builder: (call) => {
          const word = call.brief.includes("say left") ? "left" : "right";
          return call.turn === 1 ? turn(bash(`echo ${word} > notes.txt`)) : turn(change(`Said ${word}.`));
        },
        integrator: (call) =>
          call.turn === 1
            ? turn(bash("cat notes.txt; printf 'left\\nright\\n' > notes.txt"))
            : turn(change("Both are said.")),
      },
    });
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(answer("merge_work", 0)?.ok).toBe(true);
    expect(answer("merge_work", 1)).toMatchObject({ ok: false, output: expect.stringContaining("- notes.txt") });
    expect(calls("integrator")[0]?.brief).toContain("could not merge of the work of **right**");
    expect(calls("integrator")[1]?.toolResults[0]?.output).toContain("<<<<<<<");
    expect(answer("merge_work", 2)?.ok).toBe(true);
    expect(notes).toBe("left\nright\n");
  });

  test("gets no for what may not be, in words: limits, unknown definitions, tools a definition lacks, input of the wrong shape", async () => {
    const { config } = created();
    const { state, answers } = await play({
      event: { config: { ...config, limits: { ...config.limits, agents: 1 } } },
      script: {
        orchestrator: [
          [
            turn(create("a", { agent: "wizard" }), create("a", { agent: "scout", tools: ["read", "write"] })),
            turn(create("A b"), create("a", { budget: 99 }), use("command_agent", { name: "a" })),
            turn(create("a", { agent: "scout", tools: ["read"] }), create("b"), use("merge_work", { name: "b" })),
            turn(use("read_agent_logs", { name: "b" }), use("check_agent_status", { names: ["b"] })),
            conclude,
          ],
        ],
      },
    });
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(
      answers.map(({ ok, output }) => (ok ? "yes" : output.split("\n").slice(0, 2).join(" ").slice(0, 90))),
    ).toEqual([
      expect.stringMatching(/^There is no definition "wizard"; there are .*builder/),
      'The definition scout has no tool "write"; it has bash, read, glob, grep.',
      expect.stringMatching(/^The input is not valid: - name: must be lower-case/),
      "you cannot give $99.00: $9.98 are left to you",
      expect.stringMatching(/^The input is not valid: - command:/),
      "yes",
      expect.stringContaining("limits.agents"),
      'you created no agent "b"; there are a',
      'You created no agent "b"; there are a.',
      'You created no agent "b"; there are a.',
    ]);
  });

  test("is told of the repository's own agents, but for those that cannot be read", async () => {
    const { calls, state } = await play({
      script: { orchestrator: [[conclude]] },
      files: {
        ".github/baton/agents/cents.md": "---\nname: cents\ndescription: Counts cents\n---\nCount.\n",
        ".github/baton/agents/broken.md": "no front matter",
      },
    });
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    const told = calls("orchestrator")[0]?.request.tools?.find(({ name }) => name === "create_agent")?.["description"];
    expect(told).toContain("- cents: Counts cents");
    expect(told).toContain("- fixer:");
    expect(told).not.toContain("broken");
  });

  test("an agent has only the tools it was left of its definition, and its orchestrator none in the sandbox", async () => {
    const { state, calls } = await play({
      script: {
        orchestrator: [
          [
            turn(create("eyes", { agent: "scout", hands_in: "report", tools: ["read"], instructions: "Never guess." })),
            turn(command("eyes", "look")),
            waitFor("eyes"),
            conclude,
          ],
        ],
        scout: [[turn(report("Seen."))]],
      },
    });
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    const [scout] = calls("scout");
    expect(scout?.request.tools?.map(({ name }) => name)).toEqual(["read", "finish"]);
    expect(scout?.brief).toContain("Never guess.");
    const [orchestrator] = calls("orchestrator");
    const names = orchestrator?.request.tools?.map(({ name }) => name) ?? [];
    expect(names).not.toContain("bash");
    const hers = fleetToolNames.filter((name) => name !== "delegate");
    expect(names.toSorted()).toEqual([...hers, "finish"].toSorted());
    expect(JSON.stringify(orchestrator?.request.tools)).toContain("scout: Looks into one part");
  });

  test("is put down with its agents when the worker stops, and all go on: nothing that was answered is asked again", async () => {
    const { state, driven, server, notes, events, answers } = await play({
      script: {
        orchestrator: [
          [
            turn(create("writer"), command("writer", "write one")),
            waitFor("writer"),
            waitFor("writer"),
            turn(use("merge_work", { name: "writer" })),
            conclude,
          ],
        ],
        builder: [[turn(bash("echo one >> notes.txt")), turn(bash("cat notes.txt")), turn(change("Wrote one."))]],
      },
      stopAt: ({ agent, turn: number }) => agent === "builder" && number === 2,
    });
    expect(driven).toBe("parked");
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(notes).toBe("one\n");
    expect(server.ledger()).toMatchObject({ repeated: 0 });
    expect(answers.filter(({ name }) => name === "create_agent")).toHaveLength(1);
    expect(firstDifference(events)).toBeUndefined();
  });

  test("that called a tool it does not have, and was put down, goes on with its agents and what it merged", async () => {
    const { state, notes, events, calls } = await play({
      script: {
        orchestrator: [
          [
            turn(create("writer"), command("writer", "write one")),
            waitFor("writer"),
            turn(use("merge_work", { name: "writer" })),
            turn(bash("ls")),
            turn(use("list_agents")),
            conclude,
          ],
        ],
        builder: [[turn(bash("echo one >> notes.txt")), turn(change("Wrote one."))]],
      },
      stopAt: ({ agent, turn: number }) => agent === "orchestrator" && number === 5,
    });
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(notes).toBe("one\n");
    expect(events.filter(({ event }) => event.type === "stage.started" && event.stage === "conduct")).toHaveLength(1);
    expect(calls("orchestrator").at(-1)?.toolResults.at(-1)?.output).toContain("writer (builder)");
    expect(calls("builder")).toHaveLength(2);
  });

  test("has git fail under a merge, which passes: it goes on in its conversation, and merges then", async () => {
    let failures = 2;
    const spoiled = new WeakSet<object>();
    const { state, events, answers, notes } = await play({
      script: {
        orchestrator: (call) =>
          [
            turn(create("writer"), command("writer", "write one")),
            waitFor("writer"),
            ...Array.from({ length: 3 }, () => turn(use("merge_work", { name: "writer" }), use("list_agents"))),
            conclude,
          ][call.turn - 1] ?? conclude,
        builder: [[turn(bash("echo one >> notes.txt")), turn(change("Wrote one."))]],
      },
      before: ({ agent }, { parts: { workspaces } }) => {
        if (agent !== "orchestrator" || spoiled.has(workspaces)) return Promise.resolve();
        spoiled.add(workspaces);
        const merge = workspaces.merge.bind(workspaces);
        workspaces.merge = async (...asked) => {
          if ((failures -= 1) >= 0) throw new BatonError("git-failed", "git took too long", { retryable: true });
          return await merge(...asked);
        };
        return Promise.resolve();
      },
    });
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(failures).toBe(-1);
    expect(notes).toBe("one\n");
    const own = events.flatMap(({ event }) => ("stage" in event && event.stage === "conduct" ? [event] : []));
    expect(own.flatMap((event) => (event.type === "session.started" ? [event.why] : []))).toEqual(["first"]);
    expect(own.filter(({ type }) => type === "stage.started")).toHaveLength(1);
    expect(answers.filter(({ name }) => name === "merge_work").map(({ ok }) => ok)).toEqual([false, false, true]);
    expect(answers.find(({ name }) => name === "merge_work")?.output).toContain("call it again");
    expect(firstDifference(events)).toBeUndefined();
  });

  test("whose conversation begins anew is told that its agents and what it merged are there", async () => {
    const invalid = turn(use("finish", { summary: 1 }));
    const { state, calls, answers, notes } = await play({
      script: {
        orchestrator: (call) => {
          const again = call.brief.includes("What happened before");
          const turns = again
            ? [turn(use("list_agents")), conclude]
            : [
                turn(create("writer"), command("writer", "write one")),
                waitFor("writer"),
                turn(use("merge_work", { name: "writer" })),
                invalid,
                invalid,
                invalid,
              ];
          return turns[call.turn - 1] ?? invalid;
        },
        builder: [[turn(bash("echo one >> notes.txt")), turn(change("Wrote one."))]],
      },
    });
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(calls("orchestrator").at(-1)?.brief).toContain("The agents you created in this attempt are as they were");
    expect(answers.find(({ name }) => name === "list_agents")?.output).toContain("its work is merged");
    expect(notes).toBe("one\n");
  });

  test("asks for a definition that is not valid, and is told what is wrong with it; one nobody asks for is in nobody's way", async () => {
    const broken = (name: string) => ({
      [`.github/baton/agents/${name}.md`]: `---\nname: ${name}\ndescription: x\ntols: read\n---\n\nDo.\n`,
    });
    const { state, events, answer, calls } = await play({
      files: { ...broken("mine"), ...broken("triager") },
      script: { orchestrator: [[turn(create("a", { agent: "mine" })), conclude]] },
    });
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(events.filter(({ event }) => event.type === "session.started")).toHaveLength(1);
    expect(answer("create_agent")).toMatchObject({
      ok: false,
      output: expect.stringMatching(/^The definition mine cannot be used: [^]*agents\/mine\.md:4[^]*tols[^]*tools/),
    });
    expect(JSON.stringify(calls("orchestrator")[0]?.request.tools)).not.toContain("- triager");
  });

  test("shares the run's turns with its agents: each of those at work takes at most one more; and so it does driven again", async () => {
    let again: DrivenAgain | undefined;
    const names = ["a", "b", "c"];
    const { config } = created();
    const { state, events } = await play({
      event: {
        config: { ...config, budget: { ...config.budget, turns: 12 }, limits: { ...config.limits, parallel: 8 } },
      },
      script: {
        orchestrator: (call) =>
          call.turn === 1
            ? turn(
                ...names.flatMap((name) => [
                  create(name, { agent: "scout", hands_in: "report" }),
                  command(name, "never end"),
                ]),
              )
            : waitFor(...names),
        scout: () => turn(bash("true")),
      },
      async afterwards(recorded, drive) {
        again = await drive(recorded);
      },
    });
    expect(again).toMatchObject(same);
    expect(state.finished).toMatchObject({ outcome: "out-of-budget", code: "budget-turns" });
    const taken = events.filter(({ event }) => event.type === "agent.turn").length;
    expect(taken).toBeGreaterThanOrEqual(12);
    expect(taken).toBeLessThanOrEqual(12 + names.length);
  });

  test("keeps a board: what may begin now, and who works what", async () => {
    const task = (id: string, more: object = {}) => ({ id, title: `Do ${id}`, claims: [`src/${id}.js`], ...more });
    const { state, answer } = await play({
      script: {
        orchestrator: [
          [
            turn(use("add_tasks", { tasks: [task("a"), task("b", { claims: ["src"] }), task("c", { needs: ["a"] })] })),
            turn(
              use("list_tasks"),
              create("writer"),
              use("update_task", { id: "a", status: "under way", agent: "writer" }),
            ),
            turn(use("update_task", { id: "a", status: "done", note: "well done" }), use("list_tasks")),
            turn(use("add_tasks", { tasks: [task("d", { needs: ["e"] })] })),
            conclude,
          ],
        ],
      },
    });
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(answer("list_tasks")?.output).toContain("These may begin now, side by side: a.");
    expect(answer("list_tasks", 1)?.output).toContain("- a: done · Do a · by writer · claims src/a.js · well done");
    expect(answer("list_tasks", 1)?.output).toContain("side by side: b.");
    expect(answer("add_tasks", 1)).toMatchObject({ ok: false, output: expect.stringContaining('needs "e"') });
  });

  test("whose agent tries to spend more than it was given is told so, and has the rest", async () => {
    const { state, answer, calls } = await play({
      script: {
        orchestrator: [
          [
            turn(create("greedy", { agent: "scout", hands_in: "report", budget: 0.0004 })),
            turn(command("greedy", "never end")),
            waitFor("greedy"),
            turn(command("greedy", "go on")),
            conclude,
          ],
        ],
        scout: () => turn(bash("true")),
      },
    });
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(answer("check_agent_status")?.output).toMatch(/greedy \(scout\): errored.* budget: /);
    expect(answer("command_agent", 1)).toMatchObject({
      ok: false,
      output: expect.stringContaining("spent what it was given"),
    });
    const spent = state.stages.get("conduct:greedy")?.current?.spend.microDollars ?? 0;
    expect(calls("scout").length).toBeGreaterThan(1);
    // No request more than what was left allowed.
    expect(spent - Math.ceil(spent / calls("scout").length)).toBeLessThan(400);
  });
});

describe.skipIf(!(await needs("bubblewrap")))("an agent whose file grants delegate", () => {
  const boss = `---\nname: boss\ndescription: x\ntools: delegate, read_agent_logs, list_agents\n---\nDelegate.\n`;
  const files = { ".github/baton/agents/boss.md": boss };

  test("gets the summary alone; the transcript can be read, and the one it delegated to is gone", async () => {
    const { state, answer, calls } = await play({
      agent: "boss",
      files,
      script: {
        boss: [
          [
            turn(use("delegate", { agent: "scout", task: "look into src/a.js" })),
            turn(use("read_agent_logs", { name: "scout-1" }), use("list_agents")),
            conclude,
          ],
        ],
        scout: [[turn(bash("echo a secret of the transcript")), turn(report("It exports a."))]],
      },
    });
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(calls("scout")[0]?.brief).toContain("look into src/a.js");
    const summary = answer("delegate");
    expect(summary).toMatchObject({ ok: true, output: expect.stringMatching(/^It exports a\.\n1\. Found\n/) });
    expect(summary?.output).not.toContain("secret");
    expect(answer("read_agent_logs")?.output).toContain("a secret of the transcript");
    expect(answer("list_agents")?.output).toContain("scout-1 (scout): deleted");
  });

  test("leaves no workspace of those it delegated to, and none of one it deleted", async () => {
    const left: number[] = [];
    const { state } = await play({
      agent: "boss",
      files: {
        ".github/baton/agents/boss.md": boss.replace(
          "list_agents",
          "create_agent, command_agent, check_agent_status, delete_agent",
        ),
      },
      script: {
        boss: [
          [
            turn(use("delegate", { agent: "scout", task: "look" })),
            turn(create("idle", { agent: "scout", hands_in: "report" }), command("idle", "look")),
            waitFor("idle"),
            turn(use("delete_agent", { name: "idle" })),
            conclude,
          ],
        ],
        scout: (call) => (call.turn === 1 ? turn(bash("touch big")) : turn(report("Seen."))),
      },
      before: async ({ agent, turn: number }, { home }) => {
        if (agent !== "boss" || ![2, 4, 5].includes(number)) return;
        const folders = await readdir(join(home, "workspaces"), { withFileTypes: true });
        left.push(folders.filter((one) => one.isDirectory()).length);
      },
    });
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(left).toEqual([0, 1, 0]);
  });

  test("whose agent cannot be commanded is left without it", async () => {
    const { state, events, answers } = await play({
      agent: "boss",
      files,
      script: {
        boss: [
          [
            turn(use("delegate", { agent: "scout", task: "look", budget: 0.0000001 })),
            turn(use("list_agents")),
            conclude,
          ],
        ],
      },
    });
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(answers[0]?.ok).toBe(false);
    expect(events.filter(({ event }) => event.type === "agent.created")).toHaveLength(1);
    expect(events.filter(({ event }) => event.type === "agent.deleted")).toHaveLength(1);
  });

  test("runs into the limit of depth, and into the money that is left", async () => {
    const { config } = created();
    const { state, answers } = await play({
      agent: "boss",
      files,
      event: { config: { ...config, limits: { ...config.limits, depth: 1 } } },
      script: {
        boss: (call) => {
          if (!call.brief.includes("as boss-1"))
            return (
              [
                turn(use("delegate", { agent: "boss", task: "delegate it further" })),
                turn(use("delegate", { agent: "scout", task: "x", budget: 50 })),
                conclude,
              ][call.turn - 1] ?? conclude
            );
          return (
            [turn(use("delegate", { agent: "scout", task: "x" })), turn(report("Nobody below me."))][call.turn - 1] ??
            conclude
          );
        },
      },
    });
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(
      answers.filter(({ name }) => name === "delegate").map(({ ok, output }) => [ok, output.slice(0, 40)]),
    ).toEqual([
      [false, expect.stringContaining("agents may be created 1 deep")],
      [true, expect.stringContaining("Nobody below me.")],
      [false, expect.stringContaining("you cannot give $50.00")],
    ]);
  });
});

describe.skipIf(!(await needs("bubblewrap")))("an agent that looks itself, and merges the work of others", () => {
  const looker = `---\nname: looker\ndescription: x\ntools: read, grep, create_agent, command_agent, check_agent_status, merge_work\n---\nConduct.\n`;

  test("leaves what it merged: files, changes and commit", async () => {
    const { state, notes, conducted } = await play({
      agent: "looker",
      files: { ".github/baton/agents/looker.md": looker },
      script: {
        looker: [
          [
            turn(use("read", { path: "src/a.js" }), create("writer"), command("writer", "write one")),
            waitFor("writer"),
            turn(use("merge_work", { name: "writer" })),
            conclude,
          ],
        ],
        builder: [[turn(bash("echo one >> notes.txt")), turn(change("Wrote one."))]],
      },
    });
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(notes).toBe("one\n");
    expect(conducted?.artifact).toMatchObject({ name: "Conclusion", value: { files: ["notes.txt"] } });
    expect(conducted?.changes.map(({ path }) => path)).toEqual(["notes.txt"]);
  });
});
