// The agents of a drive: at work as always, but each waits for its turn (`replay-pace.ts`) before it is heard, before it does something
// about others, and instead of waiting for others by the clock.
import type { Fleet } from "../engine/fleet-port.ts";
import type { AgentEvents, AgentResult, AgentRunner, AgentTask } from "../engine/ports.ts";
import type { Talk } from "../engine/talk-port.ts";
import type { RecordedModel } from "./replay-model.ts";
import type { Pace } from "./replay-pace.ts";

/** No clock ends an attempt: where one did, the log says so. */
const LONG_MS = 24 * 3_600_000;

type Work<T> = (task: AgentTask, told: AgentEvents, signal: AbortSignal) => Promise<T>;

/** These agents, at the pace of a recorded run. */
export function pacedAgents(agents: AgentRunner, model: RecordedModel, pace: Pace): AgentRunner {
  async function play<T extends AgentResult | { type: "gone" }>(
    task: AgentTask,
    told: AgentEvents,
    signal: AbortSignal,
    work: Work<T>,
  ): Promise<T | AgentResult> {
    const { stage, attempt } = task;
    const who = `${stage}/${attempt}`;
    using _ = pace.working(who);
    const voice = model.voice(task);
    const hold = (until: AbortSignal = signal) => pace.turnOf(stage, attempt, until);
    const heard: AgentEvents = {
      async session(start) {
        await hold();
        voice.spoke(start.session);
        pace.moves(who);
        await told.session(start);
      },
      async turn(turn) {
        if (turn.exchange) await hold();
        pace.moves(who);
        await told.turn(turn);
      },
    };
    const ended = voice.begin(heard);
    const paced = {
      ...task,
      limits: { ...task.limits, milliseconds: LONG_MS },
      fleet: task.fleet && pacedFleet(task.fleet, hold),
      talk: task.talk && pacedTalk(task.talk, hold, () => isDeferred(pace, stage)),
    };
    const result = await work(paced, heard, AbortSignal.any([signal, ended]));
    if (result.type !== "wait") await hold();
    return voice.result ?? result;
  }

  return {
    run: (task, told, signal) => play(task, told, signal, (...given) => agents.run(...given)),
    resume: (task, conversation, told, signal) =>
      play(task, told, signal, (paced, heard, until) => agents.resume(paced, conversation, heard, until)),
    forget: (run, of) => agents.forget(run, of),
  };
}

type Hold = (until?: AbortSignal) => Promise<void>;

function pacedFleet(fleet: Fleet, hold: Hold): Fleet {
  return {
    ...fleet,
    async create(asked) {
      await hold();
      return await fleet.create(asked);
    },
    async command(id, words) {
      await hold();
      return await fleet.command(id, words);
    },
    async interrupt(id) {
      await hold();
      return await fleet.interrupt(id);
    },
    async delete(id) {
      await hold();
      return await fleet.delete(id);
    },
    async merge(id, signal) {
      await hold(signal);
      return await fleet.merge(id, signal);
    },
    async turns(id, after, most) {
      await hold();
      return await fleet.turns(id, after, most);
    },
    async addTasks(tasks) {
      await hold();
      return await fleet.addTasks(tasks);
    },
    async changeTask(change) {
      await hold();
      return await fleet.changeTask(change);
    },
    wait: (_ids, _milliseconds, signal) => hold(signal),
  };
}

function pacedTalk(talk: Talk, hold: Hold, isNotGranted: () => boolean): Talk {
  return {
    ...talk,
    async write(key, value, expected) {
      await hold();
      return await talk.write(key, value, expected);
    },
    async send(to, text) {
      await hold();
      return await talk.send(to, text);
    },
    async unlock(paths) {
      await hold();
      return await talk.unlock(paths);
    },
    async watch(keys, after, _milliseconds, signal) {
      await hold(signal);
      return await talk.watch(keys, after, 0, signal);
    },
    async messages(to, after, _milliseconds, signal) {
      await hold(signal);
      return await talk.messages(to, after, 0, signal);
    },
    async lock(paths, minutes, _milliseconds, signal) {
      await hold(signal);
      return await talk.lock(paths, minutes, isNotGranted() ? 0 : LONG_MS, signal);
    },
  };
}

/** Whether the lock that the unit asks for now was not granted in time then. */
function isDeferred(pace: Pace, unit: string): boolean {
  const [next, second] = pace.comingOf(`${unit} talk`);
  return (
    next?.event.type === "lock.deferred" ||
    (next?.event.type === "lock.asked" && second?.event.type === "lock.deferred")
  );
}
