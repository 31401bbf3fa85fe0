// The console's JSON. Whatever goes wrong is an ApiError with a kind that the page has words for.

const TIMEOUT_MS = 15_000;

/** What went wrong: "store_down", "not_yet" (ask again), "unknown", "login", "gone" (no answer at all) or "broken". */
export class ApiError extends Error {
  constructor(kind, says = "") {
    super(says || kind);
    this.kind = kind;
  }
}

/** GET /api/<path>; `query` leaves out what is empty; `signal` gives it up. */
export async function get(path, query = {}, signal = undefined) {
  const asked = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== "" && value !== undefined && value !== null));
  const tail = asked.size ? `?${asked}` : "";
  const clock = AbortSignal.timeout(TIMEOUT_MS);
  let answer;
  try {
    answer = await fetch(`api/${path}${tail}`, { signal: signal ? AbortSignal.any([signal, clock]) : clock, headers: { Accept: "application/json" } });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError("gone");
  }
  const body = await answer.json().catch(() => null);
  if (answer.ok && body !== null) return body;
  throw new ApiError(kindOf(answer.status, body), body?.says);
}

function kindOf(status, body) {
  if (body?.error === "not_yet") return "not_yet";
  if (status === 503) return "store_down";
  if (status === 401 || status === 403) return "login";
  return status === 404 ? "unknown" : "broken";
}

/** An id as one step of a path. */
export const step = (id) => encodeURIComponent(id);
