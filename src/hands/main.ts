// The tool process: started by Baton inside a sandbox, `node main.ts <work folder>`. Requests come in by stdin, answers leave by stdout.
// It says that it is ready before it loads the tools, so that they load while the model is asked. It ends with its stdin.
import { parseRequest, readLines, READY } from "./protocol.ts";

const workdir = process.argv[2] ?? process.cwd();
const say = (line: string) => process.stdout.write(`${line}\n`);
say(READY);
const toolbox = import("./toolbox.ts").then((module) => module.createToolbox(workdir));

async function end(): Promise<never> {
  await (await toolbox).close();
  process.exit(0);
}

readLines(
  process.stdin,
  (line) => {
    const request = parseRequest(line);
    if (request === undefined) return;
    void toolbox.then((tools) => tools.answer(request)).then((answer) => say(JSON.stringify(answer)));
  },
  () => void end(),
);
process.stdin.on("end", () => void end());
process.on("SIGTERM", () => void end());
