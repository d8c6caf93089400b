// What a bubblewrap sandbox of Baton consists of: the one place that decides what a tool can see and what it can write.
// It sees the system's programs and libraries, read-only; a handful of files of /etc; its work tree; and what lies beside that
// tree under the names of core/beside.ts. Nothing is mounted inside the work tree: a link committed there would make bubblewrap
// below 0.12 create files on the host (CVE-2026-87766).
import { existsSync, lstatSync, readlinkSync, realpathSync } from "node:fs";
import { totalmem } from "node:os";
import { basename, dirname, join } from "node:path";
import { beside } from "../core/beside.ts";

/** Where a sandbox shows things. Fixed, so that nothing of the host's own paths is seen. */
export const inside = {
  work: "/workspace",
  home: "/home/agent",
  objects: "/baton-objects",
  node: "/opt/baton/node/bin",
  baton: "/opt/baton",
  proxy: "/run/baton/proxy.sock",
} as const;

/** Bounds that hold for every command in a sandbox, besides its time. Sizes in bytes. */
export const limits = {
  /** /tmp lives in memory. */
  tmp: 1024 ** 3,
  sharedMemory: 256 * 1024 ** 2,
  file: 4 * 1024 ** 3,
  /** Per user namespace; the kernel does not hold it against a launcher that is root on the host. */
  processes: 2048,
  /** Private memory of one process. */
  memory: Math.floor(totalmem() * 0.75),
} as const;

export interface Machine {
  readonly bwrap: string;
  /** Whether this bubblewrap can forbid further user namespaces (0.8). */
  readonly canDisableUserns: boolean;
  /** Folders of toolchains outside /usr, shown read-only at their own path, their `bin` on PATH. */
  readonly toolchains: readonly string[];
}

export interface Enclosure {
  /** Absolute host folder that becomes the work tree. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** Host path of the one socket that leads out, if any: to the registries, or to Baton itself. */
  readonly proxySocket?: string;
  /** Further host paths to show read-only, by the path inside. */
  readonly show?: Readonly<Record<string, string>>;
  readonly argv: readonly [string, ...string[]];
}

/** Files of the host's /etc that programs need and that hold no secret. The rest is absent or comes from `etc/` beside this file. */
const harmlessEtc = [
  "alternatives",
  "ssl/certs",
  "ssl/openssl.cnf",
  "ca-certificates",
  "pki/tls/certs",
  "pki/ca-trust/extracted",
  "crypto-policies",
  "ld.so.cache",
  "ld.so.conf",
  "ld.so.conf.d",
  "localtime",
  "locale.alias",
  "mime.types",
  "protocols",
  "services",
  "java-17-openjdk",
  "java-21-openjdk",
  "java-25-openjdk",
  "maven",
  "python3",
  "python3.11",
  "python3.12",
  "python3.13",
  "perl",
  "fonts",
];
const ownEtc = ["passwd", "group", "hosts", "nsswitch.conf"];

/**
 * Parts of /proc that belong to the whole machine. Bubblewrap covers some of them, but not /proc/sys where the launcher is root:
 * its owner may write kernel.core_pattern without any capability, and so run a program on the host.
 */
const machineProc = ["sys", "fs", "acpi", "driver", "mtrr", "pressure", "scsi", "tty"];

/**
 * The command line that starts `enclosure.argv` in its sandbox, to be run with an empty environment, with `args` at descriptor 3
 * (arguments would be visible in /proc/1/cmdline), and with a lifeline at 4. What Baton itself inherited is closed on the way in.
 */
export function enclose(machine: Machine, enclosure: Enclosure): { argv: [string, ...string[]]; args: string } {
  const args = [
    ...words("--unshare-user --unshare-pid --unshare-net --unshare-ipc --unshare-uts --unshare-cgroup-try"),
    ...(machine.canDisableUserns ? ["--disable-userns"] : []),
    ...words("--uid 1000 --gid 1000 --hostname sandbox --die-with-parent --new-session --cap-drop ALL"),
    ...words("--ro-bind /usr /usr"),
    ...words("/bin /sbin /lib /lib32 /lib64 /libx32").flatMap(systemFolder),
    ...harmlessEtc.flatMap((name) => ["--ro-bind-try", `/etc/${name}`, `/etc/${name}`]),
    ...ownEtc.flatMap((name) => ["--ro-bind", join(import.meta.dirname, "etc", name), `/etc/${name}`]),
    ...words("--proc /proc"),
    ...machineProc.flatMap((name) => ["--ro-bind-try", `/proc/${name}`, `/proc/${name}`]),
    ...words(`--dev /dev --perms 1777 --size ${limits.sharedMemory} --tmpfs /dev/shm --remount-ro /dev`),
    ...words(`--perms 1777 --size ${limits.tmp} --tmpfs /tmp`),
    ...nodeProgram(),
    ...machine.toolchains.flatMap((folder) => ["--ro-bind", folder, folder]),
    ...Object.entries(enclosure.show ?? {}).flatMap(([to, from]) => ["--ro-bind", from, to]),
    ...homeFolder(enclosure.folder),
    ...objectsFolder(enclosure.folder),
    ...(enclosure.proxySocket === undefined ? [] : ["--bind", enclosure.proxySocket, inside.proxy]),
    "--bind",
    enclosure.folder,
    ...words(`${inside.work} --chdir ${inside.work} --remount-ro /`),
    ...Object.entries(enclosure.env).flatMap(([name, value]) => ["--setenv", name, value]),
  ];
  return {
    argv: ["/bin/bash", "--norc", "-c", outer, "sandbox", machine.bwrap, "--args", "3", "--", ...innerArgv(enclosure)],
    args: args.map((word) => `${word}\0`).join(""),
  };
}

// --norc: bash reads .bashrc when its input is a socket, as it would for a remote shell.
const outer = `
for open in /proc/$$/fd/*; do open=\${open##*/}; [ "$open" -gt 4 ] && eval "exec $open>&-"; done
exec -c "$@"`;

// --die-with-parent takes hold only some milliseconds after the start, and not at all when Baton is gone by then. Descriptor 4, which
// Baton holds open, closes that gap: when it ends, a watcher that is nobody's child ends everything else in here.
const inner = `
read -t 0 -u 4 && exit 125
( { read -r -u 4; kill -9 -1; } < /dev/null > /dev/null 2>&1 & )
ulimit -c 0; ulimit -f ${limits.file / 1024}; ulimit -u ${limits.processes}; ulimit -d ${Math.floor(limits.memory / 1024)}
unset SHLVL OLDPWD
exec "$@" 4<&-`;

function innerArgv({ argv }: Enclosure): string[] {
  return ["/bin/bash", "--norc", "-c", inner, "sandbox", ...argv];
}

const words = (text: string) => text.split(" ");

function systemFolder(path: string): string[] {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return [];
  return found.isSymbolicLink() ? ["--symlink", readlinkSync(path), path] : ["--ro-bind", path, path];
}

/** This process's own Node, and the npm that came with it if one did: single files, because its folder may be somebody's home. */
function nodeProgram(): string[] {
  const node = realpathSync(process.execPath);
  const npm = join(dirname(dirname(node)), "lib/node_modules/npm");
  const args = ["--ro-bind", node, `${inside.node}/node`];
  if (existsSync(npm))
    args.push(
      "--ro-bind",
      npm,
      ...words(`${dirname(inside.node)}/lib/node_modules/npm`),
      ...words(`--symlink ../lib/node_modules/npm/bin/npm-cli.js ${inside.node}/npm`),
      ...words(`--symlink ../lib/node_modules/npm/bin/npx-cli.js ${inside.node}/npx`),
    );
  return args;
}

function homeFolder(folder: string): string[] {
  const home = join(dirname(folder), beside.home);
  const found = lstatSync(home, { throwIfNoEntry: false });
  if (found?.isDirectory() === true && basename(folder) !== beside.home) return ["--bind", home, inside.home];
  return ["--perms", "0700", "--size", `${limits.tmp}`, "--tmpfs", inside.home];
}

function objectsFolder(folder: string): string[] {
  const link = join(dirname(folder), beside.objects);
  if (lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return [];
  return ["--ro-bind", realpathSync(link), inside.objects];
}

/** The environment of a command in a sandbox: enough for ordinary tools, nothing of ours. */
export function environmentInside(machine: Machine): Record<string, string> {
  return {
    PATH: [
      inside.node,
      ...machine.toolchains.map((folder) => join(folder, "bin")),
      ...homePrograms(inside.home),
      "/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ].join(":"),
    HOME: inside.home,
    TMPDIR: "/tmp",
    USER: "agent",
    LOGNAME: "agent",
    SHELL: "/bin/bash",
    ...manners,
  };
}

/** Where package managers put programs they install for one user. */
export function homePrograms(home: string): string[] {
  return [".local/bin", ".cargo/bin", "go/bin"].map((folder) => join(home, folder));
}

/** Settings that keep common tools quiet, unattended, and from asking the network for news. */
export const manners: Readonly<Record<string, string>> = {
  LANG: "C.UTF-8",
  TERM: "dumb",
  CI: "true",
  PAGER: "cat",
  GIT_PAGER: "cat",
  GIT_TERMINAL_PROMPT: "0",
  PIP_BREAK_SYSTEM_PACKAGES: "1",
  PIP_DISABLE_PIP_VERSION_CHECK: "1",
  npm_config_audit: "false",
  npm_config_fund: "false",
  npm_config_update_notifier: "false",
};
