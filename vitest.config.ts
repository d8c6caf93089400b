// Three kinds of tests: `unit` needs no process and no server and is part of `npm run check`; `parts` tries each room with the
// real thing it stands on (git, bubblewrap, databases, a browser); `e2e` plays whole runs. Left alone, vitest would use one of two
// cores, and most of these tests wait for processes: hence the workers, which are a few even on a large machine.
import { defineConfig } from "vitest/config";

const setupFiles = ["test/support/leaks.ts"];
const parts = ["agents", "gates", "github", "hands", "playground", "store", "workspace"].map(
  (room) => `test/${room}/**/*.test.ts`,
);
const e2e = ["test/e2e/**/*.test.ts"];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: [...parts, ...e2e],
          setupFiles,
          maxWorkers: "100%",
          sequence: { groupOrder: 0 },
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      {
        test: {
          name: "parts",
          include: parts,
          setupFiles,
          maxWorkers: 4,
          sequence: { groupOrder: 1 },
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "e2e",
          include: e2e,
          setupFiles: [...setupFiles, "test/support/described.ts"],
          // A worker lives for one file: better code for its embedded database would cost more than it saves.
          execArgv: ["--liftoff-only"],
          testTimeout: 180_000,
          hookTimeout: 60_000,
          maxWorkers: 4,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
