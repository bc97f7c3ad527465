#!/bin/sh
# Puts the relay, and nothing else, into the directory $1: sources, which Node 24 runs as they are, and what they need.
# The Dockerfile runs it, and so may anybody who deploys without a container. Needs Node 24 and npm; run it from the repository.
set -eu
out=${1:?say into which directory}
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$out/apps"
cp "$root/package.json" "$root/pnpm-lock.yaml" "$root/pnpm-workspace.yaml" "$out/"
for part in packages/base packages/protocol packages/updates packages/schema packages/store packages/relay apps/relay; do
  mkdir -p "$out/$part"
  cp "$root/$part/package.json" "$out/$part/"
  cp -R "$root/$part/src" "$out/$part/"
done
cd "$out"
# Hoisted, so that the packages find yjs, which they name as a peer, where the app has it.
npx --yes pnpm@12.21.0 install --prod --frozen-lockfile --config.node-linker=hoisted --filter "@tidemark/app-relay..."
node --disable-warning=ExperimentalWarning apps/relay/src/main.ts --version
