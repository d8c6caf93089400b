import { mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { beside } from "#src/core/beside.ts";
import type { Command } from "#src/core/command.ts";
import { execute } from "#src/core/exec.ts";
import { silentLog } from "#src/core/log.ts";
import { enclose, inside } from "#src/hands/enclosure.ts";
import { openSandbox } from "#src/hands/open-sandbox.ts";
import { needs } from "#test/support/needs.ts";
import { processesWith, uniqueSleep } from "./processes.ts";
import { soon } from "#test/support/until.ts";

const bubblewrap = await needs("bubblewrap");
const never = new AbortController().signal;
const CANARY = "canary-7d1f0b6e2c";
let base: string;
let work: string;

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), "baton-sandbox-"));
  work = join(base, "tree");
  await mkdir(work);
  process.env["BATON_TEST_CANARY"] = CANARY;
});
afterAll(async () => {
  delete process.env["BATON_TEST_CANARY"];
  await rm(base, { recursive: true });
});

describe.skipIf(!bubblewrap)("the bubblewrap sandbox", () => {
  let sandbox: Awaited<ReturnType<typeof openSandbox>>;
  beforeAll(async () => {
    sandbox = await openSandbox({ mode: "required", log: silentLog });
  });
  afterAll(async () => {
    await sandbox[Symbol.asyncDispose]();
  });
  const sh = (script: string, more: Partial<Command> = {}, signal = never) =>
    sandbox.run({ argv: ["/bin/bash", "-c", script], cwd: work, timeoutMs: 20_000, ...more }, signal);

  test("says what it is", () => {
    expect(sandbox).toMatchObject({ kind: "bubblewrap", warning: undefined });
  });

  test("runs a command in the work tree and shows what it wrote", async () => {
    const result = await sh("pwd; echo hello > made; exit 4");
    expect(result).toMatchObject({ stdout: `${inside.work}\n`, exitCode: 4, startFailure: undefined });
    expect(result.argv).toEqual(["/bin/bash", "-c", "pwd; echo hello > made; exit 4"]);
    expect(await readFile(join(work, "made"), "utf8")).toBe("hello\n");
  });

  test("holds no secret: not in the environment of any process, not on a descriptor, not in an argument", async () => {
    const seen = await sh("env; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline | tr '\\0' '\\n'");
    expect(seen.stdout).toContain("HOME=/home/agent");
    expect(seen.output).not.toContain(CANARY);
    expect(seen.output).not.toContain(base);
    const first = await sh("wc -c < /proc/1/environ");
    expect(first.stdout.trim()).toBe("0");
  });

  test("gives a command what was added to the environment, over its own", async () => {
    expect((await sh("echo $LANG $EXTRA", { env: { LANG: "C", EXTRA: "yes" } })).stdout).toBe("C yes\n");
  });

  test("descriptors that Baton inherited do not come in", async () => {
    await writeFile(join(base, "inherited"), CANARY);
    const script = `
      import { openSandbox } from ${JSON.stringify(join(import.meta.dirname, "../../src/hands/open-sandbox.ts"))};
      await using sandbox = await openSandbox({ mode: "required", log: { debug() {}, info() {}, warn() {}, error() {} } });
      const argv = ["/bin/bash", "-c", "for p in /proc/[0-9]*; do for f in $p/fd/*; do readlink $f; cat $f 2>/dev/null </dev/null & wait; done; done"];
      const result = await sandbox.run({ argv, cwd: ${JSON.stringify(work)}, timeoutMs: 10000 }, new AbortController().signal);
      process.stdout.write(result.output);`;
    await writeFile(join(base, "inherits.mts"), script);
    const argv = [
      "/bin/bash",
      "-c",
      `exec 9< ${base}/inherited 200< ${base}/inherited; exec "$0" ${base}/inherits.mts`,
    ];
    const result = await execute(
      { argv: ["/bin/bash", ...argv.slice(1), process.execPath], cwd: base, timeoutMs: 20_000 },
      never,
    );
    expect(result.stdout).toContain("socket:");
    expect(result.output).not.toContain("inherited");
    expect(result.output).not.toContain(CANARY);
  });

  test("nothing of the host is there to see", async () => {
    const places = [
      base,
      import.meta.dirname,
      homedir(),
      "/root",
      "/work",
      "/var",
      "/sys",
      "/etc/shadow",
      "/etc/ssl/private",
      "/run/docker.sock",
    ];
    const script = places.map((place) => `[ -e '${place}' ] && echo 'visible ${place}'`).join("\n");
    expect((await sh(`${script}\ntrue`)).stdout).toBe("");
    expect((await sh("ls /")).stdout.split("\n")).not.toContain("root");
  });

  test("nothing but the work tree, the home and temporary folders can be written", async () => {
    const script = `
      for path in / /usr /usr/bin /usr/lib /etc /etc/passwd /opt /opt/baton /dev /run /home /bin/bash /proc/sys/kernel/core_pattern; do
        [ -w $path ] && echo "writable $path"; done
      touch /x /usr/x /etc/x /opt/x /dev/x /run/x 2>/dev/null && echo touched
      for path in . $HOME /tmp /dev/shm; do touch $path/y || echo "not writable $path"; done`;
    expect((await sh(script)).stdout).toBe("");
  });

  // Where Baton runs as root, an uncovered /proc/sys would let it set kernel.core_pattern: a program of its choice, run on the host.
  test("no setting of the machine can be written", async () => {
    const script = `find /proc -maxdepth 5 -path '/proc/[0-9]*' -prune -o -path '/proc/*self*' -prune -o -type f -writable -print`;
    expect(await sh(script)).toMatchObject({ stdout: "" });
  });

  test("nobody is root there, and nobody can become more", async () => {
    const script = `id -u; grep -E '^Cap(Prm|Eff|Bnd|Amb)|NoNewPrivs' /proc/self/status; unshare -U true && echo nested`;
    const { stdout } = await sh(script);
    const [uid, ...rest] = stdout.trim().split("\n");
    expect(uid).toBe("1000");
    expect(rest.map((line) => line.split("\t")[1])).toEqual([...Array.from({ length: 4 }, () => "0".repeat(16)), "1"]);
  });

  test("only its own processes are there", async () => {
    expect(Number((await sh("ls -d /proc/[0-9]* | wc -l")).stdout)).toBeLessThan(8);
    expect((await sh(`kill -0 ${process.pid}`)).exitCode).not.toBe(0);
  });

  test("there is no network, not even to this machine", async () => {
    let hits = 0;
    const server = createServer((_request, response) => {
      hits += 1;
      response.end("here");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" ? address?.port : undefined;
    try {
      const url = `http://127.0.0.1:${port}/`;
      expect((await execute({ argv: ["curl", "-s", url], cwd: "/", timeoutMs: 5_000 }, never)).stdout).toBe("here");
      expect(hits).toBe(1);
      expect((await sh(`curl -s -m 3 ${url}`)).exitCode).not.toBe(0);
      expect((await sh("curl -s -m 3 http://169.254.169.254/ || curl -s -m 3 http://1.1.1.1/")).exitCode).not.toBe(0);
      expect(hits).toBe(1);
    } finally {
      server.close();
    }
  });

  test("a program can serve itself on loopback", async () => {
    const script = `
      const server = require("node:http").createServer((_, response) => response.end("self"));
      server.listen(0, "127.0.0.1", async () => {
        console.log(await (await fetch("http://127.0.0.1:" + server.address().port)).text()); server.close(); });`;
    expect((await sh(`node -e '${script}'`)).stdout).toBe("self\n");
  });

  test("a committed link makes nothing appear on the host (CVE-2026-87766)", async () => {
    const outside = join(base, "outside");
    await mkdir(outside);
    const tree = join(base, "linked");
    await mkdir(tree);
    for (const name of [".git", "node_modules", ".bashrc", "tmp", "etc"])
      await symlink(join(outside, `made-by-${name}`), join(tree, name));
    const result = await sandbox.run({ argv: ["true"], cwd: tree, timeoutMs: 5_000 }, never);
    expect(result.exitCode).toBe(0);
    expect(await readdir(outside)).toEqual([]);
  });

  test("no mount point lies inside the work tree, and what is shown from the host is read-only but for three places", () => {
    const { args } = enclose(
      { bwrap: "bwrap", canDisableUserns: true, toolchains: ["/opt/tools"] },
      { folder: work, env: {}, argv: ["true"], show: { "/opt/baton/x": base }, proxySocket: "/tmp/socket" },
    );
    const words = args.split("\0");
    const targets = words.flatMap((word, index) =>
      /^--(ro-)?bind(-try)?$/.test(word)
        ? [words[index + 2]]
        : /^--(tmpfs|dev|proc)$/.test(word)
          ? [words[index + 1]]
          : [],
    );
    expect(targets.filter((target) => target?.startsWith(`${inside.work}/`))).toEqual([]);
    expect(words.flatMap((word, index) => (word === "--bind" ? [words[index + 2]] : []))).toEqual([
      inside.proxy,
      inside.work,
    ]);
  });

  test("the home folder lasts as long as the workspace when it lies beside, and is new each time when not", async () => {
    await sh("echo kept > $HOME/file");
    expect((await sh("cat $HOME/file")).exitCode).not.toBe(0);
    const lease = join(base, "lease");
    await mkdir(join(lease, "tree"), { recursive: true });
    await mkdir(join(lease, beside.home));
    const cwd = join(lease, "tree");
    await sh("echo kept > $HOME/file", { cwd });
    expect((await sh("cat $HOME/file; ls ..", { cwd })).stdout).toContain("kept");
    expect(await readFile(join(lease, beside.home, "file"), "utf8")).toBe("kept\n");
  });

  test("an abort ends everything, daemons too", async () => {
    const [one, two] = [uniqueSleep(), uniqueSleep()];
    const abort = new AbortController();
    const running = sh(`setsid sleep ${one} & sleep ${two}`, {}, abort.signal);
    await vi.waitFor(async () => expect((await processesWith(`sleep\0${one}`)).length).toBe(1), soon);
    abort.abort();
    expect(await running).toMatchObject({ aborted: true, timedOut: false });
    await vi.waitFor(
      async () => expect([...(await processesWith(one)), ...(await processesWith(two))]).toEqual([]),
      soon,
    );
  });

  test("a time limit ends everything, daemons too; so does the end of the command", async () => {
    const one = uniqueSleep();
    expect(await sh(`trap '' TERM; setsid nohup sleep ${one} & sleep ${one}`, { timeoutMs: 300 })).toMatchObject({
      timedOut: true,
    });
    await vi.waitFor(async () => expect(await processesWith(one)).toEqual([]), soon);
    const two = uniqueSleep();
    expect(await sh(`setsid nohup sleep ${two} > /dev/null 2>&1 & disown; true`)).toMatchObject({ exitCode: 0 });
    await vi.waitFor(async () => expect(await processesWith(two)).toEqual([]), soon);
  });

  test("kill -9 of Baton leaves nothing running", async () => {
    const mark = uniqueSleep();
    await writeFile(
      join(base, "dies.mts"),
      `import { openSandbox } from ${JSON.stringify(join(import.meta.dirname, "../../src/hands/open-sandbox.ts"))};
       const sandbox = await openSandbox({ mode: "required", log: { debug() {}, info() {}, warn() {}, error() {} } });
       const hands = await sandbox.startHands(${JSON.stringify(work)}, new AbortController().signal);
       void hands.call({ name: "bash", input: { command: "setsid sleep ${mark}" } }, new AbortController().signal);
       await sandbox.run({ argv: ["sleep", "${mark}"], cwd: ${JSON.stringify(work)}, timeoutMs: 60000 }, new AbortController().signal);`,
    );
    const abort = new AbortController();
    const argv = [process.execPath, join(base, "dies.mts")] as const;
    const parent = execute(
      { argv: ["/bin/sh", "-c", 'echo $$ > pid; exec "$@"', "sh", ...argv], cwd: base, timeoutMs: 60_000 },
      abort.signal,
    );
    await vi.waitFor(async () => expect((await processesWith(`sleep\0${mark}`)).length).toBeGreaterThanOrEqual(2), {
      timeout: 10_000,
    });
    process.kill(Number(await readFile(join(base, "pid"), "utf8")), "SIGKILL");
    await parent;
    await vi.waitFor(async () => expect(await processesWith(mark)).toEqual([]), { timeout: 5_000 });
  });

  // bubblewrap's --die-with-parent alone leaves about one in three running when Baton dies within the first milliseconds.
  test("kill -9 of Baton in the first moments of a command leaves nothing running either", async () => {
    const mark = uniqueSleep();
    await writeFile(
      join(base, "dies-young.mts"),
      `import { openSandbox } from ${JSON.stringify(join(import.meta.dirname, "../../src/hands/open-sandbox.ts"))};
       const sandbox = await openSandbox({ mode: "required", log: { debug() {}, info() {}, warn() {}, error() {} } });
       setTimeout(() => process.kill(process.pid, "SIGKILL"), Number(process.argv[2]));
       await sandbox.run({ argv: ["sleep", "${mark}"], cwd: ${JSON.stringify(work)}, timeoutMs: 60000 }, new AbortController().signal);`,
    );
    const die = (milliseconds: number) =>
      execute(
        { argv: [process.execPath, join(base, "dies-young.mts"), `${milliseconds}`], cwd: base, timeoutMs: 30_000 },
        never,
      );
    for (const start of [1, 9]) {
      const ended = await Promise.all([0, 1, 2, 3, 4, 6].map((more) => die(start + more)));
      expect(ended.map(({ signal }) => signal)).toEqual(ended.map(() => "SIGKILL"));
    }
    await vi.waitFor(async () => expect(await processesWith(mark)).toEqual([]), { timeout: 5_000 });
  });

  test("output is bounded, head and tail kept", async () => {
    const result = await sh("seq 1 1000000", { maxOutputBytes: 100 });
    expect(result.truncated).toBe(true);
    expect(result.stdout).toMatch(/^1\n2\n[\s\S]* bytes left out …\][\s\S]*1000000\n$/);
  });

  test("no file larger than the limit, no process with more memory than the machine, no core file", async () => {
    expect((await sh("truncate -s 1T big")).exitCode).not.toBe(0);
    const memory = await sh(`perl -e '$x = "a" x (1 << 40); print "got it"'`);
    expect(memory).toMatchObject({ timedOut: false });
    expect(memory.output).not.toContain("got it");
    expect((await sh("ulimit -c; ulimit -u")).stdout.trim().split("\n")).toEqual(["0", "2048"]);
  });

  test("a missing program and a missing folder look as they do on the host", async () => {
    const program = await sandbox.run({ argv: ["no-such-program"], cwd: work, timeoutMs: 5_000 }, never);
    expect(program).toMatchObject({
      exitCode: null,
      startFailure: "ENOENT: no-such-program: not found",
    });
    const folder = await sandbox.run({ argv: ["true"], cwd: join(base, "absent"), timeoutMs: 5_000 }, never);
    expect(folder.startFailure).toBe(`ENOENT: the folder ${join(base, "absent")} does not exist`);
  });

  test("the usual tools are there", async () => {
    const result = await sh(
      "node --version && npm --version && git --version && python3 --version && rg --version && id -un",
    );
    expect(result.output).toContain(process.version);
    expect(result).toMatchObject({ exitCode: 0 });
    expect(result.stdout).toMatch(/agent\n$/);
  });
});

describe("a machine where bubblewrap does not work", () => {
  const open = (bwrap: string) => openSandbox({ mode: "required", log: silentLog, bwrap });

  async function script(name: string, text: string): Promise<string> {
    const path = join(base, name);
    await writeFile(path, `#!/bin/bash\n${text}\n`, { mode: 0o755 });
    return path;
  }

  test("missing: the error says how to install it and how to go without", async () => {
    const error = await open(join(base, "empty", "bwrap")).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: "BatonError", code: "sandbox-missing" });
    expect(error).toHaveProperty("message", expect.stringContaining("ENOENT"));
    expect(error).toHaveProperty("message", expect.stringContaining("apt-get install -y bubblewrap socat ripgrep"));
    expect(error).toHaveProperty("message", expect.stringMatching(/BATON_SANDBOX=none: .*file.*keys.*network/));
  });

  test("no right to make namespaces: the error quotes what bubblewrap said", async () => {
    const refusing = await script(
      "refusing",
      'if [ "$1" = --help ]; then echo "--size --args"; exit; fi\necho "bwrap: No permissions to create new namespace" >&2; exit 1',
    );
    await expect(open(refusing)).rejects.toMatchObject({
      code: "sandbox-missing",
      message: expect.stringContaining("No permissions to create new namespace"),
    });
  });

  test("too old: the error says what it lacks", async () => {
    await expect(open(await script("old", "echo --args"))).rejects.toMatchObject({
      code: "sandbox-missing",
      message: expect.stringContaining("--size"),
    });
  });

  describe.skipIf(!bubblewrap)("or does not hold", () => {
    /** Real bubblewrap with its arguments rewritten by a line of bash on the array `a`. */
    const weakened = (name: string, rewrite: string) =>
      script(
        name,
        `if [ "$1" = --help ]; then exec bwrap --help; fi
         PATH=/usr/bin:/bin; mapfile -d '' -u 3 a; shift 3; b=()
         for ((i = 0; i < \${#a[@]}; i++)); do ${rewrite}; b+=("\${a[i]}"); done
         exec bwrap "\${b[@]}" -- "$@"`,
      );

    test.each([
      ["without its network namespace", `[ "\${a[i]}" = --unshare-net ] && continue`, /network interface|interface/],
      [
        "with /proc/sys writable",
        `[ "\${a[i]}" = --ro-bind-try ] && [ "\${a[i+1]}" = /proc/sys ] && { ((i += 2)); continue; }`,
        /proc\/sys.*writable/,
      ],
      [
        "with the host's /tmp",
        `[ "\${a[i]}" = --tmpfs ] && [ "\${a[i+1]}" = /tmp ] && { b=("\${b[@]:0:\${#b[@]}-4}" --bind /tmp /tmp); ((i++)); continue; }`,
        /a file of the host/,
      ],
      ["with /etc of the host", `[ "\${a[i]}" = --proc ] && b+=(--ro-bind /etc /etc)`, /shadow/],
      ["with the home of root", `[ "\${a[i]}" = --proc ] && b+=(--ro-bind /root /root)`, /root/],
      [
        "with a writable root folder",
        `[ "\${a[i]}" = --remount-ro ] && [ "\${a[i+1]}" = / ] && { ((i++)); continue; }`,
        /\/ is writable/,
      ],
      ["as another user", `[ "\${a[i]}" = 1000 ] && a[i]=0`, /user id 0/],
    ])("%s it is not used", async (name, rewrite, said) => {
      await expect(open(await weakened(name.replaceAll(/\W+/g, "-"), rewrite))).rejects.toMatchObject({
        code: "sandbox-failed",
        message: expect.stringMatching(said),
      });
    });

    test("without its own tie to Baton, the watcher inside still ends it with Baton", async () => {
      const untied = await weakened("untied", `[ "\${a[i]}" = --die-with-parent ] && continue`);
      const mark = uniqueSleep();
      await writeFile(
        join(base, "dies-untied.mts"),
        `import { openSandbox } from ${JSON.stringify(join(import.meta.dirname, "../../src/hands/open-sandbox.ts"))};
         const log = { debug() {}, info() {}, warn() {}, error() {} };
         const sandbox = await openSandbox({ mode: "required", bwrap: ${JSON.stringify(untied)}, log });
         const argv = ["/bin/sh", "-c", "echo x > started; exec sleep ${mark}"];
         await sandbox.run({ argv, cwd: ${JSON.stringify(work)}, timeoutMs: 60000 }, new AbortController().signal);`,
      );
      const argv = ["/bin/sh", "-c", 'echo $$ > pid-untied; exec "$@"', "sh", process.execPath] as const;
      const script = join(base, "dies-untied.mts");
      const parent = execute({ argv: [...argv, script], cwd: base, timeoutMs: 60_000 }, never);
      await vi.waitFor(() => readFile(join(work, "started")), { timeout: 10_000 });
      process.kill(Number(await readFile(join(base, "pid-untied"), "utf8")), "SIGKILL");
      await parent;
      await vi.waitFor(async () => expect(await processesWith(mark)).toEqual([]), { timeout: 5_000 });
    });

    test("unchanged, the same detour is accepted", async () => {
      await using sandbox = await open(await weakened("unchanged", ":"));
      expect(sandbox.kind).toBe("bubblewrap");
    });
  });
});

describe("no sandbox, when that was said", () => {
  test("says what it gives up, and runs commands without our environment", async () => {
    await using sandbox = await openSandbox({ mode: "none", log: silentLog });
    expect(sandbox.kind).toBe("none");
    expect(sandbox.warning).toMatch(/no sandbox.*file.*keys.*network/);
    const argv = ["/bin/sh", "-c", "pwd -P; env; node --version; echo $LANG > $HOME/x; cat $HOME/x"] as const;
    const result = await sandbox.run({ argv, cwd: work, env: { LANG: "C" }, timeoutMs: 5_000 }, never);
    expect(result).toMatchObject({ exitCode: 0 });
    expect(result.stdout.startsWith(`${work}\n`)).toBe(true);
    expect(result.stdout.endsWith(`${process.version}\nC\n`)).toBe(true);
    expect(result.stdout).not.toContain(CANARY);
  });

  test("finds programs where it is told to look, and the home beside a workspace", async () => {
    await writeFile(join(base, "only-here"), "#!/bin/sh\necho found $HOME", { mode: 0o755 });
    await using sandbox = await openSandbox({ mode: "none", log: silentLog, path: `${base}:/usr/bin:/bin` });
    const lease = join(base, "lease-none");
    await mkdir(join(lease, "tree"), { recursive: true });
    await mkdir(join(lease, beside.home));
    const result = await sandbox.run({ argv: ["only-here"], cwd: join(lease, "tree"), timeoutMs: 5_000 }, never);
    expect(result.stdout).toBe(`found ${join(lease, beside.home)}\n`);
  });
});
