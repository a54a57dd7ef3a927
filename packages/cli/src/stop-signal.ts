/**
 * A signal that the user's first Ctrl-C gives; the second ends the process at once, with status 130.
 * @param onStop called at the first
 */
export function createStopSignal(onStop: () => void): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
    onStop();
  };
  process.on('SIGINT', interrupt);
  return { signal: controller.signal, release: () => process.off('SIGINT', interrupt) };
}
