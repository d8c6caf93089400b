// The starter itself: a small process that runs what it is told and gives back what came of it. It ends with whoever started it,
// and ends what it has running then.
import { executeHere } from "./exec-here.ts";
import type { FromStarter, ToStarter } from "./starter.ts";

const running = new Map<number, AbortController>();

const say = (message: FromStarter) => {
  // Nobody listens any more when this fails; `disconnect` comes next.
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
};

process.on("message", (message: ToStarter) => {
  if (message.type === "abort") return running.get(message.id)?.abort();
  const { id, command, launch } = message;
  const controller = new AbortController();
  running.set(id, controller);
  void executeHere(command, launch, controller.signal).then((result) => {
    running.delete(id);
    say({ type: "done", id, result });
  });
});
process.once("disconnect", () => {
  for (const controller of running.values()) controller.abort();
});
// A service manager that stops all processes at once: Baton still has commands to start until it has ended itself.
process.on("SIGTERM", () => {});
process.on("SIGINT", () => {});
say({ type: "ready" });
