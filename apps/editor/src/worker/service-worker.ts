/**
 * Starts the app without a network.
 *
 * Invariants
 * 1. It answers same-origin GETs only; sockets and everything else never pass through it.
 * 2. A navigation goes to the network first, so that a new build is seen at once, and falls back to the stored
 *    `index.html` when the network fails, is slow, or answers with a server error.
 * 3. Built assets carry a hash in their name and are therefore served from the cache for ever.
 * 4. Caches of other versions are deleted when this one takes over.
 *
 * It does not touch documents: those are in IndexedDB, which the page reads itself.
 */
declare const self: ServiceWorkerGlobalScope
declare const __PRECACHE__: { readonly version: string; readonly files: readonly string[] }

const limits = { navigationMs: 3_000 } as const
const cacheName = `fieldbook-${__PRECACHE__.version}`
const indexPage = '/index.html'
const precached = new Set(__PRECACHE__.files)

self.addEventListener('install', (event) => event.waitUntil(install()))
self.addEventListener('activate', (event) => event.waitUntil(activate()))
self.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url)
  if (event.request.method !== 'GET' || url.origin !== self.location.origin) return
  if (event.request.mode === 'navigate') event.respondWith(navigate(event.request))
  else if (precached.has(url.pathname) || url.pathname.startsWith('/assets/')) event.respondWith(asset(event.request, url.pathname))
})

async function install(): Promise<void> {
  const cache = await caches.open(cacheName)
  await cache.addAll(__PRECACHE__.files.map((file) => new Request(file, { cache: file.startsWith('/assets/') ? 'default' : 'reload' })))
  await self.skipWaiting()
}

async function activate(): Promise<void> {
  const names = await caches.keys()
  await Promise.all(names.filter((name) => name.startsWith('fieldbook-') && name !== cacheName).map((name) => caches.delete(name)))
  await self.clients.claim()
}

async function navigate(request: Request): Promise<Response> {
  try {
    const response = await fetch(request, { signal: AbortSignal.timeout(limits.navigationMs) })
    if (response.status < 500) return response
    return (await storedPage()) ?? response
  } catch (error) {
    const page = await storedPage()
    if (page !== undefined) return page
    throw error
  }
}

const storedPage = async (): Promise<Response | undefined> => (await caches.open(cacheName)).match(indexPage)

async function asset(request: Request, path: string): Promise<Response> {
  const cache = await caches.open(cacheName)
  const stored = await cache.match(path)
  if (stored !== undefined) return stored
  const response = await fetch(request)
  if (response.ok) await cache.put(path, response.clone())
  return response
}

// Makes this file a module, so that `self` can be declared as what it is here.
export {}
