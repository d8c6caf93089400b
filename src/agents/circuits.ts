// Circuit breakers, one for each agent and model in this process. Three conversations in a row that fail alike open the circuit: the
// model is not asked by that agent until it half opens; the next conversation then closes it or opens it again.
//
// What counts is what the model or the way to it did wrong: it could not be reached after all tries, it declined, its results were
// not valid after all repairs. What does not: failing tests, limits, a missing key or credit, a broken sandbox, a person's stop.
import { circuitBreaker, type CircuitBreakerPolicy, CircuitState, ConsecutiveBreaker, handleAll } from "cockatiel";

const THRESHOLD = 3;
const HALF_OPEN_MS = 5 * 60_000;

export interface OpenCircuit {
  /** Milliseconds since 1970. */
  readonly until: number;
  /** What the failures had in common: the kind, and the last one's words. */
  readonly failure: string;
}

export interface Circuits {
  /** The circuit, when it is open now. */
  open(agent: string, model: string): OpenCircuit | undefined;
  /** Every circuit that is open now. */
  all(): readonly (OpenCircuit & { readonly agent: string; readonly model: string })[];
  /** A conversation ended with a result. */
  succeeded(agent: string, model: string): Promise<void>;
  /** A conversation failed; failures are alike when they have the same `kind`. */
  failed(agent: string, model: string, kind: string, message: string): Promise<void>;
}

interface Circuit {
  readonly agent: string;
  readonly model: string;
  readonly policy: CircuitBreakerPolicy;
  kind: string | undefined;
  openedAt: number;
  failure: string;
}

/** `halfOpenMs`: how long an open circuit stays open, default 5 minutes. */
export function createCircuits({ halfOpenMs = HALF_OPEN_MS }: { readonly halfOpenMs?: number } = {}): Circuits {
  const circuits = new Map<string, Circuit>();
  const of = (agent: string, model: string): Circuit => {
    const key = `${agent} ${model}`;
    const known = circuits.get(key);
    if (known) return known;
    const policy = circuitBreaker(handleAll, { breaker: new ConsecutiveBreaker(THRESHOLD), halfOpenAfter: halfOpenMs });
    const circuit: Circuit = { agent, model, policy, kind: undefined, openedAt: 0, failure: "" };
    policy.onBreak(() => {
      circuit.openedAt = Date.now();
    });
    circuits.set(key, circuit);
    return circuit;
  };
  // The breaker refuses news while it is open: a conversation that began before it opened says nothing about now.
  const tell = (circuit: Circuit, work: () => void) => circuit.policy.execute(work).catch(() => undefined);
  const succeed = async (circuit: Circuit) => {
    circuit.kind = undefined;
    await tell(circuit, () => {});
  };
  const opened = ({ policy, openedAt, failure }: Circuit): OpenCircuit | undefined => {
    if (policy.state !== CircuitState.Open) return undefined;
    const until = openedAt + halfOpenMs;
    return Date.now() < until ? { until, failure } : undefined;
  };
  return {
    open(agent, model) {
      const circuit = circuits.get(`${agent} ${model}`);
      return circuit && opened(circuit);
    },
    all: () =>
      [...circuits.values()].flatMap((circuit) => {
        const open = opened(circuit);
        return open ? [{ agent: circuit.agent, model: circuit.model, ...open }] : [];
      }),
    succeeded: (agent, model) => succeed(of(agent, model)),
    async failed(agent, model, kind, message) {
      const circuit = of(agent, model);
      // Another kind of failure begins a new row; not where one is enough to open it again.
      if (circuit.kind !== kind && circuit.policy.state === CircuitState.Closed) await succeed(circuit);
      circuit.kind = kind;
      circuit.failure = `${kind}: ${message}`;
      await tell(circuit, () => {
        throw new Error(message);
      });
    },
  };
}
