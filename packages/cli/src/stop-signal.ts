/**
 * A signal that the user's first Ctrl-C gives; the second ends the process at once, by the signal itself: threads that are
 * busy would hold up `process.exit`.
 * @param onStop called at the first
 */
export function createStopSignal(onStop: () => void): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const interrupt = () => {
    if (!controller.signal.aborted) {
      controller.abort();
      onStop();
      return;
    }
    process.off('SIGINT', interrupt);
    process.kill(process.pid, 'SIGINT');
  };
  process.on('SIGINT', interrupt);
  return { signal: controller.signal, release: () => process.off('SIGINT', interrupt) };
}
