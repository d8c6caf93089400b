// A look from the inside, before any agent is: does the sandbox hold what it promises? One short script with one word per escape.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Execute } from "../core/command.ts";
import { inside } from "./enclosure.ts";

/** Prints the name of each probe that got out. The canary file is named by $1. Only bash's own words, for speed; nothing is really written outside. */
const probes = String.raw`
escaped() { echo "escaped: $1"; }
[ -s /proc/1/environ ] && { read -r -d '' first < /proc/1/environ; [ -n "$first" ] && escaped "environment of the launcher"; }
[ -e "$1" ] && escaped "a file of the host"
[ -e /etc/shadow ] && escaped "/etc/shadow"
[ -d /root/. ] && escaped "/root"
while read -r name rest; do case $name in lo:|*"|"*) ;; Inter*|face*) ;; *:) escaped "network interface $name" ;; esac; done < /proc/net/dev
while read -r name value; do
  case $name in
    CapPrm:|CapEff:|CapBnd:|CapAmb:) [ "$value" = 0000000000000000 ] || escaped "capabilities $name$value" ;;
    NoNewPrivs:) [ "$value" = 1 ] || escaped "new privileges" ;;
  esac
done < /proc/self/status
[ "$UID" = 1000 ] || escaped "user id $UID"
for path in / /usr /usr/bin /etc /etc/passwd /bin/bash /opt /home /run /dev /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /proc/sys/vm/overcommit_memory /proc/sysrq-trigger /proc/mtrr; do
  [ -w "$path" ] && escaped "$path is writable"
done
count=0; for process in /proc/[0-9]*; do count=$((count+1)); done
[ "$count" -gt 8 ] && escaped "$count processes are visible"
{ : > "$PWD/written"; } 2>/dev/null || echo "escaped: the work tree cannot be written"
[ "$PWD" = "$2" ] || escaped "starts in $PWD"
for path in "$HOME" /tmp /dev/shm; do [ -w "$path" ] || echo "escaped: $path cannot be written"; done
echo "probes done"
`;

/** What is wrong with the sandbox behind `run`, in words; empty when it holds. `failure` is set when it could not even start. */
export async function selfTest(
  run: Execute,
  signal: AbortSignal,
): Promise<{ failure: string | undefined; escapes: string[] }> {
  const folder = await mkdtemp(join(tmpdir(), "baton-probe-"));
  const canary = `${folder}-canary`;
  try {
    await writeFile(canary, "canary");
    const result = await run(
      { argv: ["/bin/bash", "--norc", "-c", probes, "probes", canary, inside.work], cwd: folder, timeoutMs: 20_000 },
      signal,
    );
    const lines = result.stdout.split("\n");
    if (!lines.includes("probes done"))
      return {
        failure: result.startFailure ?? (result.output.trim() || `it ended with ${result.exitCode}`),
        escapes: [],
      };
    return {
      failure: undefined,
      escapes: lines.filter((line) => line.startsWith("escaped: ")).map((line) => line.slice("escaped: ".length)),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
    await rm(canary, { force: true });
  }
}
