/** Lets the app start without a network from the second visit on; in development it would only serve old code. */
export function enableOfflineStart(onProblem: (error: unknown) => void): void {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return
  navigator.serviceWorker.register('/service-worker.js').catch(onProblem)
}
