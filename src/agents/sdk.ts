// The one file that builds the Anthropic client. The SDK is kept from the machine's environment: key and address are always given,
// its log and tracing variables are overridden, and what ANTHROPIC_CUSTOM_HEADERS would add is dropped on the way out. It never retries.
import type Anthropic from "@anthropic-ai/sdk";
import { messageOf } from "../core/errors.ts";
import type { Fault } from "./model-fault.ts";

/** The only headers that leave this machine besides those of the HTTP client itself, and the key. */
const allowedHeader = /^(?:accept|content-type|user-agent|anthropic-version|x-stainless-.*)$/;
/** Of a short-lived token, which the SDK gets and puts there itself. */
const federatedHeader = /^(?:authorization|anthropic-beta)$/;

/** A model's API that knows who asks by a token of somebody both trust (OIDC), instead of a key. */
export interface Federation {
  /** `fdrl_…` */
  readonly ruleId: string;
  readonly organizationId: string;
  /** `svac_…` */
  readonly serviceAccountId?: string | undefined;
  /** `wrkspc_…` */
  readonly workspaceId?: string | undefined;
  /** A fresh token that says who asks; asked for again before the one it was exchanged for ends. */
  readonly identityToken: () => Promise<string>;
}

export interface Sdk {
  readonly client: Anthropic;
  readonly faultOf: (error: unknown) => Fault;
}

/** Imports the SDK and makes a client of it. Does no I/O besides. */
export async function openSdk(apiKey: string, baseURL: string, federation?: Federation): Promise<Sdk> {
  const { default: Client, APIError } = await import("@anthropic-ai/sdk");
  const credentials = federation && (await exchanging(federation, baseURL));
  const client = new Client({
    apiKey: credentials ? null : apiKey,
    authToken: null,
    credentials: credentials ?? null,
    webhookKey: null,
    baseURL,
    maxRetries: 0,
    logLevel: "off",
    openTelemetry: false,
    fetch: (url, init) => {
      const headers = new Headers();
      new Headers(init?.headers).forEach((value, name) => {
        if (allowedHeader.test(name) || (federation && federatedHeader.test(name))) headers.set(name, value);
      });
      if (!federation) headers.set("authorization", `Bearer ${apiKey}`);
      return fetch(url, { ...init, headers });
    },
  });
  const faultOf = (error: unknown): Fault => {
    if (!(error instanceof APIError)) return connectionFault(error);
    if (error.status === undefined && error.type === null) return connectionFault(error);
    return {
      status: error.status,
      type: error.type ?? undefined,
      code: error.errorCode ?? undefined,
      message: error.apiMessage ?? error.message,
      retryAfterMs: retryAfter(error.headers),
      shouldRetry: toldToRetry(error.headers),
    };
  };
  return { client, faultOf };
}

/** Exchanges tokens for short-lived ones of the API; the client keeps each until shortly before its end. */
async function exchanging(federation: Federation, baseURL: string) {
  const { oidcFederationProvider } = await import("@anthropic-ai/sdk/lib/credentials/oidc-federation");
  return oidcFederationProvider({
    federationRuleId: federation.ruleId,
    organizationId: federation.organizationId,
    serviceAccountId: federation.serviceAccountId,
    workspaceId: federation.workspaceId,
    identityTokenProvider: federation.identityToken,
    baseURL: baseURL.replace(/\/+$/, ""),
    fetch,
  });
}

/** The fault of a request that got no answer, or not the whole of it. */
export function connectionFault(error: unknown): Fault {
  const cause = error instanceof Error && error.cause !== undefined ? `: ${messageOf(error.cause)}` : "";
  const message = `${messageOf(error)}${cause}`;
  return {
    status: undefined,
    type: undefined,
    code: undefined,
    message,
    retryAfterMs: undefined,
    shouldRetry: undefined,
  };
}

function toldToRetry(headers: Headers | undefined): boolean | undefined {
  const told = headers?.get("x-should-retry");
  return told === "true" ? true : told === "false" ? false : undefined;
}

function retryAfter(headers: Headers | undefined): number | undefined {
  const milliseconds = Number.parseFloat(headers?.get("retry-after-ms") ?? "");
  if (milliseconds >= 0) return milliseconds;
  const text = headers?.get("retry-after") ?? "";
  const seconds = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1_000;
  return seconds >= 0 ? seconds * 1_000 : undefined;
}
