// Loaded into a process of Baton by tests (`node --import`): makes it die, freeze or stumble at a fault point.
//
// The environment says where: BATON_TEST_FAULT is "kill 7" (at the seventh point passed), "kill github.after-write 2" (the second
// time at that one), "freeze …", "stop …" (SIGTERM) or "fail …"; "count" does nothing. Each point passed is written as a line to the file
// BATON_TEST_FAULT_LOG before anything happens there, so that whoever started the process knows where it died.
import { appendFileSync } from "node:fs";
import { onFaultPoint, type FaultPoint } from "#src/core/fault-points.ts";

const [act = "count", ...where] = (process.env["BATON_TEST_FAULT"] ?? "").split(" ");
const log = process.env["BATON_TEST_FAULT_LOG"];
const nth = Number(where.at(-1) ?? 0);
const only = where.length === 2 ? where[0] : undefined;
let passed = 0;

onFaultPoint(async (point: FaultPoint) => {
  if (log !== undefined) appendFileSync(log, `${point}\n`);
  if (only !== undefined && point !== only) return;
  passed += 1;
  if (act === "count" || passed !== nth) return;
  if (act === "fail") throw new Error(`the test makes ${point} fail`);
  process.kill(process.pid, act === "freeze" ? "SIGSTOP" : act === "stop" ? "SIGTERM" : "SIGKILL");
  // The signal may need a moment; nothing may happen in it.
  if (act === "kill") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});
