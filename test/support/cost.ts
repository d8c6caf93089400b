// What a piece of work costs this thread: the processor's time, which other tests and other programs beside it do not lengthen
// much. For checking how a cost grows, or how two costs compare, in one run on one machine; never for how long somebody waits.

/** The processor's time of this thread in milliseconds, the best of `tries`; the system counts in steps of about 4 ms. */
export function cost(work: () => void, tries = 3): number {
  const spent = Array.from({ length: tries }, () => {
    const before = process.threadCpuUsage();
    work();
    const { user, system } = process.threadCpuUsage(before);
    return (user + system) / 1_000;
  });
  return Math.min(...spent);
}
