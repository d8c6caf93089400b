// The thread that parses: it has no environment, little memory, and is ended when a text takes too long (module-reader.ts).
import { parentPort } from "node:worker_threads";
import { readModule } from "./read-module.ts";

parentPort?.on("message", ({ path, text }: { path: string; text: string }) => {
  parentPort?.postMessage(readModule(path, text));
});
parentPort?.postMessage("ready");
