// A process with a starter, to be killed: it runs the command of its arguments by it, or none.
import type { ProcessOptions } from "#src/core/process.ts";
import { openStarter } from "#src/core/starter.ts";

const starter = await openStarter();
const [program, ...rest] = process.argv.slice(2);
if (program !== undefined) {
  const launch: ProcessOptions = { argv: [program, ...rest], cwd: "/", env: { PATH: "/usr/bin:/bin" } };
  await starter.run({ argv: launch.argv, cwd: "/", timeoutMs: 300_000 }, launch, new AbortController().signal);
}
