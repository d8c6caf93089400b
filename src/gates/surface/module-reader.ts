// Reads modules in a thread of its own, within bounds. The text comes from a repository or from an agent: 110 characters
// of nested type parameters keep a parser of TypeScript busy for 15 seconds, a few more for hours; and a hundred thousand brackets end
// a native one with its process.
import { Worker } from "node:worker_threads";
import { unreadable, type ModuleRead } from "./module-record.ts";

export interface ModuleReader extends AsyncDisposable {
  /** What the module exports. Never throws for a text: what cannot be read, or not in time, is `unreadable`. One at a time. */
  read(path: string, text: string): Promise<ModuleRead>;
}

export interface ReaderLimits {
  /** Milliseconds for one module. */
  readonly milliseconds: number;
  /** Characters of one module. */
  readonly characters: number;
  /** MiB of memory for all of it. */
  readonly memoryMb: number;
}

const defaults: ReaderLimits = { milliseconds: 10_000, characters: 1_000_000, memoryMb: 512 };
/** Until the thread has started, in milliseconds: it loads the parser, on a machine that may be busy. */
const START_MS = 60_000;

/** A reader without a thread yet: the first module starts it. */
export function openModuleReader(limits: Partial<ReaderLimits> = {}): ModuleReader {
  const { milliseconds, characters, memoryMb } = { ...defaults, ...limits };
  let thread: Worker | undefined;

  const end = async () => {
    const ending = thread;
    thread = undefined;
    await ending?.terminate();
  };
  const start = async (): Promise<Worker | undefined> => {
    if (thread) return thread;
    const started = new Worker(new URL("./module-thread.ts", import.meta.url), {
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: memoryMb },
    });
    // One that comes when nobody waits for an answer must not end the process.
    started.on("error", () => undefined);
    thread = started;
    const ready = await answerOf(started, START_MS);
    if (ready.type === "answer") return started;
    await end();
    return undefined;
  };

  return {
    async read(path, text) {
      if (text.length > characters)
        return unreadable(`${path} has ${text.length} characters, and ${characters} are read`);
      const running = await start();
      if (!running) return unreadable("the parser did not start");
      running.postMessage({ path, text });
      const told = await answerOf(running, milliseconds);
      if (told.type === "answer" && told.value !== "ready") return told.value;
      await end();
      return unreadable(
        `${path} ${told.type === "late" ? "takes too long to parse" : "cannot be parsed in the memory there is"}`,
      );
    },
    [Symbol.asyncDispose]: end,
  };
}

type Told = { type: "answer"; value: ModuleRead | "ready" } | { type: "late" } | { type: "broken" };

/** The next thing the thread says. */
async function answerOf(thread: Worker, milliseconds: number): Promise<Told> {
  const { promise, resolve } = Promise.withResolvers<Told>();
  const timer = setTimeout(() => resolve({ type: "late" }), milliseconds);
  const answer = (value: ModuleRead | "ready") => resolve({ type: "answer", value });
  const broken = () => resolve({ type: "broken" });
  thread.on("message", answer).on("error", broken).on("exit", broken);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    thread.off("message", answer).off("error", broken).off("exit", broken);
  }
}
